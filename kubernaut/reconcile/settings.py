"""Checks of what a program wires together: each error names the setting, what was given, and what it must be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args, get_origin

from kubernaut.reconcile.reconciler import Reconciler, RequestReconciler
from kubernaut.reconcile.selectors import LabelSelector, Requirement
from kubernaut.resources import Resource

_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_FIELD_MANAGER_LENGTH = 128


def check_type(name: str, value: object, types: type | tuple[type, ...], wanted: str) -> None:
    """Raise TypeError unless `value` is of one of the types; a bool is no number here."""
    if not isinstance(value, types) or (isinstance(value, bool) and types is int):
        raise TypeError(f"{name} is {value!r}: it must be {wanted}")


def check_kind(name: str, kind: object) -> None:
    """Raise TypeError unless it is the class of a kind."""
    if not (isinstance(kind, type) and issubclass(kind, Resource) and hasattr(kind, "resource_type")):
        raise TypeError(f"{name} is {kind!r}: it must be the class of a kind, such as ConfigMap")


def check_list(name: str, values: object, types: type | tuple[type, ...], wanted: str) -> None:
    """Raise TypeError unless it is a sequence of such values."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"{name} is {values!r}: it must be a list of {wanted}")
    for value in values:
        if not isinstance(value, types):
            raise TypeError(f"{name} holds {value!r}: it must be a list of {wanted}")


def check_functions(name: str, functions: object) -> None:
    """Raise TypeError unless it is a sequence of functions that answer at once."""
    if isinstance(functions, str) or not isinstance(functions, Sequence):
        raise TypeError(f"{name} is {functions!r}: it must be a list of functions")
    for function in functions:
        check_function("a predicate" if name == "predicates" else name, function)


def check_function(name: str, function: object) -> None:
    """Raise TypeError unless it is a function that answers at once."""
    if not callable(function):
        raise TypeError(f"{name} is {function!r}: it must be a function")
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{name} is a coroutine function: it must answer at once, from what it is given")


def check_count(name: str, value: object) -> None:
    """Raise TypeError or ValueError unless it is a whole number from 1."""
    check_type(name, value, int, "a whole number")
    if isinstance(value, int) and value < 1:
        raise ValueError(f"{name} is {value}: it must be at least 1")


def check_duration(name: str, value: object) -> None:
    """Raise TypeError unless it is a timedelta."""
    check_type(name, value, timedelta, "a timedelta, such as timedelta(seconds=30)")


def check_indexes(indexes: object) -> None:
    """Raise TypeError unless it is a mapping of names to functions."""
    if not isinstance(indexes, Mapping):
        raise TypeError(f"indexes is {indexes!r}: it must be a mapping of names to functions")
    for name, function in indexes.items():
        check_function(f"the index {name!r}", function)


def check_namespace(namespace: object) -> None:
    """Raise TypeError or ValueError unless it is None, one name or several."""
    if namespace is None:
        return
    if not isinstance(namespace, str | Sequence):
        raise TypeError(f"namespace is {namespace!r}: it must be one name or several, or None for all namespaces")
    names = [namespace] if isinstance(namespace, str) else namespace
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"namespace is {namespace!r}: it must be one name or several, or None for all namespaces")


def check_labels(labels: object) -> None:
    """Raise TypeError or ValueError for a label selector that no server would take."""
    for term in _terms("labels", labels):
        _, slash, name = term.key.rpartition("/")
        prefix = term.key[: -len(name) - 1] if slash else ""
        if not _LABEL_NAME.fullmatch(name) or (slash and not _SUBDOMAIN.fullmatch(prefix)):
            raise ValueError(f"labels: {str(term)!r}: {term.key!r} cannot be the name of a label")
        for value in sorted(term.values or ()):
            if value and not _LABEL_NAME.fullmatch(value):
                raise ValueError(f"labels: {str(term)!r}: {value!r} cannot be the value of a label")


def check_fields(fields: object) -> None:
    """Raise TypeError or ValueError for a field selector that no server would take."""
    for term in _terms("fields", fields):
        if term.values is None:
            raise ValueError(f'fields: {str(term)!r} is not understood: write "name=value" or "name!=value"')


def check_field_manager(name: str) -> None:
    """Raise TypeError or ValueError for what the API server takes for no field manager (metav1 validation)."""
    check_type("field_manager", name, str, "a text")
    if not name or len(name.encode()) > _FIELD_MANAGER_LENGTH or not name.isprintable():
        raise ValueError(f"field_manager is {name!r}: it must have 1 to {_FIELD_MANAGER_LENGTH} printable characters")


def check_reconciler(kind: type[Resource], reconciler: object) -> None:
    """Raise TypeError or ValueError for a reconciler that could not work, or not for this kind."""
    if isinstance(reconciler, type) or not isinstance(reconciler, Reconciler | RequestReconciler):
        raise TypeError(f"the reconciler is {reconciler!r}: it must be an object with a method `reconcile`")
    who = type(reconciler).__name__
    _refuse_blocking(who, reconciler, ("reconcile",))
    if not isinstance(reconciler, Reconciler):
        return
    _refuse_blocking(who, reconciler, ("finalize", "finalize_raw"))
    _check_finalizer(who, reconciler)
    made_for = _kind_of(reconciler)
    if made_for is not None and not issubclass(kind, made_for):
        raise ValueError(f"{who} reconciles {made_for.__name__}: it cannot be given {kind.__name__}")


def _terms(name: str, selector: Any) -> Iterable[Requirement]:
    if selector is not None and not isinstance(selector, str | Mapping):
        raise TypeError(f'{name} is {selector!r}: it must be a text such as "a=b,c!=d", or a mapping')
    if isinstance(selector, Mapping) and not all(isinstance(part, str) for pair in selector.items() for part in pair):
        raise TypeError(f"{name} is {selector!r}: its names and values must be texts")
    return LabelSelector.parse(selector).requirements


def _refuse_blocking(who: str, reconciler: object, methods: Sequence[str]) -> None:
    for method in methods:
        # What is decorated, and a lambda, may return an awaitable without being a coroutine function.
        function: Callable[..., Any] | None = getattr(type(reconciler), method, None)
        plain = inspect.isfunction(function) and not hasattr(function, "__wrapped__") and function.__name__ == method
        if plain and not inspect.iscoroutinefunction(function):
            raise TypeError(f"{who}.{method} is no coroutine function: define it with `async def`")


def _check_finalizer(who: str, reconciler: Reconciler[Any]) -> None:
    finalizer: object = reconciler.finalizer
    if finalizer is None:
        for method in ("finalize", "finalize_raw"):
            if getattr(type(reconciler), method) is not getattr(Reconciler, method):
                raise ValueError(
                    f"{who} has a method `{method}` but no `finalizer`, so it would never be called: "
                    'name one, as in finalizer = "example.dev/cleanup"'
                )
        return
    check_type(f"{who}.finalizer", finalizer, str, 'a name such as "example.dev/cleanup", or None')
    prefix, _, name = str(finalizer).partition("/")
    if not _SUBDOMAIN.fullmatch(prefix) or not _LABEL_NAME.fullmatch(name):
        raise ValueError(
            f"{who}.finalizer is {finalizer!r}: the API server wants a domain in it, as in "
            f'"example.dev/{name or prefix or "cleanup"}"'
        )


def _kind_of(reconciler: Reconciler[Any]) -> type[Resource] | None:
    """The class that a reconciler was made for (`Reconciler[Widget]`), where that can be told."""
    made: Any = getattr(reconciler, "__orig_class__", type(reconciler))
    found = _argument(get_origin(made) or made, get_args(made))
    return found if isinstance(found, type) and issubclass(found, Resource) else None


def _argument(cls: Any, arguments: tuple[Any, ...]) -> Any:
    """What `Reconciler` is parametrised with, seen from a subclass that is subscribed with `arguments`."""
    if cls is Reconciler:
        return arguments[0] if arguments else None
    known = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    for base in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, Reconciler):
            return _argument(origin, tuple(known.get(argument, argument) for argument in get_args(base)))
    return None
