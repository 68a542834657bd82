"""Amazon's registry (ECR): a repository for each model, and a token that is valid for twelve hours."""

import json

import pulumi
import pulumi_aws as aws

from infra.registries.credentials import Credentials
from infra.registries.repository import ImageRepository, ImageRepositoryArgs

KEPT_UNTAGGED = 10
"""Untagged (superseded) images to keep, for rollbacks."""


class EcrRepository(ImageRepository):
    """The repository of one model's images in Amazon's registry.

    A repository that exists already is imported with `pulumi import aws:ecr/repository:Repository
    NAME-repository PREFIX/MODEL`: for example one that a destroyed stack has left. Two stacks that exist at
    the same time need different prefixes in `registry`.

    """

    def __init__(
        self, name: str, args: ImageRepositoryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, args, opts)
        region = args.registry.host_parts["region"]
        retained = pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain)
        repository = aws.ecr.Repository(
            f"{name}-repository",
            name=args.registry.repository(args.model),
            region=region,
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            # A tag names a model's version and runtime. A new server with the same version reuses the tag;
            # pods name their image by digest, which never changes.
            image_tag_mutability="MUTABLE",
            force_delete=not args.retain,
            opts=retained,
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-lifecycle",
            repository=repository.name,
            region=region,
            policy=json.dumps(_LIFECYCLE),
            opts=retained,
        )
        token = aws.ecr.get_authorization_token_output(
            registry_id=args.registry.host_parts["account"],
            region=region,
            opts=pulumi.InvokeOutputOptions(parent=self),
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
