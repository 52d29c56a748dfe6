"""What the pods on each node take up, kept up to date pod by pod, so that scheduling one reads no other."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubernaut.fake.controlplane.requests import Amounts
from kubernaut.reconcile import Request


@dataclass(slots=True)
class Usage:
    """How many pods a node has, and what they request together."""

    pods: int = 0
    amounts: Amounts = field(default_factory=dict)


class Accounts:
    """Pods by node. A pod is entered when it is bound, before the cache shows it, and taken out when it ends."""

    def __init__(self) -> None:
        self._entries: dict[Request, tuple[str, str, Amounts]] = {}
        self._nodes: dict[str, Usage] = {}

    def enter(self, pod: Request, uid: str, node: str, amounts: Amounts) -> None:
        """The pod of this uid takes up room on a node."""
        if self._entries.get(pod) == (uid, node, amounts):
            return
        self.remove(pod)
        self._entries[pod] = (uid, node, amounts)
        self._add(node, 1, amounts)

    def remove(self, pod: Request) -> None:
        """The pod takes up no room any more; one that is not entered is fine."""
        entry = self._entries.pop(pod, None)
        if entry is not None:
            self._add(entry[1], -1, entry[2])

    def holds(self, pod: Request, uid: str) -> bool:
        """Whether the pod of this uid is entered."""
        entry = self._entries.get(pod)
        return entry is not None and entry[0] == uid

    def of(self, node: str) -> Usage:
        """What is taken up of a node."""
        return self._nodes.get(node) or Usage()

    def _add(self, node: str, sign: int, amounts: Amounts) -> None:
        usage = self._nodes.setdefault(node, Usage())
        usage.pods += sign
        for name, amount in amounts.items():
            usage.amounts[name] = usage.amounts.get(name, 0) + sign * amount
        if not usage.pods:
            del self._nodes[node]
