"""Many requests at once, by all five controllers: each target is remediated once, and nothing is written in vain.

`KUBERNAUT_EXPLORE` in the environment makes it 500 requests about 100 targets (`make explore`); otherwise 100 about 20.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import pytest
from prometheus_client import CollectorRegistry

from benchmarks.remediation import (
    GOOD,
    PER_NODE,
    WRITES,
    Place,
    Traffic,
    measured,
    places,
    prepare,
    report,
    rested,
    running,
)
from kubernaut.fake import FakeCluster
from kubernaut.remediation.analysis import AIAnalysis
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.processing import RemediationProcessing
from kubernaut.remediation.request import Limits, RemediationRequest
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.resources.builtin.apps_v1 import Deployment

pytestmark = [pytest.mark.virtual_time, pytest.mark.fake_only("500 requests in virtual time")]

TARGETS = 100 if os.environ.get("KUBERNAUT_EXPLORE") else 20
FIRST, SAME, LATER = ("first",), ("same-1", "same-2"), ("other-1", "other-2")
"""Of the signals about one target: the first; two that repeat it; and two alerts that have the same cause."""
LIMITS = Limits(max_executing=TARGETS // 2, cooldown=timedelta(minutes=2), stable=timedelta(seconds=10))
"""Half of the targets have to wait until others are done."""
OUTCOMES = {
    **dict.fromkeys(FIRST, ("completed", "Remediated")),
    **dict.fromkeys(SAME, ("completed", "DuplicateSignal")),
    # After the cool-down they look at a target that is healthy: no rule proposes anything.
    **dict.fromkeys(LATER, ("manual_review", "AnalysisInconclusive")),
}
OVER = ("completed", "failed")
KINDS: tuple[type[Any], ...] = (
    RemediationRequest,
    RemediationProcessing,
    AIAnalysis,
    WorkflowExecution,
    KubernetesExecution,
)
WRITES_EACH = 75
"""What a remediation may write, Events and reviews of access included: `python -m benchmarks.remediation` tells all."""
WRITES_ON_AVERAGE = 40
"""The same of all requests: of five about a target one is carried out, two are about a signal that is known already."""


@dataclass
class AtWork:
    """Which workflows are at work on each target, by what their controllers write."""

    now: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    most: int = 0

    def see(self, what: str, written: dict[str, Any]) -> None:
        if not what.startswith("workflowexecutions"):
            return
        target, uid = written["spec"]["target"], written["metadata"]["uid"]
        workflows = self.now[f"{target['namespace']}/{target['name']}"]
        if written.get("status", {}).get("phase") in OVER:
            workflows.pop(uid, None)
        else:
            workflows[uid] = None
        self.most = max(self.most, len(workflows))


async def everything_is_reported(cluster: FakeCluster, targets: Sequence[Place]) -> None:
    """The first signal of each target, and a moment later all the others at once."""
    for names in (FIRST, (*SAME, *LATER)):
        async with anyio.create_task_group() as group:
            for place in targets:
                for name in names:
                    alert = name if name in LATER else FIRST[0]
                    fingerprint = f"{place.namespace}/{place.name}/{alert}"
                    group.start_soon(partial(report, cluster.client, place, f"{place.name}-{name}", fingerprint))
        await cluster.advance(seconds=1)


def all_ended_as_documented(found: Sequence[RemediationRequest]) -> None:
    assert len(found) == 5 * TARGETS
    for each in found:
        which = each.name.removeprefix(each.spec.target.name + "-")
        ended = (each.status.overall_phase, each.status.reason)
        assert ended == OUTCOMES[which], (each.name, ended, each.status.message)
        review = each.status.manual_review
        assert each.status.message and (ended[0] != "manual_review" or (review and review.look_at))


def nothing_was_in_vain(traffic: Traffic, requests: int) -> None:
    """Every write changed an object, and none was refused: no conflict either."""
    assert traffic.noops == []
    refused = {key: count for key, count in traffic.asked.items() if key[0] in WRITES and key[2] >= 400}
    assert refused == {}
    assert traffic.total(WRITES) <= WRITES_ON_AVERAGE * requests


def reconcile_errors(registry: CollectorRegistry) -> dict[str, float]:
    return {
        f"{sample.name} {sample.labels}": sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name in ("controller_runtime_reconcile_errors_total", "controller_runtime_reconcile_panics_total")
        and sample.value
    }


async def nothing_is_left(cluster: FakeCluster) -> None:
    """Once the requests are deleted and Jobs have had their time: the targets, and what was there before."""
    for request in await cluster.client.list(RemediationRequest):
        await cluster.client.delete(RemediationRequest, request.name, namespace=request.namespace)
    await cluster.advance(minutes=6)
    kinds = {kind.resource_type.kind for kind in KINDS} | {"Job", "Lease", "Secret"}
    assert Counter(each["kind"] for each in cluster.dump() if each["kind"] in kinds) == {}


def every_child_has_its_parent(cluster: FakeCluster) -> None:
    names = {kind.resource_type.kind for kind in KINDS}
    found = [each["metadata"] | {"kind": each["kind"]} for each in cluster.dump() if each["kind"] in names]
    alive = {each["uid"] for each in found}
    for each in found:
        if each["kind"] != "RemediationRequest":
            [owner] = each["ownerReferences"]
            assert owner["controller"] and owner["uid"] in alive, f"{each['kind']} {each['name']} is left behind"


@pytest.mark.cluster(nodes=2 + TARGETS // PER_NODE)
async def test_many_requests_remediate_every_target_once_and_all_end(cluster: FakeCluster) -> None:
    targets, at_work, registry = places(TARGETS), AtWork(), CollectorRegistry()
    await prepare(cluster, targets)
    async with running(cluster, LIMITS, registry=registry, limited=True) as traffic:
        traffic.watching.append(at_work.see)
        await everything_is_reported(cluster, targets)
        found = await rested(cluster, within=3600)
        all_ended_as_documented(found)
        assert at_work.most == 1 and not any(at_work.now.values())
        nothing_was_in_vain(traffic, len(found))
        every_child_has_its_parent(cluster)
        assert len(await cluster.client.list(WorkflowExecution)) == TARGETS
        assert len(await cluster.client.list(KubernetesExecution)) == TARGETS
        for place in targets:
            web = await cluster.client.get(Deployment, place.name, namespace=place.namespace)
            assert web.spec.template.spec.containers[0].image == GOOD and web.status.ready_replicas == 1
        await nothing_is_left(cluster)
        assert reconcile_errors(registry) == {}


async def test_one_remediation_writes_no_more_than_it_has_to(cluster: FakeCluster) -> None:
    """The figures of `benchmarks/remediation.py`: a status for each phase and child, an Event for each transition."""
    figures = await measured(1)
    assert figures.traffic.noops == []
    assert figures.traffic.total(WRITES) <= WRITES_EACH, figures.text()
