"""Exception groups with one error in them, as task groups raise them."""

from __future__ import annotations

from typing import overload


@overload
def only_error(error: Exception) -> Exception: ...


@overload
def only_error(error: BaseException) -> BaseException: ...


def only_error(error: BaseException) -> BaseException:
    """The one error of nested groups that hold nothing else; else `error` itself."""
    found = error
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return error if isinstance(found, BaseExceptionGroup) else found
