"""Deployments whose pods are ready a second after each change, without the pods."""

from __future__ import annotations

from dataclasses import dataclass

from kubernaut.fake.apiserver.snapshot import Event
from kubernaut.testing.exploration.simulated.base import Stage

__all__ = ["Deployments"]

ACTOR = "deployment-controller"


@dataclass(frozen=True, slots=True)
class Deployments:
    """Sets the status that a Deployment has when all its pods are ready, `seconds` after each change of its spec."""

    seconds: float = 1.0

    def start(self, stage: Stage) -> None:
        """See Simulated.start."""

        def changed(kind: str, event: Event, actor: str) -> None:
            if kind == "apps/deployments" and event.type != "DELETED":
                obj = event.object.decode()
                generation = obj["metadata"].get("generation", 1)
                if (obj.get("status") or {}).get("observedGeneration") != generation:
                    stage.later(self.seconds + stage.delay, lambda: ready(event.object.namespace, event.object.name))

        def ready(namespace: str, name: str) -> None:
            stored = stage.storage.get("apps/deployments", namespace, name)
            obj = stored.decode() if stored is not None else None
            if obj is None:
                return
            generation, replicas = obj["metadata"].get("generation", 1), obj["spec"].get("replicas", 1)
            if (obj.get("status") or {}).get("observedGeneration") == generation:
                return
            counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), replicas)
            condition = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
            obj["status"] = {"observedGeneration": generation, **counts, "conditions": [condition]}
            stage.put(obj, actor=ACTOR)

        stage.subscribe(changed)
