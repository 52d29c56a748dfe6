"""What is approved, in words that keep to one line, hold no secrets, and say what they leave out."""

from __future__ import annotations

import hashlib

from kubernaut.actions import Action
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.described import parameters_line

MAX_TEXT = 512

_DIGITS = 12


def summary_of(execution: KubernetesExecution, action: Action | None = None) -> str:
    """The action, its target and its parameters (see `parameters_line`), at most MAX_TEXT characters.

    `action` says which of its parameters are not to be shown.
    """
    spec = execution.spec
    where = f" in {spec.target.namespace}" if spec.target.namespace else ""
    parameters = f" {parameters_line(spec.parameters, action)}" if spec.parameters else ""
    if spec.parameters_from is not None:
        undone = f" to undo {spec.rollback_of.name}" if spec.rollback_of is not None else ""
        parameters = f" with what Secret {spec.parameters_from.secret_ref.name} holds{undone}"
    return bounded(f"{spec.action} {spec.target.kind} {spec.target.name}{where}{parameters}")


def bounded(text: str) -> str:
    """`text` in one line of at most MAX_TEXT characters; what is cut is told by its length and the whole's SHA-256."""
    shown = escaped(text)
    if len(shown) <= MAX_TEXT:
        return shown
    digest = hashlib.sha256(shown.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    told = f"… ({len(shown)} characters, sha256 {digest})"
    return shown[: MAX_TEXT - len(told)] + told


def escaped(text: str) -> str:
    r"""`text` as a terminal may print it: what moves the cursor, hides or reorders text is written as `\x1b`."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")
