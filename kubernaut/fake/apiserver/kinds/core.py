"""The kinds of the core group that need more than the generic behaviour."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from kubernaut.fake.apiserver.kinds.base import Kind, Object, ensure
from kubernaut.fake.apiserver.kinds.mappings import drop_empty, map_causes, secret_causes
from kubernaut.fake.apiserver.kinds.podspec import default_container, default_pod_spec, pod_spec_causes, qos_class
from kubernaut.fake.apiserver.kinds.services import service_causes
from kubernaut.fake.apiserver.status import CauseLike, forbidden_field, invalid_value, required

_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class ReturnedKind(Kind):
    """A kind whose deletion answers with the object."""

    returns_deleted = True


class PodKind(ReturnedKind):
    """Defaults, quality of service, an almost immutable spec, graceful deletion."""

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        default_pod_spec(spec)
        spec.setdefault("enableServiceLinks", True)

    def admit(self, obj: Object) -> None:
        spec = obj["spec"]
        # set by the admission plugin DefaultTolerationSeconds
        tolerations = spec.setdefault("tolerations", [])
        for key in _TOLERATED:
            if not any(
                item.get("key") in (key, None) and item.get("effect") in ("NoExecute", None) for item in tolerations
            ):
                tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {"phase": "Pending", "qosClass": qos_class(obj["spec"])}

    def prepare_status(self, old: Mapping[str, Any], new: Object) -> None:
        for condition in new.get("status", {}).get("conditions") or []:
            for name in ("lastProbeTime", "lastTransitionTime"):
                condition.setdefault(name, None)

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        if old is None:
            return pod_spec_causes(obj["spec"], "spec", ("Always", "OnFailure", "Never"))
        if _frozen(obj["spec"]) != _frozen(old["spec"]):
            text = (
                "pod updates may not change fields other than"
                " `spec.containers[*].image`,`spec.initContainers[*].image`,"
            )
            text += "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            text += "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
            return [forbidden_field("spec", text)]
        return list(
            _deadline_causes(obj["spec"].get("activeDeadlineSeconds"), old["spec"].get("activeDeadlineSeconds"))
        )

    def take_part(self, name: str, old: Mapping[str, Any], new: Object) -> None:
        wanted, spec = new["spec"], dict(old["spec"])
        if name == "ephemeralcontainers":
            spec["ephemeralContainers"] = wanted.get("ephemeralContainers") or []
            for container in spec["ephemeralContainers"]:
                default_container(container)
        elif name == "resize":
            given = {item.get("name"): item for item in wanted.get("containers") or ()}
            spec["containers"] = [_resized(item, given.get(item.get("name")) or item) for item in spec["containers"]]
        else:
            return
        new["spec"] = spec

    def part_causes(self, name: str, obj: Mapping[str, Any], old: Mapping[str, Any]) -> list[CauseLike]:
        if name != "ephemeralcontainers":
            return [] if name == "resize" else self.causes(obj, old)
        found: list[CauseLike] = []
        after = obj["spec"].get("ephemeralContainers") or []
        path = "spec.ephemeralContainers"
        for index, container in enumerate(after):
            found += [required(f"{path}[{index}].{key}") for key in ("name", "image") if not container.get(key)]
        for container in old["spec"].get("ephemeralContainers") or ():
            name = container["name"]
            same = next((item for item in after if item.get("name") == name), None)
            if same is None:
                found.append(forbidden_field(path, f'existing ephemeral containers "{name}" may not be removed\n'))
            elif same != container:
                found.append(forbidden_field(path, f'existing ephemeral containers "{name}" may not be changed\n'))
        return found

    def grace(self, obj: Mapping[str, Any], wanted: int | None) -> int | None:
        spec = obj.get("spec", {})
        period: int = spec.get("terminationGracePeriodSeconds", 30) if wanted is None else wanted
        if not spec.get("nodeName") or obj.get("status", {}).get("phase") in ("Failed", "Succeeded"):
            return 0
        return max(period, 0)


def _resized(container: Mapping[str, Any], wanted: Mapping[str, Any]) -> Object:
    parts = {name: wanted[name] for name in ("resources", "resizePolicy") if name in wanted}
    return {**container, **parts}


def _deadline_causes(seconds: int | None, before: int | None) -> Iterator[CauseLike]:
    """A deadline may be set and shortened."""
    field = "spec.activeDeadlineSeconds"
    if before is not None and seconds is None:
        yield invalid_value(field, "null", "must not update from a positive integer to nil value")
    elif before is not None and seconds is not None and seconds > before:
        yield invalid_value(field, str(seconds), "must be less than or equal to previous value")


def _frozen(spec: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        key: value
        for key, value in spec.items()
        if key not in ("activeDeadlineSeconds", "tolerations", "schedulingGates")
    }
    for name in ("containers", "initContainers"):
        if name in kept:
            kept[name] = [{key: value for key, value in item.items() if key != "image"} for item in kept[name]]
    return kept


class NamespaceKind(ReturnedKind):
    """Carries its own name as a label, and is finalized through its spec."""

    def default(self, obj: Object) -> None:
        name = obj["metadata"].get("name")
        if name:
            ensure(obj["metadata"], "labels")["kubernetes.io/metadata.name"] = name

    def prepare_create(self, obj: Object) -> None:
        finalizers = ensure(obj, "spec").setdefault("finalizers", [])
        if "kubernetes" not in finalizers:
            finalizers.append("kubernetes")
        obj["status"] = {"phase": "Active"}

    def prepare_update(self, old: Mapping[str, Any], new: Object) -> None:
        new["spec"] = old.get("spec", {})


class NodeKind(Kind):
    """A node's taint follows from nothing here; its spec starts empty."""

    created_with_status = True

    def default(self, obj: Object) -> None:
        ensure(obj, "spec")
        ensure(obj, "status")


class SecretKind(Kind):
    """stringData becomes data."""

    def default(self, obj: Object) -> None:
        obj.setdefault("type", "Opaque")
        drop_empty(obj)
        for key, value in (obj.pop("stringData", None) or {}).items():
            ensure(obj, "data")[key] = base64.b64encode(value.encode()).decode()

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        causes: list[CauseLike] = []
        if old is not None and obj.get("type") != old.get("type"):
            causes.append(invalid_value("type", f'"{obj.get("type")}"', "field is immutable"))
        return causes + secret_causes(obj, old)


class ConfigMapKind(Kind):
    """May be immutable; its keys are file names."""

    def default(self, obj: Object) -> None:
        drop_empty(obj)

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        return map_causes(obj, old)


class EventKind(Kind):
    """Old clients leave out fields that the server still writes."""

    def default(self, obj: Object) -> None:
        newer = obj["apiVersion"] != "v1"
        for name in (
            ("deprecatedFirstTimestamp", "deprecatedLastTimestamp") if newer else ("firstTimestamp", "lastTimestamp")
        ):
            obj.setdefault(name, None)
        obj.setdefault("eventTime", None)
        for name in ("reportingController" if newer else "reportingComponent", "reportingInstance"):
            obj.setdefault(name, "")
        obj.setdefault("deprecatedSource" if newer else "source", {})


class ServiceKind(ReturnedKind):
    """Defaults of a Service; the cluster IP is given once and kept."""

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
        for port in spec.get("ports") or []:
            port.setdefault("protocol", "TCP")
            port.setdefault("targetPort", port.get("port"))
        if spec["type"] != "ExternalName":
            spec.setdefault("internalTrafficPolicy", "Cluster")
        obj.setdefault("status", {"loadBalancer": {}})

    def prepare_create(self, obj: Object) -> None:
        spec = obj["spec"]
        if spec["type"] == "ExternalName":
            return
        if not spec.get("clusterIP"):
            # derived from the uid: the same run gives the same addresses
            number = int(obj["metadata"]["uid"].replace("-", ""), 16)
            spec["clusterIP"] = f"10.{96 + number % 16}.{number // 16 % 256}.{1 + number // 4096 % 254}"
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")

    def prepare_update(self, old: Mapping[str, Any], new: Object) -> None:
        spec = new["spec"]
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not spec.get(name) and name in old["spec"] and spec["type"] != "ExternalName":
                spec[name] = old["spec"][name]

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        return service_causes(obj, old)
