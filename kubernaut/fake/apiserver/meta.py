"""Object metadata: what the server sets, and what it validates."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from kubernaut.fake.apiserver.status import Cause, forbidden_field, invalid_value, required

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SERVICE_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    " and end with an"
    " alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end"
    " with an"
    " alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SERVICE_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic"
    " character, and end with an"
    " alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character"
    " (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start"
    " and end with an"
    " alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_LABEL_NAMED = frozenset(["namespaces"])
_PATH_NAMED = "rbac.authorization.k8s.io"
_STANDARD_FINALIZERS = frozenset(["kubernetes", "orphan", "foregroundDeletion"])
_ANNOTATIONS_LIMIT = 256 * 1024
SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def stamp(now: datetime) -> str:
    """A metav1.Time: whole seconds, UTC."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def new_uid(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def generate_name(base: str, random: Random) -> str:
    """`base` cut to 58 characters, and five more."""
    return base[:58] + "".join(random.choice(SUFFIX_ALPHABET) for _ in range(5))


def wipe(meta: dict[str, Any]) -> None:
    """Drops from a new object what only the server may set."""
    for name in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        meta.pop(name, None)


def prepare_create(meta: dict[str, Any], now: datetime, random: Random) -> None:
    """Overwrites what only the server may set."""
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"):
        meta.pop(name, None)
    meta["uid"] = new_uid(random)
    meta["creationTimestamp"] = stamp(now)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = generate_name(meta["generateName"], random)


def quoted(value: str) -> str:
    encoded: bytes = msgspec.json.encode(value)
    return encoded.decode()


def qualified_name(field: str, value: str) -> Iterator[Cause]:
    """Checks a label key, annotation key or finalizer."""
    prefix, slash, name = value.rpartition("/")
    if slash and (not prefix or not SUBDOMAIN.fullmatch(prefix)):
        text = "prefix part must be non-empty" if not prefix else f"prefix part {_SUBDOMAIN_TEXT}"
        yield invalid_value(field, quoted(value), text)
    if not name:
        yield invalid_value(field, quoted(value), "name part must be non-empty")
    elif len(name) > 63:
        yield invalid_value(field, quoted(value), "name part must be no more than 63 bytes")
    if not _QUALIFIED.fullmatch(name):
        yield invalid_value(field, quoted(value), _NAME_PART)


def label_causes(labels: Mapping[str, str], field: str) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from qualified_name(field, key)
        if len(value) > 63:
            yield invalid_value(field, quoted(value), "must be no more than 63 bytes")
        if value and not _QUALIFIED.fullmatch(value):
            yield invalid_value(field, quoted(value), _VALUE_TEXT)


def _name_causes(group: str, plural: str, name: str, field: str = "metadata.name") -> Iterator[Cause]:
    if group == _PATH_NAMED:
        if name in (".", ".."):
            yield invalid_value(field, quoted(name), f"may not be '{name}'")
        for bad in ("/", "%"):
            if bad in name:
                yield invalid_value(field, quoted(name), f"may not contain '{bad}'")
        return
    pattern, limit, text = SUBDOMAIN, 253, _SUBDOMAIN_TEXT
    if plural in _LABEL_NAMED:
        pattern, limit, text = LABEL, 63, _LABEL_TEXT
    elif group == "" and plural == "services":
        pattern, limit, text = SERVICE_LABEL, 63, _SERVICE_TEXT
    if len(name) > limit:
        yield invalid_value(field, quoted(name), f"must be no more than {limit} bytes")
    if not pattern.fullmatch(name):
        yield invalid_value(field, quoted(name), text)


def _owner_causes(owners: list[Mapping[str, Any]]) -> Iterator[Cause]:
    field = "metadata.ownerReferences"
    controllers: list[str] = []
    for owner in owners:
        for name, key in (("apiVersion", "apiVersion"), ("kind", "kind"), ("name", "name"), ("uid", "uid")):
            if not owner.get(key):
                text = "version must not be empty" if key == "apiVersion" else "must not be empty"
                yield invalid_value(f"{field}.{name}", '""', text)
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            shown = msgspec.json.encode(owner).decode()
            yield invalid_value(field, shown, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        order = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
        shown = msgspec.json.encode([{key: owner[key] for key in order if key in owner} for owner in owners]).decode()
        both = f"{controllers[0]} and {controllers[1]}"
        text = f'Only one reference can have Controller set to true. Found "true" in references for {both}'
        yield invalid_value(field, shown, text)


def validate(meta: Mapping[str, Any], group: str, plural: str) -> list[Cause]:
    """The causes that make this metadata invalid, in the server's order."""
    causes: list[Cause] = []
    if not meta.get("name"):
        causes.append(required("metadata.name", "name or generateName is required"))
    else:
        causes.extend(_name_causes(group, plural, meta["name"]))
    causes.extend(label_causes(meta.get("labels") or {}, "metadata.labels"))
    annotations: Mapping[str, str] = meta.get("annotations") or {}
    for key in annotations:
        causes.extend(qualified_name("metadata.annotations", key.lower()))
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        causes.append(
            Cause(
                "FieldValueTooLong",
                f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes",
                "metadata.annotations",
            )
        )
    causes.extend(_owner_causes(meta.get("ownerReferences") or []))
    for index, finalizer in enumerate(meta.get("finalizers") or []):
        causes.extend(qualified_name("metadata.finalizers", finalizer))
        if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            text = "name is neither a standard finalizer name nor is it fully qualified"
            causes.append(invalid_value(f"metadata.finalizers[{index}]", quoted(finalizer), text))
    return causes


def finalizer_causes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Cause]:
    """While an object is going, finalizers may only be removed."""
    if not old.get("deletionTimestamp"):
        return []
    before = old.get("finalizers") or []
    added = [name for name in new.get("finalizers") or [] if name not in before]
    if not added:
        return []
    shown = ", ".join(quoted(name) for name in added)
    text = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{shown}}}"
    # the real server finds it twice: in the generic validation and in the kind's own
    return [forbidden_field("metadata.finalizers", text)] * 2


_SERVER_OWNED = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
    "name",
)


def carry_over(old: Mapping[str, Any], new: dict[str, Any]) -> None:
    """Puts back what an update cannot change."""
    for name in _SERVER_OWNED:
        if name in old:
            new[name] = old[name]
        else:
            new.pop(name, None)
    new.pop("selfLink", None)
