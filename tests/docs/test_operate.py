"""The page for operators names each metric and each Event reason that there is, and none that there is not."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import anyio
from prometheus_client import generate_latest

from kubernaut.cli.run.plan import prepare
from kubernaut.cli.run.program import manager_of
from kubernaut.cli.run.sources import read
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Manager
from kubernaut.remediation.analysis.phases import PHASES as ANALYSIS_PHASES
from kubernaut.remediation.analysis.reasons import Reason as AnalysisReason
from kubernaut.remediation.approval.controller import FINAL, PENDING
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.phases import PHASES as EXECUTION_PHASES
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.types import Phase
from kubernaut.remediation.machine import API_REFUSED, INTERNAL_ERROR
from kubernaut.remediation.machine.reconciler import word
from kubernaut.remediation.processing.phases import PHASES as PROCESSING_PHASES
from kubernaut.remediation.processing.reasons import Reason as ProcessingReason
from kubernaut.remediation.request.phases import PHASES as REQUEST_PHASES
from kubernaut.remediation.request.reasons import RECOVERY_INITIATED, Block, Done, Review
from kubernaut.remediation.request.reasons import Reason as RequestReason
from kubernaut.remediation.workflow.phases import PHASES as WORKFLOW_PHASES
from kubernaut.remediation.workflow.reasons import ROLLED_BACK
from kubernaut.remediation.workflow.reasons import Reason as WorkflowReason
from tests.cli.run.serving import deployment, quick, scaling, what_executions_need

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operate.md"

KUBECONFIG = {
    "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "here", "user": {}}],
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here", "namespace": "kubernaut-system"}}],
    "current-context": "here",
}

TABLES = (EXECUTION_PHASES, WORKFLOW_PHASES, PROCESSING_PHASES, ANALYSIS_PHASES, REQUEST_PHASES)
FAILURES = {
    *(str(reason) for reason in (*Reason, *WorkflowReason, *ProcessingReason, *AnalysisReason, *RequestReason)),
    API_REFUSED,
    INTERNAL_ERROR,
}
# Arguments of `event(...)` that are no text in the code: what they can be is put together below.
COMPUTED = {
    "failure.reason": FAILURES,
    "move.reason or word(move.phase)": {
        *(word(phase) for phases in TABLES for phase in phases if phase not in (phases.failed, "completed")),
        # Requests tell how they were completed, and why they are blocked or a person's; the others that they were.
        "Completed",
        *(str(reason) for reason in (*Done, *Block, *Review)),
        RECOVERY_INITIATED,
    }
    - {word("blocked"), word("manual_review")},
    "ROLLED_BACK if result.success else reason": {ROLLED_BACK, "RollbackIncomplete"},
    "decided.reason or ''": {phase.title() for phase in (PENDING, *FINAL)},
    "reason": {"AuditRefused", "StoreUnavailable"},
}
PASSED_ON = {"kubernaut/remediation/machine/step.py", "kubernaut/reconcile/events/recorder.py"}
"""Where a reason is handed from one `event` to another."""
STEPS = ("run", "step", "work")
"""What a handler of a phase calls that which it works with."""


def table(name: str) -> list[str]:
    """The first column of the tables between `<!-- name -->` and `<!-- /name -->`: what is in backticks there."""
    held = PAGE.read_text().partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
    cells = [line.split("|")[1] for line in held.splitlines() if line.startswith("|")]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def metric_names(exposition: str) -> set[str]:
    """The names of the metrics in an answer of /metrics."""
    names = set(re.findall(r"^# TYPE (\S+)", exposition, flags=re.MULTILINE))
    # Only Linux tells of the process.
    return names if sys.platform == "linux" else names | {name for name in table("metrics") if name[:8] == "process_"}


async def test_the_page_has_every_metric_of_a_running_manager_and_no_other(tmp_path: Path) -> None:
    documented = table("metrics")
    assert len(documented) == len(set(documented))
    async with FakeCluster(behaviour=quick) as cluster:
        await cluster.load(what_executions_need())
        await cluster.load([deployment("web"), scaling("web")])
        async with _manager(cluster, tmp_path) as manager, manager.running():
            with anyio.fail_after(30):
                while (await cluster.client.get(KubernetesExecution, "web", namespace="shop")).status.phase not in (
                    Phase.ROLLBACK_READY,
                    Phase.FAILED,
                ):
                    await asyncio.sleep(0.05)
            assert metric_names(generate_latest(manager.metrics.registry).decode()) == set(documented)


@asynccontextmanager
async def _manager(cluster: FakeCluster, folder: Path) -> AsyncIterator[Manager]:
    """What `kubernaut run` makes, with everything that it can serve."""
    (folder / "kubeconfig").write_text(json.dumps(KUBECONFIG))
    settings = {
        "kubeconfig": str(folder / "kubeconfig"),
        "audit_store": f"sqlite:///{folder}/audit.db",
        "leader_elect": "true",
        "webhooks": "true",
        "allow_unstamped": "true",
    }
    binds = {f"{what}_bind": "127.0.0.1:0" for what in ("metrics", "health", "webhook")}
    plan = prepare(read(settings | binds, {}))
    try:
        yield await manager_of(plan, cluster.client)
    finally:
        for part in plan.parts:
            if part.aclose is not None:
                await part.aclose()


def test_the_page_has_every_event_reason_in_the_code_and_no_other() -> None:
    documented = table("events")
    assert len(documented) == len(set(documented))
    found = {reason for file in _files() for reason in _reasons(file)}
    assert found == set(documented)


def _files() -> Iterator[Path]:
    for package in ("reconcile", "remediation"):
        yield from sorted((ROOT / "kubernaut" / package).rglob("*.py"))


def _reasons(file: Path) -> Iterator[str]:
    where = file.relative_to(ROOT)
    module = importlib.import_module(".".join(where.with_suffix("").parts))
    for node in ast.walk(ast.parse(file.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "event"):
            continue
        if where.as_posix() not in PASSED_ON:
            yield from _values(_reason_of(node), module)


def _reason_of(call: ast.Call) -> ast.expr:
    """`step.event(reason, ...)`, and `events.event(object, reason, ...)`."""
    assert isinstance(call.func, ast.Attribute)
    of_a_step = isinstance(call.func.value, ast.Name) and call.func.value.id in STEPS
    return call.args[0 if of_a_step else 1]


def _values(node: ast.expr, module: ModuleType) -> set[str]:
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    text = ast.unparse(node)
    if text in COMPUTED:
        return COMPUTED[text]
    if text.startswith("Reason."):
        return {str(module.Reason[text.removeprefix("Reason.")])}
    assert text.isupper(), f"what can {text} be? Say so here, and in the page"
    return {str(getattr(module, text))}
