"""The guides' promises: what they show of kubernaut is clean, and does what they say."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kubernaut

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
COMPARISONS = ("from-kopf.md", "from-controller-runtime.md")


def blocks(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)


def write_files(page: str, folder: Path) -> list[str]:
    """Write the blocks that begin with a file's name; those of one name follow each other in one file."""
    files: dict[str, list[str]] = {}
    for block in blocks(page):
        name = re.match(r"# ([\w/]+\.py)\n", block)
        if name is not None:
            files.setdefault(name[1], []).append(block[name.end() :])
    for file, parts in files.items():
        (folder / file).write_text("\n\n".join(parts))
    return list(files)


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    return subprocess.run(
        [sys.executable, "-m", *args], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_test_file_that_the_guide_builds_passes_in_the_default_mode_of_pytest_asyncio(tmp_path: Path) -> None:
    assert write_files("testing.md", tmp_path) == ["greeter.py", "test_greeter.py", "test_on_a_real_server.py"]
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    done = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("12 passed" if "KUBEBUILDER_ASSETS" in os.environ else "11 passed, 1 skipped") in done.stdout


def test_every_python_block_of_the_testing_guide_is_in_a_file_that_runs() -> None:
    named = re.compile(r"# (greeter|test_greeter|test_on_a_real_server)\.py\n")
    assert all(named.match(block) for block in blocks("testing.md"))


def test_both_comparisons_show_the_same_operator_of_ours() -> None:
    ours = [[block for block in blocks(page) if block.startswith("# memcached.py\n")] for page in COMPARISONS]
    assert ours[0] == ours[1]
    assert len(ours[0]) == 1


OPERATOR_TEST = """
from memcached import Memcached, MemcachedSpec, memcacheds
from kubernaut import NotFound, ObjectMeta
from kubernaut.fake import FakeCluster
from kubernaut.resources.builtin.apps_v1 import Deployment
import pytest


class Inventory:
    def __init__(self) -> None:
        self.names: list[str] = []

    async def add(self, name: str) -> None:
        self.names = sorted({*self.names, name})

    async def forget(self, name: str) -> None:
        self.names = [other for other in self.names if other != name]


@pytest.mark.cluster(crds=[Memcached])
async def test_it(cluster: FakeCluster) -> None:
    inventory = Inventory()
    async with cluster.running(memcacheds(inventory)):
        meta = ObjectMeta(name="sessions", namespace="default")
        await cluster.client.create(Memcached(metadata=meta, spec=MemcachedSpec(size=3)))
        await cluster.settled()
        stored = await cluster.client.get(Memcached, "sessions", namespace="default")
        assert stored.status.is_true("Available")
        assert stored.status.ready == 3
        assert inventory.names == ["default/sessions"]

        await cluster.client.delete(Deployment, "sessions", namespace="default")
        await cluster.settled()
        assert (await cluster.client.get(Deployment, "sessions", namespace="default")).spec.replicas == 3

        await cluster.client.delete(Memcached, "sessions", namespace="default")
        await cluster.settled()
        with pytest.raises(NotFound):
            await cluster.client.get(Deployment, "sessions", namespace="default")
        assert inventory.names == []
"""


def test_the_operator_of_the_comparisons_does_what_they_say(tmp_path: Path) -> None:
    write_files("from-kopf.md", tmp_path)
    (tmp_path / "test_memcached.py").write_text(OPERATOR_TEST)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    done = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_guides_show_of_ours_is_clean_for_mypy_strict_and_ruff(tmp_path: Path) -> None:
    files = [*write_files("testing.md", tmp_path), *write_files("from-kopf.md", tmp_path)]
    ours = [file for file in files if file != "kopf_operator.py"]
    done = run(tmp_path, "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache" / "guides"), *ours)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = run(tmp_path, "ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml"), *ours)
    assert checked.returncode == 0, checked.stdout


def test_the_program_at_the_end_of_the_comparisons_is_python() -> None:
    for page in COMPARISONS:
        for block in blocks(page):
            ast.parse(block)


@pytest.mark.parametrize("page", COMPARISONS)
def test_the_comparisons_name_what_is_missing_as_well(page: str) -> None:
    text = (DOCS / page).read_text()
    assert "## What you lose" in text
    assert "limits.md" in text


@pytest.mark.parametrize("page", COMPARISONS)
def test_the_settings_that_the_tables_name_exist(page: str) -> None:
    named = re.findall(r"\b(Manager|Controller|Watch|Result)\((\w+)=", (DOCS / page).read_text())
    assert len(named) >= 5
    for owner, setting in named:
        assert setting in inspect.signature(getattr(kubernaut, owner)).parameters, f"{owner}({setting}=...)"
