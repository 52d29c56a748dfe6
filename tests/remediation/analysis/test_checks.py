"""What is made of an answer, whoever gave it: nothing that it proposes is believed."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.actions import AllowedKinds, Catalog
from kubernaut.remediation.analysis import AnalysisInput, Proposal
from kubernaut.remediation.analysis.analyzer import AnalysisResult, Answer
from kubernaut.remediation.analysis.checks import checked
from kubernaut.remediation.analysis.config import Thresholds
from kubernaut.resources import ResourceType
from tests.remediation.analysis.asked import config
from tests.remediation.analysis.stub import answer, step
from tests.remediation.processing import situations as given
from tests.remediation.processing.situations import WEB, at

FACTS = {
    "target": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
    "pods": [{"name": "web-1", "namespace": "shop", "node": "node-1"}],
}
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web%s}\ndata: {a: b}\n"


def question(target: dict[str, Any] = WEB, facts: dict[str, Any] | None = None, **more: Any) -> AnalysisInput:
    given_facts = FACTS if facts is None else facts
    document = {"signal": given.signal(), "target": target, "facts": given_facts, "askedAt": "2024-01-01T00:00:00Z"}
    return AnalysisInput.from_dict({**document, **more})


def judged(document: dict[str, Any], asked: AnalysisInput | None = None, **changes: Any) -> Proposal:
    result = AnalysisResult(**Answer.model_validate(document).model_dump(), analyzer="liar")
    proposal = checked(result, asked or question(), config(**changes))
    # Whatever was said, the API takes what is stored.
    Proposal.from_dict(proposal.to_dict())
    return proposal


def refused(*steps: dict[str, Any], asked: AnalysisInput | None = None, **changes: Any) -> str:
    """The reason for which nothing of the steps is kept."""
    proposal = judged(answer(*steps), asked, **changes)
    assert (proposal.recommendation, proposal.steps) == ("review", [])
    assert proposal.reason.startswith("refused: ")
    return proposal.reason.removeprefix("refused: ")


def test_a_sure_harmless_proposal_is_carried_out() -> None:
    proposal = judged(answer())
    assert (proposal.recommendation, proposal.reason) == ("proceed", "")
    (only,) = proposal.steps
    assert only.target.to_dict() == {"apiVersion": "apps/v1", **WEB}


def test_a_target_that_was_not_seen_is_told_whoever_answered() -> None:
    proposal = judged(answer(), question(facts={"missing": {"target": "Deployment shop/web does not exist"}}))
    first = proposal.evidence[0]
    told = "the target was not found or could not be read: Deployment shop/web does not exist"
    assert (first.source, first.text) == ("facts", told)


def pod(name: str, namespace: str = "shop") -> dict[str, Any]:
    return {"kind": "Pod", "namespace": namespace, "name": name}


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown action": (step("run-shell", parameters={"command": "id"}), "there is no such action; known: apply-"),
    "a name as long as a book": (step("restart" * 1_000), "that is not the name of an action"),
    "a parameter that is not taken": (step(parameters={"command": "id"}), "parameters.command: unknown parameter"),
    "a parameter of the wrong type": (
        step("scale-deployment", parameters={"replicas": "5; rm -rf /"}),
        "parameters.replicas: must be an integer",
    ),
    "a number out of bounds": (step("scale-deployment", parameters={"replicas": 10_000}), "between 0 and 100"),
    "no parameter": (step("scale-deployment"), "parameters.replicas: is required"),
    "a shell in an image": (
        step("update-image", parameters={"container": "main", "image": "web:2 && curl evil"}),
        "is not the name of an image",
    ),
    "an option as a name": (step(target=at("Deployment", "--all")), "is not the name of an object"),
    "a path as a name": (step(target=at("Deployment", "../kube-system/dns")), "is not the name of an object"),
    "a shell in a name": (step(target=at("Deployment", "web;id")), "is not the name of an object"),
    "a namespace that is none": (step(target=at("Deployment", namespace="a b")), "is not the name of a namespace"),
    "no namespace": (step(target={"kind": "Deployment", "name": "web"}), "target.namespace: is required"),
    "another namespace": (step(target=at("Deployment", namespace="bank")), "namespace bank is not the target's (shop)"),
    "the system's namespace": (step(target=at("Deployment", namespace="kube-system")), "kube-system is protected"),
    "another node": (step("drain-node", target=at("Node", "node-2", None)), "node node-2 is neither the target nor"),
    "a node with a namespace": (step("cordon-node", target=at("Node", "node-1")), "a Node has no namespace"),
    "a kind the action does not take": (step(target=at("Secret", "web")), "cannot act on kind"),
    "a kind that is off": (step("delete-resource", target=at("Secret", "web")), "cannot act on kind"),
    "a namespace itself": (step("delete-resource", target=at("Namespace", "shop", None)), "cannot act on kind"),
    "a manifest for elsewhere": (
        step(
            "apply-manifest",
            target=at("Namespace", "shop", None),
            parameters={"manifest": MANIFEST % ", namespace: kube-system"},
        ),
        "is for namespace kube-system",
    ),
    "a manifest of another kind": (
        step(
            "apply-manifest",
            target=at("Namespace", "shop", None),
            parameters={"manifest": MANIFEST.replace("ConfigMap", "Secret") % ""},
        ),
        "is not allowed here",
    ),
    "a manifest of something else": (
        step("apply-manifest", target=at("ConfigMap", "other"), parameters={"manifest": MANIFEST % ""}),
        "describes ConfigMap web, but the target is",
    ),
    "no manifest": (
        step("apply-manifest", target=at("Namespace", "shop", None), parameters={"manifest": "$(id)"}),
        "parameters.manifest",
    ),
    "a manifest in another's namespace": (
        step("apply-manifest", target=at("Namespace", "bank", None), parameters={"manifest": MANIFEST % ""}),
        "namespace bank is not the target's",
    ),
    "a name that is no step's": (step(name="Restart; now"), "name: String should match pattern"),
    "a timeout of a day": (step(timeout="24h"), "timeout: must be longer than 0s and at most 5m"),
    "a timeout of nothing": (step(timeout="0s"), "timeout: must be longer than 0s"),
    "a timeout that is none": (step(timeout="soon"), "timeout:"),
    "retries without end": (step(retries=10_000), "retries: Input should be less than or equal to 5"),
    "a dependency on nothing": (step(dependsOn=["other"]), "step fix depends on other, which is no step"),
    "a dependency on itself": (step(dependsOn=["fix"]), "in a circle: fix"),
}


@pytest.mark.parametrize("lie", list(LIES))
def test_a_lie_is_refused_with_its_reason(lie: str) -> None:
    lied, told = LIES[lie]
    assert told in refused(lied)


def test_one_lie_among_truths_refuses_them_all() -> None:
    told = refused(step(name="one"), step("nonsense", name="two"))
    assert told.startswith("steps[1] (nonsense): there is no such action")


def test_ten_thousand_steps_are_too_many() -> None:
    told = refused(*[step(name=f"step-{number}") for number in range(10_000)])
    assert told == "it has 10000 steps, and a workflow has at most 16"


def test_steps_have_a_size() -> None:
    manifest = MANIFEST % "" + "# " + "x" * 60_000
    steps = [
        step("apply-manifest", name=name, target=at("ConfigMap", "web"), parameters={"manifest": manifest})
        for name in ("one", "two")
    ]
    assert "bytes, and at most 65536 are taken" in refused(*steps)


def test_steps_in_a_circle_and_names_used_twice() -> None:
    assert "in a circle: a, b" in refused(step(name="a", dependsOn=["b"]), step(name="b", dependsOn=["a"]))
    assert refused(step(name="a"), step(name="a")) == "two steps are named a"


def test_of_many_problems_some_are_told() -> None:
    told = refused(*[step("nonsense", name=f"step-{number}") for number in range(9)])
    assert "steps[2]" in told and "steps[3]" not in told and len(told.encode()) <= 1024


def test_operators_protect_namespaces_of_their_own() -> None:
    asked = question(at("Deployment", namespace="vault"))
    told = refused(
        step(target=at("Deployment", namespace="vault")), asked=asked, protected_namespaces=frozenset({"vault"})
    )
    assert "namespace vault is protected" in told


def test_a_namespace_is_nobodys_to_act_on_even_where_its_kind_is_allowed() -> None:
    namespace = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)
    catalog = Catalog.builtin(kinds=AllowedKinds(sensitive=[namespace]))
    result = AnalysisResult(**answer(step("delete-resource", target=at("Namespace", "shop", None))))
    settings = config().model_copy(update={"catalog": catalog})
    assert "a namespace itself may not be acted on" in checked(result, question(), settings).reason


def test_other_kinds_outside_of_namespaces_are_out_of_reach() -> None:
    claim = ResourceType("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False)
    catalog = Catalog.builtin(kinds=AllowedKinds(sensitive=[claim]))
    result = AnalysisResult(**answer(step("delete-resource", target=at("PersistentVolume", "disk", None))))
    settings = config().model_copy(update={"catalog": catalog})
    assert "only nodes may be acted on" in checked(result, question(), settings).reason


def test_a_node_that_is_the_target_is_all_that_may_be_acted_on() -> None:
    asked = question(at("Node", "node-2", None), {"pods": [{"name": "dns", "namespace": "kube-system"}]})
    assert judged(answer(step("cordon-node", target=at("Node", "node-2", None))), asked).recommendation == "proceed"
    assert "is protected" in refused(step("restart-pod", target=pod("dns", "kube-system")), asked=asked)
    assert "namespace shop is not the target's (none)" in refused(step(), asked=asked)


def test_without_facts_no_node_is_in_reach() -> None:
    told = refused(step("cordon-node", target=at("Node", "node-1", None)), asked=question(facts={}))
    assert "node node-1 is neither the target" in told


@pytest.mark.parametrize(
    ("document", "recommendation", "reason"),
    [
        (answer(confidence=0.49), "review", "confidence 0.49 is below 0.5"),
        (answer(confidence=0.5), "approve", "confidence 0.50 is below 0.8"),
        (answer(confidence=0.8), "proceed", ""),
        (answer(recommendation="approve"), "approve", "the analyzer recommends approve"),
        (answer(recommendation="review", reason="a person knows"), "review", "a person knows"),
        (answer(recommendation="proceed", confidence=0.1), "review", "confidence 0.10 is below 0.5"),
        ({**answer(), "steps": []}, "review", "nothing that could be done is proposed"),
        (answer(step(target=at("Deployment", "api"))), "approve", "Deployment shop/api is not among the facts"),
        (
            answer(step("drain-node", target=at("Node", "node-1", None))),
            "approve",
            "drain-node is a high-risk action",
        ),
    ],
)
def test_what_is_recommended_and_why(document: dict[str, Any], recommendation: str, reason: str) -> None:
    proposal = judged(document)
    assert (proposal.recommendation, proposal.reason) == (recommendation, reason)


def test_thresholds_are_the_operators() -> None:
    strict = Thresholds(review=0.95, approve=0.99)
    assert judged(answer(), thresholds=strict).recommendation == "review"
    with pytest.raises(ValueError, match="must not be above"):
        Thresholds(review=0.9, approve=0.8)


def test_what_did_not_help_before_is_a_persons_to_decide() -> None:
    previous = judged(answer(step(name="first")))
    recovery = {"attempt": 1, "failedAction": "scale-deployment", "previous": [previous.to_dict()]}
    proposal = judged(answer(step(name="second")), question(recovery=recovery))
    assert proposal.recommendation == "review" and "were proposed before" in proposal.reason
    other = judged(answer(step("scale-deployment", parameters={"replicas": 3})), question(recovery=recovery))
    assert other.recommendation == "proceed"


def test_texts_are_cut_and_redacted() -> None:
    evidence = [{"source": "s" * 9000, "text": "password=hunter2 " + "t" * 9000}] * 100
    proposal = judged(answer(rootCause="a\x00b\n" + "c" * 100_000, evidence=evidence))
    assert len(proposal.evidence) == 32
    assert "hunter2" not in proposal.evidence[0].text and len(proposal.evidence[0].text.encode()) <= 1024
    assert proposal.root_cause.startswith("a b c") and len(proposal.root_cause.encode()) <= 1024
    assert len(proposal.to_json()) < 128 * 1024
