"""Finds the scenarios that MODULE:SCENARIO names, and the schedule that --replay names."""

from __future__ import annotations

import difflib
import importlib
import json
from pathlib import Path
from typing import Any

from kubernaut.cli.manifests import InputError
from kubernaut.cli.target import BadTarget, BrokenCode, Target, described_error
from kubernaut.testing.exploration import Scenario, Schedule

__all__ = ["load_scenarios", "load_schedule"]

EXPECTED = "a kubernaut.testing.exploration.Scenario, or a list of them"


def load_scenarios(text: str) -> list[Scenario]:
    """The scenarios that MODULE:SCENARIO names. Raises BadTarget, BrokenCode."""
    target = Target.parse(text)
    try:
        module = importlib.import_module(target.module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{target.module}.".startswith(f"{error.name}."):
            raise BrokenCode(described_error(error)) from error
        raise BadTarget(f"there is no module {error.name!r} to be imported from here") from None
    except Exception as error:
        raise BrokenCode(described_error(error)) from error
    if not hasattr(module, target.attribute):
        raise BadTarget(f"{target.module} has no {target.attribute!r}{_hint(target.attribute, vars(module))}")
    found = _scenarios(getattr(module, target.attribute))
    if not found:
        raise BadTarget(f"{target} is a {type(getattr(module, target.attribute)).__name__}; it must be {EXPECTED}")
    return found


def _scenarios(value: Any) -> list[Scenario]:
    if isinstance(value, Scenario):
        return [value]
    if isinstance(value, (list, tuple)) and all(isinstance(each, Scenario) for each in value):
        return list(value)
    return []


def _hint(name: str, names: dict[str, Any]) -> str:
    there = [each for each, value in names.items() if not each.startswith("_") and _scenarios(value)]
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(repr(each) for each in near)}?"
    return f"; it has {', '.join(repr(each) for each in there)}" if there else f"; it must be {EXPECTED}"


def load_schedule(text: str) -> int | Schedule:
    """A number, or the schedule in a file that `--json` wrote. Raises InputError."""
    if text.isdecimal():
        return int(text)
    try:
        given = json.loads(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{text}: {error.strerror}; give a number, or a file that --json wrote") from error
    except ValueError as error:
        raise InputError(f"{text}: this is no JSON: {error}") from error
    try:
        return Schedule.from_dict(_schedule_in(given))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(
            f"{text}: this holds no schedule of an exploration ({type(error).__name__}: {error})"
        ) from error


def _first_failing(reports: Any) -> Any:
    for report in reports:
        if report["failures"]:
            return report
    raise IndexError("no scenario in it failed")


def _schedule_in(given: Any) -> Any:
    """The schedule itself, that of a failure, or that of the first failure of a report or of several."""
    while "injections" not in given:
        if "schedule" in given:
            given = given["schedule"]
        elif "failures" in given:
            given = given["failures"][0]
        else:
            given = _first_failing(given["scenarios"])
    return given
