"""How far the steps of a proposal may reach: the target's namespace, and the nodes that its pods run on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from kubernaut.actions import Target
from kubernaut.remediation.analysis.analyzer import AnalysisInput
from kubernaut.remediation.processing.types import Facts


@dataclass(frozen=True, slots=True)
class Reach:
    """What steps may act on, and which of that the facts know."""

    namespace: str | None
    nodes: frozenset[str]
    known: frozenset[tuple[str, str]]
    """(kind, name) of the target, of what it belongs to and of what belongs to it."""
    protected: frozenset[str]

    @classmethod
    def of(cls, question: AnalysisInput, protected: frozenset[str]) -> Self:
        """What a question is about."""
        target, facts = question.target, question.facts or Facts()
        node = {target.name} if target.kind == "Node" else set()
        return cls(
            namespace=None if target.kind == "Node" else target.namespace,
            nodes=frozenset(node | {pod.node for pod in facts.pods if pod.node}),
            known=frozenset({(target.kind, target.name), *_known(facts)}),
            protected=protected,
        )

    def refusal(self, target: Target) -> str | None:
        """Why a step must not act on `target`; None where it may."""
        if (target.api_version, target.kind) == ("v1", "Node"):
            if target.name in self.nodes:
                return None
            return f"node {target.name} is neither the target nor one that its pods run on"
        if target.place is None:
            return f"a {target.kind} lies in no namespace: only nodes may be acted on outside of the target's"
        if target.place in self.protected:
            return f"namespace {target.place} is protected"
        if target.place != self.namespace:
            return f"namespace {target.place} is not the target's ({self.namespace or 'none'})"
        return None

    def knows(self, target: Target) -> bool:
        """Whether the facts tell of it."""
        return (target.kind, target.name) in self.known or (target.kind == "Node" and target.name in self.nodes)


def _known(facts: Facts) -> Iterator[tuple[str, str]]:
    for each in (*([facts.target] if facts.target else ()), *facts.owners, *facts.related):
        yield each.kind, each.name
    for pod in facts.pods:
        yield "Pod", pod.name
