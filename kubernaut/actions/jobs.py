"""The Job that carries out one action."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kubernaut.actions.action import FILES_PATH
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Secret

LABEL_EXECUTION_ID = "kubernaut.io/execution-id"
LABEL_ACTION = "kubernaut.io/action"
LABEL_DRY_RUN = "kubernaut.io/dry-run"
ANNOTATION_EXECUTION_NAMESPACE = "kubernaut.io/execution-namespace"
ANNOTATION_EXECUTION_NAME = "kubernaut.io/execution-name"
MANAGED_BY = {"app.kubernetes.io/managed-by": "kubernaut"}
CONTAINER = "action"
FILES = "files"
START_ALLOWANCE = timedelta(seconds=120)
RUN_AS = 65532

_MAX_NAME = 63
_UID_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """Everything the Job depends on.

    `timeout` is the command's own time: scheduling and image pull get 120 s more. `max_retries` counts only for
    idempotent actions and dry runs. `attempt` tells the dry runs of one execution apart. `namespace` is the executor's.
    `avoid_node` keeps the pod off one node. `files` are texts by name, brought by a Secret of the Job's name that must
    be created once the Job exists: see `build_secret`. `finalizers` are those of the Job: whoever names some takes them
    off.
    """

    execution_name: str
    execution_namespace: str
    execution_uid: str
    action: str
    argv: Sequence[str]
    image: str
    service_account: str
    namespace: str
    timeout: timedelta
    max_retries: int = 0
    idempotent: bool = False
    dry_run: bool = False
    attempt: int = 1
    avoid_node: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    finalizers: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.timeout <= timedelta():
            raise ValueError(f"timeout must be longer than zero, got {self.timeout}")
        if self.attempt < 1:
            raise ValueError(f"attempt counts from 1, got {self.attempt}")
        if self.max_retries < 0:
            raise ValueError(f"max_retries must not be negative, got {self.max_retries}")
        if not self.argv:
            raise ValueError("argv must name a program")
        if not self.execution_uid:
            raise ValueError("execution_uid must be known: it makes the Job's name")

    @property
    def name(self) -> str:
        """That of the Job, and of the Secret with its files."""
        return job_name(self.action, self.execution_uid, self.dry_run, self.attempt)

    @property
    def repeatable(self) -> bool:
        """True when running the command again does no harm."""
        return self.idempotent or self.dry_run


def job_name(action: str, uid: str, dry_run: bool = False, attempt: int = 1) -> str:
    """`exec-<action>-<10 hex of the uid>`, for the dry run with `-dry` behind it, for its repetitions with `-dry-2`.

    Deterministic, a DNS-1123 label of at most 63 characters. An action name that is too long is cut and hashed, so that
    two long names never meet.
    """
    dry = ("-dry" if attempt == 1 else f"-dry-{attempt}") if dry_run else ""
    suffix = f"-{_uid_digits(uid)}{dry}"
    room = _MAX_NAME - len("exec-") - len(suffix)
    return f"exec-{_label(action, room)}{suffix}"


def build_job(plan: JobPlan) -> Job:
    """The Job object, ready to be created. It has no TTL: that is patched in once the result is stored."""
    return Job.from_dict(job_manifest(plan))


def job_manifest(plan: JobPlan) -> dict[str, Any]:
    """The same as a JSON dict."""
    labels, annotations = _labels(plan), _annotations(plan)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": plan.name,
            "namespace": plan.namespace,
            "labels": labels,
            "annotations": annotations,
            **({"finalizers": list(plan.finalizers)} if plan.finalizers else {}),
        },
        "spec": {
            "backoffLimit": plan.max_retries if plan.repeatable else 0,
            "activeDeadlineSeconds": math.ceil((plan.timeout + START_ALLOWANCE).total_seconds()),
            "parallelism": 1,
            "completions": 1,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": [_on_disruption(plan.repeatable)]},
            "template": {
                "metadata": {"labels": dict(labels), "annotations": dict(annotations)},
                "spec": _pod_spec(plan),
            },
        },
    }


def build_secret(plan: JobPlan, job: Job) -> Secret | None:
    """The Secret with the Job's files, owned by the Job and gone with it; None where there are none.

    Immutable: what was approved is what the pod reads. The pod cannot start before the Secret is there.
    """
    if not plan.files:
        return None
    metadata = {
        "name": job.name,
        "namespace": job.namespace,
        "labels": _labels(plan),
        "annotations": _annotations(plan),
        "ownerReferences": [
            {"apiVersion": "batch/v1", "kind": "Job", "name": job.name, "uid": job.uid, "controller": True}
        ],
    }
    return Secret.from_dict({"metadata": metadata, "immutable": True, "stringData": dict(plan.files)})


def secret_name(job: Job) -> str | None:
    """The name of the Secret without which the Job's pod does not start; None where it needs none."""
    return job.name if any(volume.name == FILES for volume in job.spec.template.spec.volumes) else None


def _labels(plan: JobPlan) -> dict[str, str]:
    labels = {**MANAGED_BY, LABEL_EXECUTION_ID: plan.execution_uid, LABEL_ACTION: _label(plan.action, _MAX_NAME)}
    return {**labels, LABEL_DRY_RUN: "true"} if plan.dry_run else labels


def _annotations(plan: JobPlan) -> dict[str, str]:
    return {
        ANNOTATION_EXECUTION_NAMESPACE: plan.execution_namespace,
        ANNOTATION_EXECUTION_NAME: plan.execution_name,
    }


def _on_disruption(repeatable: bool) -> dict[str, Any]:
    # An evicted pod may already have done its work: only what may be repeated is started again.
    return {
        "action": "Ignore" if repeatable else "FailJob",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }


def _pod_spec(plan: JobPlan) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": plan.service_account,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": RUN_AS,
            "runAsGroup": RUN_AS,
            "fsGroup": RUN_AS,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(plan)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }
    if plan.files:
        spec["volumes"].append({"name": FILES, "secret": {"secretName": plan.name, "defaultMode": 0o440}})
        spec["containers"][0]["volumeMounts"].append({"name": FILES, "mountPath": FILES_PATH, "readOnly": True})
    if plan.avoid_node:
        term = {"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": [plan.avoid_node]}]}
        spec["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        }
    return spec


def _container(plan: JobPlan) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": plan.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(plan.argv),
        # kubectl keeps its discovery cache under HOME, and the root file system is read-only.
        "env": [{"name": "HOME", "value": "/tmp"}],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": RUN_AS,
            "runAsGroup": RUN_AS,
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _uid_digits(uid: str) -> str:
    digits = uid.replace("-", "").lower()[:_UID_DIGITS]
    if re.fullmatch(rf"[0-9a-f]{{{_UID_DIGITS}}}", digits):
        return digits
    return hashlib.sha256(uid.encode()).hexdigest()[:_UID_DIGITS]


def _label(text: str, room: int) -> str:
    """`text` as a DNS-1123 label of at most `room` characters; one that had to change carries a hash."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if plain == text and len(plain) <= room:
        return plain
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{plain[: room - 9].rstrip('-')}-{digest}".lstrip("-")
