"""What ConfigMaps and Secrets hold: which keys, and whether it may change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubernaut.fake.apiserver.status import CauseLike, forbidden_field, invalid_value, required

_FIELDS = ("data", "binaryData")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',"
    "  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_NEEDED = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def drop_empty(obj: dict[str, Any]) -> None:
    """An empty mapping is not written out."""
    for name in _FIELDS:
        if name in obj and not obj[name]:
            del obj[name]


def map_causes(obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
    """Why a ConfigMap is refused."""
    causes = list(_key_causes(obj))
    held = obj.get("binaryData") or {}
    for key in obj.get("data") or {}:
        if key in held:
            causes.append(invalid_value(f"data[{key}]", f'"{key}"', "duplicate of key present in binaryData"))
    return causes + _frozen_causes(obj, old)


def secret_causes(obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
    """Why a Secret's content is refused."""
    needed = _NEEDED.get(obj.get("type", ""), ())
    missing = [required(f"data[{key}]") for key in needed if key not in (obj.get("data") or {})]
    return [*_key_causes(obj), *missing, *_frozen_causes(obj, old)]


def _key_causes(obj: Mapping[str, Any]) -> Iterator[CauseLike]:
    for name in _FIELDS:
        for key in obj.get(name) or {}:
            if not _KEY.fullmatch(key):
                yield invalid_value(f"{name}[{key}]", f'"{key}"', _KEY_TEXT)


def _frozen_causes(obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
    """What changed of an object that is immutable."""
    if old is None or not old.get("immutable"):
        return []
    text = "field is immutable when `immutable` is set"
    causes: list[CauseLike] = [] if obj.get("immutable") else [forbidden_field("immutable", text)]
    return causes + [forbidden_field(name, text) for name in _FIELDS if (obj.get(name) or {}) != (old.get(name) or {})]
