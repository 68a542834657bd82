import json
from pathlib import Path

import pytest

from ops.local import machine
from tests.ops.conftest import Programs


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
    monkeypatch.setattr(machine, "_RECORD", tmp_path / "machine.json")
    monkeypatch.setattr(machine.network, "BRIDGE", "no-such-interface")
    for name in ("STATE", "CACHE"):
        monkeypatch.setattr(machine, name, tmp_path / name)
    return tmp_path


def setting(kernel: Path, name: str) -> str:
    return (kernel / "sys" / name).read_text()


@pytest.mark.usefixtures("only")
def test_changed_kernel_settings_are_restored(kernel: Path):
    machine.record()
    (kernel / "sys" / machine.SYSCTLS[1]).write_text("1")

    assert setting(kernel, "net/ipv4/ip_forward") == "1"
    machine.restore()

    assert [setting(kernel, name) for name in machine.SYSCTLS[:2]] == ["0\n", "0\n"]


@pytest.mark.usefixtures("only")
def test_new_cgroups_are_removed_and_earlier_cgroups_stay(kernel: Path):
    machine.record()
    (kernel / "cgroup" / "kubepods" / "pod").mkdir(parents=True)

    machine.restore()

    assert [path.name for path in (kernel / "cgroup").iterdir()] == ["user"]


@pytest.mark.usefixtures("only")
def test_nothing_is_restored_without_a_record(kernel: Path):
    (kernel / "sys" / "net/ipv4/ip_forward").write_text("1")
    (kernel / "cgroup" / "kubepods").mkdir()

    machine.restore()

    assert setting(kernel, "net/ipv4/ip_forward") == "1"
    assert (kernel / "cgroup" / "kubepods").exists()


RULES = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"


def test_new_firewall_rules_are_removed(kernel: Path, only: Programs):
    only.add("iptables-save", ([], RULES.strip(), 0))
    only.add("iptables-restore", deaf=False)
    machine.record()
    came = RULES.replace("COMMIT", ":KUBE-SERVICES - [0:0]\nCOMMIT")
    only.add("iptables-save", ([], came.strip(), 0))

    machine.restore()

    (call,) = [call for call in only.calls if call["program"] == "iptables-restore"]
    assert call["stdin"] == RULES
    assert (kernel / "machine.json").exists()


@pytest.mark.usefixtures("only")
def test_the_record_is_valid_json(kernel: Path):
    machine.record()

    noted = json.loads((kernel / "machine.json").read_text())
    assert noted == {
        "sysctls": dict.fromkeys(machine.SYSCTLS[:2], "0\n"),
        "cgroups": [str(kernel / "cgroup" / "user")],
        "rules": {},
    }
