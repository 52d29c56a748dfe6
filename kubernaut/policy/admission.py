"""Leaves the decision to the cluster's own admission: Kyverno, Gatekeeper, ValidatingAdmissionPolicy."""

from __future__ import annotations

from kubernaut.policy.decision import PolicyDecision, PolicyInput


class AdmissionEvaluator:
    """Requires a dry-run of every action, whose answer is then the cluster's.

    A server-side dry-run goes through everything that admits the real change, as the ServiceAccount that would make
    it; what is refused there never runs. It decides nothing by itself: combine it with rules of your own where
    approvals are wanted.
    """

    name = "admission"
    revision = ""

    async def evaluate(self, input: PolicyInput) -> PolicyDecision:
        """Always allowed, on the condition of a dry-run."""
        return PolicyDecision(allowed=True, requires_dry_run=True, evaluator=self.name, revision=self.revision)
