"""How `kubernaut tree` draws objects of any shape, decisions and steps; see test_tree for whole stories."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from kubernaut.cli.tree.drawing import drawn
from kubernaut.cli.tree.growing import grown
from kubernaut.cli.tree.model import Branch, shown_span

NOW = datetime(2024, 1, 1, 1, tzinfo=UTC)


def shown(branch: Branch, **options: Any) -> str:
    output = io.StringIO()
    Console(file=output, width=10_000).print(drawn(branch, **options))
    return output.getvalue()


def waiting(conditions: list[dict[str, Any]], **status: Any) -> Branch:
    """An execution, and the approval that was written for it."""
    execution = {
        "kind": "KubernetesExecution",
        "metadata": {"name": "e", "uid": "1"},
        "status": {"phase": "validated", "conditions": conditions},
    }
    approval = {
        "kind": "ApprovalRequest",
        "metadata": {"name": "a", "ownerReferences": [{"uid": "1", "controller": True}]},
        "status": {"phase": "approved", "decision": "approved", **status},
    }
    return grown(execution, [approval], NOW)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"reason": "agreed"}, "nobody (agreed)"),
        ({"reason": "agreed", "decidedBy": {"username": "bob"}}, "bob (agreed)"),
        ({"decidedBy": {"username": "bob"}}, "bob"),
        ({}, "nobody"),
    ],
)
def test_who_decided_is_not_why(status: dict[str, Any], told: str) -> None:
    assert waiting([], **status).children[0].details["decided by"] == told


def test_an_approval_that_does_not_count_is_no_good_sign() -> None:
    why = "the approval does not count: the webhooks that say who decided are not at work"
    doubt = {"type": "Approved", "status": "False", "reason": "ApprovalNotStamped", "message": why}
    text = shown(waiting([doubt], reason="agreed"))
    assert "◌ ApprovalRequest a  approved" in text and f"ApprovalNotStamped: {why}" in text
    assert "✔ ApprovalRequest a  approved" in shown(waiting([], reason="agreed"))


def test_steps_are_counted_from_1() -> None:
    failed = {"failedStep": 0, "failedAction": "scale-deployment", "errorType": "timeout", "failureReason": "slow"}
    tree = grown({"kind": "WorkflowExecution", "metadata": {"name": "w"}, "status": failed}, [], NOW)
    assert tree.details["failed step"] == "1 (scale-deployment), timeout: slow"


def test_an_object_of_any_shape_is_drawn() -> None:
    root: dict[str, Any] = {
        "kind": "WorkflowExecution",
        "metadata": {"name": "w", "uid": "1", "ownerReferences": "?", "creationTimestamp": "yesterday"},
        "spec": [],
        "status": {"phase": {"a": 1}, "transitions": [{"time": 7}, "x"], "steps": {"executionRef": 3}, "rollback": []},
    }
    child = {
        "kind": "KubernetesExecution",
        "metadata": {"name": "e\x1b[2J", "uid": "2", "ownerReferences": [{"uid": "1", "controller": True}]},
        "status": "odd",
    }
    loop = {**root, "metadata": {"name": "w", "uid": "1", "ownerReferences": [{"uid": "2", "controller": True}]}}
    text = shown(grown(root, [child, loop, {"kind": "Job"}], NOW))
    assert "KubernetesExecution e" in text and "\x1b[2J" not in text


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=-3), "0s"),
        (timedelta(seconds=41), "41s"),
        (timedelta(minutes=3, seconds=5), "3m 5s"),
        (timedelta(hours=2, seconds=5), "2h"),
        (timedelta(days=4, hours=3, minutes=9), "4d 3h"),
    ],
)
def test_a_span_has_two_units_at_most(span: timedelta, told: str) -> None:
    assert shown_span(span) == told
