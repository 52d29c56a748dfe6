"""Whether a step is tried again, and whether anybody knows what it has done; and how soon errors let it go on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.workflow.attempts import is_uncertain, may_retry
from kubernaut.remediation.workflow.types import ErrorType, StepStatus
from kubernaut.remediation.workflow.work import Work
from kubernaut.testing import Fault
from tests.remediation.workflow.shop import WIDER, config, execution_config, running, scale, scripted, status, workflow


def failed(reason: str, **state: Any) -> KubernetesExecution:
    entered = [{"phase": "executing", "time": "2026-01-01T00:00:00Z"}]
    found = {"phase": "failed", "reason": reason, "transitions": entered, **state}
    spec = {"action": "restart-pod", "target": {"kind": "Pod", "name": "p"}}
    return KubernetesExecution.from_dict({"metadata": {"name": "heal-0-1"}, "spec": spec, "status": found})


@pytest.mark.parametrize(
    ("reason", "state", "retried", "uncertain"),
    [
        ("InternalError", {"jobName": "j"}, False, True),
        ("ApiRefused", {"jobName": "j"}, False, True),
        ("InternalError", {}, True, False),
        ("ActionFailed", {"jobName": "j", "jobUid": "u"}, False, False),
    ],
    ids=["announced, not noted", "refused, not noted", "not announced", "it said why"],
)
def test_a_job_that_was_named_may_have_been_created(
    reason: str, state: dict[str, Any], retried: bool, uncertain: bool
) -> None:
    target = {"kind": "Pod", "namespace": "shop", "name": "p"}
    step = {"name": "anew", "action": "restart-pod", "target": target, "retries": 2}
    work = Work(workflow(step), cast(Any, None), config(execution_config(catalog=WIDER)))
    found = failed(reason, **state)
    assert may_retry(work, 0, StepStatus(name="anew", attempt=1), found, ErrorType.UNKNOWN_ERROR) is retried
    assert is_uncertain(found) is uncertain


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_a_long_outage_delays_what_comes_after_it_by_no_more_than_the_poll(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-0-1": PodScript(run_time=timedelta(seconds=30), exit_code=0)})
        await cluster.client.create(workflow(scale("more", 3)))
        await cluster.advance(seconds=10)
        cluster.faults.add(Fault.status(503), verb="get", resource="kubernetesexecutions", name="heal-0-1")
        await cluster.advance(minutes=20)
        assert (await status(cluster)).phase == "executing"
        cluster.faults.clear()
        await cluster.advance(seconds=20)
        assert (await status(cluster)).phase != "executing"
