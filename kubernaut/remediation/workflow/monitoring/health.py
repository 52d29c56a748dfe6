"""The default monitor: what the built-in kinds, and conditions by their usual names, say about health."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kubernaut.reconcile import Permission
from kubernaut.remediation.workflow.seams import Health

if TYPE_CHECKING:
    from kubernaut.client import Client
    from kubernaut.resources import ResourceType

USUAL = ("Ready", "Available", "Healthy")
"""Conditions that say, in kinds without rules here, whether an object is well."""

Object = Mapping[str, Any]


class KubernetesMonitor:
    """By the object alone, which is read already.

    Deployment, StatefulSet, DaemonSet: the controller has seen the newest spec, the rollout is done, all pods are
    ready. ReplicaSet: all pods are ready. Pod: ready, or succeeded. Job: complete. Node: ready; one that is cordoned
    was taken out of service, which says nothing. Others: the conditions in `USUAL`, where they have any.
    """

    permissions: Sequence[Permission] = ()

    async def look(self, client: Client, kind: ResourceType, live: Object) -> Health | None:
        """See `Monitor.look`."""
        judge = _JUDGES.get((kind.group, kind.kind), _by_conditions)
        return judge(live)


def _deployment(live: Object) -> Health | None:
    status, wanted = _status(live), _replicas(live)
    trouble = _condition(live, "ReplicaFailure")
    if trouble is not None and trouble.get("status") == "True":
        return Health(False, f"pods cannot be made: {trouble.get('message') or trouble.get('reason')}")
    return _rollout(live, wanted, status.get("updatedReplicas", 0), status.get("availableReplicas", 0), _total(live))


def _stateful_set(live: Object) -> Health | None:
    status, wanted = _status(live), _replicas(live)
    rolling = ((live.get("spec") or {}).get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"
    partition = (((live.get("spec") or {}).get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition", 0)
    same = status.get("currentRevision") == status.get("updateRevision")
    updated = wanted if same or not rolling else status.get("updatedReplicas", 0) + min(partition, wanted)
    return _rollout(live, wanted, min(updated, wanted), status.get("readyReplicas", 0), _total(live))


def _daemon_set(live: Object) -> Health | None:
    status = _status(live)
    wanted = status.get("desiredNumberScheduled", 0)
    on_delete = ((live.get("spec") or {}).get("updateStrategy") or {}).get("type") == "OnDelete"
    updated = wanted if on_delete else status.get("updatedNumberScheduled", 0)
    return _rollout(live, wanted, updated, status.get("numberAvailable", 0), wanted)


def _replica_set(live: Object) -> Health | None:
    wanted = _replicas(live)
    return _rollout(live, wanted, wanted, _status(live).get("readyReplicas", 0), _total(live))


def _rollout(live: Object, wanted: int, updated: int, ready: int, total: int) -> Health:
    if _status(live).get("observedGeneration", 0) < (live.get("metadata") or {}).get("generation", 0):
        return Health(False, "its controller has not seen the newest spec yet")
    if updated < wanted:
        return Health(False, f"{updated} of {wanted} pods are updated")
    if total > wanted:
        return Health(False, f"{total - wanted} old pods are still there")
    return Health(ready >= wanted, f"{ready} of {wanted} pods are ready")


def _pod(live: Object) -> Health | None:
    phase = _status(live).get("phase", "Unknown")
    if phase == "Succeeded":
        return Health(True, "the pod has succeeded")
    ready = _is_true(_condition(live, "Ready"))
    return Health(phase == "Running" and ready, f"the pod is {phase} and {'ready' if ready else 'not ready'}")


def _job(live: Object) -> Health | None:
    if _is_true(_condition(live, "Complete")):
        return Health(True, "the Job is complete")
    failed = _condition(live, "Failed")
    if _is_true(failed):
        return Health(
            False, f"the Job has failed: {(failed or {}).get('message') or 'it does not say why'}", final=True
        )
    return Health(False, "the Job runs")


def _node(live: Object) -> Health | None:
    if (live.get("spec") or {}).get("unschedulable"):
        return None
    ready = _is_true(_condition(live, "Ready"))
    return Health(ready, f"the node is {'ready' if ready else 'not ready'}")


def _by_conditions(live: Object) -> Health | None:
    found = [each for name in USUAL if (each := _condition(live, name)) is not None]
    if not found:
        return None
    observed, generation = _status(live).get("observedGeneration"), (live.get("metadata") or {}).get("generation")
    if isinstance(observed, int) and isinstance(generation, int) and observed < generation:
        return Health(False, "its controller has not seen the newest spec yet")
    bad = [each for each in found if not _is_true(each)]
    if not bad:
        return Health(True, f"{found[0]['type']} is True")
    return Health(False, f"{bad[0]['type']} is {bad[0].get('status')}: {bad[0].get('message') or bad[0].get('reason')}")


_JUDGES: Mapping[tuple[str, str], Callable[[Object], Health | None]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "Node"): _node,
}


def _status(live: Object) -> Mapping[str, Any]:
    status = live.get("status")
    return status if isinstance(status, Mapping) else {}


def _replicas(live: Object) -> int:
    """Left out, it is one."""
    replicas = (live.get("spec") or {}).get("replicas")
    return replicas if isinstance(replicas, int) else 1


def _total(live: Object) -> int:
    return int(_status(live).get("replicas", 0))


def _condition(live: Object, name: str) -> Mapping[str, Any] | None:
    """The condition of that type; whoever wrote the object may have written anything there."""
    conditions = _status(live).get("conditions")
    for each in conditions if isinstance(conditions, list) else ():
        if isinstance(each, Mapping) and each.get("type") == name:
            return each
    return None


def _is_true(condition: Mapping[str, Any] | None) -> bool:
    return condition is not None and condition.get("status") == "True"
