"""Rego in process, by regopy (rego-cpp)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from kubernaut.distribution import install_hint
from kubernaut.policy.bundle import Bundle, load_bundle
from kubernaut.policy.decision import PolicyDecision, PolicyInput, PolicyTarget
from kubernaut.policy.evaluator import BundleError, PolicyUnavailable, parse_decision

QUERY = "data.kubernaut.decision"
INSTALL_HINT = f"Rego policies need regopy: {install_hint('rego')} (Linux: glibc 2.34 or later)"

_LOCATION = re.compile(r"\(error \d+:(?P<file>[^|]*)\|(?P<offset>\d+)\|\d+")
_MESSAGE = re.compile(r"\(errormsg \d+:(?P<message>[^\n]*)\)")


class RegoEvaluator:
    """Evaluates `data.kubernaut.decision` of a bundle, the shipped one by default.

    The bundle is compiled and asked one question when the evaluator is made, so that a broken one fails at start:
    raises BundleError then, and PolicyUnavailable when regopy is not installed. One evaluation takes about a
    millisecond on the event loop's thread; nothing is awaited, so it cannot be cancelled half-way.
    """

    name = "rego"

    def __init__(self, bundle: Path | Bundle | None = None, *, settings: dict[str, Any] | None = None) -> None:
        self._bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle, settings=settings)
        self._engine = RegoEngine(self._bundle.modules, self._bundle.data)
        try:
            self._decide(_PROBE)
        except BundleError:
            raise
        except PolicyUnavailable as error:
            raise BundleError(f"policy bundle {self._bundle.path}: {error}") from error

    @property
    def revision(self) -> str:
        """Digest of the rules and their settings."""
        return self._bundle.revision

    async def evaluate(self, input: PolicyInput) -> PolicyDecision:
        """Raises PolicyUnavailable when the rules fail on this input or do not give a well-formed decision."""
        return self._decide(input)

    def _decide(self, input: PolicyInput) -> PolicyDecision:
        document = self._engine.query(QUERY, input.to_document())
        return parse_decision(document, evaluator=self.name, revision=self.revision)


def import_cel_first() -> None:
    """Load CEL's native library, where it is installed, before regopy's.

    Both bring C++ symbols that the dynamic linker unifies. With regopy 1.5.2 loaded first, cel-expr-python 0.1.3 frees
    memory it never got ("free(): invalid pointer") at the first timestamp; the other way round both work.
    """
    for module in ("cel", "ext.ext_bindings", "ext.ext_math", "ext.ext_optional", "ext.ext_strings"):
        with suppress(ImportError):
            import_module(f"cel_expr_python.{module}")


class RegoEngine:
    """One compiled interpreter; hides how rego-cpp reports its failures."""

    def __init__(self, modules: Mapping[str, str], data: dict[str, Any]) -> None:
        try:
            import_cel_first()
            import regopy
        except (ImportError, OSError) as error:
            raise PolicyUnavailable(f"{INSTALL_HINT} ({error})") from error
        self._interpreter = regopy.Interpreter()
        # At any higher level rego-cpp prints compile errors to stdout, in the middle of a command's JSON.
        self._interpreter.log_level = regopy.LogLevel.NONE
        try:
            for name, source in modules.items():
                self._interpreter.add_module(name, source)
            if data:
                self._interpreter.add_data(data)
        except regopy.RegoError as error:
            raise BundleError(_explain(str(error), modules)) from error

    def query(self, query: str, input: dict[str, Any], *, undefined: object = ...) -> object:
        """The value of `query`; `undefined` when it has none, or PolicyUnavailable if that is not given."""
        try:
            self._interpreter.set_input(input)
            output = self._interpreter.query(query)
        except json.JSONDecodeError as error:  # rego-cpp's error tree came where JSON was expected
            raise PolicyUnavailable(f"{query}: {_explain(error.doc, {})}") from error
        except Exception as error:
            raise PolicyUnavailable(f"{query}: {_explain(str(error), {})}") from error
        if not output.ok():  # rego-cpp crashes the process when such an output is asked for its text
            raise PolicyUnavailable(f"{query}: the rules conflict or fail on this input")
        expressions = output.results[0].expressions if output.results else []
        if not expressions:
            if undefined is ...:
                raise PolicyUnavailable(f"{query} is undefined for this input")
            return undefined
        return expressions[0]


def _explain(raw: str, modules: Mapping[str, str]) -> str:
    """`file:line:column: message` out of rego-cpp's error tree."""
    message = _MESSAGE.search(raw)
    text = (
        message["message"].strip()
        if message
        else raw.splitlines()[0][:200]
        if raw
        else "internal error of the Rego engine"
    )
    location = _LOCATION.search(raw)
    if location is None:
        return text
    source = modules.get(location["file"])
    if source is None:
        return f"{location['file']}: {text}"
    before = source.encode()[: int(location["offset"])].decode(errors="replace")
    return f"{location['file']}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: {text}"


_PROBE = PolicyInput(
    action="restart-pod",
    target=PolicyTarget("v1", "Pod", "probe", "probe"),
    risk="low",
    time=datetime(2024, 1, 1, tzinfo=UTC),
)
