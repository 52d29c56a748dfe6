"""What changed in a cluster between two dumps, field by field, without what a server writes by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Document = Mapping[str, Any]
Key = tuple[str, str, str, str]

SERVER_METADATA = frozenset({"resourceVersion", "managedFields", "generation", "uid", "creationTimestamp", "selfLink"})

BOOKKEEPING = frozenset(
    {
        "Event",
        "Lease",
        "ControllerRevision",
        "EndpointSlice",
        "Endpoints",
        "RemediationRequest",
        "RemediationProcessing",
        "AIAnalysis",
        "WorkflowExecution",
        "KubernetesExecution",
        "ApprovalRequest",
    }
)
"""Kinds that only tell how the work went: the timeline has shown them already."""

TIMES = frozenset(
    {"lastTransitionTime", "lastUpdateTime", "lastHeartbeatTime", "lastProbeTime", "observedGeneration", "startTime"}
)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after; None where it was not there."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object that was created, deleted or modified."""

    kind: str
    namespace: str
    name: str
    change: Literal["created", "deleted", "modified"]
    fields: tuple[FieldChange, ...] = ()

    def as_json(self) -> dict[str, Any]:
        fields = [{"path": f.path, "before": f.before, "after": f.after} for f in self.fields]
        return {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "change": self.change,
            "fields": fields,
        }


def changes(
    before: Iterable[Document], after: Iterable[Document], *, ignored_namespaces: frozenset[str]
) -> list[ObjectChange]:
    """The objects that differ, modified ones first, each group ordered by kind, namespace and name."""
    old, new = _by_key(before, ignored_namespaces), _by_key(after, ignored_namespaces)
    found = [change for key in sorted(old.keys() | new.keys()) if (change := _compare(key, old.get(key), new.get(key)))]
    order = {"modified": 0, "created": 1, "deleted": 2}
    return sorted(found, key=lambda change: order[change.change])


def _by_key(documents: Iterable[Document], ignored_namespaces: frozenset[str]) -> dict[Key, Document]:
    result: dict[Key, Document] = {}
    for document in documents:
        metadata = document["metadata"]
        if document["kind"] in BOOKKEEPING or metadata.get("namespace") in ignored_namespaces:
            continue
        group = str(document["apiVersion"]).rpartition("/")[0]
        result[(document["kind"], group, metadata.get("namespace", ""), metadata["name"])] = document
    return result


def _compare(key: Key, before: Document | None, after: Document | None) -> ObjectChange | None:
    kind, _, namespace, name = key
    if before is None:
        return ObjectChange(kind, namespace, name, "created")
    if after is None:
        return ObjectChange(kind, namespace, name, "deleted")
    if before["metadata"].get("uid") != after["metadata"].get("uid"):
        return ObjectChange(kind, namespace, name, "modified", (FieldChange("(replaced by a new object)", None, None),))
    fields = tuple(_differences("", before, after))
    return ObjectChange(kind, namespace, name, "modified", fields) if fields else None


def _differences(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            if not _is_noise(path, name):
                yield from _differences(f"{path}.{name}" if path else name, before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list) and _are_named(before) and _are_named(after):
        old, new = _named(before), _named(after)
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(f"{path}[{name}]", old.get(name), new.get(name))
    elif before != after:
        yield FieldChange(path, before, after)


def _is_noise(path: str, name: str) -> bool:
    return name in TIMES or (path == "metadata" and name in SERVER_METADATA)


def _are_named(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, Mapping) and _name_of(item) for item in items)


def _named(items: list[Any]) -> dict[str, Any]:
    return {_name_of(item): item for item in items}


def _name_of(item: Mapping[str, Any]) -> str:
    """Conditions are told apart by type, containers and the like by name."""
    return str(item.get("type") or item.get("name") or "")
