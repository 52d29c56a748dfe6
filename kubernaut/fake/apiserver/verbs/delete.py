"""delete and deletecollection: preconditions, finalizers, grace, propagation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from kubernaut.fake.apiserver import conversion, decoding, meta
from kubernaut.fake.apiserver.admission.attributes import Attributes
from kubernaut.fake.apiserver.admission.chain import attributes_of
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.options import list_options, whole
from kubernaut.fake.apiserver.pending import Pending, Question
from kubernaut.fake.apiserver.requestinfo import RequestInfo
from kubernaut.fake.apiserver.status import (
    Cause,
    bad_request,
    conflict,
    forbidden,
    invalid_options,
    invalid_value,
    not_found,
    not_supported,
    success,
)
from kubernaut.fake.apiserver.verbs.commit import remove, store
from kubernaut.fake.apiserver.verbs.read import selected

Object = dict[str, Any]
_POLICIES = ("Foreground", "Background", "Orphan")
_LASTING = frozenset(["default", "kube-system", "kube-public"])


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """Grace in seconds, preconditions, propagation policy."""

    grace: int | None
    uid: str
    version: str
    policy: str
    dry_run: bool


def delete_options(call: Call) -> DeleteOptions:
    """From the body if it says something, else from the query. Raises StatusError."""
    given: Object = {}
    if call.request.body.strip():
        try:
            value = decoding.decode_value(call.request.body, call.request.headers.get("content-type", ""))
        except ValueError as error:
            raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
        given = value if isinstance(value, dict) else {}
        if given.get("kind") not in (None, "", "DeleteOptions"):
            raise bad_request(f"the object provided is unrecognized (must be of type DeleteOptions): {given['kind']}")
    request = call.request
    policy = given.get("propagationPolicy") or request.parameter("propagationPolicy")
    orphan = given.get("orphanDependents", {"true": True, "false": False}.get(request.parameter("orphanDependents")))
    both = orphan is not None and bool(policy)
    if orphan is not None and not policy:
        policy = "Orphan" if orphan else "Background"
    grace: Any = given.get("gracePeriodSeconds")
    if grace is None and request.parameter("gracePeriodSeconds"):
        grace = whole(request, "gracePeriodSeconds")
    dry = given.get("dryRun") or [item for item in request.query.get("dryRun", []) if item]
    causes: list[Cause] = []
    if both:
        text = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(invalid_value("propagationPolicy", f'"{policy}"', text))
    if policy and policy not in _POLICIES:
        causes.append(not_supported("propagationPolicy", f'"{policy}"', [*_POLICIES, "nil"]))
    if any(item != "All" for item in dry):
        causes.append(not_supported("dryRun", "[" + ",".join(f'"{item}"' for item in dry) + "]", ["All"]))
    if causes:
        raise invalid_options("DeleteOptions", causes)
    wanted = given.get("preconditions") or {}
    return DeleteOptions(grace, wanted.get("uid") or "", wanted.get("resourceVersion") or "", policy, bool(dry))


def delete(call: Call) -> tuple[int, Object]:
    """DELETE of one object: (200, its last state, or a Status when it is gone)."""
    options = delete_options(call)
    stored, resource = call.stored(), call.resource
    if stored is None:
        raise not_found(resource.group, resource.plural, call.info.name)
    old = conversion.read(stored, resource)
    check_preconditions(call, old, options)
    if resource.store == "namespaces" and call.info.name in _LASTING:
        raise forbidden("", "namespaces", call.info.name, "this namespace may not be deleted")
    call.state.admission.removable(_attributes(call, old, options))
    left, gone = delete_object(call, old, options)
    if gone and not call.kind.returns_deleted:
        return 200, success(resource.group, resource.plural, call.info.name, old["metadata"]["uid"])
    return 200, left


def _attributes(call: Call, old: Object, options: DeleteOptions) -> Attributes:
    shown: Object = {"gracePeriodSeconds": options.grace, "propagationPolicy": options.policy or None}
    shown = {name: value for name, value in shown.items() if value is not None}
    found = attributes_of(call, "DELETE", None, old, dry_run=options.dry_run, options=shown)
    return replace(found, name=old["metadata"]["name"])


def check_preconditions(call: Call, old: Object, options: DeleteOptions) -> None:
    """Raises StatusError 409 where the object is not the one that is meant."""
    resource, current = call.resource, old["metadata"]
    # the real server names the kind here, not the resource
    if options.uid and options.uid != current["uid"]:
        text = f"the UID in the precondition ({options.uid}) does not match the UID in record ({current['uid']})."
        raise conflict(
            resource.group,
            resource.kind,
            current["name"],
            text + " The object might have been deleted and then recreated",
        )
    if options.version and options.version != current["resourceVersion"]:
        text = (
            f"the ResourceVersion in the precondition ({options.version}) does not match the ResourceVersion in record"
        )
        text += f" ({current['resourceVersion']}). The object might have been modified"
        raise conflict(resource.group, resource.kind, current["name"], text)


def delete_object(call: Call, old: Object, options: DeleteOptions) -> tuple[Object, bool]:
    """Marks or removes. Returns the resulting object and whether it is gone."""
    new = {**old, "metadata": dict(old["metadata"])}
    metadata = new["metadata"]
    orphans = call.kind.orphans_by_default and "foregroundDeletion" not in (metadata.get("finalizers") or [])
    finalizers = _finalizers(metadata.get("finalizers") or [], options.policy or ("Orphan" if orphans else ""))
    finalizers += [
        name for name in call.kind.adds_finalizers if name not in finalizers and not metadata.get("deletionTimestamp")
    ]
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    if call.resource.store == "namespaces":
        return _delete_namespace(call, old, new, options)
    grace = call.kind.grace(old, options.grace)
    mark(metadata, call.state.now(), grace)
    waits = bool(finalizers) or bool(grace and metadata["deletionGracePeriodSeconds"])
    if not waits:
        # kinds without grace go as they are: only what waits is marked
        last = old if grace is None else new
        return (last if options.dry_run else remove(call, last)), True
    if metadata != old["metadata"] and not options.dry_run:
        store(call, new)
    return new, False


def mark(metadata: Object, now: datetime, grace: int | None) -> None:
    """Sets the deletion time; a second call can only shorten the grace."""
    seconds = grace or 0
    before = metadata.get("deletionGracePeriodSeconds")
    if metadata.get("deletionTimestamp"):
        if before and seconds < before:
            due = datetime.fromisoformat(metadata["deletionTimestamp"]) + timedelta(seconds=seconds - before)
            metadata["deletionTimestamp"], metadata["deletionGracePeriodSeconds"] = meta.stamp(due), seconds
        return
    metadata["deletionTimestamp"] = meta.stamp(now + timedelta(seconds=seconds))
    metadata["deletionGracePeriodSeconds"] = seconds
    if metadata.get("generation"):
        metadata["generation"] += 1


def _finalizers(current: list[str], policy: str) -> list[str]:
    kept = [name for name in current if not policy or name not in ("orphan", "foregroundDeletion")]
    extra = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}.get(policy)
    return [*kept, extra] if extra and extra not in kept else kept


def _delete_namespace(call: Call, old: Object, new: Object, options: DeleteOptions) -> tuple[Object, bool]:
    metadata = new["metadata"]
    if not metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = meta.stamp(call.state.now())
        new["status"] = {**old.get("status", {}), "phase": "Terminating"}
        if not options.dry_run:
            store(call, new)
        return new, False
    if new.get("spec", {}).get("finalizers") or metadata.get("finalizers"):
        return new, False
    return (new if options.dry_run else remove(call, new)), True


def delete_collection(call: Call) -> tuple[int, Object]:
    """DELETE of a collection: (200, a list of what was deleted)."""
    options, chosen = delete_options(call), list_options(call.request)
    # everything is read and asked about before the first write: for a webhook, the request is begun anew
    every = list(selected(call, chosen))
    conversion.prime(every, call.resource)
    found = [conversion.read(stored, call.resource) for stored in every]
    waiting: list[Question] = []
    for old in found:
        try:
            call.state.admission.removable(_attributes(call, old, options))
        except Pending as pending:
            waiting += pending.questions
    if waiting:
        raise Pending(waiting)
    # a conversion may interrupt: what earlier attempts deleted belongs to the answer too
    items: list[Object] = call.memory.answers.setdefault("deleted", [])
    for old in found:
        namespace, name = old["metadata"].get("namespace", ""), old["metadata"]["name"]
        info = RequestInfo("delete", call.info.path, resource=call.resource.plural, namespace=namespace, name=name)
        one = Call(call.state, call.request, info, call.resource, call.user, memory=call.memory)
        delete_object(one, old, options)
        items.append(old)
    items = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    version = str(call.state.storage.version)
    kind = call.resource.list_kind
    return 200, {
        "kind": kind,
        "apiVersion": call.resource.api_version,
        "metadata": {"resourceVersion": version},
        "items": items,
    }
