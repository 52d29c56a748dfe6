"""Deployments, ReplicaSets, Jobs and the like: defaults and immutable fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubernaut.fake.apiserver.kinds.base import Kind, Object, ensure
from kubernaut.fake.apiserver.kinds.podspec import default_pod_spec, pod_spec_causes
from kubernaut.fake.apiserver.selectors import from_label_selector, matches_labels
from kubernaut.fake.apiserver.status import CauseLike, forbidden_field, invalid_value, required

JOB_LABELS = ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name")


def _shown(value: Any) -> str:
    text: bytes = msgspec.json.encode(value)
    return text.decode()


def _default_template(spec: Object) -> None:
    template = ensure(spec, "template")
    ensure(template, "metadata")
    default_pod_spec(ensure(template, "spec"))


def negative(spec: Mapping[str, Any], *names: str) -> list[CauseLike]:
    """Causes for the counts below zero."""
    text = "must be greater than or equal to 0"
    return [
        invalid_value(f"spec.{name}", str(spec[name]), text)
        for name in names
        if isinstance(spec.get(name), int) and spec[name] < 0
    ]


def selector_causes(obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
    """A selector is required, never changes, and selects the template."""
    spec, causes = obj["spec"], list[CauseLike]()
    selector = spec.get("selector")
    if not selector:
        causes.append(required("spec.selector"))
        text = "`selector` does not match template `labels`"
        labels = spec["template"]["metadata"].get("labels") or {}
        return [*causes, invalid_value("spec.template.metadata.labels", _shown(labels), text)]
    labels = spec["template"]["metadata"].get("labels") or {}
    try:
        requirements = from_label_selector(selector)
    except ValueError as error:
        return [invalid_value("spec.selector", _shown(selector), str(error))]
    if not matches_labels(requirements, labels):
        causes.append(
            invalid_value(
                "spec.template.metadata.labels", _shown(labels), "`selector` does not match template `labels`"
            )
        )
    if old is not None and old["spec"].get("selector") != selector:
        causes.append(invalid_value("spec.selector", _shown(selector), "field is immutable"))
    return causes


_STATEFUL = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _stateful_causes(spec: Mapping[str, Any], old: Mapping[str, Any]) -> list[CauseLike]:
    names = [*spec, *(name for name in old if name not in spec)]
    if all(spec.get(name) == old.get(name) for name in names if name not in (*_STATEFUL, "selector")):
        return []
    listed = ", ".join(f"'{name}'" for name in _STATEFUL[:-1])
    text = f"updates to statefulset spec for fields other than {listed} and '{_STATEFUL[-1]}' are forbidden"
    return [forbidden_field("spec", text)]


class ReplicatedKind(Kind):
    """A kind with a selector and a pod template."""

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        _default_template(spec)
        kind = obj["kind"]
        if kind == "StatefulSet":
            spec.setdefault("podManagementPolicy", "OrderedReady")
            spec.setdefault("revisionHistoryLimit", 10)
            spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
            spec.setdefault("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"})
        if kind == "DaemonSet":
            spec.setdefault("revisionHistoryLimit", 10)
            rolling = {"maxUnavailable": 1, "maxSurge": 0}
            spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
        else:
            spec.setdefault("replicas", 1)
        if kind == "ReplicationController":
            spec.setdefault("selector", dict(spec["template"]["metadata"].get("labels") or {}))

    def prepare_create(self, obj: Object) -> None:
        counts = {
            "DaemonSet": ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")
        }
        obj["status"] = dict.fromkeys(counts.get(obj["kind"], ("replicas",)), 0)
        if obj["kind"] == "StatefulSet":
            obj["status"]["availableReplicas"] = 0

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        causes = negative(obj["spec"], "replicas", "minReadySeconds")
        if obj["kind"] != "ReplicationController":
            causes += selector_causes(obj, old)
        if obj["kind"] == "StatefulSet" and old is not None:
            causes += _stateful_causes(obj["spec"], old["spec"])
        return causes + pod_spec_causes(obj["spec"]["template"]["spec"], "spec.template.spec", ("Always",))


class DeploymentKind(ReplicatedKind):
    """A ReplicatedKind with a roll-out strategy."""

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        _default_template(spec)
        for name, value in (("replicas", 1), ("revisionHistoryLimit", 10), ("progressDeadlineSeconds", 600)):
            spec.setdefault(name, value)
        strategy = ensure(spec, "strategy")
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = ensure(strategy, "rollingUpdate")
            rolling.setdefault("maxUnavailable", "25%")
            rolling.setdefault("maxSurge", "25%")

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {}

    def prepare_status(self, old: Mapping[str, Any], new: Object) -> None:
        new["metadata"].pop("labels", None)
        if "labels" in old["metadata"]:
            new["metadata"]["labels"] = old["metadata"]["labels"]


class JobKind(Kind):
    """A Job's selector and template labels are the server's; its template does not change."""

    orphans_by_default = True

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        _default_template(spec)
        spec.setdefault("backoffLimit", 6)
        spec.setdefault("completionMode", "NonIndexed")
        spec.setdefault("suspend", False)
        spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
        spec.setdefault("manualSelector", False)
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        spec.setdefault("parallelism", 1)

    def prepare_create(self, obj: Object) -> None:
        spec, metadata = obj["spec"], obj["metadata"]
        obj["status"] = {}
        if spec["manualSelector"]:
            return
        uid, name = metadata["uid"], metadata["name"]
        values = (uid, name, uid, name)
        labels = ensure(ensure(spec["template"], "metadata"), "labels")
        labels.update(zip(JOB_LABELS, values, strict=True))
        if not metadata.get("labels"):
            metadata["labels"] = dict(labels)
        spec["selector"] = {"matchLabels": {JOB_LABELS[0]: uid}}

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        spec = obj["spec"]
        causes = negative(
            spec, "parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"
        )
        if old is None:
            template = spec["template"]["spec"]
            causes += pod_spec_causes(template, "spec.template.spec", ("Always", "OnFailure", "Never"))
            if template.get("restartPolicy") == "Always":
                causes.append(required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"'))
            return causes
        for name in ("completions", "selector", "template", "completionMode", "podFailurePolicy"):
            if spec.get(name) != old["spec"].get(name) and not (name == "template" and old["spec"].get("suspend")):
                causes.append(invalid_value(f"spec.{name}", _shown(spec.get(name)), "field is immutable"))
        return causes


class CronJobKind(Kind):
    """Defaults of a CronJob and of its template."""

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        for name, value in (
            ("concurrencyPolicy", "Allow"),
            ("suspend", False),
            ("successfulJobsHistoryLimit", 3),
            ("failedJobsHistoryLimit", 1),
        ):
            spec.setdefault(name, value)
        _default_template(ensure(ensure(spec, "jobTemplate"), "spec"))

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {}


class LeaseKind(Kind):
    """Its durations are positive."""

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        spec, causes = obj.get("spec") or {}, list[CauseLike]()
        seconds, moves = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
        if seconds is not None and seconds <= 0:
            causes.append(invalid_value("spec.leaseDurationSeconds", str(seconds), "must be greater than 0"))
        if moves is not None and moves < 0:
            text = "must be greater than or equal to 0"
            causes.append(invalid_value("spec.leaseTransitions", str(moves), text))
        return causes


class PdbKind(Kind):
    """A budget starts with nothing allowed."""

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = dict.fromkeys(("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"), 0)
