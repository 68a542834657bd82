"""The list `slipway:models`: several models in one stack, each with settings in place of the stack's."""

import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, cast

from pydantic.alias_generators import to_camel

from infra.settings.pod import PodSettings
from infra.settings.problems import NAMESPACE, did_you_mean, named
from infra.settings.reading import GROUPS, Declared, View
from infra.settings.scaling import ScalingSettings, has_one_gpu_a_node
from infra.settings.schema import Path

KEY = "models"

PER_MODEL = (
    *("model", "modelVersion", "modelDirectory", "runtime", "image", "buildImage", "runtimeImage"),
    *(to_camel(name) for name in (*PodSettings.__dataclass_fields__, *ScalingSettings.__dataclass_fields__)),
    *("sloAvailability", "sloLatencySeconds", "sloLatencyPercent", "sloWindowDays", "exposure", "pod"),
)
"""Settings that a model of the list may have of its own. The others are of the stack as a whole."""

MAX_NAME_LENGTH = 55
"""A Service's name has at most 63 characters, and that of the Service for metrics is longer by `-metrics`."""

DERIVED = ("{}-metrics", "keda-hpa-{}")
"""Names of further objects of a model: its Service for metrics, and the autoscaler that KEDA makes for it."""

Values = Mapping[str, Any]


def per_model(values: Values, declared: Declared) -> list[View]:
    """Return the settings as each model sees them; as they are if there is no list of objects."""
    return [
        View(
            values=merged,
            own=frozenset(item),
            place=(KEY, index),
        )
        for index, (item, merged) in enumerate(_merged_items(values, declared))
    ] or [View(values=values)]


def misfits(values: Values, declared: Declared) -> Iterator[str]:
    """Yield what is wrong with the items of the list, apart from the values of single settings."""
    items = _merged_items(values, declared)
    if items and values["model"] != declared["model"]["default"]:
        yield f"model: {values['model']!r}: empty, for {NAMESPACE}:{KEY} names the models"
    for index, (item, _) in enumerate(items):
        yield from _item_problems(index, item, declared)
    models = [merged for _, merged in items]
    for (index, model), (later_index, later) in combinations(enumerate(models), 2):
        yield from _pair_problems(index, model, later_index, later)
    yield from _gpu_problems(values, [str(model["maxReplicas"]) for model in models])


def _merged_items(values: Values, declared: Declared) -> list[tuple[Values, Values]]:
    """Return each item of the list, with the stack's settings as its model sees them."""
    return [(item, {**values, **_own(values, item, declared)}) for item in _items(values)]


def _items(values: Values) -> list[Values]:
    items = values[KEY]
    if not isinstance(items, list):
        return []
    listed = cast(list[Any], items)
    return listed if all(isinstance(item, Mapping) for item in listed) else []


def _own(values: Values, item: Values, declared: Declared) -> Values:
    """Return the settings of an item as they would be if they were the stack's.

    A flat key is text. An object within a group is merged with the stack's, so that an item may change a
    single setting of the group.
    """
    return {
        key: _merged(values[key], value) if declared[key].get("type") in GROUPS else _text(value)
        for key, value in item.items()
        if key in PER_MODEL
    }


def _text(value: object) -> object:
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _merged(outer: object, inner: object) -> object:
    if not (isinstance(outer, Mapping) and isinstance(inner, Mapping)):
        return inner
    first, second = cast(Values, outer), cast(Values, inner)
    return {**first, **{key: _merged(first.get(key), value) for key, value in second.items()}}


def _item_problems(index: int, item: Values, declared: Declared) -> Iterator[str]:
    if "model" not in item:
        yield f"{named((KEY, index, 'model'))}: must be set"
    elif len(name := str(item["model"])) > MAX_NAME_LENGTH:
        yield f"{named((KEY, index, 'model'))}: {name!r}: at most {MAX_NAME_LENGTH} characters"
    for key in sorted(item.keys() - {*PER_MODEL}):
        path = named((KEY, index, key))
        if key in declared:
            yield f"{path}: is the same for every model: set {NAMESPACE}:{key}"
        else:
            yield f"{path}: {did_you_mean(key, PER_MODEL, 'see docs/settings.md')}"


def _pair_problems(index: int, model: Values, later_index: int, later: Values) -> Iterator[str]:
    """Yield what two models of the list must not have in common."""
    path, before = named((KEY, later_index, "model")), named((KEY, index))
    name, later_name = str(model["model"]), str(later["model"])
    if name == later_name:
        yield f"{path}: {later_name!r}: another model than that of {before}"
    for form in DERIVED:
        if form.format(name) == later_name or form.format(later_name) == name:
            yield f"{path}: {later_name!r}: another name, for an object of {before} has it"
    yield from _address_problems(_exposure(model), _exposure(later), (KEY, later_index, "exposure"), before)


def _exposure(model: Values) -> Values:
    return cast(Values, value) if isinstance(value := model["exposure"], Mapping) else {}


def _address_problems(exposure: Values, later: Values, path: Path, before: str) -> Iterator[str]:
    """Yield an address that two models have in common: a port of the nodes, or a host with a path."""
    port = str(later.get("nodePort", "0"))
    if port != "0" and port == str(exposure.get("nodePort")):
        yield f"{named((*path, 'nodePort'))}: {port!r}: another port than that of {before}"
    hosts, path_of_url = later.get("hosts"), str(later.get("path", ""))
    if isinstance(hosts, list) and hosts == exposure.get("hosts") and path_of_url == exposure.get("path", ""):
        yield f"{named((*path, 'path'))}: {path_of_url!r}: another path or other hosts than {before} has"


def _gpu_problems(values: Values, most: list[str]) -> Iterator[str]:
    """Yield the problem of GPU nodes that are too few for the pods of all models."""
    nodes, machine_type = str(values["gpuMaxNodes"]), str(values["gpuMachineType"]) or None
    if not has_one_gpu_a_node(str(values["cluster"]), str(values["device"]), machine_type):
        return
    # What is no number is a problem of its own.
    if all(text.isdecimal() for text in (nodes, *most)) and sum(map(int, most)) > int(nodes):
        yield (
            f"gpuMaxNodes: {nodes!r}: at least {sum(map(int, most))}, the sum of maxReplicas of all models: "
            "each pod takes a GPU of its own and each node has one"
        )
