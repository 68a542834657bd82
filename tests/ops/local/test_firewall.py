import pytest

from ops.errors import OperationError
from ops.local import firewall
from tests.ops.conftest import Programs


def network(name: str, chain: str, pods: str) -> str:
    """What the CNI plugins add for a pod of a network."""
    comment = rf'-m comment --comment "name: \"{name}\" id: \"0123\""'
    return (
        f":{chain} - [0:0]\n"
        f"-A POSTROUTING -s {pods} {comment} -j {chain}\n"
        f"-A {chain} -d {pods} {comment} -j ACCEPT\n"
    )


FOREIGN = f"""\
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
{network("podman", "CNI-00000000000000000000feed", "10.88.0.0/16")}"""
"""Docker's, and those of podman's own CNI network."""

OURS = f"""\
:KUBE-SERVICES - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
{network("slipway", "CNI-0123456789abcdef01234567", "10.244.0.0/24")}"""
END = "COMMIT\n"
LEFT = """\
:KUBE-FIREWALL - [0:0]
-A OUTPUT -j KUBE-FIREWALL
"""
"""What a Kubernetes that is gone has left behind."""


def test_the_rules_of_the_cluster_are_removed_and_all_others_stay(only: Programs):
    only.add("iptables-save", ([], FOREIGN + OURS + END.strip(), 0))
    only.add("iptables-restore", deaf=False)

    firewall.remove_cluster_rules({"iptables": FOREIGN + END})

    (call,) = [call for call in only.calls if call["program"] == "iptables-restore"]
    assert call["stdin"] == FOREIGN + END


def test_a_firewall_without_rules_of_the_cluster_is_not_changed(only: Programs):
    only.add("iptables-save", ([], FOREIGN + END.strip(), 0))
    only.add("iptables-restore", deaf=False)

    firewall.remove_cluster_rules({"iptables": FOREIGN + END})

    assert only.lines == ["iptables-save"]


def test_kubernetes_rules_from_before_the_cluster_stay():
    assert firewall.without_cluster_rules(FOREIGN + LEFT + OURS + END, before=FOREIGN + LEFT + END) == (
        FOREIGN + LEFT + END
    )


def test_a_rule_from_before_the_cluster_is_removed_from_another_table():
    filters = f"*filter\n{LEFT}{END}"

    assert (
        firewall.without_cluster_rules(FOREIGN + LEFT + END + filters, before=filters)
        == FOREIGN + END + filters
    )


def test_the_rules_of_another_kubernetes_are_an_error(only: Programs):
    only.add("iptables-save", ([], FOREIGN + OURS + END.strip(), 0))

    with pytest.raises(OperationError, match=r"another Kubernetes .* stop it first"):
        firewall.read_rules()


def test_the_rules_of_the_machine_are_returned(only: Programs):
    only.add("iptables-save", ([], FOREIGN + LEFT + END.strip(), 0))

    assert firewall.read_rules() == {"iptables": FOREIGN + LEFT + END}
