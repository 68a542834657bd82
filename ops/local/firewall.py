"""The firewall rules that the cluster adds to the machine: told from those of others, and removed."""

import re
import shutil
from collections.abc import Iterator

from ops.commands import output_of
from ops.errors import OperationError
from ops.local.network import NETWORK

FAMILIES = ("iptables", "ip6tables")

_KUBERNETES = re.compile(r"\bKUBE-")
"""kube-proxy's and the kubelet's chains, and the rules that jump to them."""

_CNI_CHAIN = re.compile(r"\bCNI-[0-9a-f]+\b")
_CNI_COMMENT = rf"name: \"{NETWORK}\" "
"""The CNI plugins write the name of the network into the comment of each rule."""


def look() -> dict[str, str]:
    """Return the machine's rules, by family, as `iptables-save` prints them.

    Raises:
        OperationError: another Kubernetes has rules there, whose names are those of this one.

    """
    rules = {family: output_of([f"{family}-save"]) for family in _families()}
    for family, text in rules.items():
        if ":KUBE-SERVICES " in text:
            raise OperationError(
                "another Kubernetes has rules in this machine's firewall, and two of them would change each "
                f"other's: stop it first, and remove what `{family}-save | grep KUBE-` shows"
            )
    return rules


def remove_ours(before: dict[str, str]) -> None:
    """Remove the cluster's chains and rules; those that were there before it stay, as do those of others."""
    for family in _families():
        rules = output_of([f"{family}-save"])
        if (rest := without_ours(rules, before.get(family, ""))) != rules:
            output_of([f"{family}-restore"], stdin=rest)


def without_ours(rules: str, before: str) -> str:
    """Return what `iptables-save` printed, less the chains and rules that the cluster has added."""
    there = set(_by_table(before))
    chains = {
        chain for line in rules.splitlines() if _CNI_COMMENT in line for chain in _CNI_CHAIN.findall(line)
    }

    def is_ours(line: str) -> bool:
        return bool(_KUBERNETES.search(line)) or not chains.isdisjoint(_CNI_CHAIN.findall(line))

    return "".join(line for table, line in _by_table(rules) if (table, line) in there or not is_ours(line))


def _by_table(rules: str) -> Iterator[tuple[str, str]]:
    """Give each line with the table that it is of: chains of several tables have the same name."""
    table = ""
    for line in rules.splitlines(keepends=True):
        if line.startswith("*"):
            table = line
        yield table, line


def _families() -> list[str]:
    return [family for family in FAMILIES if shutil.which(f"{family}-save")]
