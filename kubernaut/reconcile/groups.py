"""Exception groups with one error in them, as task groups raise them."""

from __future__ import annotations


def only_error(error: Exception) -> Exception:
    """The one error of nested groups that hold nothing else; else `error` itself."""
    found = error
    while isinstance(found, ExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return error if isinstance(found, ExceptionGroup) else found
