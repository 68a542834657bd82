"""A stack accepts the API keys and origins that the server accepts, and the commands send such a key."""

import pytest

from app import web
from app.serving import api_keys
from infra.settings import access
from ops import config_yaml


def is_key(key: str) -> bool:
    """Tell whether a stack accepts a key."""
    fits = access.MIN_KEY_CHARACTERS <= len(key) <= access.MAX_KEY_CHARACTERS
    return fits and access.API_KEY.fullmatch(key) is not None


@pytest.mark.parametrize(
    "key",
    [
        "x" * 15,
        "x" * 16,
        "a-key_0.1~2+3/4==",
        "=" * 20,
        "a key with spaces",
        "ü" * 20,
        "x" * 256,
        "key,with,commas..",
    ],
)
def test_both_sides_agree_what_a_key_is(key: str):
    assert is_key(key) == bool(api_keys.KEY.fullmatch(key.encode()))


def test_the_most_and_longest_keys_of_a_stack_fit_into_the_servers_file():
    size = access.MAX_KEYS * (access.MAX_KEY_CHARACTERS + len("\n"))

    assert size <= api_keys.MAX_FILE_BYTES


def test_both_sides_have_the_same_format_of_origins():
    assert access.ORIGIN.pattern == web.ORIGIN.pattern
    assert access.DEFAULT_PORT.pattern == web.DEFAULT_PORT.pattern


def test_a_secret_that_is_not_decrypted_is_known_to_the_program():
    assert access.UNDECRYPTED == config_yaml.UNDECRYPTED
