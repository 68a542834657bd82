"""Amazon's registry, which wants a repository before it takes an image, and a token that lasts half a day.

Only a stack whose registry it is, and that names no user of its own, needs the SDK of AWS.
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.registry import Credentials, Registry

KEPT_UNTAGGED = 10
"""How many images stay, from the latest, of which another has taken the tag: a rollback may want them."""


@dataclass(frozen=True, kw_only=True)
class EcrRepositoryArgs:
    """Whose images, and what becomes of them."""

    registry: Registry
    model: str
    retain: bool
    """Whether `pulumi destroy` leaves the repository, with the images in it."""


class EcrRepository(pulumi.ComponentResource):
    """The repository of one model's images, and who may push to it now.

    One that is there already, of a stack that was destroyed and has left it or of another one, is taken over
    by `pulumi import aws:ecr/repository:Repository NAME-repository PREFIX/MODEL`; two stacks that live side
    by side have each a prefix of their own in `registry`.

    """

    credentials: Credentials

    def __init__(
        self, name: str, args: EcrRepositoryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("slipway:infra:EcrRepository", name, {}, opts)
        owner = args.registry.ecr
        if owner is None:
            raise ValueError(f"{args.registry.prefix} is no registry of Amazon's")
        repository = aws.ecr.Repository(
            f"{name}-repository",
            name=args.registry.repository(args.model),
            region=owner.region,
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            # A tag is a model's version and runtime, and a new server is another image of it. What runs is
            # named by digest, which nobody can move.
            image_tag_mutability="MUTABLE",
            force_delete=not args.retain,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain),
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-lifecycle",
            repository=repository.name,
            region=owner.region,
            policy=json.dumps(_LIFECYCLE),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain),
        )
        token = aws.ecr.get_authorization_token_output(
            registry_id=owner.account, region=owner.region, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        self.credentials = Credentials(
            registry=args.registry, username="AWS", password=pulumi.Output.secret(token.password)
        )
        self.register_outputs({})


_LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": f"keep the {KEPT_UNTAGGED} latest of which another has taken the tag",
            "selection": {
                "tagStatus": "untagged",
                "countType": "imageCountMoreThan",
                "countNumber": KEPT_UNTAGGED,
            },
            "action": {"type": "expire"},
        }
    ]
}
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html"""
