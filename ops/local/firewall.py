"""Find and remove the firewall rules that the cluster adds to the machine."""

import re
import shutil
from collections.abc import Iterator

from ops.commands import output_of
from ops.errors import OperationError
from ops.local.network import NETWORK

FAMILIES = ("iptables", "ip6tables")

_KUBERNETES = re.compile(r"\bKUBE-")
"""Matches the chains of kube-proxy and the kubelet, and the rules that jump to them."""

_CNI_CHAIN = re.compile(r"\bCNI-[0-9a-f]+\b")
_CNI_COMMENT = rf"name: \"{NETWORK}\" "
"""Matches the comment of a rule from the CNI plugins, which has the name of the network."""


def read_rules() -> dict[str, str]:
    """Return the machine's rules by family, as `iptables-save` prints them.

    Raises:
        OperationError: another Kubernetes has rules with the same names on this machine.

    """
    rules = {family: output_of([f"{family}-save"]) for family in _families()}
    for family, text in rules.items():
        if ":KUBE-SERVICES " in text:
            raise OperationError(
                "another Kubernetes has rules in this machine's firewall, and the two would change each "
                f"other's rules: stop it first, and remove the rules that `{family}-save | grep KUBE-` shows"
            )
    return rules


def remove_cluster_rules(before: dict[str, str]) -> None:
    """Remove the chains and rules of the cluster, and no others.

    Args:
        before: the rules before the cluster started, by family, from `read_rules`.

    """
    for family in _families():
        rules = output_of([f"{family}-save"])
        if (others := without_cluster_rules(rules, before.get(family, ""))) != rules:
            output_of([f"{family}-restore"], stdin=others)


def without_cluster_rules(rules: str, before: str) -> str:
    """Return the output of `iptables-save` without the chains and rules that the cluster added.

    Args:
        rules: the output of `iptables-save` now.
        before: its output before the cluster started; these rules stay.

    """
    there = set(_by_table(before))
    chains = {
        chain for line in rules.splitlines() if _CNI_COMMENT in line for chain in _CNI_CHAIN.findall(line)
    }

    def is_from_cluster(line: str) -> bool:
        return bool(_KUBERNETES.search(line)) or not chains.isdisjoint(_CNI_CHAIN.findall(line))

    return "".join(
        line for table, line in _by_table(rules) if (table, line) in there or not is_from_cluster(line)
    )


def _by_table(rules: str) -> Iterator[tuple[str, str]]:
    """Yield each line after the name of its table: chains of different tables may have the same name."""
    table = ""
    for line in rules.splitlines(keepends=True):
        if line.startswith("*"):
            table = line
        yield table, line


def _families() -> list[str]:
    return [family for family in FAMILIES if shutil.which(f"{family}-save")]
