"""The soak's verdict, and a short soak on the fake cluster: `python tools/soak.py` is the long one."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SOAK = Path(__file__).parents[2] / "tools" / "soak.py"


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["soak"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def samples(soak: ModuleType, **last: float) -> list[Any]:
    """A hundred alike, the last twenty of which differ."""
    even = soak.Sample(second=1, memory=90, tasks=20, files=26, sockets=16, lag=0.01, reconciles=100)
    return [even] * 80 + [replace(even, **last)] * 20


def test_what_stays_within_the_tolerances_has_not_grown(soak: ModuleType) -> None:
    assert soak.verdict(samples(soak)) == []
    assert soak.verdict(samples(soak, memory=98, tasks=25, files=31, sockets=21, lag=0.11)) == []


@pytest.mark.parametrize(
    ("figure", "value"), [("memory", 99), ("tasks", 26), ("files", 32), ("sockets", 22), ("lag", 0.13)]
)
def test_what_grew_is_named(soak: ModuleType, figure: str, value: float) -> None:
    (problem,) = soak.verdict(samples(soak, **{figure: value}))
    assert problem.startswith(f"{figure} grew from ")


def test_a_soak_in_which_nothing_was_reconciled_has_failed(soak: ModuleType) -> None:
    assert soak.verdict(samples(soak, lag=math.nan))
    assert soak.verdict(samples(soak)[:4])


def test_it_runs_without_a_real_server() -> None:
    """The figures of four seconds tell nothing: only that it comes to its end."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBEBUILDER_ASSETS"}
    command = [sys.executable, str(SOAK), "--seconds", "4", "--objects", "20"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "nothing grew" in done.stdout or "grew from" in done.stdout, done.stdout + done.stderr
    assert "MiB" in done.stdout
