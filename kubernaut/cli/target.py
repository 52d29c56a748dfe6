"""Finds what `MODULE:ATTR` names and makes controllers of it; what cannot be used is one sentence with what could."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from kubernaut.client import Client, TransportError, TransportRequest, TransportResponse
from kubernaut.reconcile import Controller, Manager

EXPECTED = "a Controller, a list of them, or a function that returns these (or, given a client, a Manager)"


class BadTarget(Exception):
    """MODULE:ATTR names nothing that can run; the message says what it could be."""


class BrokenCode(Exception):
    """The user's own code raised while it was imported or called; the message says where."""


@dataclass(frozen=True, slots=True)
class Target:
    """A module by its dotted name, and a name in it."""

    module: str
    attribute: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read MODULE:ATTR; MODULE may be a path to a file as well. Raises BadTarget."""
        module, colon, attribute = text.rpartition(":")
        if not colon or not module or not attribute:
            raise BadTarget(f"{text!r}: give MODULE:ATTR, such as 'operator.main:controllers'")
        if module.endswith(".py") or "/" in module:
            module = ".".join(Path(os.path.relpath(module)).with_suffix("").parts)
        if not all(part.isidentifier() for part in module.split(".")):
            raise BadTarget(f"{text!r}: {module!r} is no module within the current folder")
        return cls(module, attribute)

    @property
    def top(self) -> str:
        """The package, or the module itself, that holds it."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


@contextmanager
def imports_from_here(*, from_source: bool = False) -> Iterator[None]:
    """Within it, modules are found in the current folder first; with `from_source` compiled files are not written."""
    path, bytecode = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, os.getcwd())
    sys.dont_write_bytecode = from_source or bytecode
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, bytecode


def unconnected() -> Client:
    """A client without a server, for what needs to know controllers and not to run them; its requests raise
    TransportError."""
    return Client(_Nowhere())


class _Nowhere:
    """A transport to no server at all."""

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        raise TransportError(f"{request.method} {request.path}: controllers are only looked at here, without a cluster")
        yield

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None:
        """There is nothing to release."""


def find(target: Target) -> Any:
    """Import the module; what ATTR names in it, before anything of it is called. Raises BadTarget, BrokenCode."""
    module = _imported(target)
    if not hasattr(module, target.attribute):
        names = [name for name in vars(module) if not name.startswith("_") and _usable(module, name)]
        raise BadTarget(f"{target.module} has no {target.attribute!r}{_nearest(target.attribute, names)}")
    value = getattr(module, target.attribute)
    if callable(value) and not isinstance(value, Controller):
        _arguments(target, value, None)
    elif not isinstance(value, (Manager, Iterator)) and _controllers_in(value) is None:
        raise BadTarget(f"{target} is {_described(value)}; it must be {EXPECTED}")
    return value


async def load(target: Target, client: Client) -> Manager | list[Controller]:
    """Import the module and make what ATTR names. Raises BadTarget, BrokenCode."""
    value = find(target)
    if callable(value) and not isinstance(value, Controller):
        value = await _called(target, value, client)
    if isinstance(value, Manager) and value.client is client:
        return value
    if isinstance(value, Manager):
        hint = "it has a client of its own: make it in a function that takes the parameter `client`"
        raise BadTarget(f"{target} is a Manager, and {hint}")
    controllers = _controllers_in(value)
    if controllers is None:
        raise BadTarget(f"{target} is {_described(value)}; it must be {EXPECTED}")
    return controllers


def _controllers_in(value: Any) -> list[Controller] | None:
    if isinstance(value, Controller):
        return [value]
    if not isinstance(value, Iterable) or isinstance(value, str):
        return None
    controllers = list(value)
    return controllers if controllers and all(isinstance(item, Controller) for item in controllers) else None


def _imported(target: Target) -> ModuleType:
    try:
        return importlib.import_module(target.module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{target.module}.".startswith(f"{error.name}."):
            raise BrokenCode(described_error(error)) from error
        parent, _, missing = error.name.rpartition(".")
        where = f"the package {parent}" if parent else f"the folder {os.getcwd()}"
        raise BadTarget(f"there is no module {missing!r} in {where}{_nearest(missing, _modules_in(parent))}") from None
    except Exception as error:
        raise BrokenCode(described_error(error)) from error


async def _called(target: Target, function: Callable[..., Any], client: Client) -> Any:
    arguments = _arguments(target, function, client)
    try:
        value = function(*arguments)
        return await value if inspect.isawaitable(value) else value
    except Exception as error:
        raise BrokenCode(described_error(error)) from error


def _arguments(target: Target, function: Callable[..., Any], client: Client | None) -> list[Any]:
    needed = _needed(function)
    if not needed:
        return []
    if len(needed) == 1 and _takes_client(needed[0]):
        return [client]
    names = ", ".join(repr(parameter.name) for parameter in needed)
    raise BadTarget(f"{target} needs {names}: give a function without parameters, or with the one of `client`")


def _needed(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in parameters if p.default is p.empty and p.kind not in variable]


def _takes_client(parameter: inspect.Parameter) -> bool:
    return parameter.name == "client" or parameter.annotation in (Client, "Client")


def _usable(module: ModuleType, name: str) -> bool:
    value = getattr(module, name)
    if isinstance(value, Controller):
        return True
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(item, Controller) for item in value)
    if not inspect.isfunction(value) or value.__module__ != module.__name__:
        return False
    answer = str(value.__annotations__.get("return", "Controller"))
    needed = _needed(value)
    fits = not needed or (len(needed) == 1 and _takes_client(needed[0]))
    return fits and ("Controller" in answer or "Manager" in answer)


def _modules_in(package: str) -> list[str]:
    if not package:
        paths: Sequence[str] = [os.getcwd()]
    else:
        spec = importlib.util.find_spec(package)
        paths = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = [module.name for module in pkgutil.iter_modules(paths)]
    # Folders without an __init__ are packages, too.
    found += [e.name for path in paths for e in os.scandir(path) if e.is_dir() and any(Path(e.path).glob("*.py"))]
    return sorted(dict.fromkeys(found))


def _nearest(name: str, candidates: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, candidates, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(repr(one) for one in near)}?"
    if candidates:
        return f"; there is {', '.join(repr(one) for one in candidates[:8])}"
    return f"; it must be {EXPECTED}"


def _described(value: Any) -> str:
    if isinstance(value, (list, tuple)) and not value:
        return "empty"
    return f"a {type(value).__name__}"


def described_error(error: BaseException) -> str:
    """An error in the user's code in a few lines: what it is, and the places in their files that led to it."""
    lines = [line.rstrip() for line in traceback.format_exception_only(error)]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    places = [f"  {os.path.relpath(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
    return "\n".join([*lines, *places])


def _is_theirs(file: str) -> bool:
    return is_users_file(file) and os.path.exists(file)


def is_users_file(file: str) -> bool:
    """Whether a source file is the user's own: neither Python's, nor installed, nor the runtime's."""
    path = os.path.abspath(file)
    runtime = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    elsewhere = (runtime, sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))
    return not any(path.startswith(folder + os.sep) for folder in elsewhere) and "site-packages" not in path
