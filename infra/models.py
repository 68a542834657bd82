"""The models that a stack serves: their artifacts, their former names, and the outputs about them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from infra.artifact import Artifact, ArtifactError
from infra.autoscaling import adapter_rules
from infra.settings import ONLY_MODEL, Settings


def artifacts(models: Sequence[Settings]) -> list[Artifact]:
    """Return the artifact of each model.

    Raises:
        ArtifactError: Some model has no artifact that fits its settings. The message names every such model.

    """
    found: list[Artifact] = []
    problems: list[str] = []
    for model in models:
        try:
            found.append(
                Artifact.find(model.model_directory, model.model, model.model_version, model.runtime)
            )
        except ArtifactError as error:
            problems.append(str(error))
    if problems:
        raise ArtifactError("\n".join(problems))
    return found


def aliases(models: Sequence[Settings], model: Settings) -> list[pulumi.Input[str | pulumi.Alias]]:
    """Return the name of a model's components before the stack got its list of models, or lost it.

    The first of a list takes over the resources of the stack's only model, and the only model those that it
    had in a list. Otherwise the engine would create the same objects again before it deletes the old ones.

    """
    if model.service == ONLY_MODEL:
        return [pulumi.Alias(name=model.model)]
    return [pulumi.Alias(name=ONLY_MODEL)] if model is models[0] else []


def outputs(models: Sequence[Settings], served: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the stack's outputs say of its models.

    Args:
        models: The settings of each model.
        served: What there is to say of each model, by the model's name.

    Returns:
        The outputs by name. For a list of models each is in the plural: an object by the models' names.

    """
    # What the cluster's prometheus-adapter must have.
    rules = adapter_rules(models) if models[0].monitoring == "existing" else []
    if models[0].service == ONLY_MODEL:
        return {**served[models[0].model], **({"prometheusAdapterRule": rules[0]} if rules else {})}
    return {
        **{
            f"{name}s": {model: values[name] for model, values in served.items()}
            for name in served[models[0].model]
        },
        **({"prometheusAdapterRules": rules} if rules else {}),
    }
