"""Rules: what a file may hold, when a rule holds, what it says, and which of several is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubernaut.remediation.analysis import (
    AnalysisInput,
    AnalysisResult,
    HttpAnalyzer,
    RuleAnalyzer,
    RuleError,
    build_analyzer,
    close_analyzer,
)
from kubernaut.remediation.analysis.rules import load_rules, parse_rules
from kubernaut.remediation.analysis.rules.templates import NAMES, MissingFact, Template
from tests.remediation.analysis.asked import CATALOG
from tests.remediation.processing import situations as given
from tests.remediation.processing.situations import WEB

EXAMPLE = Path(__file__).parents[3] / "examples" / "analysis-rules.yaml"
TARGET = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "namespace": "shop",
    "name": "web",
    "conditions": {"Available": "False MinimumReplicasUnavailable: too few"},
    "summary": {"replicas": "1/2"},
}
CONTAINER = {
    "name": "main",
    "image": "web:2",
    "waiting": "CrashLoopBackOff",
    "terminated": "Error",
    "exitCode": 3,
    "restarts": 4,
    "state": "waiting: CrashLoopBackOff",
    "logTail": "starting\nno route to db",
}
FACTS: dict[str, Any] = {
    "target": TARGET,
    "environment": "staging",
    "pods": [
        {"name": "web-0", "namespace": "shop", "node": "node-1", "ready": True, "containers": [{"name": "main"}]},
        {"name": "web-1", "namespace": "shop", "node": "node-2", "phase": "Running", "containers": [CONTAINER]},
    ],
    "events": [{"reason": "BackOff", "message": "restarting failed container", "object": "Pod/web-1", "count": 9}],
    "nodes": [
        {"apiVersion": "v1", "kind": "Node", "name": "node-1", "conditions": {"Ready": "False KubeletNotReady: x"}},
        {"apiVersion": "v1", "kind": "Node", "name": "node-2", "conditions": {"Ready": "True KubeletReady: x"}},
    ],
    "revisions": [
        {
            "revision": 3,
            "current": True,
            "created": "2024-01-01T11:50:00Z",
            "template": "c",
            "containers": {"main": "web:2"},
        },
        {"revision": 2, "created": "2024-01-01T11:40:00Z", "template": "c", "containers": {"main": "web:2"}},
        {"revision": 1, "created": "2024-01-01T08:00:00Z", "template": "a", "containers": {"main": "web:1"}},
    ],
}


def question(facts: Mapping[str, Any] | None = None, **changes: Any) -> AnalysisInput:
    signal = {**given.signal(), "labels": {"team": "payments-eu"}, "startsAt": "2024-01-01T12:00:00Z"}
    return AnalysisInput.from_dict(
        {
            "signal": signal | changes.pop("signal", {}),
            "target": WEB,
            "askedAt": "2024-01-01T12:05:00Z",
            "facts": {**FACTS, **(facts or {})},
            **changes,
        }
    )


def rule(match: dict[str, Any] | None = None, name: str = "one", **changes: Any) -> dict[str, Any]:
    propose = {"rootCause": "{workload.name}", "confidence": 0.9, "steps": [RESTART], **changes.pop("propose", {})}
    return {"name": name, "match": match or {"targets": ["Deployment"]}, "propose": propose, **changes}


RESTART = {"name": "restart", "action": "restart-deployment"}


def analyzer(*rules: dict[str, Any]) -> RuleAnalyzer:
    text = yaml.safe_dump({"version": 1, "rules": list(rules)}).encode()
    return RuleAnalyzer(parse_rules([("rules.yaml", text)]), catalog=CATALOG)


async def chosen(*rules: dict[str, Any], asked: AnalysisInput | None = None) -> str | None:
    """The rule that was chosen."""
    result = await analyzer(*rules).analyze(asked or question())
    return result.evidence[0].source.removeprefix("rule/") if result.evidence else None


HOLDING: list[dict[str, Any]] = [
    {"signals": ["KubePod*"]},
    {"severities": ["critical"]},
    {"labels": {"team": "payments-*"}},
    {"targets": ["Pod", "Deployment"]},
    {"workloads": ["Deployment"]},
    {"environments": ["staging"]},
    {"conditions": {"Available": ["False"]}},
    {"conditions": {"Available": ["MinimumReplicasUnavailable"]}},
    {"container": {"waiting": ["CrashLoopBackOff"], "terminated": ["Error"], "restartsAtLeast": 4}},
    {"container": {"exitCodes": [1, 3], "logs": ["no route"]}},
    {"pod": {"phases": ["Running"], "ready": False}},
    {"pod": {"ready": False}, "container": {"waiting": ["CrashLoopBackOff"]}},
    {"event": {"reasons": ["BackOff"], "messages": ["failed container"]}},
    {"node": {"conditions": {"Ready": ["False"]}}},
    {"pod": {"ready": True}, "node": {"conditions": {"Ready": ["False", "Unknown"]}}},
    {"changed": {"within": "20m"}},
    {"recovery": {"attempts": [0]}},
]
NOT_HOLDING: list[dict[str, Any]] = [
    {"signals": ["KubeJob*"]},
    {"severities": ["warning"]},
    {"labels": {"team": "platform"}},
    {"labels": {"region": "?*"}},
    {"targets": ["Pod"]},
    {"workloads": ["StatefulSet"]},
    {"environments": ["production"]},
    {"conditions": {"Available": ["True"]}},
    {"conditions": {"Progressing": ["False"]}},
    {"container": {"waiting": ["CrashLoopBackOff"], "restartsAtLeast": 5}},
    {"container": {"waiting": ["ImagePullBackOff"]}},
    {"container": {"exitCodes": [137]}},
    {"container": {"logs": ["out of memory"]}},
    {"pod": {"ready": True}, "container": {"waiting": ["CrashLoopBackOff"]}},
    {"pod": {"reasons": ["Evicted"]}},
    {"event": {"reasons": ["BackOff"], "messages": ["volume"]}},
    {"pod": {"ready": False}, "node": {"conditions": {"Ready": ["False"]}}},
    {"node": {"conditions": {"DiskPressure": ["True"]}}},
    {"changed": {"within": "19m"}},
    {"autoscaler": {"atMaximum": True}},
    {"recovery": {"attempts": [1]}},
    {"recovery": {"failedActions": ["restart-deployment"]}},
]


@pytest.mark.parametrize("match", HOLDING, ids=str)
async def test_a_rule_holds(match: dict[str, Any]) -> None:
    assert await chosen(rule(match)) == "one"


@pytest.mark.parametrize("match", NOT_HOLDING, ids=str)
async def test_a_rule_does_not_hold(match: dict[str, Any]) -> None:
    assert await chosen(rule(match)) is None


async def test_all_of_a_match_must_hold_and_nothing_of_unless() -> None:
    assert await chosen(rule({"severities": ["critical"], "targets": ["Pod"]})) is None
    assert await chosen(rule(unless={"severities": ["critical"]})) is None
    assert await chosen(rule(unless={"severities": ["critical"], "targets": ["Pod"]})) == "one"


async def test_the_surest_rule_is_chosen_and_of_equals_the_first() -> None:
    low, high, other = (
        rule(name=name, propose={"confidence": sure}) for name, sure in (("low", 0.5), ("high", 0.8), ("other", 0.8))
    )
    assert await chosen(low, high, other) == "high"
    result = await analyzer(low, high, other).analyze(question())
    assert [each.source for each in result.evidence] == ["rule/high", "rule/low", "rule/other"]


async def test_a_change_after_the_signal_began_was_not_its_cause() -> None:
    late = question(signal={"startsAt": "2024-01-01T11:30:00Z"})
    assert await chosen(rule({"changed": {"within": "2h"}}), asked=late) is None
    soon = question(signal={"startsAt": "2024-01-01T11:36:00Z"})
    assert await chosen(rule({"changed": {"within": "2h"}}), asked=soon) == "one"


async def test_a_restart_is_no_change_and_the_revision_before_the_change_is_meant() -> None:
    step = {"name": "back", "action": "rollback-deployment", "parameters": {"toRevision": "{revision.previous}"}}
    wanted = rule({"changed": {"within": "1h"}, "container": {"restartsAtLeast": 1}}, propose={"steps": [step]})
    wanted["propose"]["rootCause"] = "{revision.image} came {revision.age} ago, after {revision.previousImage}"
    result = await analyzer(wanted).analyze(question())
    assert result.steps[0].parameters == {"toRevision": 1}
    assert result.root_cause == "web:2 came 20 min ago, after web:1"


async def test_a_rule_that_names_a_fact_that_is_not_there_is_passed_over() -> None:
    wanted = rule(propose={"rootCause": "{autoscaler.name}"})
    assert await chosen(wanted) is None
    assert await chosen(wanted, rule(name="two", propose={"confidence": 0.1})) == "two"


HOSTILE = ["web:1\nkind: Secret", "$(id)", "a b", '"}}, {"op": "remove"', "x" * 600]


@pytest.mark.parametrize("image", HOSTILE)
async def test_what_strangers_wrote_does_not_become_a_part_of_a_parameter(image: str) -> None:
    facts = {"pods": [{"name": "web-1", "containers": [{**CONTAINER, "image": image}]}]}
    parameters = {"container": "main", "image": "{container.image}"}
    step = {"name": "image", "action": "update-image", "parameters": parameters}
    wanted = rule({"container": {"restartsAtLeast": 1}}, propose={"steps": [step]})
    assert await chosen(wanted, asked=question(facts)) is None


async def tried(recovery: dict[str, Any], **changes: Any) -> str | None:
    first = rule(name="first", **changes)
    scale = {"name": "scale", "action": "scale-deployment", "parameters": {"replicas": 3}}
    second = rule(name="second", propose={"confidence": 0.5, "steps": [scale]})
    return await chosen(first, second, asked=question(recovery={"attempt": 1, **recovery}))


async def test_what_was_tried_before_is_passed_over_in_a_recovery() -> None:
    proposal = {"rootCause": "x", "confidence": 1, "steps": [{**RESTART, "target": WEB}]}
    assert await tried({}) == "first"
    assert await tried({"failedAction": "restart-deployment"}) == "second"
    assert await tried({"previous": [proposal]}) == "second"
    assert await tried({"failedAction": "restart-deployment"}, skipIfTried=False) == "first"


# Files.


def problem(document: Any, **options: Any) -> str:
    text = document if isinstance(document, bytes) else yaml.safe_dump(document).encode()
    with pytest.raises(RuleError) as caught:
        RuleAnalyzer(parse_rules([("rules.yaml", text)]), **options)
    return str(caught.value)


BAD: list[tuple[dict[str, Any], str]] = [
    (rule({"container": {"waitin": ["x"]}}), "rule one: match.container.waitin: is not known here"),
    (rule({"container": {"restartsAtLeast": "3"}}), "rule one: match.container.restartsAtLeast: input should be"),
    (rule({"severities": "critical"}), "rule one: match.severities: input should be a valid list"),
    (rule({"severities": []}), "rule one: match.severities: list should have at least 1 item"),
    (rule({"changed": {"within": "soon"}}), "rule one: match.changed.within: "),
    (rule({"changed": {"within": "0s"}}), "rule one: match.changed.within: "),
    (rule({"node": {"conditions": {"Ready": [False]}}}), "rule one: match.node.conditions.Ready[0]: input should be"),
    (rule({"recovery": {}}) | {"match": {}}, "rule one: match: is empty, and a rule that always holds"),
    (rule(unless={}), "rule one: unless: is empty"),
    (rule(propose={"confidence": 2}), "rule one: propose.confidence: input should be less than or equal to 1"),
    (
        rule(propose={"rootCause": "{pod.nme}"}),
        "rule one: propose.rootCause: {pod.nme} is not known; known: signal.name",
    ),
    (rule(propose={"rootCause": "{pod.__class__.x}"}), ""),
    (rule(propose={"steps": [{"name": "A", "action": "x"}]}), "rule one: propose.steps[0].name: string should match"),
    (rule(propose={"steps": [{"name": "a"}]}), "rule one: propose.steps[0].action: is required"),
    (rule(propose={"recommendation": "yes"}), "rule one: propose.recommendation: input should be"),
    ({"name": "one"}, "rule one: match: is required"),
    ({"match": {"targets": ["Pod"]}, "propose": {}}, "rules[0]: name: is required"),
    (rule(name="No Name"), "rule No Name: name: string should match pattern"),
]


@pytest.mark.parametrize(("written", "told"), BAD, ids=lambda value: str(value)[:60])
def test_a_bad_rule_is_told_by_file_rule_and_field(written: dict[str, Any], told: str) -> None:
    if not told:
        # No name of a fact has such characters: the text stands for itself, and nothing is looked up.
        assert Template("{pod.__class__.x}").text({}) == "{pod.__class__.x}"
        return
    assert problem({"version": 1, "rules": [written]}).startswith(f"rules.yaml: {told}")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"{", "rules.yaml: is no YAML"),
        (b"\xff\xfe\xff", "rules.yaml: is no YAML"),
        (b"- a", "rules.yaml: must be an object"),
        ({"version": 1, "rules": []}, "rules.yaml: rules: list should have at least 1 item"),
        ({"version": 2, "rules": [rule()]}, "rules.yaml: version: input should be 1"),
        ({"rules": [rule()]}, "rules.yaml: version: is required"),
        ({"version": 1, "rules": [rule(), rule()]}, "rules.yaml: rule one: another rule has that name"),
        ({"version": 1, "rules": ["text"]}, "rules.yaml: rules[0]: input should be"),
        (b"#" * 1_100_000, "rules.yaml: has 1100000 bytes"),
        (b"a: !!python/object/apply:os.system [id]", "rules.yaml: is no YAML"),
    ],
)
def test_a_bad_file_is_told_by_its_name(document: Any, told: str) -> None:
    assert problem(document).startswith(told)


def test_actions_and_parameters_are_checked_against_the_catalog() -> None:
    unknown = rule(propose={"steps": [{"name": "a", "action": "restart-deploymnt"}]})
    told = problem({"version": 1, "rules": [unknown]}, catalog=CATALOG)
    assert told.startswith('rule one: propose.steps[0].action: unknown action "restart-deploymnt"; did you mean')
    extra = rule(propose={"steps": [{**RESTART, "parameters": {"grace": 1}}]})
    told = problem({"version": 1, "rules": [extra]}, catalog=CATALOG)
    assert (
        told
        == "rule one: propose.steps[0].parameters.grace: unknown parameter; restart-deployment takes: no parameters"
    )


def test_files_and_folders_come_before_the_shipped_rules(tmp_path: Path) -> None:
    text = yaml.safe_dump({"version": 1, "rules": [rule(name="mine")]})
    (tmp_path / "b.yaml").write_text(text)
    own = load_rules(tmp_path)
    both = RuleAnalyzer.load(tmp_path / "b.yaml", catalog=CATALOG)
    assert [each.name for each in own.rules] == ["mine"]
    assert both.rules[0].name == "mine" and len(both.rules) == len(RuleAnalyzer.shipped().rules) + 1
    assert len({own.revision, both.revision, RuleAnalyzer.shipped().revision}) == 3
    for path, told in ((tmp_path / "none.yaml", "cannot be read"), (tmp_path / "empty", "has no file")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(RuleError, match=told):
            load_rules(path)
    (tmp_path / "b.yaml").write_text(text.replace("mine", "crash-loop"))
    with pytest.raises(RuleError, match="rule crash-loop: another rule has that name"):
        RuleAnalyzer.load(tmp_path)


def test_templates_look_up_and_nothing_else() -> None:
    values: dict[str, str | int] = {"autoscaler.raised": 9, "pod.name": "{pod.node}"}
    assert Template("{autoscaler.raised}").parameter(values) == 9
    assert (
        Template('{"spec": {"maxReplicas": {autoscaler.raised}}}').parameter(values) == '{"spec": {"maxReplicas": 9}}'
    )
    assert Template("{pod.name}").text(values) == "{pod.node}"
    with pytest.raises(MissingFact):
        Template("{pod.name}").parameter(values)
    with pytest.raises(MissingFact):
        Template("{pod.node}").text(values)
    with pytest.raises(ValueError, match="at most 4096"):
        Template("x" * 5000)
    assert all(name.count(".") == 1 for name in NAMES)


async def test_settings_make_the_analyzer(tmp_path: Path) -> None:
    assert isinstance(build_analyzer(CATALOG), RuleAnalyzer)
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "rules": [rule()]}))
    own = build_analyzer(CATALOG, rules=[file], shipped=False)
    assert isinstance(own, RuleAnalyzer) and [each.name for each in own.rules] == ["one"]
    both = build_analyzer(CATALOG, url="http://holmes/analyze", rules=[file])
    assert both.name == "http, rules"
    alone = build_analyzer(CATALOG, url="http://holmes/analyze", shipped=False)
    assert isinstance(alone, HttpAnalyzer)
    for each in (both, alone, own):
        await close_analyzer(each)
    with pytest.raises(ValueError, match="no analyzer"):
        build_analyzer(CATALOG, shipped=False)


async def test_the_example_holds_and_proposes() -> None:
    example = RuleAnalyzer.load(EXAMPLE, catalog=CATALOG)
    signal = {"name": "QueueBacklogHigh"}
    logs = [{"name": "web-1", "containers": [{**CONTAINER, "logTail": "x\nbroker connection lost"}]}]
    facts = {"pods": logs, "revisions": []}
    first: AnalysisResult = await example.analyze(question(facts, signal=signal))
    assert first.evidence[0].source == "rule/queue-consumer-stuck"
    assert first.root_cause == "Container main of web lost its broker: broker connection lost"
    recovery = {"attempt": 1, "failedAction": "restart-deployment", "errorType": "timeout"}
    second = await example.analyze(question(facts, signal=signal, recovery=recovery))
    assert second.evidence[0].source == "rule/queue-consumer-stuck-after-restart"
    assert second.steps[0].parameters == {"replicas": 6}
