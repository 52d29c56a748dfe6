"""The common end of every write: ownership of metadata, defaults, checks, versions, storage."""

from __future__ import annotations

from typing import Any

from kubernaut.fake.apiserver import conversion, managed, meta
from kubernaut.fake.apiserver.admission.chain import attributes_of
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.options import WriteOptions
from kubernaut.fake.apiserver.status import (
    Cause,
    CauseLike,
    StatusError,
    already_exists,
    conflict,
    forbidden,
    internal,
    invalid,
    invalid_value,
    not_found,
)

Object = dict[str, Any]


def check_namespace(call: Call) -> None:
    """A namespaced object needs its namespace to exist; a new one needs it not to be going."""
    if not call.resource.namespaced:
        return
    namespace = call.state.storage.get("namespaces", "", call.namespace)
    if namespace is None:
        raise not_found("", "namespaces", call.namespace)
    call_creates = call.info.verb == "create" or call.stored() is None
    if call_creates and namespace.decode()["metadata"].get("deletionTimestamp"):
        text = f"unable to create new content in namespace {call.namespace} because it is being terminated"
        cause = Cause("NamespaceTerminating", f"namespace {call.namespace} is being terminated", "metadata.namespace")
        name = (call.info.name or call.new_name) or ""
        raise forbidden(call.resource.group, call.resource.plural, name, text, [cause])


def refuse(call: Call, obj: Object, causes: list[Any]) -> None:
    if causes:
        raise invalid(call.resource.group, call.resource.kind, obj["metadata"].get("name", ""), causes)


def commit_create(call: Call, obj: Object, options: WriteOptions, *, ownership: bool = True) -> Object:
    """Stores a new object and returns it as the caller's version. Raises StatusError."""
    state, resource, kind = call.state, call.resource, call.kind
    metadata = obj["metadata"]
    call.new_name = metadata.get("name", "")
    if metadata.get("resourceVersion"):
        raise StatusError(500, None, "resourceVersion should not be set on objects to be created")
    check_namespace(call)
    meta.wipe(metadata)
    kind.default(obj)
    if ownership:
        # of what the caller sent: what admission and the server set is owned by nobody
        managed.track(call, None, obj, options.manager)
    obj = _admitted(call, obj, None, options)
    state.admission.granted(call, obj, None)
    metadata = obj["metadata"]
    meta.prepare_create(metadata, state.now(), state.random)
    if resource.generation:
        metadata["generation"] = 1
    if resource.status_subresource and not kind.created_with_status:
        obj.pop("status", None)
    kind.default(obj)
    kind.prepare_create(obj)
    tidy(metadata)
    refuse(call, obj, [*meta.validate(metadata, resource.group, resource.plural), *kind.causes(obj, None)])
    attributes = attributes_of(call, "CREATE", obj, None, dry_run=options.dry_run)
    state.admission.validate(attributes)
    present = state.storage.get(resource.store, call.namespace, metadata["name"])
    if present is not None:
        going = present.decode()["metadata"].get("deletionTimestamp")
        raise already_exists(resource.group, resource.plural, metadata["name"], going=bool(going))
    state.admission.charge(attributes)
    if not options.dry_run:
        store(call, obj)
    return obj


def _admitted(call: Call, new: Object, old: Object | None, options: WriteOptions) -> Object:
    """The object after mutating admission, which must not move it. Raises StatusError, Pending."""
    kind, operation = call.kind, "CREATE" if old is None else "UPDATE"
    if old is None:
        kind.admit(new)
    found = call.state.admission.mutate(attributes_of(call, operation, new, old, dry_run=options.dry_run), kind.default)
    if found is not new:
        for name in ("name", "namespace", "uid"):
            if found["metadata"].get(name) != new["metadata"].get(name):
                given = f"metadata.{name}: {new['metadata'].get(name, '')} to {found['metadata'].get(name, '')}"
                raise internal(f"admission must not change {given}")
    return found


def store(call: Call, obj: Object) -> None:
    """Puts the object under the next version, which it then carries."""
    state, resource = call.state, call.resource
    obj["metadata"]["resourceVersion"] = str(state.storage.next_version())
    kept = conversion.to_stored({**obj, "metadata": dict(obj["metadata"])}, resource)
    state.storage.put(resource.store, kept, resource.fields)


def remove(call: Call, obj: Object) -> Object:
    """Removes the object; the deletion has a version of its own, which the last state carries."""
    state, resource = call.state, call.resource
    last = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(state.storage.next_version())}}
    state.storage.remove(resource.store, conversion.to_stored({**last}, resource), resource.fields)
    return last


def tidy(metadata: Object) -> None:
    """Drops what the server does not write out: nulls and empty collections."""
    for name in [name for name, value in metadata.items() if value in (None, "", [], {})]:
        del metadata[name]


def check_version(call: Call, old: Object, new: Object, *, required_version: bool) -> None:
    """Optimistic concurrency: the version and uid that the caller saw, where given."""
    resource, name = call.resource, old["metadata"]["name"]
    seen, current = new["metadata"].get("resourceVersion"), old["metadata"]
    if seen and not seen.isdigit():
        raise internal(f'strconv.ParseUint: parsing "{seen}": invalid syntax')
    if not seen or seen == "0":
        if required_version:
            cause = invalid_value("metadata.resourceVersion", "0", "must be specified for an update")
            # the strategy of custom resources names the resource here, not the kind
            raise invalid(
                resource.group, resource.plural if resource.custom is not None else resource.kind, name, [cause]
            )
    elif seen != current["resourceVersion"]:
        raise conflict(resource.group, resource.plural, name)
    uid = new["metadata"].get("uid")
    if uid and uid != current["uid"]:
        key = (
            f"/registry/{resource.store}/{call.namespace}/{name}"
            if call.namespace
            else f"/registry/{resource.store}/{name}"
        )
        text = (
            f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0,"
            f" AdditionalErrorMsg: Precondition failed: "
        )
        raise conflict(
            resource.group,
            resource.plural,
            name,
            text + f"UID in precondition: {uid}, UID in object meta: {current['uid']}",
        )


def commit_update(
    call: Call, old: Object, new: Object, options: WriteOptions, *, subresource: str = "", ownership: bool = True
) -> Object:
    """Replaces `old` by `new` as far as a write to this (sub)resource may, and returns the result. Raises"
    " StatusError."""
    resource, kind, state = call.resource, call.kind, call.state
    new = {**new, "metadata": dict(new["metadata"])}
    meta.carry_over(old["metadata"], new["metadata"])
    if subresource == "status":
        new = _status_only(call, old, new)
    elif not subresource and resource.status_subresource:
        _put(new, "status", old.get("status"))
    kind.default(new)
    sent = new
    if subresource != "scale":
        new = _admitted(call, new, old, options)
        state.admission.granted(call, new, old)
    if new is not sent and ownership:
        # what webhooks changed is owned by nobody: the fields are counted before it
        managed.track(call, old, sent, options.manager, subresource)
        new["metadata"]["managedFields"] = sent["metadata"].get("managedFields")
        ownership = False
    if subresource == "status":
        kind.prepare_status(old, new)
    elif not subresource:
        kind.prepare_update(old, new)
    else:
        kind.take_part(subresource, old, new)
    tidy_keeping(new["metadata"])
    if resource.generation and _meaning(new, resource.status_subresource) != _meaning(old, resource.status_subresource):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    causes: list[CauseLike] = [
        *meta.finalizer_causes(old["metadata"], new["metadata"]),
        *meta.validate(new["metadata"], resource.group, resource.plural),
    ]
    if subresource == "status":
        causes += kind.status_causes(new, old)
    else:
        causes += kind.part_causes(subresource, new, old) if subresource else kind.causes(new, old)
    refuse(call, new, causes)
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
    if ownership:
        managed.track(call, old, new, options.manager, subresource)
    if subresource != "scale":
        attributes = attributes_of(call, "UPDATE", new, old, dry_run=options.dry_run)
        state.admission.validate(attributes)
        state.admission.charge(attributes)
    if same(old, new):
        return old
    if options.dry_run:
        return new
    if may_go(old, new):
        # watchers are told the state that was stored: the finalizers' removal never was
        remove(call, old)
        return new
    store(call, new)
    return new


def may_go(old: Object, new: Object) -> bool:
    """An object that waits for its finalizers goes with the last of them, unless its grace still runs."""
    metadata = new["metadata"]
    return bool(
        metadata.get("deletionTimestamp")
        and not metadata.get("finalizers")
        and old["metadata"].get("finalizers")
        and not metadata.get("deletionGracePeriodSeconds")
        and not (new.get("kind") == "Namespace" and new.get("spec", {}).get("finalizers"))
    )


def tidy_keeping(metadata: Object) -> None:
    for name in [name for name, value in metadata.items() if value in (None, [], {})]:
        del metadata[name]


def _status_only(call: Call, old: Object, new: Object) -> Object:
    result = {**old, "metadata": dict(new["metadata"])}
    if call.kind.status_keeps_metadata:
        result["metadata"] = {**old["metadata"]}
        if "managedFields" in new["metadata"]:
            result["metadata"]["managedFields"] = new["metadata"]["managedFields"]
    _put(result, "status", new.get("status"))
    return result


def _put(obj: Object, name: str, value: Any) -> None:
    if value is None:
        obj.pop(name, None)
    else:
        obj[name] = value


def _meaning(obj: Object, has_status: bool) -> Object:
    """What the generation counts: everything but metadata, and status where it is a subresource."""
    ignored = ("metadata", "status") if has_status else ("metadata",)
    return {name: value for name, value in obj.items() if name not in ignored}


def same(old: Object, new: Object) -> bool:
    """Equal but for the times at which fields were last written."""
    if {**old, "metadata": None} != {**new, "metadata": None}:
        return False
    return _untimed(old["metadata"]) == _untimed(new["metadata"])


def _untimed(metadata: Object) -> Object:
    entries = metadata.get("managedFields")
    if not entries:
        return metadata
    return {
        **metadata,
        "managedFields": [{key: value for key, value in entry.items() if key != "time"} for entry in entries],
    }
