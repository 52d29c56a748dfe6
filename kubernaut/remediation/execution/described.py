"""Parameters as they may be shown and kept: secrets redacted, documents and long texts by their digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from kubernaut.actions import Action
from kubernaut.actions.documents import identity, is_document
from kubernaut.actions.parameters import Parameters
from kubernaut.remediation.execution.redact import redact
from kubernaut.remediation.execution.secretdata import NAMES, REDACTED

LONG = 256
"""Bytes of a text beyond which only its digest is told."""
MAX_NAME = 63
_TELLING = re.compile(f"(?i){NAMES}")


def described_parameters(parameters: Mapping[str, Any], action: Action | None = None) -> dict[str, Any]:
    """The parameters, JSON-ready.

    A text that is opaque (see `Parameters.opaque_parameters`; `action` says what is, beyond the usual), that is a
    document, or that is long becomes `{"sha256": ..., "bytes": ...}`, with the `kind` and `name` of the object that it
    holds. Others are redacted. Long names are cut.
    """
    opaque = (action.parameters if action is not None else Parameters).opaque_parameters
    return {_name(name): _value(name, value, name in opaque) for name, value in parameters.items()}


def parameters_line(parameters: Mapping[str, Any], action: Action | None = None) -> str:
    """The same for people, in one line without control characters: `replicas=3 patch=(sha256 ..., 58 bytes)`."""
    described = described_parameters(parameters, action)
    return " ".join(f"{_plain(name)}={_text(value)}" for name, value in described.items())


def digest_of(value: str) -> dict[str, Any]:
    """What tells a text apart without showing it."""
    encoded = value.encode(errors="surrogatepass")
    return {"sha256": hashlib.sha256(encoded).hexdigest(), "bytes": len(encoded)}


def _value(name: str, value: Any, opaque: bool) -> Any:
    if not isinstance(value, str):
        return value
    if opaque:
        return {**identity(value), **digest_of(value)}
    if _TELLING.search(name):
        return REDACTED
    if len(value.encode(errors="surrogatepass")) > LONG or is_document(value):
        return digest_of(value)
    return redact(value)


def _name(name: str) -> str:
    if len(name) <= MAX_NAME:
        return name
    suffix = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{name[: MAX_NAME - len(suffix) - 1]}…{suffix}"


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _plain(str(value))
    known = "".join(f"{_plain(value[key])} " for key in ("kind", "name") if key in value)
    return f"{known}(sha256 {value['sha256']}, {value['bytes']} bytes)"


def _plain(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)
