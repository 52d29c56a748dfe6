"""`kubernaut dev` from the outside: what it shows, how it follows changes, what it says of what cannot run."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from rich.live import Live
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from kubernaut.cli.dev.entries import Board, Entry
from kubernaut.cli.dev.view import TerminalScreen, board_table

ROOT = Path(__file__).parents[2]

OPERATOR = """
import logging
from kubernaut import Context, Controller, LeaderElection, Manager, Model, ObjectMeta, Reconciler, Resource, StatusBase
from kubernaut.resources.builtin.core_v1 import ConfigMap


class GreetingSpec(Model):
    who: str


class Greeting(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: GreetingSpec
    status: StatusBase = StatusBase()


class GreetingReconciler(Reconciler[Greeting]):
    async def reconcile(self, greeting: Greeting, ctx: Context) -> None:
        if greeting.spec.who == "nobody":
            raise LookupError("there is nobody")
        data = {"text": f"Hello, {greeting.spec.who}!"}
        await ctx.client.apply(ConfigMap(metadata=ObjectMeta(name=greeting.name), data=data), owner=greeting)
        ctx.log.info("greeted", who=greeting.spec.who)
        ctx.events.event(greeting, "Greeted", f"said hello to {greeting.spec.who}")
        greeting.status.set_condition("Ready", True, reason="Applied")


one = Controller(Greeting, GreetingReconciler(), owns=[ConfigMap])


def controllers():
    return [Controller(Greeting, GreetingReconciler(), owns=[ConfigMap])]


def controllers_for(dns):
    return controllers()


async def manager(client):
    manager = Manager(client, name="mine", leader_election=LeaderElection("mine"))
    manager.add(*controllers())
    return manager


def broken():
    return {}["missing"]


number = 5
nothing = []
"""

SAMPLE = """
apiVersion: example.dev/v1
kind: Greeting
metadata: {name: hi, namespace: default}
spec: {who: world}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "greeter.py").write_text(OPERATOR)
    (tmp_path / "sample.yaml").write_text(SAMPLE)
    return tmp_path


class Dev:
    """A running `kubernaut dev`, its output read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[str] = []

    def until(self, *texts: str) -> str:
        """Read on to the line that holds all of the texts."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(line)
            if all(text in line for text in texts):
                return line
        pytest.fail(f"it ended without {texts}:\n{''.join(self.seen)}")

    def end(self) -> int:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        self.seen.append(out)
        return self.process.returncode

    @property
    def text(self) -> str:
        return "".join(self.seen)


@contextmanager
def dev(folder: Path, *args: str) -> Iterator[Dev]:
    process = subprocess.Popen(
        [sys.executable, "-m", "kubernaut", "dev", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # A line that never comes would leave the test reading for ever.
    before = signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(60)
    try:
        yield Dev(process)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        process.kill()
        process.communicate()


def test_it_shows_reconciles_writes_conditions_events_and_logs_and_ends_on_ctrl_c(folder: Path) -> None:
    with dev(folder, "greeter:controllers", "-f", "sample.yaml") as running:
        running.until("event", "Greeting default/hi", "Greeted: said hello to world")
        assert running.end() == 0
    for line in (
        "running greeter:controllers: greeting",
        "write     apply configmaps default/hi -> 201",
        "reconcile Greeting default/hi reconciled in",
        "condition Greeting default/hi Ready=True Applied",
        "greeted",
    ):
        assert line in running.text, running.text
    assert "Traceback" not in running.text


def test_a_change_of_the_code_is_followed_on_the_same_cluster(folder: Path) -> None:
    source = folder / "greeter.py"
    with dev(folder, "greeter:controllers", "-f", "sample.yaml") as running:
        running.until("reconciled in")
        source.write_text(OPERATOR.replace("Hello, {", "Good day, dear {"))
        running.until("note", "changed: greeter.py")
        running.until("apply configmaps default/hi -> 200")  # the object was there already

        source.write_text("def controllers(:\n")
        running.until("error", "greeter:controllers cannot run")
        running.until("SyntaxError")

        source.write_text(OPERATOR.replace("import logging", "import nowhere_to_be_found"))
        running.until("ModuleNotFoundError", "nowhere_to_be_found")
        running.until("greeter.py:2")

        source.write_text(OPERATOR.replace("def controllers()", "def controlers()"))
        running.until("did you mean 'controlers'")

        source.write_text(OPERATOR.replace("who: str", "who: str\n    loud: bool = False"))
        running.until("running greeter:controllers")
        (folder / "sample.yaml").write_text(SAMPLE.replace("who: world", "who: nobody, loud: true"))
        running.until("changed: sample.yaml")
        running.until("failure", "Greeting default/hi failed and is retried")
        running.until("LookupError: there is nobody")
        running.until("greeter.py:20 in reconcile")
        assert running.end() == 0


def test_a_manager_from_a_function_that_takes_the_client_and_the_api_for_kubectl(folder: Path) -> None:
    with dev(folder, "greeter:manager", "-f", "sample.yaml", "--port", "0") as running:
        url = running.until("the cluster is at").partition("--server ")[2].split()[0]
        running.until("condition", "Ready=True")
        answer = httpx.get(f"{url}/apis/example.dev/v1/namespaces/default/greetings/hi", timeout=10)
        assert answer.json()["spec"] == {"who": "world"}
        httpx.delete(f"{url}/apis/example.dev/v1/namespaces/default/greetings/hi", timeout=10)
        running.until("gone", "Greeting default/hi")
        assert running.end() == 0


def test_once_ends_when_nothing_happens_any_more(folder: Path) -> None:
    # The manager leads, and renews its lease for ever.
    with dev(folder, "greeter.py:manager", "-f", "sample.yaml", "--once") as running:
        running.until("condition", "Ready=True")
        out, _ = running.process.communicate(timeout=60)
        assert running.process.returncode == 0, out


def test_a_reconcile_that_failed_last_makes_the_exit_code_1(folder: Path) -> None:
    (folder / "sample.yaml").write_text(SAMPLE.replace("world", "nobody"))
    with dev(folder, "greeter:one", "-f", "sample.yaml", "--for", "0.5") as running:
        running.until("LookupError: there is nobody")
        running.process.communicate(timeout=60)
        assert running.process.returncode == 1


@pytest.fixture
def invoked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(folder)
    yield folder
    for name in ("greeter", "broken", "plain", "package", "package.inner"):
        sys.modules.pop(name, None)


def ran(*args: str) -> Result:
    return CliRunner().invoke(app, ["dev", *args, "--once"])


UNUSABLE = {
    "no colon": ("greeter", "give MODULE:ATTR"),
    "no attribute": ("greeter:", "give MODULE:ATTR"),
    "a module that is not there": ("greter:controllers", "no module 'greter' in the folder"),
    "its nearest": ("greter:controllers", "did you mean 'greeter'"),
    "a module that is not in the package": ("package.iner:x", "no module 'iner' in the package package; did you mean"),
    "an attribute that is not there": ("greeter:contollers", "did you mean 'controllers'"),
    "an attribute like no other": ("greeter:zzz", "there is 'one', 'controllers', 'manager'"),
    "a function that needs more": ("greeter:controllers_for", "needs 'dns'"),
    "a number": ("greeter:number", "is a int; it must be a Controller, a list of them"),
    "an empty list": ("greeter:nothing", "is empty; it must be"),
    "a path outside": ("../greeter.py:one", "no module within the current folder"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_target_that_cannot_be_used_is_one_sentence_and_exits_2(invoked: Path, case: str) -> None:
    (invoked / "package").mkdir()
    (invoked / "package" / "inner.py").write_text("x = 1\n")
    target, expected = UNUSABLE[case]
    done = ran(target)
    assert done.exit_code == 2, done.output
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


BROKEN = {
    "a syntax error": ("broken:x", "SyntaxError"),
    "an import of something absent": ("plain:x", "No module named 'absent'"),
    "a function that raises": ("greeter:broken", "KeyError: 'missing'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_with_once_broken_code_exits_1_and_shows_the_place(invoked: Path, case: str) -> None:
    (invoked / "broken.py").write_text("def x(:\n")
    (invoked / "plain.py").write_text("\nimport absent\n")
    target, expected = BROKEN[case]
    done = ran(target)
    assert done.exit_code == 1, done.output
    assert expected in done.stderr
    file = f"{target.partition(':')[0]}.py"
    assert file in done.stderr
    assert "importlib" not in done.stderr


def test_a_manifest_that_cannot_be_read_exits_2(invoked: Path) -> None:
    done = ran("greeter:one", "-f", "nowhere.yaml")
    assert (done.exit_code, "nowhere.yaml: cannot be read" in done.stderr) == (2, True)


def test_a_manifest_that_the_server_refuses_names_its_file(invoked: Path) -> None:
    (invoked / "sample.yaml").write_text(SAMPLE.replace("{who: world}", "{who: 5}"))
    done = ran("greeter:one", "-f", "sample.yaml")
    assert done.exit_code == 2
    assert "sample.yaml: Greeting hi: spec.who" in done.stderr


def test_a_port_that_is_taken_exits_2(invoked: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = ran("greeter:one", "--port", str(taken.getsockname()[1]))
    assert done.exit_code == 2
    assert "--port: cannot listen on" in done.stderr


def test_the_command_leaves_the_process_as_it_was(invoked: Path) -> None:
    import logging

    path, handlers = list(sys.path), list(logging.getLogger().handlers)
    level, bytecode = logging.getLogger().level, sys.dont_write_bytecode
    ran("greeter:number")
    assert (sys.path, logging.getLogger().handlers) == (path, handlers)
    assert (logging.getLogger().level, sys.dont_write_bytecode) == (level, bytecode)


def test_in_a_terminal_a_table_of_the_objects_stands_below_the_lines() -> None:
    board = Board()
    row = board.row("Greeting default/[hi]")
    row.conditions, row.reconciles, row.last = "Ready=True", 3, "reconciled in 5 ms"
    board.row("Greeting default/no").failed = True
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, highlight=False)
    at = datetime(2024, 1, 1, tzinfo=UTC)
    with Live(board_table(board), console=console, auto_refresh=False) as live:
        TerminalScreen(live, board).show(Entry(at, "failure", "Greeting default/no", "failed", "KeyError: 'x'"))
        live.refresh()
    text = out.getvalue()
    assert "KeyError: 'x'" in text
    lines = text.splitlines()
    [failing] = [number for number, line in enumerate(lines) if "default/no" in line][-1:]
    [fine] = [number for number, line in enumerate(lines) if "default/[hi]" in line and "Ready=True" in line][-1:]
    assert failing < fine
    assert "Ctrl-C" in text
