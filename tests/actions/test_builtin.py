"""What the built-in actions run, may do and remember."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.actions import Action, CaptureFailed, Catalog, describe, rbac_manifests

CATALOG = Catalog.builtin(image="kubectl:test")


def live(kind: str, name: str, namespace: str = "", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": "u-1"} | ({"namespace": namespace} if namespace else {})
    version = "apps/v1" if kind == "Deployment" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def command(action: str, target: dict[str, Any], parameters: dict[str, Any]) -> list[str]:
    names = {key: value for key, value in target["metadata"].items() if key != "uid"}
    invocation = CATALOG.invocation(action, {"kind": target["kind"], **names}, parameters, target)
    return CATALOG.get(action).command(invocation)


def test_all_fulfil_the_protocol() -> None:
    assert all(isinstance(action, Action) and action.image == "kubectl:test" for action in CATALOG)


def test_scale_names_the_number_it_expects() -> None:
    assert command("scale-deployment", live("Deployment", "web", "a", replicas=2), {"replicas": 5}) == (
        ["kubectl", "scale", "deployment/web", "--namespace", "a", "--replicas", "5", "--current-replicas", "2"]
    )


@pytest.mark.parametrize("grace", [0, 30])
def test_restart_deletes_this_very_pod(grace: int) -> None:
    action = CATALOG.get("restart-pod")
    target = {"kind": "Pod", "namespace": "a", "name": "web-1"}
    invocation = CATALOG.invocation("restart-pod", target, {"gracePeriodSeconds": grace}, live("Pod", "web-1", "a"))
    raw = "--raw=/api/v1/namespaces/a/pods/web-1"
    assert action.command(invocation) == ["kubectl", "delete", raw, "--filename", "/var/run/kubernaut/options.json"]
    (text,) = action.files(invocation).values()
    options = json.loads(text)
    assert options["preconditions"] == {"uid": "u-1"}
    assert options["gracePeriodSeconds"] == grace
    assert "dryRun" not in options
    (text,) = action.files(invocation, dry_run=True).values()
    assert json.loads(text)["dryRun"] == ["All"]


@pytest.mark.parametrize(("action", "value"), [("cordon-node", True), ("uncordon-node", False)])
def test_cordon_checks_the_uid(action: str, value: bool) -> None:
    argv = command(action, live("Node", "n1"), {})
    assert argv[:6] == ["kubectl", "patch", "node", "n1", "--type=json", "--patch"]
    assert json.loads(argv[6]) == [
        {"op": "test", "path": "/metadata/uid", "value": "u-1"},
        {"op": "add", "path": "/spec/unschedulable", "value": value},
    ]


def test_a_dry_run_asks_the_server() -> None:
    node = live("Node", "n1")
    invocation = CATALOG.invocation("cordon-node", {"kind": "Node", "name": "n1"}, {}, node)
    assert CATALOG.get("cordon-node").dry_run_command(invocation)[-1] == "--dry-run=server"


def captured(action: str, target: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any] | None:
    names = {key: value for key, value in target["metadata"].items() if key != "uid"}
    invocation = CATALOG.invocation(action, {"kind": target["kind"], **names}, parameters, target)
    found = CATALOG.get(action).capture(invocation)
    return found.to_dict() if found else None


def test_scale_remembers_the_old_number() -> None:
    assert captured("scale-deployment", live("Deployment", "web", "a", replicas=2), {"replicas": 5}) == {
        "action": "scale-deployment",
        "target": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "a", "name": "web"},
        "parameters": {"replicas": 2},
        "targetUid": "u-1",
    }


def test_replicas_left_out_are_one() -> None:
    found = captured("scale-deployment", live("Deployment", "web", "a"), {"replicas": 5})
    assert found is not None
    assert found["parameters"] == {"replicas": 1}


def test_a_number_that_cannot_be_restored_stops_the_action() -> None:
    with pytest.raises(CaptureFailed, match="150 replicas"):
        captured("scale-deployment", live("Deployment", "web", "a", replicas=150), {"replicas": 5})


def test_what_changes_nothing_has_nothing_to_roll_back() -> None:
    assert captured("cordon-node", live("Node", "n1", unschedulable=True), {}) is None
    assert captured("uncordon-node", live("Node", "n1"), {}) is None
    assert captured("scale-deployment", live("Deployment", "web", "a", replicas=5), {"replicas": 5}) is None
    assert captured("restart-pod", live("Pod", "web-1", "a"), {}) is None


def test_every_inverse_is_an_action_that_takes_its_parameters() -> None:
    for action, target in (
        ("cordon-node", live("Node", "n1")),
        ("uncordon-node", live("Node", "n1", unschedulable=True)),
        ("scale-deployment", live("Deployment", "web", "a", replicas=2)),
    ):
        found = captured(action, target, {"replicas": 5} if action == "scale-deployment" else {})
        assert found is not None
        CATALOG.invocation(found["action"], found["target"], found["parameters"], target)


def test_each_action_has_an_account_and_rights_of_its_own() -> None:
    manifests = rbac_manifests(CATALOG, "exec")
    assert [m.kind for m in manifests] == [
        "Namespace",
        *["ServiceAccount", "ClusterRole", "ClusterRoleBinding"] * len(CATALOG),
    ]
    roles = {m.name: m.to_dict()["rules"] for m in manifests if m.kind == "ClusterRole"}
    assert roles["kubernaut-action-scale-deployment"] == [
        {"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments"]},
        {"verbs": ["get", "update"], "apiGroups": ["apps"], "resources": ["deployments/scale"]},
    ]


def test_a_drain_gives_up_in_time_to_say_why_and_stays_off_its_node() -> None:
    action, target = CATALOG.get("drain-node"), {"kind": "Node", "name": "n1"}
    parameters = {"deleteEmptydirData": "true", "force": "true", "gracePeriodSeconds": 7}
    invocation = replace(
        CATALOG.invocation("drain-node", target, parameters, live("Node", "n1")), timeout=timedelta(seconds=90.5)
    )
    assert action.command(invocation) == (
        [
            "kubectl",
            "drain",
            "n1",
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            "--force",
            "--grace-period=7",
            "--timeout=90s",
        ]
    )
    assert action.avoid_node(invocation) == "n1"
    plain = CATALOG.invocation("drain-node", target, {}, live("Node", "n1"))
    assert action.command(plain) == ["kubectl", "drain", "n1", "--ignore-daemonsets", "--timeout=300s"]


def test_logs_are_bounded_in_lines_and_bytes_and_a_dry_run_reads_none() -> None:
    action, target = CATALOG.get("collect-logs"), {"kind": "Pod", "namespace": "a", "name": "web-1"}
    parameters = {"container": "main", "tailLines": 50, "sinceSeconds": 60, "previous": "true"}
    invocation = CATALOG.invocation("collect-logs", target, parameters)
    expected = [
        "kubectl",
        "logs",
        "web-1",
        "--namespace",
        "a",
        "--container=main",
        "--since=60s",
        "--previous",
        "--limit-bytes=262144",
    ]
    assert action.command(invocation) == [*expected, "--tail=50"]
    assert action.dry_run_command(invocation) == [*expected, "--tail=0"]


def test_no_command_goes_through_a_shell() -> None:
    for action in CATALOG:
        info = describe(action)
        assert info.command[0] == "kubectl"
        assert not {"sh", "-c", "bash", "/bin/sh"} & {*info.command}


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="two actions"):
        Catalog([*CATALOG, CATALOG.get("cordon-node")])
