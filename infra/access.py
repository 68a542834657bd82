"""Who may call a model: the API keys, and the origins of web pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Secret, SecretVolumeSourceArgs, VolumeArgs, VolumeMountArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.settings import Settings

KEYS = "keys"
"""Name of the file, and of its entry in the Secret: one key a line."""

FOLDER = "/etc/slipway/access"
"""Where the Secret is mounted. Not by `subPath`: the kubelet would never update such a file."""

_VOLUME = "access"
_MODE = 0o440
"""The user and the group of the server may read the file."""


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """Who may call a model. Without keys everybody who reaches it may."""

    api_keys: Sequence[pulumi.Output[str]] = ()
    """Keys of which each request must have one, as secrets. During a rotation, the old and the new one."""

    api_keys_secret: str | None = None
    """Name of an existing Secret with the keys in its entry `keys`, one a line, in place of `api_keys`."""

    cors_origins: Sequence[str] = ()
    """Origins whose web pages may call the model, such as `https://app.example.com`; `*` allows all."""

    def __post_init__(self) -> None:
        """Refuse keys from two places.

        Raises:
            pulumi.RunError: both `api_keys` and `api_keys_secret` are given.

        """
        if self.api_keys and self.api_keys_secret:
            raise pulumi.RunError("api_keys_secret: must be empty if api_keys are given")

    @classmethod
    def of(cls, settings: Settings) -> "AccessArgs":
        """Take from the settings what concerns access."""
        access = settings.access
        return cls(
            api_keys=access.api_keys,
            api_keys_secret=access.api_keys_secret,
            cors_origins=access.cors_origins,
        )

    @property
    def has_keys(self) -> bool:
        """Whether a request must have an API key."""
        return bool(self.api_keys or self.api_keys_secret)

    def environment(self) -> Mapping[str, str]:
        """Return the variables of the server, without the prefix of their names."""
        keys = {"API_KEYS_PATH": f"{FOLDER}/{KEYS}"} if self.has_keys else {}
        origins = {"CORS_ORIGINS": ",".join(self.cors_origins)} if self.cors_origins else {}
        return keys | origins

    def secret_name(
        self, name: str, metadata: ObjectMetaArgs, opts: pulumi.ResourceOptions
    ) -> pulumi.Input[str] | None:
        """Return the name of the Secret with the keys, which is declared unless it exists; None without keys.

        It keeps its name when the keys change. The kubelet then updates the file in the running pods, and the
        server reads it again: no pod is replaced.

        Args:
            name: Resource name.
            metadata: Metadata of the Secret, with its name.
            opts: Options of the Secret. If its provider lacks `enable_secret_mutable`, the engine deletes the
                Secret and makes it anew when the keys change.

        """
        if not self.api_keys:
            return self.api_keys_secret
        lines = pulumi.Output.all(*self.api_keys).apply("\n".join)
        secret = Secret(name, metadata=metadata, string_data={KEYS: lines}, opts=opts)
        return secret.metadata["name"]


def keys_volume(secret: pulumi.Input[str]) -> VolumeArgs:
    """Return the volume of a Secret with API keys."""
    return VolumeArgs(name=_VOLUME, secret=SecretVolumeSourceArgs(secret_name=secret, default_mode=_MODE))


def keys_mount() -> VolumeMountArgs:
    """Return the mount of that volume."""
    return VolumeMountArgs(name=_VOLUME, mount_path=FOLDER, read_only=True)
