"""The file of API keys: what counts as a key, and what happens when the file changes or cannot be used."""

import hmac
import logging
from pathlib import Path

import pytest

from app.serving import api_keys
from app.serving.api_keys import MAX_FILE_BYTES, ApiKeys

OLD, NEW = b"the-old-key-0123", b"the-new-key-4567"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_bytes(OLD)
    return path


def test_each_key_of_the_file_is_accepted_and_nothing_else(file: Path):
    file.write_bytes(b"\n" + OLD + b"\r\n\n  " + NEW + b"  \n\n")
    keys = ApiKeys(file)

    assert keys.accepts(OLD)
    assert keys.accepts(NEW)
    for wrong in (b"", OLD[:-1], OLD + b"x", OLD.upper(), OLD + b"\n", OLD + b"\n" + NEW, b"\xff" * 16):
        assert not keys.accepts(wrong), wrong


def test_a_changed_file_gives_its_new_keys_and_takes_the_removed_ones(file: Path):
    keys = ApiKeys(file)

    file.write_bytes(OLD + b"\n" + NEW)
    keys.read()
    assert (keys.accepts(OLD), keys.accepts(NEW)) == (True, True)

    file.write_bytes(NEW)
    keys.read()
    assert (keys.accepts(OLD), keys.accepts(NEW)) == (False, True)


def test_a_file_that_the_kubelet_replaces_through_a_link_is_read_again(tmp_path: Path):
    # https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-files-from-a-pod
    for name, key in (("1", OLD), ("2", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys").write_bytes(key)
    data, file = tmp_path / "..data", tmp_path / "keys"
    data.symlink_to("1")
    file.symlink_to("..data/keys")
    keys = ApiKeys(file)

    (tmp_path / "..data_tmp").symlink_to("2")
    (tmp_path / "..data_tmp").rename(data)
    keys.read()

    assert (keys.accepts(OLD), keys.accepts(NEW)) == (False, True)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no key"),
        (b"\n \r\n\n", "it has no key"),
        (b"too-short", "it has no key"),
        ((OLD + b"\n") * 300, f"larger than {MAX_FILE_BYTES} bytes"),
        (None, "No such file"),
    ],
    ids=["empty", "empty lines", "only a short key", "too large", "missing"],
)
def test_a_file_that_cannot_be_used_takes_all_keys_and_is_logged_once(
    file: Path, content: bytes | None, why: str, caplog: pytest.LogCaptureFixture
):
    keys = ApiKeys(file)
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    keys.read()
    keys.read()

    assert keys.is_empty
    assert not keys.accepts(OLD)
    errors = [record.getMessage() for record in caplog.records if "no request is accepted" in record.message]
    assert len(errors) == 1
    assert why in errors[0]


def test_keys_come_back_with_the_file(file: Path):
    file.unlink()
    keys = ApiKeys(file)
    assert keys.is_empty

    file.write_bytes(OLD)
    keys.read()

    assert keys.accepts(OLD)


@pytest.mark.parametrize(
    "line",
    [
        b"fifteen-symbols",
        b"a key with spaces in it",
        "schlüssel-mit-umlaut".encode(),
        b"key,with,commas,in",
        b"=" * 20,
    ],
)
def test_a_line_that_is_not_a_key_is_left_out_and_named_by_its_number_alone(
    file: Path, line: bytes, caplog: pytest.LogCaptureFixture
):
    file.write_bytes(OLD + b"\n" + line)
    keys = ApiKeys(file)

    assert keys.accepts(OLD)
    assert not keys.accepts(line)
    assert "line 2 of" in caplog.text
    assert line.decode() not in caplog.text


def test_no_key_is_in_the_log_or_in_the_object(file: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    keys = ApiKeys(file)
    keys.accepts(NEW)

    assert OLD.decode() not in caplog.text + repr(vars(keys))
    assert NEW.decode() not in caplog.text + repr(vars(keys))


def test_a_key_is_compared_with_every_key_in_constant_time(file: Path, monkeypatch: pytest.MonkeyPatch):
    file.write_bytes(b"\n".join([OLD, NEW, b"a-third-key-89ab"]))
    keys = ApiKeys(file)
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def compare_digest(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return compare(first, second)

    monkeypatch.setattr(api_keys.hmac, "compare_digest", compare_digest)
    for given in (OLD, NEW, b"x"):
        compared.clear()
        keys.accepts(given)

        assert len(compared) == 3
        assert {len(digest) for pair in compared for digest in pair} == {32}
