"""Runs the Rego tests of a bundle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernaut.policy.bundle import Bundle, load_bundle
from kubernaut.policy.evaluator import BundleError
from kubernaut.policy.rego import RegoEngine

_TEST_RULE = re.compile(r"^(test_\w+)", re.MULTILINE)
_PACKAGE = re.compile(r"^package\s+([\w.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RegoTest:
    """The outcome of one `test_...` rule; `failed` are the indices of the questions for which it was not true."""

    package: str
    name: str
    failed: tuple[int, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.failed


def run_rego_tests(bundle: Path | None = None) -> list[RegoTest]:
    """Run the `test_` rules in the `*_test.rego` files of a bundle.

    A test is a rule `test_x` that looks at `data.kubernaut.decision`, and `questions.test_x`: the inputs for which it
    must be true (a list of at least one). `settings.test_x`, where there is one, replaces keys of `data.settings`.
    The questions are put from outside because rego-cpp 1.5 cannot evaluate `with input as` over rules that use others.
    Names are read from the source: a rule that is undefined leaves no trace in Rego's answer.
    Raises BundleError when the bundle or its tests do not compile or a test has no question.
    """
    loaded = load_bundle(bundle)
    engine = _engine(loaded, {})
    outcomes: list[RegoTest] = []
    for file, source in loaded.tests.items():
        package = _PACKAGE.search(source)
        if package is None:
            raise BundleError(f"{file}: no package line")
        for name in dict.fromkeys(_TEST_RULE.findall(source)):
            outcomes.append(_run(engine, loaded, f"data.{package[1]}", name))
    return outcomes


def _run(engine: RegoEngine, bundle: Bundle, package: str, name: str) -> RegoTest:
    questions = engine.query(f"{package}.questions.{name}", {}, undefined=None)
    if not isinstance(questions, list) or not questions:
        raise BundleError(f"{package}.questions.{name}: a test needs a list of inputs")
    settings = engine.query(f"{package}.settings.{name}", {}, undefined=None)
    if isinstance(settings, Mapping):
        engine = _engine(bundle, dict(settings))
    query = f"{package}.{name}"
    failed = [index for index, input in enumerate(questions) if engine.query(query, input, undefined=False) is not True]
    return RegoTest(package.removeprefix("data."), name, tuple(failed))


def _engine(bundle: Bundle, settings: dict[str, Any]) -> RegoEngine:
    data = {**bundle.data, "settings": {**bundle.data.get("settings", {}), **settings}}
    return RegoEngine({**bundle.modules, **bundle.tests}, data)
