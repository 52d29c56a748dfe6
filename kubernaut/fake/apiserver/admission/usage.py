"""What objects count against a ResourceQuota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from kubernaut.fake.apiserver.kinds.podspec import qos_class
from kubernaut.fake.apiserver.quantity import Amounts, Quantity, amounts, total
from kubernaut.fake.apiserver.registry import ResourceInfo

Object = Mapping[str, Any]
_ONE = Quantity(Decimal(1))
# resources that are counted by their bare name too
_PLAIN = frozenset(
    ["pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims"]
)
_BARE = ("cpu", "memory", "ephemeral-storage")  # these stand for requests.*


def counted_name(resource: ResourceInfo) -> str:
    return f"count/{resource.plural}.{resource.group}" if resource.group else f"count/{resource.plural}"


def usage(resource: ResourceInfo, obj: Object) -> Amounts:
    """All that an object counts for, by the names of a quota's `hard`."""
    store = resource.store
    if store == "pods" and (obj.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return {counted_name(resource): _ONE}
    found: Amounts = {counted_name(resource): _ONE}
    if store in _PLAIN:
        found[store] = _ONE
    if store == "pods":
        found.update(_of_pod(obj["spec"]))
    elif store == "services":
        found.update(_of_service(obj["spec"]))
    elif store == "persistentvolumeclaims":
        found.update(_of_claim(obj["spec"]))
    return found


def _of_pod(spec: Object) -> Amounts:
    found: Amounts = {}
    for part, prefix in (("requests", "requests."), ("limits", "limits.")):
        running = total(amounts((item.get("resources") or {}).get(part)) for item in spec.get("containers") or ())
        for item in spec.get("initContainers") or ():
            for name, amount in amounts((item.get("resources") or {}).get(part)).items():
                if name not in running or amount > running[name]:
                    running[name] = amount
        found.update((prefix + name, amount) for name, amount in running.items())
        if part == "requests":
            found.update((name, amount) for name, amount in running.items() if name in _BARE)
    return found


def _of_service(spec: Object) -> Amounts:
    kind, ports = spec.get("type"), len(spec.get("ports") or ())
    found: Amounts = {}
    if kind in ("NodePort", "LoadBalancer"):
        found["services.nodeports"] = Quantity(Decimal(ports))
    if kind == "LoadBalancer":
        found["services.loadbalancers"] = _ONE
    return found


def _of_claim(spec: Object) -> Amounts:
    requests = amounts((spec.get("resources") or {}).get("requests"))
    found: Amounts = {}
    if "storage" in requests:
        found["requests.storage"] = requests["storage"]
    name = spec.get("storageClassName")
    if name:
        prefix = f"{name}.storageclass.storage.k8s.io"
        found[f"{prefix}/persistentvolumeclaims"] = _ONE
        if "storage" in requests:
            found[f"{prefix}/requests.storage"] = requests["storage"]
    return found


def unspecified(spec: Object, wanted: list[str]) -> Iterator[str]:
    """`name for: containers` of each compute resource of `wanted` that some container does not ask for."""
    for name in sorted(wanted):
        part, _, what = name.partition(".")
        if what not in _BARE:
            part, what = "requests", name
        if what not in ("cpu", "memory"):
            continue
        missing = [
            item.get("name", "")
            for plural in ("initContainers", "containers")
            for item in spec.get(plural) or ()
            if what not in ((item.get("resources") or {}).get(part) or {})
        ]
        if missing:
            yield f"{name} for: {','.join(sorted(missing))}"


def in_scopes(quota: Object, resource: ResourceInfo, obj: Object) -> bool:
    """Whether a quota with scopes is about the object; such quotas are about pods only."""
    spec = quota.get("spec") or {}
    terms = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    terms += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if not terms:
        return True
    return resource.store == "pods" and all(_in_scope(term, obj["spec"]) for term in terms)


def _in_scope(term: Object, spec: Object) -> bool:
    match term.get("scopeName"):
        case "BestEffort":
            return qos_class(spec) == "BestEffort"
        case "NotBestEffort":
            return qos_class(spec) != "BestEffort"
        case "Terminating":
            return spec.get("activeDeadlineSeconds") is not None
        case "NotTerminating":
            return spec.get("activeDeadlineSeconds") is None
        case "PriorityClass":
            name, values = spec.get("priorityClassName") or "", term.get("values") or ()
            match term.get("operator"):
                case "In":
                    return name in values
                case "NotIn":
                    return name not in values
                case "DoesNotExist":
                    return not name
            return bool(name)
    return False
