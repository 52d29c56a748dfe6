"""The CEL implementation behind an interface: compile an expression, evaluate it on plain values."""

from __future__ import annotations

import importlib
import ipaddress
import itertools
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

_MODULE: Final = "cel_expr_python"
_QUANTITY: Final = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?$")


class CelUnavailable(RuntimeError):
    """A schema has validation rules and no CEL implementation is installed; rules are never skipped."""

    def __init__(self) -> None:
        super().__init__("the schema has x-kubernetes-validations, and CEL is not installed: install cel-expr-python")


class CelCompileError(ValueError):
    """The expression does not parse or does not type-check; str() is the compiler's message."""


class CelEvalError(ValueError):
    """The expression failed on these values; str() is worded as cel-go words it."""


class Program(Protocol):
    """A compiled expression."""

    def __call__(self, variables: Mapping[str, Any], /) -> Any:
        """The value for `variables`; raises CelEvalError."""


class Engine(Protocol):
    """What is needed of a CEL implementation."""

    def compile(self, expression: str, variables: tuple[tuple[str, str], ...], result: str) -> Program:
        """Compile `expression` over `variables` (name, CEL type), of type `result`; raises CelCompileError."""


@lru_cache(maxsize=1)
def load_engine() -> Engine:
    """The installed implementation; raises CelUnavailable when there is none."""
    try:
        cel = importlib.import_module(f"{_MODULE}.cel")
        extensions = [
            getattr(importlib.import_module(f"{_MODULE}.ext.ext_{name.lower()}"), f"Ext{name}")()
            for name in ("Bindings", "Math", "Optional", "Strings")
        ]
    except ImportError as error:
        raise CelUnavailable from error
    return CelExpr(cel, extensions)


class CelExpr:
    """The engine of the cel-expr-python package."""

    def __init__(self, cel: Any, extensions: list[Any]) -> None:
        self._cel = cel
        self._extensions = extensions
        self._environments: dict[tuple[tuple[str, str], ...], Any] = {}
        self._programs: dict[tuple[str, tuple[tuple[str, str], ...], str], Program] = {}

    def compile(self, expression: str, variables: tuple[tuple[str, str], ...], result: str) -> Program:
        """See Engine; programs and environments are kept, as schemas are few and evaluations many."""
        key = (expression, variables, result)
        if key not in self._programs:
            self._programs[key] = self._compile(expression, variables, result)
        return self._programs[key]

    def _compile(self, expression: str, variables: tuple[tuple[str, str], ...], result: str) -> Program:
        try:
            compiled = self._environment(variables).compile(expression)
        except (RuntimeError, ValueError, TypeError) as error:
            message = re.sub(r"\s*\[INVALID_ARGUMENT\]$", "", str(error).removeprefix("INVALID_ARGUMENT: "))
            raise CelCompileError(f"compilation failed: {message}") from error
        found = compiled.return_type().name()
        if found not in (result, "DYN"):
            raise CelCompileError(f"must evaluate to {result.lower()}")
        error_type = self._cel.Type.ERROR.name()

        def run(values: Mapping[str, Any]) -> Any:
            value = compiled.eval(data=dict(values))
            if value.type().name() == error_type:
                raise CelEvalError(_as_cel_go(str(value.plain_value())))
            if value.type().name() != result:
                raise CelEvalError(f"must evaluate to {result.lower()}")
            return value.plain_value()

        return run

    def _environment(self, variables: tuple[tuple[str, str], ...]) -> Any:
        if variables not in self._environments:
            types = {name: self._cel.Type(signature) for name, signature in variables}
            self._environments[variables] = self._cel.NewEnv(
                variables=types, extensions=self._extensions, functions=_kubernetes_functions(self._cel)
            )
        return self._environments[variables]


def _as_cel_go(message: str) -> str:
    """The evaluation error as cel-go, which the API server uses, words it."""
    message = re.sub(r"^[A-Z_]+: ", "", message)
    if found := re.search(r'Key not found in map : "(.*)"', message):
        return f"no such key: {found[1]}"
    if found := re.search(r"Index error: index=(-?\d+)", message):
        return f"index out of bounds: {found[1]}"
    if "divide by zero" in message:
        return "division by zero"
    if message.startswith("No matching overloads"):
        return "no such overload"
    return message


def _kubernetes_functions(cel: Any) -> list[Any]:
    """The functions Kubernetes adds to CEL, as far as plain values can express them."""
    kind = cel.Type
    anything = kind.List(kind.DYN)

    def declare(name: str, result: Any, parameters: list[Any], impl: Callable[..., Any], member: bool = True) -> Any:
        overload = cel.Overload(f"{name}_kubernetes_{len(parameters)}", result, parameters, member, impl=impl)
        return cel.FunctionDecl(name, [overload])

    text = kind.STRING
    return [
        declare("isSorted", kind.BOOL, [anything], lambda items: all(a <= b for a, b in _pairs(items))),
        declare("sum", kind.DYN, [anything], sum),
        declare("min", kind.DYN, [anything], min),
        declare("max", kind.DYN, [anything], max),
        declare("find", text, [text, text], lambda value, pattern: _first(re.search(pattern, value))),
        declare(
            "findAll",
            kind.List(text),
            [text, text],
            lambda value, pattern: [found[0] for found in re.finditer(pattern, value)],
        ),
        declare("isQuantity", kind.BOOL, [text], lambda value: _QUANTITY.match(value) is not None, False),
        declare("isIP", kind.BOOL, [text], lambda value: _parses(ipaddress.ip_address, value), False),
        declare(
            "isCIDR", kind.BOOL, [text], lambda value: "/" in value and _parses(ipaddress.ip_interface, value), False
        ),
        declare("sets.contains", kind.BOOL, [anything, anything], lambda a, b: all(item in a for item in b), False),
        declare("sets.intersects", kind.BOOL, [anything, anything], lambda a, b: any(item in a for item in b), False),
        declare(
            "sets.equivalent",
            kind.BOOL,
            [anything, anything],
            lambda a, b: all(item in a for item in b) and all(item in b for item in a),
            False,
        ),
    ]


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(itertools.pairwise(items))


def _first(found: re.Match[str] | None) -> str:
    return found[0] if found else ""


def _parses(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True
