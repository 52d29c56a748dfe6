"""Defaults and checks of a pod's spec, alone and inside templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubernaut.fake.apiserver.kinds.base import Object
from kubernaut.fake.apiserver.quantity import amounts
from kubernaut.fake.apiserver.status import Cause, CauseLike, invalid_value, not_supported, required

_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def default_pod_spec(spec: Object) -> None:
    """What the server fills into every pod spec."""
    for name, value in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("schedulerName", "default-scheduler"),
    ):
        spec.setdefault(name, value)
    spec.setdefault("securityContext", {})
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for name in ("initContainers", "containers"):
        for container in spec.get(name) or []:
            default_container(container)
    for volume in spec.get("volumes") or []:
        _default_volume(volume)


def default_container(container: Object) -> None:
    """What the server fills into every container."""
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = str(container.get("image") or "")
    tag = image.rpartition("/")[2].partition(":")[2]
    if image:
        container.setdefault(
            "imagePullPolicy", "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"
        )
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if isinstance(probe, dict):
            for key, value in _PROBE.items():
                probe.setdefault(key, value)
            if isinstance(probe.get("httpGet"), dict):
                probe["httpGet"].setdefault("path", "/")
                probe["httpGet"].setdefault("scheme", "HTTP")
    for variable in container.get("env") or []:
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if isinstance(reference, dict):
            reference.setdefault("apiVersion", "v1")
    limits = (container["resources"] or {}).get("limits") or {}
    if limits:
        requests = container["resources"].setdefault("requests", {})
        for key, value in limits.items():
            requests.setdefault(key, value)


def _default_volume(volume: Object) -> None:
    for name in ("secret", "configMap", "projected", "downwardAPI"):
        source = volume.get(name)
        if isinstance(source, dict):
            source.setdefault("defaultMode", 420)
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def qos_class(spec: Mapping[str, Any]) -> str:
    """BestEffort, Burstable or Guaranteed."""
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    resources = [container.get("resources") or {} for container in containers]
    if not any(item.get("requests") or item.get("limits") for item in resources):
        return "BestEffort"

    def guaranteed(item: Mapping[str, Any]) -> bool:
        limits, requests = item.get("limits") or {}, item.get("requests") or {}
        return all(name in limits and limits[name] == requests.get(name, limits[name]) for name in ("cpu", "memory"))

    return "Guaranteed" if all(guaranteed(item) for item in resources) else "Burstable"


def pod_spec_causes(spec: Mapping[str, Any], path: str, policies: Iterable[str]) -> list[CauseLike]:
    """Why a pod spec is refused: no containers, no image or name, a restart policy that the kind does not take."""
    causes: list[CauseLike] = []
    containers = spec.get("containers") or []
    if not containers:
        causes.append(required(f"{path}.containers"))
    for list_name in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(list_name) or []):
            for name in ("name", "image"):
                if not container.get(name):
                    causes.append(required(f"{path}.{list_name}[{index}].{name}"))
    causes += _container_causes(spec, path)
    policy, known = spec.get("restartPolicy"), list(policies)
    if policy not in known:
        causes.append(not_supported(f"{path}.restartPolicy", f'"{policy}"', known))
    return causes


def _container_causes(spec: Mapping[str, Any], path: str) -> Iterator[CauseLike]:
    """Names that are there twice, volumes that are not, requests above their limits."""
    volumes = [volume.get("name") for volume in spec.get("volumes") or []]
    names: list[str] = []
    for list_name in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(list_name) or []):
            place, name = f"{path}.{list_name}[{index}]", container.get("name")
            if name and name in names:
                yield Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{place}.name")
            names.append(name)
            for number, mount in enumerate(container.get("volumeMounts") or []):
                if mount.get("name") not in volumes:
                    text = f'Not found: "{mount.get("name", "")}"'
                    yield Cause("FieldValueNotFound", text, f"{place}.volumeMounts[{number}].name")
            yield from _request_causes(container.get("resources") or {}, f"{place}.resources")


def _request_causes(resources: Mapping[str, Any], path: str) -> Iterator[CauseLike]:
    limits = amounts(resources.get("limits"))
    for name, wanted in amounts(resources.get("requests")).items():
        if name in limits and wanted > limits[name]:
            text = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid_value(f"{path}.requests", f'"{wanted}"', text)
