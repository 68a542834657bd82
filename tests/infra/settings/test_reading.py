"""Groups of settings, read into classes made for these tests."""

import asyncio
import json
from dataclasses import field
from typing import Annotated, Any, Literal

import pulumi
import pytest
from pulumi.runtime.mocks import MockEngine
from pulumi.runtime.proto.engine_pb2 import WARNING, LogRequest
from pydantic import AfterValidator, Field, ValidationInfo
from pydantic.dataclasses import dataclass

from infra.settings.reading import SettingsError, read
from infra.settings.values import CONFIG, OptionalSecret, OptionalText, Secret, formerly, invalid
from ops.stack import Stack
from tests.parsing import in_stack


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Tls:
    issuer: str
    """Name of the issuer."""

    days: Annotated[int, Field(ge=1)] = 90
    """Days for which a certificate is valid."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Claim:
    type: Literal["claim"]
    name: str


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Picture:
    type: Literal["picture"]
    reference: str


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Door:
    host: Annotated[OptionalText, formerly("hostName")] = None
    port: Annotated[int, Field(ge=0), formerly("nodePort")] = 80
    tls: Tls | None = None
    labels: dict[str, str] = field(default_factory=dict[str, str])
    token: Annotated[OptionalSecret, formerly("token")] = None
    source: Annotated[Claim | Picture, Field(discriminator="type")] | None = None


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Key:
    name: str
    value: Secret


def fits(value: Door, info: ValidationInfo) -> Door:
    if value.tls and value.tls.days > info.data["days"]:
        raise invalid(f"at most days, {info.data['days']}", "tls", "days")
    return value


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Settings:
    days: int
    door: Annotated[Door, AfterValidator(fits)]
    keys: tuple[Key, ...]


DECLARED: dict[str, dict[str, Any]] = {
    "days": {"type": "integer", "default": 365},
    "door": {"type": "object", "default": {}},
    "keys": {"type": "array", "items": {"type": "object"}, "default": []},
}


def load(*, secret: tuple[str, ...] = (), **config: Any) -> Settings:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    stack = Stack(
        project="slipway",
        name="prod",
        config={f"slipway:{key}": text for key, text in texts.items()},
        secret_keys=frozenset(f"slipway:{key}" for key in secret),
    )
    return in_stack(stack, lambda: read(Settings, DECLARED))


def problems(**config: Any) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(**config)
    return [line.strip() for line in str(raised.value).splitlines()[1:]]


NO_INTEGER = "input should be a valid integer, unable to parse string as an integer"


def plain_text(path: str) -> str:
    return f"{path}: is in plain text; set it again with `pulumi config set --secret --path '{path}'`"


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    logged: list[str] = []

    def log(_: MockEngine, request: LogRequest) -> None:
        if request.severity == WARNING:
            logged.append(request.message)

    monkeypatch.setattr(MockEngine, "Log", log)
    return logged


def test_the_class_of_a_group_has_the_defaults(warnings: list[str]):
    assert load() == Settings(days=365, door=Door(), keys=())
    assert load(door={"tls": {"issuer": "ours"}}).door == Door(tls=Tls(issuer="ours", days=90))
    assert warnings == []


def test_every_problem_is_named_by_its_path():
    found = problems(
        days="x",
        door={
            "hots": "example.com",
            "port": -1,
            "tls": {"isuer": "ours", "days": "none"},
            "labels": {"example.com/team": 3.5, "plain": []},
            "source": {"type": "claim"},
        },
        keys=[{"value": 3}, 4],
    )

    assert found == [
        f"days: 'x': {NO_INTEGER}",
        "slipway:door.port: -1: input should be greater than or equal to 0",
        "slipway:door.tls.issuer: must be set",
        f"slipway:door.tls.days: 'none': {NO_INTEGER}",
        "slipway:door.tls.isuer: unknown; did you mean issuer?",
        'slipway:door.labels["example.com/team"]: 3.5: input should be a valid string',
        "slipway:door.labels.plain: input should be a valid string",
        "slipway:door.source.name: must be set",
        "slipway:door.hots: unknown; did you mean host?",
        "slipway:keys[0].name: must be set",
        plain_text("slipway:keys[0].value"),
        "slipway:keys[1]: 4: an object",
    ]


@pytest.mark.parametrize(
    ("door", "problem"),
    [
        ("open", "door: 'open': an object"),
        ([], "door: an object"),
        ({"zzz": 1}, "slipway:door.zzz: unknown; there are host, port, tls, labels, token, source"),
        ({"labels": 1}, "slipway:door.labels: 1: an object"),
        ({"tls": "ours"}, "slipway:door.tls: 'ours': an object"),
        ({"source": {"type": "disk"}}, "slipway:door.source.type: 'disk': one of 'claim', 'picture'"),
        ({"source": {}}, "slipway:door.source.type: must be set"),
        (
            {"source": {"type": "picture", "reference": "a", "name": "b"}},
            "slipway:door.source.name: unknown; there are type, reference",
        ),
        (
            {"tls": {"issuer": "ours", "days": 500}},
            "slipway:door.tls.days: 500: at most days, 365",
        ),
    ],
    ids=str,
)
def test_a_problem_within_a_group_says_what_is_allowed(door: Any, problem: str):
    assert problems(door=door) == [problem]


def test_a_list_is_expected_where_a_group_is_a_list():
    assert problems(keys={}) == ["keys: a list"]


def test_a_secret_within_a_group_stays_a_secret():
    settings = load(keys=[{"name": "a", "value": "hunter2"}], secret=("keys",))

    async def value() -> tuple[str | None, bool]:
        output = settings.keys[0].value
        return await output.future(), await output.is_secret()

    assert asyncio.run(value()) == ("hunter2", True)
    assert "hunter2" not in repr(settings)


def test_no_problem_repeats_the_value_of_a_secret():
    plain = problems(door={"token": "hunter2"})
    beside = problems(door={"token": "hunter2", "port": "hunter2", "tls": "hunter2"}, secret=("door",))

    assert plain == [plain_text("slipway:door.token")]
    assert [line.split(": ")[1] for line in beside] == ["[secret]", "[secret]"]


def test_a_flat_key_that_moved_into_a_group_is_read_with_a_warning(warnings: list[str]):
    settings = load(nodePort="8080", hostName="example.com", door={"labels": {"a": "b"}})

    assert settings.door == Door(host="example.com", port=8080, labels={"a": "b"})
    assert warnings == [
        "hostName is slipway:door.host now: set it there, with `pulumi config set --path`",
        "nodePort is slipway:door.port now: set it there, with `pulumi config set --path`",
    ]


def test_a_flat_secret_that_moved_must_still_be_a_secret(warnings: list[str]):
    assert isinstance(load(token="hunter2", secret=("token",)).door.token, pulumi.Output)
    assert problems(token="hunter2") == [plain_text("slipway:door.token")]
    assert "hunter2" not in "".join(warnings)


def test_a_setting_must_not_be_set_at_its_old_and_its_new_place():
    assert problems(nodePort="8080", door={"port": 8081}) == [
        "nodePort: is slipway:door.port now, which is set too; remove it with `pulumi config rm nodePort`"
    ]


def test_an_old_key_is_not_read_into_a_group_that_is_none():
    assert problems(nodePort="8080", door="open") == ["door: 'open': an object"]
