"""The CEL implementation behind an interface: compile an expression, evaluate it on plain values."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

from kubernaut.fake.apiserver.schema.celfunctions import kubernetes_functions
from kubernaut.fake.apiserver.schema.celtext import with_optionals

_MODULE: Final = "cel_expr_python"


# what expressions about admission requests may use; members are dynamic, for a policy may match several kinds
REQUEST_VARIABLES: Final = (
    ("object", "dyn"),
    ("oldObject", "dyn"),
    ("request", "map<string,dyn>"),
    ("params", "dyn"),
    ("namespaceObject", "dyn"),
    ("variables", "map<string,dyn>"),
)


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
        """Compile `expression` over `variables` (name, CEL type), of type `result`, any if empty.

        Raises CelCompileError.
        """


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
            compiled = self._environment(variables).compile(with_optionals(expression))
        except (RuntimeError, ValueError, TypeError) as error:
            message = re.sub(r"\s*\[INVALID_ARGUMENT\]$", "", str(error).removeprefix("INVALID_ARGUMENT: "))
            raise CelCompileError(f"compilation failed: {message}") from error
        found = compiled.return_type().name()
        if result and found not in (result, "DYN"):
            raise CelCompileError(f"must evaluate to {result.lower()}")
        error_type = self._cel.Type.ERROR.name()

        def run(values: Mapping[str, Any]) -> Any:
            value = compiled.eval(data=dict(values))
            if value.type().name() == error_type:
                raise CelEvalError(_as_cel_go(str(value.plain_value())))
            if result and value.type().name() != result:
                raise CelEvalError(f"must evaluate to {result.lower()}")
            return value.plain_value()

        return run

    def _environment(self, variables: tuple[tuple[str, str], ...]) -> Any:
        if variables not in self._environments:
            types = {name: self._cel.Type(signature) for name, signature in variables}
            self._environments[variables] = self._cel.NewEnv(
                variables=types, extensions=self._extensions, functions=kubernetes_functions(self._cel)
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
