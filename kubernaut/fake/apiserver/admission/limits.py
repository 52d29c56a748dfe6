"""LimitRanges: defaults for containers, bounds for pods, containers and volume claims (plugin LimitRanger)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubernaut.fake.apiserver.admission.attributes import Attributes, Object
from kubernaut.fake.apiserver.follow import Followed
from kubernaut.fake.apiserver.quantity import Amounts, amounts, total
from kubernaut.fake.apiserver.status import forbidden
from kubernaut.fake.apiserver.storage import Storage

_ANNOTATION = "kubernetes.io/limit-ranger"
_LISTS = (("containers", "container"), ("initContainers", "init container"))


class LimitRanges:
    """The limits of each namespace."""

    def __init__(self, storage: Storage) -> None:
        self._ranges = Followed(storage, "limitranges", lambda obj: (obj.get("spec") or {}).get("limits") or [])

    def _items(self, namespace: str, kind: str) -> list[Mapping[str, Any]]:
        return [item for limits in self._ranges.within(namespace) for item in limits if item.get("type") == kind]

    def admit(self, attributes: Attributes, pod: Object) -> None:
        """Fills the defaults into containers, and says so in an annotation."""
        items = self._items(attributes.namespace, "Container")
        limits = {name: value for item in items for name, value in (item.get("default") or {}).items()}
        requests = {name: value for item in items for name, value in (item.get("defaultRequest") or {}).items()}
        if not limits and not requests:
            return
        said: list[str] = []
        for plural, word in _LISTS:
            for container in pod["spec"].get(plural) or ():
                said += _fill(container, "requests", requests, f"request for {word}")
                said += _fill(container, "limits", limits, f"limit for {word}")
        if said:
            notes = pod["metadata"].setdefault("annotations", {})
            notes[_ANNOTATION] = f"LimitRanger plugin set: {'; '.join(said)}"

    def validate(self, attributes: Attributes) -> None:
        """Raises StatusError 403 that names every bound exceeded."""
        obj, namespace = attributes.obj or {}, attributes.namespace
        problems: list[str] = []
        if attributes.store == "pods":
            spec = obj["spec"]
            for item in self._items(namespace, "Container"):
                for plural, _ in _LISTS:
                    for container in spec.get(plural) or ():
                        problems += _bounds(item, *_resources(container))
            for item in self._items(namespace, "Pod"):
                found = [_resources(container) for container in spec.get("containers") or ()]
                problems += _bounds(item, total(each[0] for each in found), total(each[1] for each in found))
        else:
            requests = amounts((obj["spec"].get("resources") or {}).get("requests"))
            for item in self._items(namespace, "PersistentVolumeClaim"):
                problems += _claim_bounds(item, requests)
        if problems:
            resource = attributes.resource
            text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise forbidden(resource.group, resource.plural, attributes.name, text)


def _fill(container: Object, part: str, defaults: Mapping[str, Any], what: str) -> list[str]:
    if not defaults:
        return []
    given = container.setdefault("resources", {}).setdefault(part, {})
    missing = sorted(name for name in defaults if name not in given)
    given.update((name, defaults[name]) for name in missing)
    if not given:
        del container["resources"][part]
    return [f"{', '.join(missing)} {what} {container.get('name', '')}"] if missing else []


def _resources(container: Mapping[str, Any]) -> tuple[Amounts, Amounts]:
    found = container.get("resources") or {}
    return amounts(found.get("requests")), amounts(found.get("limits"))


def _bounds(item: Mapping[str, Any], requests: Amounts, limits: Amounts) -> Iterator[str]:
    kind = item["type"]
    for name, bound in sorted(amounts(item.get("min")).items()):
        head = f"minimum {name} usage per {kind} is {bound}"
        if name not in requests:
            yield f"{head}.  No request is specified"
        elif requests[name] < bound:
            yield f"{head}, but request is {requests[name]}"
        elif name in limits and limits[name] < bound:
            yield f"{head}, but limit is {limits[name]}"
    for name, bound in sorted(amounts(item.get("max")).items()):
        head = f"maximum {name} usage per {kind} is {bound}"
        if name not in limits:
            yield f"{head}.  No limit is specified"
        elif limits[name] > bound:
            yield f"{head}, but limit is {limits[name]}"
        elif name in requests and requests[name] > bound:
            yield f"{head}, but request is {requests[name]}"
    for name, bound in sorted(amounts(item.get("maxLimitRequestRatio")).items()):
        head = f"{name} max limit to request ratio per {kind} is {bound}"
        if not (name in requests and requests[name].amount) or not (name in limits and limits[name].amount):
            yield f"{head}, but no request is specified or request is 0"
        elif (ratio := limits[name].amount / requests[name].amount) > bound.amount:
            yield f"{head}, but provided ratio is {ratio:.6f}"


def _claim_bounds(item: Mapping[str, Any], requests: Amounts) -> Iterator[str]:
    for word, sign in (("minimum", -1), ("maximum", 1)):
        for name, bound in sorted(amounts(item.get("min" if sign < 0 else "max")).items()):
            head = f"{word} {name} usage per {item['type']} is {bound}"
            if name not in requests:
                yield f"{head}.  No request is specified"
            elif (requests[name].amount - bound.amount) * sign > 0:
                yield f"{head}, but request is {requests[name]}"
