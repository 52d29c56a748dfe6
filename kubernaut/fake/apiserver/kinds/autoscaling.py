"""HorizontalPodAutoscalers: what they want when they do not say."""

from __future__ import annotations

from kubernaut.fake.apiserver.kinds.base import Kind, Object, ensure

_CPU_PERCENT = 80


class AutoscalerKind(Kind):
    """At least one pod, at four fifths of its processor time (autoscaling/v2's defaults)."""

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        spec.setdefault("minReplicas", 1)
        if obj["apiVersion"] == "autoscaling/v1":
            spec.setdefault("targetCPUUtilizationPercentage", _CPU_PERCENT)
        elif not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": _CPU_PERCENT}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {"desiredReplicas": 0}
