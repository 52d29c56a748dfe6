"""The actions as executions: refused without any one of their rights, and undone to the state before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kubernaut.client import MergePatch
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.rbac_v1 import ClusterRole
from kubernaut.testing import VirtualTimeLoop
from tests.actions.cases import CASES, CATALOG, Case, state
from tests.actions.executing import controlled, execute, inverse_of

EXECUTOR = "kubernaut-executor"
UNDOABLE = sorted(name for name, case in CASES.items() if case.inverse)


def lacking(case: Case) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Each verb that the case needs, on what, and the action's rules without it."""
    action = CATALOG.get(case.action)
    rules = [rule.to_dict() for rule in action.rbac()]
    for needed in action.rbac(CATALOG.resolve_target(case.action, case.target)):
        for verb in needed.verbs:
            (resource,) = needed.resources
            rest = [
                {**rule, "verbs": [each for each in rule["verbs"] if each != verb or rule["resources"] != [resource]]}
                for rule in rules
            ]
            yield verb, resource, [rule for rule in rest if rule["verbs"]]


async def refuse_all() -> dict[str, list[tuple[str, str | None]]]:
    """What each case ends with, in one cluster, when its action lacks one right after the other."""
    seen: dict[str, list[tuple[str, str | None]]] = {}
    async with controlled() as cluster:
        before, number = await state(cluster.client), 0
        for name, case in CASES.items():
            role, rules = (
                f"kubernaut-action-{case.action}",
                [rule.to_dict() for rule in CATALOG.get(case.action).rbac()],
            )
            for verb, resource, left in lacking(case):
                number += 1
                await cluster.client.patch(ClusterRole, role, MergePatch({"rules": left}))
                status = (await execute(cluster, f"try-{number}", case)).status
                missing = f"may not {verb} {resource}" in (status.message or "")
                seen.setdefault(name, []).append((f"{verb} {resource}", status.reason if missing else status.message))
            await cluster.client.patch(ClusterRole, role, MergePatch({"rules": rules}))
        assert await state(cluster.client) == before
        assert not list(await cluster.client.list(Job, namespace=EXECUTOR))
    return seen


@pytest.fixture(scope="module")
def refused() -> dict[str, list[tuple[str, str | None]]]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(refuse_all())


@pytest.mark.parametrize("name", sorted(CASES))
def test_without_any_one_of_its_rights_an_action_is_refused(
    name: str, refused: dict[str, list[tuple[str, str | None]]]
) -> None:
    assert refused[name]
    assert {reason for _, reason in refused[name]} == {"PermissionDenied"}


@dataclass(frozen=True)
class Undone:
    """The world before an execution, after it, and after its inverse."""

    before: dict[str, Any]
    between: dict[str, Any]
    after: dict[str, Any]
    done: KubernetesExecution
    undone: KubernetesExecution


async def undo_all() -> dict[str, Undone]:
    """Every case that can be undone, and its inverse, after each other in one cluster."""
    seen: dict[str, Undone] = {}
    async with controlled() as cluster:
        for name in UNDOABLE:
            before = await state(cluster.client)
            done = await execute(cluster, f"fix-{name}", CASES[name])
            assert done.status.phase == "rollback_ready", done.status.to_dict()
            between = await state(cluster.client)
            undone = await execute(cluster, f"undo-{name}", inverse_of(done), rollbackOf={"name": f"fix-{name}"})
            seen[name] = Undone(before, between, await state(cluster.client), done, undone)
    return seen


@pytest.fixture(scope="module")
def undone() -> dict[str, Undone]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(undo_all())


@pytest.mark.parametrize("name", UNDOABLE)
def test_the_inverse_restores_what_was_captured(name: str, undone: dict[str, Undone]) -> None:
    seen = undone[name]
    assert seen.undone.status.phase == "rollback_ready", seen.undone.status.to_dict()
    assert seen.before != seen.between
    assert seen.before == seen.after
