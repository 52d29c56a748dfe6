"""The README's promises: its operator runs as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def test_the_readme_operator_runs_as_written(tmp_path: Path) -> None:
    [program] = code_blocks("python")
    script = tmp_path / "greeter.py"
    script.write_text(program)

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, world!\n", "")


def test_the_readme_operator_is_about_25_lines() -> None:
    [program] = code_blocks("python")
    assert len([line for line in program.splitlines() if line.strip()]) <= 25


def test_the_readme_shows_how_an_event_travels() -> None:
    assert any("Informer" in picture and "Queue" in picture for picture in code_blocks("mermaid"))


def test_the_example_is_the_readme_operator() -> None:
    [program] = code_blocks("python")
    assert program in (ROOT / "examples" / "greeter.py").read_text()
