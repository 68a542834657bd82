"""The models that a stack serves: their artifacts, their former names, and what the stack's outputs say of them."""

from collections.abc import Mapping
from typing import Any

import pulumi

from infra.artifact import Artifact, ArtifactError
from infra.autoscaling import adapter_rules
from infra.settings import ONLY_MODEL, Settings


def artifacts(settings: Settings) -> list[tuple[Settings, Artifact]]:
    """Return the settings of each model with the model's artifact.

    Raises:
        ArtifactError: Some model has no artifact that fits its settings. The message tells it of every such model.

    """
    found: list[tuple[Settings, Artifact]] = []
    problems: list[str] = []
    for model in settings.models:
        try:
            artifact = Artifact.find(model.model_directory, model.model, model.model_version, model.runtime)
        except ArtifactError as error:
            problems.append(str(error))
        else:
            found.append((model, artifact))
    if problems:
        raise ArtifactError("\n".join(problems))
    return found


def aliases(settings: Settings, model: Settings) -> list[pulumi.Input[str | pulumi.Alias]]:
    """Return the name that a model's components had before the stack had a list of models, or was without one.

    The first of a list takes over the objects of the stack's only model, and the only model those that it had in
    a list. Without the alias, the engine would create each object again before it deletes the one of that name.

    """
    if model.service == ONLY_MODEL:
        return [pulumi.Alias(name=model.model)]
    return [pulumi.Alias(name=ONLY_MODEL)] if model is settings.models[0] else []


def outputs(settings: Settings, served: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the stack's outputs say of its models.

    Args:
        settings: The settings of the stack.
        served: What there is to say of each model, by the model's name.

    Returns:
        The outputs by name. For a list of models each is in the plural, and an object by the models' names.

    """
    # What the cluster's prometheus-adapter must have.
    rules = adapter_rules(settings.models) if settings.monitoring == "existing" else []
    if settings.models[0].service == ONLY_MODEL:
        (only,) = served.values()
        return {**only, **({"prometheusAdapterRule": rules[0]} if rules else {})}
    names = next(iter(served.values()))
    return {
        **{f"{name}s": {model: values[name] for model, values in served.items()} for name in names},
        **({"prometheusAdapterRules": rules} if rules else {}),
    }
