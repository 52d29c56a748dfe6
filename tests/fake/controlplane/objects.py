"""Objects that the tests of the control plane create, and what they ask about them."""

from datetime import timedelta
from typing import Any

from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster, PodScript
from kubernaut.resources.builtin.apps_v1 import DaemonSet, Deployment, StatefulSet
from kubernaut.resources.builtin.batch_v1 import CronJob, Job
from kubernaut.resources.builtin.core_v1 import Event, Pod, Service

SECOND = timedelta(seconds=1)
CRASHES = PodScript(exit_code=1)


def template(name: str, image: str = "nginx:1", **spec: Any) -> dict[str, Any]:
    containers = spec.pop("containers", [{"name": "main", "image": image}])
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers, **spec}}


def _workload(name: str, pod: dict[str, Any] | None, spec: dict[str, Any]) -> dict[str, Any]:
    chosen = {"selector": {"matchLabels": {"app": name}}, "template": template(name, **(pod or {}))}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {**chosen, **spec}}


def deployment(name: str = "web", replicas: int = 2, pod: dict[str, Any] | None = None, **spec: Any) -> Deployment:
    return Deployment.from_dict(_workload(name, pod, {"replicas": replicas, **spec}))


def stateful_set(name: str = "db", replicas: int = 3, pod: dict[str, Any] | None = None, **spec: Any) -> StatefulSet:
    return StatefulSet.from_dict(_workload(name, pod, {"replicas": replicas, "serviceName": name, **spec}))


def daemon_set(name: str = "agent", pod: dict[str, Any] | None = None, **spec: Any) -> DaemonSet:
    return DaemonSet.from_dict(_workload(name, pod, spec))


def job(name: str = "task", command: str = "true", pod: dict[str, Any] | None = None, **spec: Any) -> Job:
    return Job.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": job_spec(command, pod, **spec)})


def job_spec(command: str = "true", pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "busybox", "command": command.split()}]
    chosen = {"restartPolicy": "Never", "containers": containers, **(pod or {})}
    return {"template": {"spec": chosen}, **spec}


def cron_job(name: str = "tick", schedule: str = "*/5 * * * *", command: str = "true", **spec: Any) -> CronJob:
    body = {"schedule": schedule, "jobTemplate": {"spec": job_spec(command)}, **spec}
    return CronJob.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": body})


def pod(name: str = "p", **spec: Any) -> Pod:
    chosen = {"containers": [{"name": "main", "image": "nginx"}], **spec}
    return Pod.from_dict({"metadata": {"name": name, "namespace": "default", "labels": {"app": name}}, "spec": chosen})


def service(name: str = "web", **spec: Any) -> Service:
    chosen = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return Service.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": chosen})


async def pods(cluster: FakeCluster, **labels: str) -> list[Pod]:
    found = list(await cluster.client.list(Pod, namespace="default", labels=labels or None))
    return sorted(found, key=lambda one: one.name)


async def the_pod(cluster: FakeCluster, name: str = "p") -> Pod:
    return await cluster.client.get(Pod, name, namespace="default")


async def patch(cluster: FakeCluster, kind: Any, name: str, body: dict[str, Any], **more: Any) -> None:
    namespace = "default" if kind.resource_type.namespaced else None
    await cluster.client.patch(kind, name, MergePatch(body), namespace=namespace, **more)


async def set_image(cluster: FakeCluster, kind: Any, name: str, image: str) -> None:
    containers = [{"name": "main", "image": image}]
    await patch(cluster, kind, name, {"spec": {"template": {"spec": {"containers": containers}}}})


async def events(cluster: FakeCluster, kind: str, name: str | None = None) -> list[tuple[str, str]]:
    """Reason and message of what was told of objects, oldest first."""
    listed = sorted(await cluster.client.list(Event), key=lambda one: int(one.metadata.resource_version or 0))
    found = [
        event for event in listed if event.involved_object.kind == kind and name in (None, event.involved_object.name)
    ]
    return [(event.reason or "", event.message or "") for event in found]


async def reasons(cluster: FakeCluster, kind: str, name: str | None = None) -> list[str]:
    return [reason for reason, _ in await events(cluster, kind, name)]


def true_conditions(status: Any) -> dict[str, str]:
    return {c.type: c.reason for c in status.conditions if c.status == "True"}


def condition(status: Any, kind: str) -> tuple[str, str, str]:
    """Status, reason and message."""
    found = next(c for c in status.conditions if c.type == kind)
    return found.status, found.reason, found.message
