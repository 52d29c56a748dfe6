"""rollback-deployment: bring back the pod template of an earlier revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import Field

from kubernaut.actions.action import BaseAction, Invocation, Need, file_path, live_uid, rule
from kubernaut.actions.builtin.workloads import patch_argv, pod_template, test, test_uid
from kubernaut.actions.documents import compact
from kubernaut.actions.parameters import ParameterError, Parameters
from kubernaut.actions.rollback import CaptureFailed, RollbackInformation, inverse
from kubernaut.actions.target import Target, TargetError
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

REVISION = "deployment.kubernetes.io/revision"
HASH_LABEL = "pod-template-hash"
_PATCH_FILE = "patch.json"


class RollbackDeploymentParameters(Parameters):
    """Which revision; the one before the present by default."""

    to_revision: int | None = Field(
        default=None,
        ge=1,
        le=2**31 - 1,
        description="Revision to return to, 1 or higher; the one before the present if left out.",
    )


class RollbackDeployment(BaseAction[RollbackDeploymentParameters]):
    """The revision is looked up in the Deployment's ReplicaSets before the Job: the command carries a template, and the
    present one as its precondition, where `kubectl rollout undo` would take whatever is the last when it runs.

    Not idempotent: the precondition makes a second run fail rather than undo somebody's change.
    """

    name = "rollback-deployment"
    title = "Roll back a Deployment"
    parameters = RollbackDeploymentParameters
    risk = "medium"
    undone_by = "rollback-deployment"
    default_timeout = timedelta(seconds=30)
    targets = (Deployment.resource_type,)
    reads = (ReplicaSet.resource_type,)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return rule("apps", "deployments", "get", "patch", target=target)

    def needs(self, invocation: Invocation[RollbackDeploymentParameters]) -> Sequence[Need]:
        selector = (invocation.live.get("spec") or {}).get("selector") or {}
        labels = selector.get("matchLabels") or {}
        return [Need(ReplicaSet.resource_type, namespace=invocation.target.namespace, labels=labels)]

    def command(self, invocation: Invocation[RollbackDeploymentParameters]) -> list[str]:
        _wanted(invocation)
        return [
            *patch_argv(Deployment.resource_type, invocation.target, "json"),
            "--patch-file",
            file_path(_PATCH_FILE),
        ]

    def files(
        self, invocation: Invocation[RollbackDeploymentParameters], *, dry_run: bool = False
    ) -> Mapping[str, str]:
        _, template = _wanted(invocation)
        patch = [
            test_uid(invocation),
            test("/spec/template", pod_template(invocation.live)),
            {"op": "replace", "path": "/spec/template", "value": template},
        ]
        return {_PATCH_FILE: compact(patch)}

    def capture(self, invocation: Invocation[RollbackDeploymentParameters]) -> RollbackInformation | None:
        _, template = _wanted(invocation)
        present = pod_template(invocation.live)
        if _comparable(template) == _comparable(present):
            return None
        for number, known in _revisions(invocation).items():
            if _comparable(known) == _comparable(present):
                return inverse(invocation.live, self.name, {"toRevision": number})
        raise CaptureFailed("the present pod template is not a revision yet, so nothing could lead back to it")


def _wanted(invocation: Invocation[RollbackDeploymentParameters]) -> tuple[int, dict[str, Any]]:
    """The revision that is meant, and its template. Raises ParameterError and TargetError."""
    if (invocation.live.get("spec") or {}).get("paused"):
        raise TargetError("target", f"{invocation.target} is paused: nothing would be rolled back")
    found, wanted = _revisions(invocation), invocation.parameters.to_revision
    known = ", ".join(str(number) for number in sorted(found)) or "none"
    if wanted is None:
        earlier = sorted(found)[:-1]
        if not earlier:
            text = f"{invocation.target} has no earlier revision; it has: {known}"
            raise ParameterError("parameters.toRevision", text)
        wanted = earlier[-1]
    if wanted not in found:
        text = f"{invocation.target} has no revision {wanted}; it has: {known}"
        raise ParameterError("parameters.toRevision", text)
    return wanted, found[wanted]


def _revisions(invocation: Invocation[RollbackDeploymentParameters]) -> dict[int, dict[str, Any]]:
    """The templates of the Deployment's own ReplicaSets, without the label that tells them apart."""
    owner = live_uid(invocation)
    found: dict[int, dict[str, Any]] = {}
    for replica_set in invocation.related:
        metadata = replica_set["metadata"]
        owners = [each.get("uid") for each in metadata.get("ownerReferences") or () if each.get("controller")]
        number = (metadata.get("annotations") or {}).get(REVISION, "")
        if owner in owners and number.isdecimal():
            found[int(number)] = _without_hash(pod_template(replica_set))
    return found


def _without_hash(template: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": metadata}


def _comparable(template: Mapping[str, Any]) -> dict[str, Any]:
    """Servers differ in whether a template has an empty creationTimestamp."""
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value not in (None, {}, "")}
    return {**template, "metadata": metadata}
