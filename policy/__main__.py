"""The policy pack: `pulumi up --policy-pack policy`. A broken rule stops the update of a production stack."""

import os
from collections.abc import Mapping
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

# The engine runs this folder alone, wherever it is.
from rules import RULES, STACK_RULES, is_production
from rules.resource import Resource, part
from rules.rule import Rule, StackRule


def _resource(kind: str, name: str, properties: Mapping[str, Any], *, protect: bool, urn: str) -> Resource:
    """Return a resource of the engine as the rules see it."""
    # The engine passes on the inputs of a Kubernetes object, or its state, which names it in its cluster.
    in_cluster = part(properties, "metadata").get("name") if kind.startswith("kubernetes:") else None
    return Resource(type=kind, name=in_cluster or name, properties=properties, is_protected=protect, urn=urn)


def _policy(rule: Rule) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = _resource(
            args.resource_type, args.name, args.props, protect=args.opts.protect, urn=args.urn
        )
        for message in rule.check(resource):
            report(f"{resource.title}: {message}", args.urn)

    return ResourceValidationPolicy(name=rule.name, description=rule.description, validate=validate)


def _stack_policy(rule: StackRule) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [
            _resource(item.resource_type, item.name, item.props, protect=item.opts.protect, urn=item.urn)
            for item in args.resources
        ]
        for broken in rule.broken(resources):
            report(f"{broken.resource.title}: {broken.message}", broken.resource.urn)

    return StackValidationPolicy(name=rule.name, description=rule.description, validate=validate)


PolicyPack(
    name="slipway",
    policies=[*map(_policy, RULES), *map(_stack_policy, STACK_RULES)],
    enforcement_level=EnforcementLevel.MANDATORY
    # The engine sets it. It is missing when the pack is only asked for its rules.
    if is_production(os.environ.get("PULUMI_STACK", ""))
    else EnforcementLevel.ADVISORY,
)
