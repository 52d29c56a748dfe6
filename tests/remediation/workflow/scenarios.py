"""What WorkflowExecution is explored with: two steps, a failing second one that is undone, two workflows on one target,
one deleted half-way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID, Catalog, rbac_manifests
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, executions
from kubernaut.remediation.execution import crds as execution_crds
from kubernaut.remediation.workflow import Limits, Phase, WorkflowConfig, WorkflowExecution, crds, workflows
from kubernaut.remediation.workflow.phases import PHASES
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.testing.exploration import (
    Deployments,
    GarbageCollection,
    JobEnd,
    Jobs,
    Scenario,
    Stage,
    View,
    World,
    always,
    at_most_once,
    eventually,
    on_change,
)
from tests.remediation.scenarios import deployment as web
from tests.remediation.scenarios import every_execution_ends, no_job_outlives_its_execution

CATALOG = Catalog([Catalog.builtin().get(name) for name in ("restart-deployment", "scale-deployment")])
EXECUTION = ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True)
# Within the time after which the world counts as at rest.
CONFIG = WorkflowConfig(execution=EXECUTION, limits=Limits(monitoring=timedelta(seconds=50)))
EXECUTOR = EXECUTION.executor_namespace
BEFORE, AFTER = 2, 5
ACTING = (Phase.EXECUTING, Phase.MONITORING, Phase.ROLLING_BACK)
WEB, API = ({"kind": "Deployment", "namespace": "shop", "name": name} for name in ("web", "api"))


def api() -> dict[str, Any]:
    found = web()
    return {**found, "metadata": {**found["metadata"], "name": "api"}}


def scale(target: Mapping[str, Any], replicas: int = AFTER, **more: Any) -> dict[str, Any]:
    head = {"name": f"scale-{target['name']}", "action": "scale-deployment", "target": dict(target)}
    return {**head, "parameters": {"replicas": replicas}, **more}


def workflow(*steps: dict[str, Any], name: str = "heal") -> WorkflowExecution:
    spec = {"metadata": {"name": name, "namespace": "shop"}, "spec": {"steps": list(steps)}}
    return WorkflowExecution.from_dict(spec)


def command(job: Mapping[str, Any], stage: Stage) -> JobEnd:
    """What `kubectl scale --current-replicas` does, on either Deployment; any other command fails."""
    argv = job["spec"]["template"]["spec"]["containers"][0]["command"]
    if "scale" not in argv:
        return JobEnd(1, "Error from server (Conflict): it does not want to")
    wanted, current = (int(argv[argv.index(option) + 1]) for option in ("--replicas", "--current-replicas"))
    name = "api" if any("api" in word for word in argv) else "web"
    path = f"/apis/apps/v1/namespaces/shop/deployments/{name}"
    live = stage.ask("GET", path, actor="kubectl")
    if live is None or live["spec"]["replicas"] != current:
        return JobEnd(1, "error: Expected replicas to be otherwise")
    patch = {"spec": {"replicas": wanted}}
    stage.ask("PATCH", path, patch, actor="kubectl", kind="application/merge-patch+json")
    return JobEnd(message="scaled")


async def carried_out(world: World) -> None:
    await world.client.create(workflow(scale(WEB), scale(API, dependsOn=["scale-web"])))
    await world.settled(timedelta(seconds=40))


async def undone(world: World) -> None:
    bad = {"name": "bad", "action": "restart-deployment", "target": API, "dependsOn": ["scale-web"]}
    await world.client.create(workflow(scale(WEB), bad))
    await world.settled(timedelta(seconds=40))


async def two_at_once(world: World) -> None:
    await world.client.create(workflow(scale(WEB, 3), name="one"))
    await world.until(lambda view: any(each.status.phase in ACTING for each in view.all(WorkflowExecution)))
    await world.client.create(workflow(scale(WEB, 4), name="two"))
    await world.settled(timedelta(seconds=40))


async def deleted_half_way(world: World) -> None:
    await world.client.create(workflow(scale(WEB), scale(API, dependsOn=["scale-web"])))
    await world.until(lambda view: bool(view.all(Job)), within=timedelta(minutes=5))
    await world.sleep(seconds=0.5)
    await world.client.delete(WorkflowExecution, "heal", namespace="shop")
    await world.settled(timedelta(seconds=40))


# What must hold.


def phases_follow_the_table(before: WorkflowExecution | None, after: WorkflowExecution | None) -> str | None:
    if before is None or after is None or before.status.phase == after.status.phase:
        return None
    old, new = before.status.phase, after.status.phase
    right = {str(Phase.PLANNING)} if old is None else {str(each) for each in PHASES[old].next} | {str(Phase.FAILED)}
    return None if new in right and not (old and PHASES[old].terminal) else f"phase {new} came after {old}"


def one_workflow_acts_at_a_time(view: View) -> str | None:
    """They are all about one Deployment."""
    acting = [each.name for each in view.all(WorkflowExecution) if each.status.phase in ACTING]
    return f"{' and '.join(acting)} act at once" if len(acting) > 1 else None


def steps_follow_each_other(view: View) -> str | None:
    """No Job of the second step before the first has ended well."""
    found = {each.name: each for each in view.all(KubernetesExecution)}
    second, first = found.get("heal-1-1"), found.get("heal-0-1")
    if second is None or second.uid in view.deleted_by_people:
        return None
    if first is None or first.status.phase != "rollback_ready":
        gone = first is None and bool(view.deleted_by_people)
        return None if gone else "the second step began before the first had ended"
    return None


def no_execution_outlives_its_workflow(view: View) -> str | None:
    alive = {each.uid for each in view.all(WorkflowExecution)}
    for each in view.all(KubernetesExecution):
        owner = each.metadata.controller_reference()
        if owner is not None and owner.uid not in alive:
            return f"execution {each.name} is left behind"
    return None


def every_workflow_ends_and_lets_go(view: View) -> str | None:
    for each in view.all(WorkflowExecution):
        status = each.status
        if status.phase not in (Phase.COMPLETED, Phase.FAILED):
            return f"workflow {each.name} is still {status.phase}"
        if status.completion_time is None or not status.is_true("TargetsReleased"):
            return f"workflow {each.name} has ended and still holds on"
        if status.phase == Phase.FAILED and not (status.error_type and status.failure_reason and status.reason):
            return f"workflow {each.name} does not say why it failed"
        if status.rollback is not None and (
            status.rollback.completion_time is None or status.condition("RolledBack") is None
        ):
            return f"workflow {each.name} does not say how undoing went"
    return None


def no_lease_is_left(view: View) -> str | None:
    left = [each.name for each in view.all(Lease, EXECUTOR) if each.name.startswith("target-")]
    return f"Lease {left[0]} is left behind" if left else None


def told_why(view: View) -> bool:
    """Right where a person came between, who deleted something, or time ran out: it failed, and what was done is
    known."""
    found = view.all(WorkflowExecution)
    return bool(view.deleted_by_people) or any(each.status.phase == Phase.FAILED for each in found)


INVARIANTS = (
    at_most_once(Job, by=lambda job: job.metadata.labels.get(LABEL_EXECUTION_ID)),
    at_most_once(KubernetesExecution),
    on_change(WorkflowExecution, phases_follow_the_table),
    always(steps_follow_each_other, kinds=[KubernetesExecution]),
    eventually(no_job_outlives_its_execution),
    eventually(no_execution_outlives_its_workflow),
    eventually(every_execution_ends),
    eventually(every_workflow_ends_and_lets_go),
    eventually(no_lease_is_left),
)

two_steps = Scenario(
    name="two-steps",
    controllers=lambda: [executions(EXECUTION), workflows(CONFIG)],
    crds=[*execution_crds(), *crds()],
    objects=[*rbac_manifests(CATALOG), web(), api()],
    steps=carried_out,
    invariants=INVARIANTS,
    controlplane=[GarbageCollection(), Jobs(run=command), Deployments()],
    allowed=told_why,
    ignore=[
        "KubernetesExecution.status.executionResults.duration",
        # The uid of the workflow is in the spec.
        "KubernetesExecution.status.specDigest",
        # What people note on a target is a part of its state.
        "KubernetesExecution.status.rollbackInformation.stateAfter",
        "WorkflowExecution.status.executionSnapshot",
    ],
)

failing_second = replace(two_steps, name="failing-second", steps=undone)

one_target = replace(
    two_steps,
    name="one-target",
    steps=two_at_once,
    invariants=(
        *INVARIANTS,
        always(one_workflow_acts_at_a_time, kinds=[WorkflowExecution]),
    ),
)

deletion = replace(two_steps, name="deletion", steps=deleted_half_way)

SCENARIOS = (two_steps, failing_second, one_target, deletion)
