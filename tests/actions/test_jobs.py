"""The Job of an action."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.actions import JobPlan, build_job, build_secret, job_name, secret_name

UID = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
PLAN = JobPlan(
    execution_name="fix-web",
    execution_namespace="production",
    execution_uid=UID,
    action="scale-deployment",
    argv=["kubectl", "scale", "deployment/web"],
    image="kubectl:test",
    service_account="action-scale-deployment",
    namespace="kubernaut-executor",
    timeout=timedelta(seconds=30),
    max_retries=3,
)


def manifest(**changes: Any) -> dict[str, Any]:
    return build_job(replace(PLAN, **changes)).to_dict()


@pytest.mark.parametrize("action", ["restart-pod", "x" * 80, "Weird_Name", "a." * 60, "-"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_names_are_labels_and_deterministic(action: str, dry_run: bool) -> None:
    name = job_name(action, UID, dry_run)
    assert re.fullmatch(r"exec-[a-z0-9]([-a-z0-9]*[a-z0-9])?-1b9d6bcdbb(-dry)?", name)
    assert len(name) <= 63
    assert name == job_name(action, UID, dry_run)


def test_names_tell_actions_executions_and_dry_runs_apart() -> None:
    assert job_name("restart-pod", UID) == "exec-restart-pod-1b9d6bcdbb"
    assert job_name("x" * 80, UID) != job_name("x" * 81, UID)
    assert job_name("restart-pod", UID) != job_name("restart-pod", UID, dry_run=True)
    assert job_name("restart-pod", UID) != job_name("restart-pod", "other")
    assert job_name("restart-pod", UID, True, 2) == "exec-restart-pod-1b9d6bcdbb-dry-2"
    assert len(job_name("x" * 80, UID, True, 12)) == 63
    plan = replace(PLAN, dry_run=True, attempt=2, files={"a": "b"})
    job = build_job(plan)
    job.metadata.uid = "u"
    assert job.name == plan.name == "exec-scale-deployment-1b9d6bcdbb-dry-2"
    secret = build_secret(plan, job)
    assert secret is not None and secret.name == secret_name(job) == job.name


def test_identity_travels_in_labels_and_annotations_of_job_and_pod() -> None:
    job = manifest()
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert metadata["labels"]["kubernaut.io/execution-id"] == UID
        assert metadata["labels"]["kubernaut.io/action"] == "scale-deployment"
        assert metadata["annotations"]["kubernaut.io/execution-namespace"] == "production"
        assert metadata["annotations"]["kubernaut.io/execution-name"] == "fix-web"
    assert "ownerReferences" not in job["metadata"]
    assert job["metadata"]["namespace"] == "kubernaut-executor"


def test_what_is_not_idempotent_runs_once() -> None:
    spec = manifest()["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["podFailurePolicy"]["rules"][0]["action"] == "FailJob"


@pytest.mark.parametrize("changes", [{"idempotent": True}, {"dry_run": True}])
def test_what_may_be_repeated_is_retried(changes: dict[str, bool]) -> None:
    spec = manifest(**changes)["spec"]
    assert spec["backoffLimit"] == 3
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert spec["podFailurePolicy"] == {"rules": [rule]}


def test_deadline_replacement_and_ttl() -> None:
    spec = manifest(timeout=timedelta(milliseconds=500))["spec"]
    assert spec["activeDeadlineSeconds"] == 121
    assert manifest()["spec"]["activeDeadlineSeconds"] == 150
    assert spec["podReplacementPolicy"] == "Failed"
    assert "ttlSecondsAfterFinished" not in spec


def test_the_pod_is_hardened() -> None:
    pod = manifest()["spec"]["template"]["spec"]
    container = pod["containers"][0]
    security = container["securityContext"]
    assert pod["restartPolicy"] == "Never"
    assert pod["serviceAccountName"] == "action-scale-deployment"
    assert pod["securityContext"]["runAsUser"] == security["runAsUser"] == 65532
    assert security["runAsNonRoot"] is security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is security["privileged"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert set(container["resources"]) == {"requests", "limits"}
    assert container["command"] == ["kubectl", "scale", "deployment/web"]


def test_a_node_can_be_avoided() -> None:
    affinity = manifest(avoid_node="n1")["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    term = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]
    assert term["matchFields"] == [{"key": "metadata.name", "operator": "NotIn", "values": ["n1"]}]


def test_files_come_by_an_immutable_secret_that_belongs_to_the_job() -> None:
    plan = replace(PLAN, files={"patch.json": "[1]"})
    job = build_job(plan)
    job.metadata.uid = "job-uid"
    pod = job.to_dict()["spec"]["template"]["spec"]
    assert {"name": "files", "secret": {"secretName": job.name, "defaultMode": 0o440}} in pod["volumes"]
    mount = {"name": "files", "mountPath": "/var/run/kubernaut", "readOnly": True}
    assert mount in pod["containers"][0]["volumeMounts"]
    secret = build_secret(plan, job)
    assert secret is not None and secret_name(job) == secret.name == job.name
    assert secret.immutable and secret.namespace == "kubernaut-executor"
    assert secret.value("patch.json") == b"[1]"
    assert [(owner.kind, owner.uid) for owner in secret.metadata.owner_references] == [("Job", "job-uid")]
    assert secret.metadata.labels["kubernaut.io/execution-id"] == UID


def test_without_files_there_is_no_secret() -> None:
    job = build_job(PLAN)
    assert build_secret(PLAN, job) is None
    assert secret_name(job) is None


@pytest.mark.parametrize(
    "changes", [{"timeout": timedelta()}, {"max_retries": -1}, {"argv": []}, {"execution_uid": ""}]
)
def test_plans_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        replace(PLAN, **changes)
