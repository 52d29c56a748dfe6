"""Exact-match indexes over cached objects, maintained as objects come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kubernaut.reconcile.log import logger
from kubernaut.reconcile.result import Request
from kubernaut.reconcile.stored import Stored
from kubernaut.resources import Resource

IndexFunction = Callable[[Any], Iterable[str]]
"""An object (decoded; of a metadata-only watch its `ObjectHead`) -> the values it is found under, by exact match."""

_log = logger("kubernaut.index")


class _NoValues(TypeError):
    """What an index function returned is no list of values."""


class Index:
    """One index. An object that cannot be decoded, or for which the function raises, has no values."""

    def __init__(self, name: str, kind: type[Resource], function: IndexFunction, *, heads: bool = False) -> None:
        self.failures = 0
        """Objects that have no values because decoding or the function failed."""
        self._name = name
        self._kind = kind
        self._function = function
        self._heads = heads
        self._refused = False
        # found: value -> keys, in a dict for its order; a value without keys is removed.
        self._found: dict[str, dict[Request, None]] = {}
        # values: what each key is filed under, so that removal never calls the function on an old object again.
        self._values: dict[Request, tuple[str, ...]] = {}

    def must_be(self, kind: type[Resource], function: IndexFunction) -> None:
        """Raises ValueError if this is an index by another function, or of another model."""
        if (kind, function) != (self._kind, self._function):
            raise ValueError(
                f"the index {self._name!r} of {self._kind.__name__} is by {_called(self._function)}, so it cannot be "
                f"by {_called(function)} of {kind.__name__} too: give one of them another name, or both one function"
            )

    def keys(self, value: str) -> Iterable[Request]:
        """The keys filed under a value, in the order of filing."""
        return self._found.get(value, ())

    def file(self, key: Request, stored: Stored) -> None:
        """File an object under its values of now, and under no others."""
        values = self._values_of(key, stored)
        if values == self._values.get(key, ()):
            return
        self.remove(key)
        if values:
            self._values[key] = values
        for value in values:
            self._found.setdefault(value, {})[key] = None

    def remove(self, key: Request) -> None:
        """Forget a key; one that is not filed is no error."""
        for value in self._values.pop(key, ()):
            keys = self._found[value]
            del keys[key]
            if not keys:
                del self._found[value]

    def _values_of(self, key: Request, stored: Stored) -> tuple[str, ...]:
        try:
            subject = stored.head if self._heads else self._kind.from_json(stored.raw)
            return _checked(self._function(subject))
        except _NoValues as error:
            self.failures += 1
            # A defect of the function, not of one object: it is worth an error, once.
            if not self._refused:
                self._refused = True
                function = _called(self._function)
                _log.error(
                    "an index function must return a list of str", index=self._name, function=function, error=str(error)
                )
            return ()
        except Exception as error:
            self.failures += 1
            # The first one is worth a warning; a function that fails for every object must not fill the log.
            log = _log.warning if self.failures == 1 else _log.debug
            log("an object is left out of an index", index=self._name, object=str(key), error=str(error))
            return ()


def _checked(values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise _NoValues(f"it returned {values!r}")
    found = tuple(dict.fromkeys(values))
    for value in found:
        if not isinstance(value, str):
            raise _NoValues(f"it returned a value {value!r}")
    return found


def _called(function: IndexFunction) -> str:
    name = getattr(function, "__qualname__", None)
    code = getattr(function, "__code__", None)
    line = f" (line {code.co_firstlineno})" if code else ""
    return f"{function.__module__}.{name}{line}" if name else repr(function)
