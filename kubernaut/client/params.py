"""The paths, queries and bodies that Kubernetes' verbs are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from kubernaut.client.errors import TransportError
from kubernaut.resources import Resource, ResourceType

__all__ = ["Propagation", "Query", "Selector"]

Query = tuple[tuple[str, str], ...]
Selector = str | Mapping[str, str] | None
Propagation = Literal["Background", "Foreground", "Orphan"]

METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA_OBJECT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


def namespace_for(rt: ResourceType, namespace: str | None) -> str | None:
    """The namespace in the path: None for cluster-scoped kinds. Raises ValueError when a needed one is missing."""
    if not rt.namespaced:
        return None
    if not namespace:
        raise ValueError(f"{rt.kind} is namespaced: give the namespace")
    return namespace


def object_path(rt: ResourceType, namespace: str | None, name: str | None, subresource: str | None = None) -> str:
    """The path of one object. Raises ValueError when the name or a needed namespace is missing."""
    if not name:
        raise ValueError(f"the {rt.kind} has no name")
    return rt.path(namespace_for(rt, namespace), name, subresource)


def selector_text(selector: Selector) -> str:
    """Kubernetes' text of a selector; a mapping means equality on each key, and equal ones give one text."""
    if isinstance(selector, Mapping):
        return ",".join(f"{key}={selector[key]}" for key in sorted(selector))
    return selector or ""


def list_query(labels: Selector, fields: Selector) -> Query:
    """The query that selects objects."""
    pairs = (("labelSelector", selector_text(labels)), ("fieldSelector", selector_text(fields)))
    return tuple(pair for pair in pairs if pair[1])


def page_query(limit: int | None, continue_token: str | None, resource_version: str | None) -> Query:
    """The query for one page; a token says by itself as of which version the list is."""
    pairs = (
        ("limit", None if limit is None else str(limit)),
        ("resourceVersion", resource_version),
        ("continue", continue_token),
    )
    return tuple((key, value) for key, value in pairs if value is not None)


def watch_query(
    labels: Selector,
    fields: Selector,
    resource_version: str | None,
    timeout_seconds: int | None,
    *,
    bookmarks: bool,
    initial: bool,
) -> Query:
    """The query of a watch; ``initial`` asks for a streaming list, which needs bookmarks to mark its end."""
    pairs = [("watch", "true"), *list_query(labels, fields)]
    if bookmarks or initial:
        pairs.append(("allowWatchBookmarks", "true"))
    if initial:
        pairs += [("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]
    if resource_version is not None:
        pairs.append(("resourceVersion", resource_version))
    if timeout_seconds is not None:
        pairs.append(("timeoutSeconds", str(timeout_seconds)))
    return tuple(pairs)


def apply_query(manager: str, *, force: bool, dry_run: bool) -> Query:
    """The query of a server-side apply."""
    query: Query = (("fieldManager", manager), ("force", "true" if force else "false"))
    return (*query, ("dryRun", "All")) if dry_run else query


def apply_body(obj: Resource, owner: Resource | None) -> tuple[dict[str, Any], str | None]:
    """What to apply, and the namespace to apply it in. Raises ValueError when the owner cannot own the object."""
    body = obj.to_apply()
    namespaced = obj.resource_type.namespaced
    namespace = obj.namespace if namespaced else None
    if owner is None:
        return body, namespace
    if owner.resource_type.namespaced:
        namespace = namespace or (owner.namespace if namespaced else None)
        if namespace != owner.namespace:
            raise ValueError(
                f"{owner.kind} {owner.namespace}/{owner.name} cannot own {obj.kind} {obj.name} "
                f"{f'in namespace {namespace}' if namespace else 'of the cluster'}: garbage collection would delete it"
            )
    reference = owner.owner_reference(controller=True, block=True)
    metadata = dict(body.get("metadata") or {})
    others = [other for other in metadata.get("ownerReferences") or [] if other.get("uid") != reference.uid]
    encoded = reference.model_dump(mode="json", by_alias=True, exclude_none=True)
    metadata["ownerReferences"] = [*others, encoded]
    if namespace:
        metadata["namespace"] = namespace
    return {**body, "metadata": metadata}, namespace


def delete_options(
    uid: str | None,
    resource_version: str | None,
    propagation: Propagation | None,
    grace_period: int | None,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    """The body of a deletion."""
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    preconditions = {"uid": uid, "resourceVersion": resource_version}
    if given := {key: value for key, value in preconditions.items() if value is not None}:
        options["preconditions"] = given
    if propagation is not None:
        options["propagationPolicy"] = propagation
    if grace_period is not None:
        options["gracePeriodSeconds"] = grace_period
    if dry_run:
        options["dryRun"] = ["All"]
    return options


@dataclass(frozen=True, slots=True)
class Deletion:
    """What the server's answer to a deletion says."""

    gone: bool
    uid: str
    resource_version: str


def read_deletion(body: bytes) -> Deletion:
    """Tell an object that is still there from one that is gone.

    Some kinds answer with a Status, others with the object's last state; that is still there only while finalizers
    or a grace period keep it.
    """
    try:
        answer = msgspec.json.decode(body)
        metadata = answer.get("metadata") or {}
        if answer.get("kind") == "Status" and answer.get("apiVersion") == "v1":
            return Deletion(True, str((answer.get("details") or {}).get("uid") or ""), "")
    except (msgspec.DecodeError, AttributeError) as error:
        raise TransportError(f"the answer to the deletion is no object: {error}") from error
    kept = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
    finalizing = (answer.get("spec") or {}).get("finalizers") if answer.get("kind") == "Namespace" else None
    return Deletion(
        not (kept or finalizing), str(metadata.get("uid") or ""), str(metadata.get("resourceVersion") or "")
    )
