"""How the workloads and nodes of a demo are, told in a line whenever that changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubernaut.remediation.processing.texts import dig, mappings, number

Document = Mapping[str, Any]

HEALTHY, UNHEALTHY, OUT_OF_SERVICE = "healthy", "unhealthy", "out of service"
STUCK = ("ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError")


@dataclass(frozen=True, slots=True)
class Health:
    """How one workload or node is. `key`: what has to differ for it to be worth telling again."""

    kind: str
    namespace: str
    name: str
    phase: str
    message: str
    key: tuple[Any, ...]


def look(objects: Iterable[Document], ignored_namespaces: Iterable[str]) -> Iterator[Health]:
    """The health of every Deployment, and of every node, by what is there."""
    found = [each for each in objects if dig(each, "metadata", "namespace") not in ignored_namespaces]
    pods = [each for each in found if each["kind"] == "Pod" and not dig(each, "metadata", "deletionTimestamp")]
    for each in found:
        if each["kind"] == "Deployment":
            yield _deployment(each, [pod for pod in pods if _selected(each, pod)])
        elif each["kind"] == "Node":
            yield _node(each, [pod for pod in pods if dig(pod, "spec", "nodeName") == each["metadata"]["name"]])


def _deployment(deployment: Document, pods: list[Document]) -> Health:
    wanted = number(deployment, "spec", "replicas", default=1)
    ready = sum(_is_ready(pod) for pod in pods)
    troubles = sorted(filter(None, (_trouble(pod) for pod in pods)))
    words = sorted({word for word, _ in troubles})
    healthy = ready == wanted == len(pods) and not troubles and _is_rolled_out(deployment, wanted)
    message = f"{ready} of {wanted} pods ready"
    if troubles:
        told = ", ".join(f"{sum(word == each for each, _ in troubles)} {word}" for word in words)
        most = max(restarts for _, restarts in troubles)
        message += f", {told}" + (f", {most} restarts" if most > 1 else "")
    images = [str(each.get("image")) for each in mappings(dig(deployment, "spec", "template", "spec", "containers"))]
    message += f", image {', '.join(image.rpartition('/')[2] for image in images)}"
    key = (healthy, tuple(words), wanted if healthy else None, tuple(images) if healthy else ())
    return _health(deployment, HEALTHY if healthy else UNHEALTHY, message, key)


def _is_rolled_out(deployment: Document, wanted: int) -> bool:
    """Whether the pods are those of what is asked for now, not of what was asked for before."""
    seen = number(deployment, "status", "observedGeneration") >= number(deployment, "metadata", "generation")
    return seen and number(deployment, "status", "updatedReplicas") == wanted


def _node(node: Document, pods: list[Document]) -> Health:
    conditions = {
        str(each.get("type")): str(each.get("status")) for each in mappings(dig(node, "status", "conditions"))
    }
    ready, cordoned = conditions.get("Ready") == "True", dig(node, "spec", "unschedulable") is True
    message = ("ready" if ready else "not ready") + (", cordoned" if cordoned else "")
    running = len(pods)
    told = f"{message}, {running} pod{'s' if running != 1 else ''}"
    key = (ready, cordoned) if ready or running else (ready, cordoned, "empty")
    phase = HEALTHY if ready else OUT_OF_SERVICE if cordoned and not running else UNHEALTHY
    return _health(node, phase, told, key)


def _health(document: Document, phase: str, message: str, key: tuple[Any, ...]) -> Health:
    metadata = document["metadata"]
    return Health(document["kind"], metadata.get("namespace", ""), metadata["name"], phase, message, key)


def _selected(deployment: Document, pod: Document) -> bool:
    labels = dig(pod, "metadata", "labels") or {}
    same_place = dig(pod, "metadata", "namespace") == dig(deployment, "metadata", "namespace")
    selector = dig(deployment, "spec", "selector", "matchLabels") or {}
    return same_place and bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _is_ready(document: Document) -> bool:
    return any(
        each.get("type") == "Ready" and each.get("status") == "True"
        for each in mappings(dig(document, "status", "conditions"))
    )


def _trouble(pod: Document) -> tuple[str, int] | None:
    """What is wrong with a pod, in a word, and how often it was restarted; None where nothing is known to be."""
    for container in mappings(dig(pod, "status", "containerStatuses")):
        restarts = number(container, "restartCount")
        waiting = dig(container, "state", "waiting", "reason")
        if waiting in STUCK:
            return str(waiting), restarts
        ended = dig(container, "state", "terminated") or dig(container, "lastState", "terminated")
        if isinstance(ended, Mapping) and number(ended, "exitCode"):
            word = "out of memory" if ended.get("reason") == "OOMKilled" else "crashing"
            return word, restarts
    for condition in mappings(dig(pod, "status", "conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return "unschedulable", 0
    return None
