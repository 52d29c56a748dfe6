"""The pieces that facts are made of, without a cluster: sizes, texts, environments, shapes that strangers choose."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.remediation.processing import Facts
from kubernaut.remediation.processing.bounding import bound
from kubernaut.remediation.processing.config import FACTS_BYTES, Limits, ProcessingConfig
from kubernaut.remediation.processing.controller import processings
from kubernaut.remediation.processing.environment import environment_of, priority_of
from kubernaut.remediation.processing.objects import object_fact
from kubernaut.remediation.processing.texts import line
from kubernaut.remediation.processing.types import (
    ContainerFact,
    EventFact,
    ObjectFact,
    PodFact,
    RevisionFact,
)
from kubernaut.remediation.processing.workload import selector_of
from kubernaut.resources.builtin.core_v1 import Secret

LONG = "é" * 500
NAME = "n" * 253


def largest() -> Facts:
    """As much of everything as gathering can find."""
    conditions = {f"{number:02}" + "c" * 61: LONG for number in range(20)}
    each = ObjectFact(
        api_version="example.com/v1", kind="K" * 63, name=NAME, conditions=conditions, summary={"a": LONG, "b": LONG}
    )
    container = ContainerFact(
        name="c" * 63, image=LONG, state=LONG, last_state=LONG, waiting="w" * 128, log_tail="x\n" * 2048
    )
    pod = PodFact(name=NAME, namespace="s" * 63, node=NAME, reason=LONG, containers=[container] * 10)
    images = {f"{number}" + "c" * 60: LONG for number in range(10)}
    revision = RevisionFact(revision=1, name=NAME, images=[LONG] * 10, containers=images)
    event = EventFact(reason="r" * 128, message=LONG, object=NAME)

    def copies(found: Any, number: int) -> list[Any]:
        return [found.model_copy(deep=True) for _ in range(number)]

    return Facts(
        target=each.model_copy(deep=True),
        owners=copies(each, 4),
        related=copies(each, 20),
        pods=copies(pod, 20),
        events=copies(event, 50),
        nodes=copies(each, 10),
        revisions=copies(revision, 10),
        namespace_labels={f"{number}" + "l" * 60: LONG for number in range(32)},
        missing={f"log of pod {number}": LONG for number in range(20)},
    )


@pytest.mark.parametrize("limit", [FACTS_BYTES, 32 * 1024])
def test_the_largest_facts_there_can_be_fit(limit: int) -> None:
    facts = largest()
    assert len(facts.to_json()) > 500_000
    bound(facts, limit)
    assert len(facts.to_json()) <= limit
    assert facts.missing["bounds"].startswith(f"cut to {limit} bytes")
    Facts.from_dict(facts.to_dict())


def test_every_part_keeps_something() -> None:
    facts = largest()
    bound(facts, FACTS_BYTES)
    assert facts.pods and facts.events and facts.nodes and facts.revisions and facts.target and facts.owners


def test_what_fits_is_left_alone() -> None:
    facts = Facts(events=[EventFact(reason="BackOff")])
    bound(facts, 4096)
    assert facts == Facts(events=[EventFact(reason="BackOff")])


def test_a_line_is_one_redacted_and_short() -> None:
    assert line("a\nb\x00\tc\x1b[31m") == "a b  c [31m"
    assert line("password=hunter2") == "password=[REDACTED]"
    assert line(None) == "" and line(0) == "0"
    assert len(line("é" * 10_000).encode()) <= 1024


@pytest.mark.parametrize(
    ("namespace", "labels", "environment"),
    [
        ("shop", {"environment": "Prod"}, "production"),
        ("shop", {"env": "qa", "kubernaut.io/environment": "staging"}, "staging"),
        ("shop", {"environment": "blue"}, "blue"),
        ("production", {}, "production"),
        ("prod-eu", {}, "production"),
        ("dev-anna", {}, "development"),
        ("product", {}, ""),
        (None, {}, ""),
    ],
)
def test_the_environment_is_told_by_labels_else_by_the_name(
    namespace: str | None, labels: dict[str, str], environment: str
) -> None:
    assert environment_of(namespace, labels) == environment


@pytest.mark.parametrize(
    ("severity", "environment", "priority"),
    [
        ("critical", "production", "p0"),
        ("Warning", "production", "p1"),
        ("info", "production", "p2"),
        ("critical", "staging", "p1"),
        ("whatever", "", "p2"),
        ("info", "development", "p3"),
    ],
)
def test_the_priority_is_of_severity_and_environment(severity: str, environment: str, priority: str) -> None:
    assert priority_of(severity, environment) == priority


STRANGE: list[dict[str, Any]] = [
    {"kind": "Widget", "metadata": {}},
    {"kind": "Widget", "metadata": {"name": "a"}, "status": "broken"},
    {"kind": "Widget", "metadata": {"name": "a"}, "status": {"conditions": "none", "phase": {"a": 1}}},
    {"kind": "Widget", "metadata": {"name": "a"}, "status": {"conditions": [None, 1, {}, {"type": 5}]}},
    {"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": "many"}, "status": {"readyReplicas": None}},
    {"kind": "Node", "metadata": {"name": "a"}, "spec": {"taints": "no"}},
    {"kind": "CronJob", "metadata": {"name": "a"}, "spec": None},
]


@pytest.mark.parametrize("document", STRANGE, ids=str)
def test_objects_of_any_shape_are_told(document: dict[str, Any]) -> None:
    assert object_fact(document).kind == document["kind"]


def test_selectors_are_written_as_kubernetes_reads_them() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "env", "operator": "NotIn", "values": ["dev"]},
        {"key": "app", "operator": "Exists"},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": expressions}
    assert selector_of({"spec": {"selector": selector}}) == "app=web,tier in (a,b),env notin (dev),app,!old"
    assert selector_of({}) == ""


@pytest.mark.parametrize(
    "selector",
    [
        "app=web",
        {"matchLabels": "x"},
        {"matchLabels": ["x"]},
        {"matchExpressions": "x"},
        {"matchExpressions": [{"key": "a", "operator": "Nothing", "values": 3}, 7]},
    ],
)
def test_a_selector_of_another_shape_selects_nothing(selector: Any) -> None:
    assert selector_of({"spec": {"selector": selector}}) == ""


def test_nothing_is_written_and_no_secret_is_read() -> None:
    for permission in processings().permissions:
        assert set(permission.verbs) <= {"get", "list"} and permission.why
        assert permission.plural != Secret.resource_type.plural


def test_limits_are_checked() -> None:
    for wrong in (
        {"gathering": "PT10S"},
        {"gathering": "PT10M"},
        {"pods": 0},
        {"facts_bytes": 10},
        {"log_bytes": 9999},
    ):
        with pytest.raises(ValueError):
            Limits.model_validate(wrong)
    assert ProcessingConfig().find("apps/v1", "Deployment") is not None
    assert ProcessingConfig().find("apps/v2", "Deployment") is None
    assert ProcessingConfig().find(None, "Secret") is None
