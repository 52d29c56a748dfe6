"""What KubernetesExecution is explored with: it scales, its Job fails, it is deleted half-way, it is audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID, Catalog, rbac_manifests
from kubernaut.audit import AuditEntry, AuditRecord, AuditUnavailable, MemoryAuditStore, verify
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, Phase, crds, executions
from kubernaut.remediation.execution.auditing import audits
from kubernaut.remediation.execution.phases import PHASES
from kubernaut.remediation.execution.types import TERMINAL
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.testing.exploration import (
    Deployments,
    GarbageCollection,
    JobEnd,
    Jobs,
    OutsideError,
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


def no_lease_is_left(view: View) -> str | None:
    left = [each.name for each in view.all(Lease, EXECUTOR)]
    return f"Lease {left[0]} is left behind" if left else None


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
    eventually(no_lease_is_left),
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
    # The digest of the target is over what people annotate it with, too.
    ignore=[
        "KubernetesExecution.status.executionResults.duration",
        "KubernetesExecution.status.rollbackInformation.stateAfter",
    ],
)

failing_job = replace(
    scale_deployment,
    name="failing-job",
    controlplane=[GarbageCollection(), Jobs(run=lambda job, stage: JobEnd(3, "no such file")), Deployments()],
)

deletion_half_way = replace(scale_deployment, name="deletion-half-way", steps=deleted_half_way)

# With the audit log on.


class AuditLog:
    """An audit store somewhere else."""

    def __init__(self) -> None:
        self.store = MemoryAuditStore()

    async def append(self, told: Told) -> AuditRecord:
        return await self.store.append(told.entry)

    def dump(self) -> list[str]:
        return [f"{record.sequence} {record.entry.transition} {record.entry.outcome}" for record in self.store.records]


@dataclass(frozen=True, slots=True)
class Told:
    """An entry, shown by what it says."""

    entry: AuditEntry

    def __str__(self) -> str:
        return f"{self.entry.subject.name} {self.entry.transition}"


class Remote(MemoryAuditStore):
    """The store as the operator has it: what does not answer is away."""

    def __init__(self, log: Any) -> None:
        super().__init__()
        self._log = log

    async def append(self, entry: AuditEntry) -> AuditRecord:
        try:
            record: AuditRecord = await self._log.append(Told(entry))
        except (OutsideError, TimeoutError) as error:
            raise AuditUnavailable(str(error)) from error
        return record


def the_chains_hold(view: View) -> str | None:
    breaks = verify(view.outside.audit.store.records)
    return str(breaks[0]) if breaks else None


def nothing_is_recorded_that_did_not_happen(view: View) -> str | None:
    """A status comes first, its record after it: never more is told than the status of an execution says."""
    happened = {each.uid: [str(one.phase) for one in each.status.transitions] for each in view.all(KubernetesExecution)}
    for uid, phases in happened.items():
        told = recorded(view, uid or "")
        if told != phases[: len(told)]:
            return f"recorded {told} of {phases}"
    return None


def the_audit_is_complete(view: View) -> str | None:
    for each in view.all(KubernetesExecution):
        phases, told = [str(one.phase) for one in each.status.transitions], recorded(view, each.uid or "")
        if told != phases:
            return f"{each.name} went through {phases}, recorded are {told}"
        if each.status.recorded_transitions != len(phases):
            return f"{each.name} says that {each.status.recorded_transitions} of {len(phases)} transitions are recorded"
    return None


def no_story_ends_half_way(view: View) -> str | None:
    """Deleted executions too: what was begun is told to its end."""
    there = [each.uid for each in view.all(KubernetesExecution)]
    for record in view.outside.audit.store.records:
        uid = record.entry.subject.uid
        if uid not in there and recorded(view, uid)[-1] not in TERMINAL:
            return f"of the deleted {record.entry.subject.name} only {recorded(view, uid)} was recorded"
    return None


def recorded(view: View, uid: str) -> list[str]:
    return [each.entry.transition for each in view.outside.audit.store.records if each.entry.subject.uid == uid]


AUDITED = CONFIG.model_copy(update={"audited": True})

audited = replace(
    scale_deployment,
    name="audited",
    controllers=lambda world: [executions(AUDITED), audits(Remote(world.outside.audit), catalog=AUDITED.catalog)],
    outside=lambda: {"audit": AuditLog()},
    invariants=(
        *INVARIANTS,
        always(the_chains_hold, kinds=[KubernetesExecution]),
        always(nothing_is_recorded_that_did_not_happen, kinds=[KubernetesExecution]),
        eventually(the_audit_is_complete),
        eventually(no_story_ends_half_way),
    ),
    # The hash of the last record is over times.
    ignore=[*scale_deployment.ignore, "KubernetesExecution.status.conditions.message"],
)

audited_deletion = replace(audited, name="audited-deletion", steps=deleted_half_way)

SCENARIOS = (scale_deployment, failing_job, deletion_half_way, audited, audited_deletion)
