"""What is counted of executions: how they ended, how long each phase took, what the policy said, what went unsaid."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterable
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.registry import Collector

from kubernaut.client import Conflict
from kubernaut.reconcile import RequeueError
from kubernaut.remediation.execution.types import TERMINAL, KubernetesExecution, Phase

BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds: from a check that is done at once to an approval that takes its hour."""
REMEMBERED = 10_000
UNKNOWN = "unknown"


class ExecutionMetrics(Collector):
    """Counts transitions as they are read back, so that a reconcile which is repeated counts nothing twice.

    What happened before `since` was counted by another process. `actions`: the names that are known, such as a Catalog.
    A collector: register it where metrics are shown.
    """

    def __init__(self, *, since: datetime, actions: Container[str] | None = None) -> None:
        self._since = since
        self._actions = actions
        self._registry = registry = CollectorRegistry()
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._ended = Counter(
            "kubernaut_executions",
            "Executions that ended, by action, final phase and the reason of a failure.",
            ["action", "outcome", "reason"],
            registry=registry,
        )
        self._phases = Histogram(
            "kubernaut_execution_phase_duration_seconds",
            "How long executions stayed in a phase.",
            ["action", "phase"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._decisions = Counter(
            "kubernaut_policy_decisions",
            "What the policy said to executions: allowed, approval (allowed once approved) or denied.",
            ["action", "decision", "evaluator"],
            registry=registry,
        )
        self._unwritten = Counter(
            "kubernaut_execution_status_write_errors",
            "Statuses of executions that could not be written, by the reason of the error.",
            ["reason"],
            registry=registry,
        )

    def collect(self) -> Iterable[Metric]:
        """What was counted; without when each series began, which would be a series more for every one of them."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family

    def observe(self, execution: KubernetesExecution) -> None:
        """Count what is new of an execution as it was read."""
        uid, transitions = execution.uid or "", execution.status.transitions
        known = self._seen.get(uid, 0)
        if len(transitions) <= known:
            return
        self._seen[uid] = len(transitions)
        self._seen.move_to_end(uid)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        action = self._name(execution)
        for index in range(known, len(transitions)):
            entered = transitions[index]
            # Times in the API are whole seconds.
            if entered.time < self._since - timedelta(seconds=1):
                continue
            if index:
                before = transitions[index - 1]
                self._phases.labels(action, before.phase).observe((entered.time - before.time).total_seconds())
            if entered.phase in TERMINAL:
                self._ended.labels(action, entered.phase, entered.reason or "").inc()
            if entered.phase == Phase.VALIDATED or entered.reason == "PolicyDenied":
                self._decided(execution, denied=entered.phase == Phase.FAILED)

    def unwritten(self, error: Exception) -> None:
        """Count a status that could not be written. That somebody else wrote it at the same time is no error."""
        if not isinstance(error, (Conflict, RequeueError)):
            self._unwritten.labels(type(error).__name__).inc()

    def _name(self, execution: KubernetesExecution) -> str:
        """The action; of those that nobody knows all are one, for the text is the requester's."""
        action = execution.spec.action
        return action if self._actions is None or action in self._actions else UNKNOWN

    def _decided(self, execution: KubernetesExecution, *, denied: bool) -> None:
        results = execution.status.validation_results
        policy = results.policy_validation if results else None
        if policy is not None:
            decision = "denied" if denied else "approval" if policy.required_approval else "allowed"
            self._decisions.labels(self._name(execution), decision, policy.evaluator).inc()
