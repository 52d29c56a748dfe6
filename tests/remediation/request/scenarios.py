"""What RemediationRequest is explored with: a recovery, a review, two on one target, and one deleted half-way.

The children's controllers are scripted: what a workflow does is explored with the workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from kubernaut.client import Client, MergePatch
from kubernaut.reconcile import Context, Controller, Permission, Reconciler, Result
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request import Limits, Phase, RemediationRequest, RequestConfig, crds
from kubernaut.remediation.request import requests as request_controller
from kubernaut.remediation.request.health import Health
from kubernaut.remediation.request.phases import PHASES
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources import crd_for
from kubernaut.testing.exploration import (
    GarbageCollection,
    Scenario,
    View,
    World,
    always,
    at_most_once,
    eventually,
    on_change,
)
from tests.remediation.request.world import KINDS, TARGET, done, failing, proposing, signal

OVER = ("completed", "failed")
WAITING = (Phase.COMPLETED, Phase.FAILED, Phase.MANUAL_REVIEW)
MOMENT = timedelta(seconds=1)
CANCEL = MergePatch({"spec": {"cancel": True}})
Script = Callable[[Any], dict[str, Any] | None]


@dataclass(frozen=True)
class Healthy:
    """Every target is."""

    permissions: Sequence[Permission] = ()

    async def look(self, client: Client, target: ExecutionTarget) -> Health:
        return Health(True)


CONFIG = RequestConfig(
    limits=Limits(stable=timedelta(seconds=3), cooldown=timedelta(seconds=5), backoff=timedelta(seconds=5)),
    health=Healthy(),
    allow_unstamped=True,
)


class Scripted(Reconciler[Any]):
    """Works for a moment, then says what the script says. Keeps nothing."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def reconcile(self, obj: Any, ctx: Context) -> Result | None:
        if obj.status.phase in OVER or obj.metadata.deletion_timestamp is not None:
            return None
        if obj.status.phase is None:
            obj.status.phase, obj.status.start_time = "executing", ctx.clock.now()
            return Result(requeue_after=MOMENT)
        said = self._script(obj)
        if said is None:
            return None
        obj.status = type(obj.status).model_validate(said | {"startTime": obj.status.start_time})
        obj.status.completion_time = ctx.clock.now()
        return None


def controllers(workflow: Script = done, analysis: Script | None = None) -> list[Controller]:
    scripts = (done, analysis or proposing(), workflow)
    stand_ins = [Controller(kind, Scripted(script)) for kind, script in zip(KINDS, scripts, strict=True)]
    return [request_controller(CONFIG), *stand_ins]


def first_fails(workflow: Any) -> dict[str, Any]:
    said = failing("timeout")(workflow) if workflow.name.endswith("-0") else done(workflow)
    assert said is not None
    return said


def request(name: str, fingerprint: str = "f1") -> RemediationRequest:
    spec = {"signal": signal(fingerprint), "target": TARGET}
    return RemediationRequest.from_dict({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})


async def one(world: World) -> None:
    await world.client.create(request("web-down"))
    await world.settled(quiet=timedelta(seconds=20))


async def two(world: World) -> None:
    await world.client.create(request("first", "f1"))
    await world.client.create(request("second", "f2"))
    await world.settled(quiet=timedelta(seconds=30))


async def twice(world: World) -> None:
    await world.client.create(request("first"))
    await world.client.create(request("second"))
    await world.settled(quiet=timedelta(seconds=30))


async def deleted_half_way(world: World) -> None:
    await world.client.create(request("web-down"))
    await world.until(lambda view: bool(view.all(WorkflowExecution)), within=timedelta(minutes=5))
    await world.sleep(seconds=0.5)
    await world.client.delete(RemediationRequest, "web-down", namespace="shop")
    await world.settled()


async def cancelled_half_way(world: World) -> None:
    await world.client.create(request("web-down"))
    await world.until(lambda view: bool(view.all(AIAnalysis)), within=timedelta(minutes=5))
    await world.client.patch(RemediationRequest, "web-down", CANCEL, namespace="shop")
    await world.settled()


# What must hold.


def phases_follow_the_table(before: RemediationRequest | None, after: RemediationRequest | None) -> str | None:
    if before is None or after is None or before.status.overall_phase == after.status.overall_phase:
        return None
    old, new = before.status.overall_phase, after.status.overall_phase
    right = {str(Phase.PENDING)} if old is None else {str(each) for each in PHASES[old].next}
    return None if new in right else f"phase {new} came after {old}"


def attempts_are_counted_once(before: RemediationRequest | None, after: RemediationRequest | None) -> str | None:
    """One more with each workflow that failed and is answered by a recovery, and never otherwise.

    A recovery whose analysis vanished before its workflow was made looks again: that is the same attempt.
    """
    if before is None or after is None:
        return None
    old, more = before.status, after.status.recovery_attempts - before.status.recovery_attempts
    acted = any(ref.attempt_number == old.recovery_attempts for ref in after.status.workflow_execution_refs)
    ended = old.overall_phase in (Phase.EXECUTING, Phase.VERIFYING)
    began = after.status.overall_phase == Phase.RECOVERING and ended and acted
    return None if more == int(began) else f"{more} attempts more, and {old.overall_phase} came before"


def one_workflow_acts_on_a_target(view: View) -> str | None:
    acting = [each.name for each in view.all(WorkflowExecution) if each.status.phase not in OVER]
    return None if len(acting) <= 1 else f"{' and '.join(acting)} act on one target"


def every_request_rests_with_a_reason(view: View) -> str | None:
    for each in view.all(RemediationRequest):
        if each.status.overall_phase not in WAITING:
            return f"request {each.name} is still {each.status.overall_phase}"
        if not each.status.reason:
            return f"request {each.name} is {each.status.overall_phase}, and does not say why"
        review = each.status.manual_review
        if each.status.overall_phase == Phase.MANUAL_REVIEW and not (review and review.look_at):
            return f"request {each.name} does not say what a person should look at"
    return None


def no_child_is_orphaned(view: View) -> str | None:
    alive = {each.uid for each in view.all(RemediationRequest)}
    for kind in KINDS:
        for child in view.all(kind):
            controller = child.metadata.controller_reference()
            if controller is None or controller.uid not in alive:
                return f"{child.name} is left behind"
    return None


def every_child_is_recorded(view: View) -> str | None:
    for each in view.all(RemediationRequest):
        known = {ref.uid for ref in (*each.status.workflow_execution_refs, *each.status.ai_analysis_refs)}
        for kind in (WorkflowExecution, AIAnalysis):
            for child in view.all(kind):
                controller = child.metadata.controller_reference()
                if controller is not None and controller.uid == each.uid and child.uid not in known:
                    return f"{child.name} is not in the status of {each.name}"
    return None


def ended_otherwise(view: View) -> bool:
    """Right where time ran out or a person came between: it says so."""
    return every_request_rests_with_a_reason(view) is None


ALL = (
    on_change(RemediationRequest, phases_follow_the_table),
    on_change(RemediationRequest, attempts_are_counted_once),
    always(one_workflow_acts_on_a_target, kinds=[WorkflowExecution]),
    at_most_once(WorkflowExecution),
    eventually(every_request_rests_with_a_reason),
    eventually(no_child_is_orphaned),
    eventually(every_child_is_recorded),
)

recovery = Scenario(
    name="recovery",
    controllers=lambda: controllers(first_fails),
    crds=[*crds(), *(crd_for(kind) for kind in KINDS)],
    objects=[{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}],
    steps=one,
    invariants=(*ALL, at_most_once(AIAnalysis), at_most_once(RemediationProcessing)),
    controlplane=[GarbageCollection()],
    allowed=ended_otherwise,
)

same_failure_twice = replace(recovery, name="same-failure-twice", controllers=lambda: controllers(failing("timeout")))
two_on_one_target = replace(
    recovery, name="two-on-one-target", controllers=lambda: controllers(), steps=two, invariants=ALL
)
one_signal_twice = replace(two_on_one_target, name="one-signal-twice", steps=twice)
deletion_half_way = replace(recovery, name="deletion-half-way", steps=deleted_half_way)
cancellation_half_way = replace(
    recovery, name="cancellation-half-way", controllers=lambda: controllers(), steps=cancelled_half_way
)

SCENARIOS = (
    recovery,
    same_failure_twice,
    two_on_one_target,
    one_signal_twice,
    deletion_half_way,
    cancellation_half_way,
)
