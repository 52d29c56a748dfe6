"""What `kubernaut fake serve` answers to scripted requests against what a real server answered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake.kubectl.running import Served

ROOT = Path(__file__).parents[3]
GOLDEN = (ROOT / "../shared/golden").resolve()
SCENARIOS = sorted((GOLDEN / "scenarios").glob("*.yaml"))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All comparisons, under way at once: they mostly wait for watches to end."""
    if not SCENARIOS:
        pytest.skip(f"there are no recorded answers in {GOLDEN}")
    served = Served(tmp_path_factory.mktemp("golden"), "--rbac", "--no-controlplane")
    tool = [sys.executable, str(GOLDEN / "golden.py"), "compare", "--server", served.url]
    running = {
        path.stem: subprocess.Popen(
            [*tool, "--with", str(GOLDEN / "1.36"), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for path in SCENARIOS
    }
    yield running
    for process in running.values():
        process.kill()
        process.communicate()
    assert served.stop() == (0, "")


@pytest.mark.parametrize("scenario", [path.stem for path in SCENARIOS] or ["none"])
def test_the_answers_are_those_of_a_real_server(compared: dict[str, subprocess.Popen[str]], scenario: str) -> None:
    told, _ = compared[scenario].communicate(timeout=60)
    assert compared[scenario].returncode == 0, told
