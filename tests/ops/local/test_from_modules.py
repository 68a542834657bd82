import socket
from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.local import from_modules


class Machine:
    """A machine whose parts write down what they are asked, its cluster in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[str] = []
        self.state = folder / "state"
        self.fails_at: str | None = None
        self.is_healthy = False

        def does(what: str):
            def act(*_: object, **__: object) -> None:
                self.did.append(what)
                if what == self.fails_at:
                    raise OperationError(f"{what} failed")

            return act

        monkeypatch.setattr(from_modules, "STATE", self.state)
        monkeypatch.setattr(from_modules, "BIN", self.state / "bin")
        monkeypatch.setattr(from_modules, "KUBECONFIG", folder / "kubeconfig")
        monkeypatch.setattr(from_modules, "PORTS", {})
        monkeypatch.setattr(from_modules.os, "geteuid", lambda: 0)
        monkeypatch.setattr(from_modules, "healthy", lambda: self.is_healthy)
        monkeypatch.setattr(from_modules, "prepare", lambda: (self.did.append("prepare"), folder)[1])
        monkeypatch.setattr(from_modules, "started", lambda: ["etcd"] if self.state.exists() else [])
        monkeypatch.setattr(from_modules, "stop", lambda names: self.did.append(f"stop {' '.join(names)}"))
        for name, what in {
            "_start": "start",
            "end_shims": "end shims",
            "remove_builder": "remove builder",
        }.items():
            monkeypatch.setattr(from_modules, name, does(what))
        monkeypatch.setattr(from_modules.machine, "restore", does("restore"))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_new_cluster_says_that_it_is_new(machine: Machine):
    assert from_modules.up() is True
    assert machine.did == ["prepare", "start"]


def test_a_healthy_cluster_is_not_changed(machine: Machine):
    machine.is_healthy = True

    assert from_modules.up() is False
    assert machine.did == []


def test_the_remains_of_a_broken_cluster_are_removed_first(machine: Machine):
    machine.state.mkdir()

    from_modules.up()

    assert machine.did == ["stop kubelet", "end shims", "stop etcd", "restore", "prepare", "start"]


def test_a_failed_start_is_undone(machine: Machine, tmp_path: Path):
    machine.fails_at = "start"
    (tmp_path / "kubeconfig").touch()

    with pytest.raises(OperationError, match="start failed"):
        from_modules.up()

    assert machine.did[2:] == ["stop kubelet", "end shims", "stop etcd", "restore"]
    assert not machine.state.exists()
    assert not (tmp_path / "kubeconfig").exists()


def test_the_error_without_root_says_what_to_do(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(from_modules.os, "geteuid", lambda: 1000)

    with pytest.raises(OperationError, match="needs root: use sudo, or install Docker and kind"):
        from_modules.up()

    assert machine.did == []


def test_a_port_in_use_is_an_error_before_anything_starts(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(from_modules, "PORTS", {port: "the registry"})

        with pytest.raises(OperationError, match=f"port {port}, which the registry needs, is in use"):
            from_modules.up()

    assert "start" not in machine.did
    assert not machine.state.exists()


def test_down_twice_is_not_an_error(machine: Machine):
    machine.state.mkdir()
    from_modules.down()
    done = list(machine.did)

    from_modules.down()

    assert machine.did == done
    assert not machine.state.exists()


def test_the_status_without_a_cluster_says_how_to_start_it(machine: Machine):
    assert not machine.state.exists()
    assert from_modules.status() == "the local cluster is not running; start it with `make cluster`"
