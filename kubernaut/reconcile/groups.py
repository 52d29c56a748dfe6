"""The errors within exception groups, as task groups raise them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, overload

E = TypeVar("E", bound=BaseException)


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


@overload
def leaves(error: BaseExceptionGroup[E]) -> Iterator[E]: ...


@overload
def leaves(error: BaseException) -> Iterator[BaseException]: ...


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in nested groups, in order; `error` itself where it is no group."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error
