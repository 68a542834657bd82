import pytest

from ops.config_yaml import as_text, load


@pytest.mark.parametrize("text", ["no", "on", "12:30", "2026-01-31", "1.2.3"])
def test_what_the_engine_reads_as_text_is_text(text: str):
    assert load(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("False", False), ("-3", -3), ("0x1f", 31), ("1.5", 1.5), ("1e3", 1000), ("~", None)],
)
def test_numbers_and_booleans_are_what_they_are_for_the_engine(text: str, value: object):
    assert load(text) == value


def test_text_is_passed_on_as_it_is_and_everything_else_as_json():
    assert [as_text(value) for value in ("a", True, 3, {"b": [1], "a": "x"})] == [
        "a",
        "true",
        "3",
        '{"a": "x", "b": [1]}',
    ]
