"""`kubernaut demo` with files, and the scenario `scale`: what is printed, what is said of bad input, how it exits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from kubernaut.cli.app import app

if TYPE_CHECKING:
    from .conftest import Demo

SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example.com/web:1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: batch-0, namespace: shop}
spec: {containers: [{name: main, image: registry.example.com/batch:1}]}
"""


def execution(action: str = "scale-deployment", target: str = "kind: Deployment, namespace: shop, name: web",
              parameters: str = "replicas: 4", name: str = "act") -> str:  # fmt: skip
    return f"""
---
apiVersion: kubernetesexecution.kubernaut.io/v1
kind: KubernetesExecution
metadata: {{name: {name}, namespace: shop}}
spec:
  action: {action}
  target: {{{target}}}
  parameters: {{{parameters}}}
"""


SCALE = ("--scenario", "scale")


def test_the_example_scales_from_2_to_5(demo: Demo) -> None:
    ran = demo(*SCALE, "--json")
    assert ran.code == 0, ran.everything
    assert ran.last["outcome"] == "rollback_ready"
    assert ran.last["phases"] == ["validating", "validated", "executing", "rollback_ready"]
    [deployment] = [change for change in ran.last["changed"] if change["kind"] == "Deployment"]
    assert (deployment["namespace"], deployment["name"], deployment["change"]) == (
        "production",
        "api-server",
        "modified",
    )
    assert {"path": "spec.replicas", "before": 2, "after": 5} in deployment["fields"]


def test_every_line_of_json_is_an_object_with_the_promised_fields(demo: Demo) -> None:
    ran = demo(*SCALE, "--json")
    fields = {"time", "aspect", "kind", "namespace", "name", "phase", "reason", "message"}
    assert all(set(line) == fields for line in ran.lines[:-1])
    assert {line["kind"] for line in ran.lines[:-1]} == {"KubernetesExecution", "Job", "Deployment"}
    assert ran.err == ""


def test_the_timeline_shows_phases_the_job_and_the_change(demo: Demo) -> None:
    ran = demo(*SCALE)
    assert ran.code == 0
    for word in ("validating", "executing", "rollback_ready", "exec-scale-deployment-", "spec.replicas: 2 -> 5"):
        assert word in ran.out


def test_the_scale_story_has_a_title() -> None:
    assert CliRunner().invoke(app, ["demo", "scale"]).stdout.startswith("scale: one action alone")


def test_one_step_is_told_as_one(demo: Demo) -> None:
    told = [line["message"] for line in demo("--json", text=SHOP + WORKFLOW).lines[:-1]]
    assert "1 step in 1 wave" in told and "1 step is done" in told


def test_two_runs_print_the_same(demo: Demo) -> None:
    assert demo(*SCALE, "--json").out == demo.process(*SCALE, "--json").out


def test_three_actions_on_objects_of_the_users_own(demo: Demo) -> None:
    text = SHOP + execution(name="scale")
    text += execution("restart-pod", "kind: Pod, namespace: shop, name: batch-0", "gracePeriodSeconds: 0", "restart")
    text += execution("cordon-node", "kind: Node, name: node-1", "", "cordon")
    ran = demo("--json", text=text)
    assert ran.code == 0, ran.everything
    changed = {(c["kind"], c["name"]): c for c in ran.last["changed"]}
    assert {"path": "spec.replicas", "before": 3, "after": 4} in changed["Deployment", "web"]["fields"]
    assert changed["Pod", "batch-0"]["change"] == "deleted"
    assert {"path": "spec.unschedulable", "before": None, "after": True} in changed["Node", "node-1"]["fields"]


def test_standard_input_is_read(demo: Demo) -> None:
    ran = demo("--json", "-f", "-", stdin=SHOP + execution())
    assert ran.code == 0, ran.everything


MONITOR = """
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: m, namespace: shop}
spec: {endpoints: [{port: web}]}
"""


def test_kinds_without_a_crd_are_accepted_with_a_note(demo: Demo) -> None:
    ran = demo("--json", text=SHOP + MONITOR + execution())
    assert ran.code == 0, ran.everything
    assert "servicemonitors.monitoring.coreos.com" in ran.err


def test_values_as_templates_render_them_are_read_as_a_server_reads_them(demo: Demo) -> None:
    container = "name: web, env: null, resources: {limits: {cpu: 0.5, memory: 1Gi}}, "
    text = SHOP.replace("name: web, image", container + "image") + "\n---\n\n---\n"
    text += "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop, creationTimestamp: null}\n"
    text += "data: {on: 'yes'}\n" + execution()
    ran = demo("--json", text=text)
    assert ran.code == 0, ran.everything
    assert {"Deployment", "ReplicaSet", "Pod"} <= {change["kind"] for change in ran.last["changed"]}


def test_a_file_without_executions_has_nothing_to_carry_out(demo: Demo) -> None:
    ran = demo("--json", text=SHOP)
    assert (ran.code, ran.last["outcome"]) == (0, "completed")
    assert "nothing to carry out" in ran.err


FAILING = {
    "an unknown action": (execution(action="scale-deploymnt"), 'did you mean "scale-deployment"'),
    "replicas out of range": (execution(parameters="replicas: 101"), "replicas: must be between 0 and 100, got 101"),
    "replicas as words": (execution(parameters='replicas: "two"'), "parameters.replicas: must be an integer"),
    "an extra parameter": (execution(parameters="replicas: 2, speed: 9"), "parameters.speed: unknown parameter"),
    "a missing target": (
        execution(target="kind: Deployment, namespace: shop, name: wep"),
        "Deployment shop/wep does not exist; namespace shop has web",
    ),
    "a protected namespace": (execution(target="kind: Deployment, namespace: kube-system, name: dns"), "kube-system"),
}  # fmt: skip

DNS = SHOP.split("---")[0].replace("name: web, namespace: shop", "name: dns, namespace: kube-system") + "---"


@pytest.mark.parametrize("case", FAILING)
def test_a_failed_execution_says_why_in_one_line_and_exits_1(demo: Demo, case: str) -> None:
    given, expected = FAILING[case]
    ran = demo("--json", text=DNS + SHOP + given)
    assert ran.code == 1, ran.everything
    assert ran.last["outcome"] == "failed"
    [story] = ran.last["executions"]
    assert expected in story["message"]
    assert "given.yaml" in story["source"]
    assert story["reason"]
    assert "Traceback" not in ran.everything


UNREADABLE = {
    "not YAML": ("a: [1", "is not valid YAML"),
    "a list": ("- 1\n- 2", "is not a Kubernetes object"),
    "a text": ("hello", "is not a Kubernetes object"),
    "no kind": ("apiVersion: v1\nmetadata: {name: a}", "kind: must be a text"),
    "no name": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}", "metadata.name: must be a text"),
    "a number for a name": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 7}", "metadata.name: must be a text"),
    "a key given twice": ("apiVersion: v1\nkind: ConfigMap\nkind: Pod", "given twice"),
    "a bad name": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_B, namespace: default}", "metadata.name"),
    "nothing": ("", "nothing to do"),
    "an alias that holds itself": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: &d {x: *d}",
        "holds itself",
    ),
    "a template that was not rendered": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Values.name }}}",
        "a template",
    ),
    "another version": (execution().replace(".io/v1", ".io/v1beta1"), "apiVersion: must be"),
    "no target": (execution().replace("  target:", "  # target:"), "spec.target: Required value"),
    "a field that is not there": (execution() + "  speed: 9\n", 'unknown field "spec.speed"'),
    "a number beyond 64 bits": (execution(parameters="replicas: 99999999999999999999"), "at most 64 bits"),
    "an execution without a name": (execution().replace("name: act,", "generateName: act-,"), "metadata.name"),
    "a kind that no server has": ("apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: a}", "has no kind Deploymnt"),
    "a selector's operator": (
        SHOP.replace("{matchLabels: {app: web}}", "{matchExpressions: [{key: app, operator: Is}]}"),
        "spec.selector",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_input_that_cannot_be_read_is_one_sentence_and_exits_2(demo: Demo, case: str) -> None:
    text, expected = UNREADABLE[case]
    ran = demo(text=text)
    assert ran.code == 2
    assert expected in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert "given.yaml" in ran.err or case == "nothing"
    assert ran.out == ""


def test_a_missing_file_is_named(demo: Demo) -> None:
    ran = demo("-f", "nowhere.yaml")
    assert (ran.code, "nowhere.yaml: cannot be read: No such file or directory" in ran.err) == (2, True)


def test_the_same_execution_twice_names_both_places(demo: Demo) -> None:
    ran = demo(text=execution() + execution())
    assert ran.code == 2
    assert "given twice" in ran.err


REQUEST = """
---
apiVersion: remediation.kubernaut.io/v1
kind: RemediationRequest
metadata: {name: web-down, namespace: shop}
spec:
  signal: {name: KubeDeploymentReplicasMismatch, fingerprint: f1, severity: critical}
  target: {kind: Deployment, namespace: shop, name: web}
"""

WORKFLOW = """
---
apiVersion: workflowexecution.kubernaut.io/v1
kind: WorkflowExecution
metadata: {name: more, namespace: shop}
spec:
  steps:
  - name: scale
    action: scale-deployment
    target: {kind: Deployment, namespace: shop, name: web}
    parameters: {replicas: 4}
"""

CRASHING = SHOP.replace(
    "metadata: {labels: {app: web}}",
    "metadata: {labels: {app: web}, annotations: {demo.kubernaut.io/containers: crash}}",
)


def test_a_workflow_of_the_users_own_is_carried_out(demo: Demo) -> None:
    ran = demo("--json", text=SHOP + WORKFLOW)
    assert ran.code == 0, ran.everything
    assert ran.last["outcome"] == "completed"
    assert [each["source"].rpartition("/")[2] for each in ran.last["workflows"]] == ["given.yaml (document 3)"]
    assert [(each["name"], each["source"]) for each in ran.last["executions"]] == [
        ("more-0-1", "WorkflowExecution more")
    ]
    assert [each["kind"] for each in ran.last["tree"]] == ["WorkflowExecution"]


def test_a_request_of_the_users_own_waits_for_an_approval_that_option_approve_gives(demo: Demo) -> None:
    """A crash that no rollout explains: the proposal is not sure, so somebody has to agree, and it does not help."""
    ran = demo("--json", "--approve", text=CRASHING + REQUEST.replace("fingerprint: f1,", "fingerprint: f1, "))
    decided = [line for line in ran.lines[:-1] if line["aspect"] == "approval"]
    assert [(line["phase"], line["reason"]) for line in decided][1] == ("approved", "by demo")
    assert (ran.code, ran.last["outcome"]) == (1, "manual_review")
    [request] = ran.last["requests"]
    assert "given.yaml" in request["source"] and request["reason"]


def test_without_that_option_nobody_approves(demo: Demo) -> None:
    ran = demo("--json", text=CRASHING + REQUEST)
    assert (ran.code, ran.last["outcome"]) == (1, "manual_review")
    assert ran.last["executions"][0]["reason"] == "ApprovalRequired"


def test_containers_do_what_their_annotation_says(demo: Demo) -> None:
    ran = demo("--json", text=CRASHING + execution("collect-logs", "kind: Pod, namespace: shop, name: batch-0", ""))
    assert ran.code == 0, ran.everything
    assert [line for line in ran.lines[:-1] if line["aspect"] == "health" and "crashing" in line["message"]]
