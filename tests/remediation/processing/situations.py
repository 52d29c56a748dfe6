"""Workloads in trouble, made for real on the fake cluster, and the facts that the controller gathers about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from kubernaut.client import MergePatch
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.remediation.processing import Facts, ProcessingConfig, RemediationProcessing, crds
from kubernaut.resources import StatusBase
from kubernaut.resources.builtin.apps_v1 import DaemonSet, Deployment, StatefulSet
from kubernaut.resources.builtin.batch_v1 import CronJob, Job
from kubernaut.resources.builtin.core_v1 import Namespace, Node, Pod
from kubernaut.resources.builtin.pods import Container
from kubernaut.testing import Cluster

NAMESPACE = "shop"
BROKEN = "web:broken"
CRASHING = PodScript(
    exit_code=3, run_time=timedelta(seconds=2), ready=False, log="loading config\nfatal: no route to db\n"
)
OUT_OF_MEMORY = PodScript(exit_code=137, run_time=timedelta(seconds=20), reason="OOMKilled", log="allocating\n")
UNPULLABLE = PodScript(waiting="ImagePullBackOff", waiting_message='Back-off pulling image "web:broken"')
UNREADY = PodScript(ready=False)

TRUSTED = ProcessingConfig(trusted_namespaces=frozenset({NAMESPACE}))
"""Processings in the namespace may look at nodes as well."""

Labels = Mapping[str, str]
Status = Literal["True", "False", "Unknown"]


def by_image(scripts: Mapping[str, PodScript]) -> Any:
    """Containers behave as their image says."""

    def behave(pod: Pod, container: Container, restarts: int) -> PodScript | None:
        return scripts.get(container.image or "")

    return behave


def template(image: str = "web:1", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container], **spec}}


def workload(kind: str = "Deployment", image: str = "web:1", replicas: int = 2, **spec: Any) -> dict[str, Any]:
    wanted = {} if kind == "DaemonSet" else {"replicas": replicas}
    selector = {"matchLabels": {"app": "web"}}
    return {
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {**wanted, "selector": selector, "template": template(image), **spec},
    }


async def prepare(cluster: Cluster, labels: Labels | None = None, *more: dict[str, Any]) -> None:
    """The CRDs, and the namespace of the target."""
    await cluster.load([*crds(), *more])
    metadata = {"name": NAMESPACE, "labels": dict(labels or {"environment": "staging"})}
    await cluster.client.create(Namespace.from_dict({"metadata": metadata}))


async def deploy(cluster: Cluster, image: str = "web:1", **spec: Any) -> None:
    await cluster.client.create(Deployment.from_dict(workload(image=image, **spec)))
    await cluster.settled()


async def roll_out(cluster: Cluster, image: str = BROKEN, kind: type[Any] = Deployment, minutes: float = 3) -> None:
    """Another image, and time for it to show what it does."""
    patch = MergePatch({"spec": {"template": template(image)}})
    await cluster.client.patch(kind, "web", patch, namespace=NAMESPACE)
    await cluster.advance(minutes=minutes)


async def stateful(cluster: Cluster, image: str = "web:1") -> None:
    await cluster.client.create(StatefulSet.from_dict(workload("StatefulSet", image, serviceName="web")))
    await cluster.settled()


async def everywhere(cluster: Cluster, image: str = "web:1") -> None:
    await cluster.client.create(DaemonSet.from_dict(workload("DaemonSet", image)))
    await cluster.settled()


async def failing_job(cluster: Cluster) -> None:
    spec = {"backoffLimit": 1, "template": template("report:1", restartPolicy="Never")}
    await cluster.client.create(Job.from_dict({"metadata": {"name": "report", "namespace": NAMESPACE}, "spec": spec}))
    await cluster.advance(minutes=2)


async def failing_cron_job(cluster: Cluster) -> None:
    job = {"spec": {"backoffLimit": 0, "template": template("report:1", restartPolicy="Never")}}
    spec = {"schedule": "* * * * *", "jobTemplate": job}
    metadata = {"name": "nightly", "namespace": NAMESPACE}
    await cluster.client.create(CronJob.from_dict({"metadata": metadata, "spec": spec}))
    await cluster.advance(minutes=3)


async def set_node_condition(cluster: Cluster, node: str, type: str, status: Status, reason: str) -> None:
    """As a node's kubelet, or the node lifecycle controller, reports it."""
    live = await cluster.client.get(Node, node)
    condition = next((each for each in live.status.conditions if each.type == type), None)
    assert condition is not None
    condition.status, condition.reason, condition.message = status, reason, f"{reason} on {node}"
    await cluster.client.update_status(live)
    await cluster.settled()


def signal(name: str = "KubePodCrashLooping", severity: str = "critical", at: datetime | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "fingerprint": "f1", "severity": severity, "source": "alertmanager"}
    return found | ({"startsAt": at.isoformat().replace("+00:00", "Z")} if at else {})


def processing(target: dict[str, Any], name: str = "rr-1", **said: Any) -> RemediationProcessing:
    spec = {"signal": signal(**said), "target": target}
    return RemediationProcessing.from_dict({"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec})


def at(kind: str, name: str = "web", namespace: str | None = NAMESPACE) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"kind": kind, "name": name, **place}


WEB = at("Deployment")


async def gathered(cluster: Cluster, target: dict[str, Any], name: str = "rr-1", **said: Any) -> Facts:
    """The facts about a target; the processing controller must be running."""
    await cluster.client.create(processing(target, name, **said))
    await cluster.advance(seconds=20)
    status = (await cluster.client.get(RemediationProcessing, name, namespace=NAMESPACE)).status
    assert status.phase == "completed", status.to_dict()
    assert status.facts is not None
    return status.facts


def condition_of(status: StatusBase, type: str) -> str:
    found = status.condition(type)
    assert found is not None
    return f"{found.status} {found.reason}"
