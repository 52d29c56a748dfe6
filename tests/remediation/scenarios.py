"""What KubernetesExecution is explored with: an execution that scales, one whose Job fails, one deleted half-way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID, Catalog, rbac_manifests
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, Phase, crds, executions
from kubernaut.remediation.execution.phases import PHASES
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
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

CONFIG = ExecutionConfig(catalog=Catalog.builtin(), evaluator=allow_all(), allow_unstamped=True)
EXECUTOR = CONFIG.executor_namespace
TARGET = "/apis/apps/v1/namespaces/shop/deployments/web"
BEFORE, AFTER = 2, 5


def deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": BEFORE, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


def execution() -> KubernetesExecution:
    target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    spec = {"action": "scale-deployment", "target": target, "parameters": {"replicas": AFTER}, "timeout": "30s"}
    return KubernetesExecution.from_dict({"metadata": {"name": "fix", "namespace": "shop"}, "spec": spec})


def scale(job: Mapping[str, Any], stage: Stage) -> JobEnd:
    """What `kubectl scale --current-replicas` does."""
    argv = job["spec"]["template"]["spec"]["containers"][0]["command"]
    wanted, current = (int(argv[argv.index(option) + 1]) for option in ("--replicas", "--current-replicas"))
    live = stage.ask("GET", TARGET, actor="kubectl")
    if live is None or live["spec"]["replicas"] != current:
        return JobEnd(1, "error: expected replicas do not match")
    patch = {"spec": {"replicas": wanted}}
    stage.ask("PATCH", TARGET, patch, actor="kubectl", kind="application/merge-patch+json")
    return JobEnd(message="deployment.apps/web scaled")


async def scaled(world: World) -> None:
    await world.client.create(execution())
    await world.settled()


async def deleted_half_way(world: World) -> None:
    await world.client.create(execution())
    await world.until(lambda view: bool(view.all(Job)), within=timedelta(minutes=5))
    await world.sleep(seconds=0.5)
    await world.client.delete(KubernetesExecution, "fix", namespace="shop")
    await world.settled()


# What must hold.


def no_job_without_rollback_information(view: View) -> str | None:
    """A Job may exist only once the status of its execution tells the way back."""
    jobs = view.all(Job, EXECUTOR)
    by_uid = {each.uid: each for each in view.all(KubernetesExecution)} if jobs else {}
    for job in jobs:
        owner = by_uid.get(job.metadata.labels.get(LABEL_EXECUTION_ID, ""))
        if owner is not None and (owner.status.rollback_information is None or owner.status.job_name != job.name):
            return f"Job {job.name} exists, and the status of {owner.name} does not tell the way back"
    return None


def phases_follow_the_table(before: KubernetesExecution | None, after: KubernetesExecution | None) -> str | None:
    if before is None or after is None or before.status.phase == after.status.phase:
        return None
    old, new = before.status.phase, after.status.phase
    right = {Phase.VALIDATING} if old is None else PHASES[old].next | {Phase.FAILED}
    return None if new in right and not (old and PHASES[old].terminal) else f"phase {new} came after {old}"


def the_target_changes_once(view: View) -> str | None:
    web = view.get(Deployment, "web", "shop")
    replicas = web.spec.replicas if web is not None else BEFORE
    return None if replicas in (BEFORE, AFTER) else f"the target has {replicas} replicas"


def one_mutation(before: Deployment | None, after: Deployment | None) -> str | None:
    if before is None or after is None or before.spec.replicas == after.spec.replicas:
        return None
    told = f"{before.spec.replicas} -> {after.spec.replicas}"
    return None if (before.spec.replicas, after.spec.replicas) == (BEFORE, AFTER) else f"a second mutation: {told}"


def no_job_outlives_its_execution(view: View) -> str | None:
    alive = {each.uid for each in view.all(KubernetesExecution)}
    left = [job.name for job in view.all(Job) if job.metadata.labels.get(LABEL_EXECUTION_ID) not in alive]
    return f"Job {left[0]} is left behind" if left else None


def every_execution_ends(view: View) -> str | None:
    for each in view.all(KubernetesExecution):
        if each.status.phase not in (Phase.ROLLBACK_READY, Phase.COMPLETED, Phase.FAILED):
            return f"execution {each.name} is still {each.status.phase}"
        way_back = each.status.rollback_information
        if each.status.phase == Phase.ROLLBACK_READY and not (way_back and way_back.available):
            return "rollback_ready without a way back"
    return None


def failed_and_told_why(view: View) -> bool:
    """Right where time ran out or a person came between: it failed, says why, and what was done is known."""
    found = view.all(KubernetesExecution)
    return all(each.status.phase == Phase.FAILED and each.status.reason and each.status.message for each in found)


def succeeded_without_its_pod(view: View) -> bool:
    """Right where a person deleted the pod before its end was read: the Job says that it succeeded, and nobody how."""
    results = [each.status.execution_results for each in view.all(KubernetesExecution)]
    return bool(results) and all(each is not None and each.success and each.exit_code is None for each in results)


INVARIANTS = (
    at_most_once(Job, by=lambda job: job.metadata.labels.get(LABEL_EXECUTION_ID)),
    always(no_job_without_rollback_information, kinds=[Job, KubernetesExecution]),
    on_change(KubernetesExecution, phases_follow_the_table),
    on_change(Deployment, one_mutation),
    eventually(no_job_outlives_its_execution),
    eventually(every_execution_ends),
)

scale_deployment = Scenario(
    name="scale-deployment",
    controllers=lambda: [executions(CONFIG)],
    crds=list(crds()),
    objects=[*rbac_manifests(CONFIG.catalog), deployment()],
    steps=scaled,
    invariants=INVARIANTS,
    controlplane=[GarbageCollection(), Jobs(run=scale), Deployments()],
    allowed=lambda view: failed_and_told_why(view) or succeeded_without_its_pod(view),
    ignore=["KubernetesExecution.status.executionResults.duration"],
)

failing_job = replace(
    scale_deployment,
    name="failing-job",
    controlplane=[GarbageCollection(), Jobs(run=lambda job, stage: JobEnd(3, "no such file")), Deployments()],
)

deletion_half_way = replace(scale_deployment, name="deletion-half-way", steps=deleted_half_way)

SCENARIOS = (scale_deployment, failing_job, deletion_half_way)
