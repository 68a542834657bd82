import json
from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.local import machine
from tests.ops.conftest import Programs

FOREIGN = """\
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
"""
OURS = """\
:KUBE-SERVICES - [0:0]
:CNI-0123456789abcdef - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -s 10.244.0.7/32 -j CNI-0123456789abcdef
"""
END = "COMMIT\n"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel's settings and cgroups in a folder, with no interface of ours."""
    for name in machine.SYSCTLS[:2]:
        setting = tmp_path / "sys" / name
        setting.parent.mkdir(parents=True, exist_ok=True)
        setting.write_text("0\n")
    (tmp_path / "cgroup" / "user").mkdir(parents=True)
    monkeypatch.setattr(machine, "_PROC", tmp_path / "sys")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_NOTE", tmp_path / "machine.json")
    monkeypatch.setattr(machine, "BRIDGE", "no-such-interface")
    for name in ("STATE", "CONTAINERD", "CACHE"):
        monkeypatch.setattr(machine, name, tmp_path / name)
    return tmp_path


def setting(kernel: Path, name: str) -> str:
    return (kernel / "sys" / name).read_text()


@pytest.mark.usefixtures("only")
def test_settings_that_were_changed_are_put_back(kernel: Path):
    machine.note()
    (kernel / "sys" / machine.SYSCTLS[1]).write_text("1")

    assert setting(kernel, "net/ipv4/ip_forward") == "1"
    machine.restore()

    assert [setting(kernel, name) for name in machine.SYSCTLS[:2]] == ["0\n", "0\n"]


@pytest.mark.usefixtures("only")
def test_cgroups_that_came_are_removed_and_those_that_were_there_stay(kernel: Path):
    machine.note()
    (kernel / "cgroup" / "kubepods" / "pod").mkdir(parents=True)

    machine.restore()

    assert [path.name for path in (kernel / "cgroup").iterdir()] == ["user"]


@pytest.mark.usefixtures("only")
def test_without_a_note_nothing_is_put_back(kernel: Path):
    (kernel / "sys" / "net/ipv4/ip_forward").write_text("1")
    (kernel / "cgroup" / "kubepods").mkdir()

    machine.restore()

    assert setting(kernel, "net/ipv4/ip_forward") == "1"
    assert (kernel / "cgroup" / "kubepods").exists()


@pytest.mark.usefixtures("kernel")
def test_firewall_rules_of_kubernetes_are_removed_and_others_stay(only: Programs):
    only.add("iptables-save", ([], FOREIGN + OURS + END.strip(), 0))
    only.add("iptables-restore", deaf=False)

    machine.restore()

    (call,) = [one for one in only.calls if one["program"] == "iptables-restore"]
    assert call["stdin"] == FOREIGN + END


@pytest.mark.usefixtures("kernel")
def test_a_firewall_without_rules_of_kubernetes_is_not_touched(only: Programs):
    only.add("iptables-save", ([], FOREIGN + END.strip(), 0))
    only.add("iptables-restore", deaf=False)

    machine.restore()

    assert only.lines == ["iptables-save"]


def test_the_note_can_be_read_again(kernel: Path):
    machine.note()

    noted = json.loads((kernel / "machine.json").read_text())
    assert noted == {
        "sysctls": dict.fromkeys(machine.SYSCTLS[:2], "0\n"),
        "cgroups": [str(kernel / "cgroup" / "user")],
    }


def test_the_address_is_the_first_of_version_4(only: Programs):
    only.add("hostname", (["-I"], "fd00::1 192.0.2.7 198.51.100.1 ", 0))

    assert machine.address() == "192.0.2.7"


def test_a_machine_without_an_address_is_told_so(only: Programs):
    only.add("hostname", (["-I"], "", 0))

    with pytest.raises(OperationError, match=r"no address but 127\.0\.0\.1"):
        machine.address()
