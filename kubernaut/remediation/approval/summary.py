"""What is approved, in words that keep to one line, hold no secrets, and say what they leave out."""

from __future__ import annotations

import hashlib
from typing import Any

import yaml

from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.redact import redact

MAX_TEXT = 512
MAX_VALUE = 200
"""Characters of one parameter; an image with its digest fits."""
MAX_DOCUMENT = 256 * 1024
"""Characters up to which a document is read to tell what it is about."""

_DIGITS = 12


def summary_of(execution: KubernetesExecution) -> str:
    """The action, its target and its parameters, at most MAX_TEXT characters.

    A value that is a document, has several lines, or is long is told by its size and SHA-256, and a document besides by
    the kind and name in it: its text is in the spec, for those who may read that.
    """
    spec = execution.spec
    where = f" in {spec.target.namespace}" if spec.target.namespace else ""
    parameters = "".join(f" {_parameter(name, value)}" for name, value in spec.parameters.items())
    return bounded(f"{spec.action} {spec.target.kind} {spec.target.name}{where}{parameters}")


def bounded(text: str) -> str:
    """`text` in one line of at most MAX_TEXT characters; what is cut is told by its length and the whole's SHA-256."""
    shown = escaped(text)
    if len(shown) <= MAX_TEXT:
        return shown
    told = f"… ({len(shown)} characters, sha256:{_digest(shown)})"
    return shown[: MAX_TEXT - len(told)] + told


def escaped(text: str) -> str:
    r"""`text` as a terminal may print it: what moves the cursor, hides or reorders text is written as `\x1b`."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def _parameter(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    if len(text) <= MAX_VALUE and text.isprintable() and not text.lstrip().startswith(("{", "[")):
        return redact(f"{name}={text}")
    about = _about(text)
    told = f"{len(text.encode(errors='surrogatepass'))} bytes, sha256:{_digest(text)}"
    return f"{name}=<{about + ', ' if about else ''}{told}>"


def _about(text: str) -> str:
    """`Secret db` of a manifest; "" where that cannot be told."""
    if len(text) > MAX_DOCUMENT:
        return ""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return ""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(metadata, dict):
        return ""
    words = [document.get("kind"), metadata.get("name")]
    told = " ".join(word for word in words if isinstance(word, str))
    return told if told.isprintable() and len(told) <= MAX_VALUE else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
