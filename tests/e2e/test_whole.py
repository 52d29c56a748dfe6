"""On a real API server: installed by kubectl, run as two replicas with their own rights alone, used by people."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from kubernaut.reconcile import LeaderElection
from tests.cli.run.serving import until
from tests.docs.test_operate import metric_names, table
from tests.e2e.installation import EXECUTOR, SHOP, SYSTEM, Installation, Replica, installed
from tests.fake.kubectl.running import KUBECTL

pytestmark = pytest.mark.skipif(
    not os.environ.get("KUBEBUILDER_ASSETS") or KUBECTL is None,
    reason="KUBEBUILDER_ASSETS names no folder with a real API server, or kubectl is not installed",
)

HAND_OVER = 24.0
"""Seconds: the lease's 15, at most one retry period of 2 with its jitter, and room for a busy machine."""
DONE = "rollback_ready"
CHECKS = ["validating", "validated"]
PHASES = [*CHECKS, "executing", DONE]
REMEDIATED = ["pending", "processing", "analyzing", "executing", "verifying", "completed"]
READY = "jsonpath={.status.readyReplicas}"
APPROVED = [*CHECKS, *PHASES]
"""An hour may pass until somebody has approved, so every check runs again."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("e2e")) as site:
        yield site


@pytest.fixture(scope="module")
def pair(site: Installation) -> Iterator[tuple[Replica, Replica]]:
    """The leader, and the standby."""
    with site.replica("kubernaut-0") as leader:
        until(lambda: leader.leads, lambda: leader.log)
        with site.replica("kubernaut-1") as standby:
            yield leader, standby


def ask(site: Installation, name: str, replicas: int, *, namespace: str = "shop") -> None:
    """A Deployment, and alice's wish to scale it."""
    site.kubectl("create", "deployment", name, "--image=shop/web:1", "-n", namespace)
    wish(site, name, replicas, namespace=namespace)


def wish(site: Installation, name: str, replicas: int, *, namespace: str = "shop") -> None:
    execution = {
        "apiVersion": "kubernetesexecution.kubernaut.io/v1",
        "kind": "KubernetesExecution",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "action": "scale-deployment",
            "target": {"kind": "Deployment", "namespace": namespace, "name": name},
            "parameters": {"replicas": replicas},
            # Whatever a client says of itself is written over.
            "requestedBy": {"username": "admin", "groups": ["system:masters"]},
        },
    }
    site.users["alice"]("create", "-f", "-", stdin=json.dumps(execution))


def execution(site: Installation, name: str, namespace: str = "shop") -> Any:
    return json.loads(site.kubectl("get", "kexec", name, "-n", namespace, "-o", "json").out)


def reached(site: Installation, name: str, phase: str, *replicas: Replica, namespace: str = "shop") -> Any:
    def found() -> Any:
        status = execution(site, name, namespace).get("status", {})
        assert phase == "failed" or status.get("phase") != "failed", status
        return status if status.get("phase") == phase else None

    return until(
        found, lambda: (execution(site, name, namespace).get("status"), *(replica.log for replica in replicas))
    )


def recorded(site: Installation, name: str, namespace: str = "shop") -> list[str]:
    """The phases that the audit log has, once it has everything, in the order of its chain."""
    until(lambda: is_true(execution(site, name, namespace), "AuditRecorded"))
    shown = site.kubernaut("audit", "show", name, "-n", namespace, "--json", "--store", site.audit_store)
    assert shown.returncode == 0, shown.stderr
    return [json.loads(line)["entry"]["transition"] for line in shown.stdout.splitlines()]


def is_true(obj: Any, condition: str) -> bool:
    conditions = obj.get("status", {}).get("conditions", [])
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


def jobs(site: Installation) -> dict[str, str]:
    """Name of the execution -> name of its Job; fails when one has two."""
    found: dict[str, str] = {}
    for job in json.loads(site.kubectl("get", "jobs", "-n", EXECUTOR, "-o", "json").out)["items"]:
        name = job["metadata"]["annotations"]["kubernaut.io/execution-name"]
        assert name not in found
        found[name] = job["metadata"]["name"]
    return found


def nothing_refused(*replicas: Replica) -> None:
    """The rights of the manifests are enough."""
    for replica in replicas:
        assert replica.metric("rest_client_requests_total", code="403") == 0, replica.log
        assert replica.metric("rest_client_requests_total", code="401") == 0
        assert not replica.told("permissions are missing")
        assert not replica.told("definitions are missing")


def done_once(site: Installation, name: str, status: Any, phases: list[str]) -> None:
    """One Job, whose command ran once; no phase was entered twice that need not be."""
    assert site.kubelet.ran.count(jobs(site)[name]) == 1
    assert [each["phase"] for each in status["transitions"]] == phases


def test_kubectl_applies_the_manifests_client_side_and_server_side(site: Installation) -> None:
    created = site.applied["client-side"].splitlines()
    assert len(created) > 50 and {line.split()[-1] for line in created} == {"created"}
    assert {line.split()[-1] for line in site.applied["server-side"].splitlines()} == {"serverside-applied"}
    account = f"--as=system:serviceaccount:{SYSTEM}:kubernaut"
    for verb, resource in (("patch", "deployments"), ("get", "secrets"), ("create", "pods")):
        with pytest.raises(AssertionError, match="no"):
            site.kubectl("auth", "can-i", verb, resource, "-n", "shop", account)


def test_an_execution_is_carried_to_its_end_and_everything_tells_the_truth(
    site: Installation, pair: tuple[Replica, Replica]
) -> None:
    leader, standby = pair
    ask(site, "web", 3)
    status = reached(site, "web", DONE, leader, standby)
    done_once(site, "web", status, PHASES)
    assert site.kubectl("get", "deployment", "web", "-n", "shop", "-o", "jsonpath={.spec.replicas}").out == "3"
    requested = execution(site, "web")["spec"]["requestedBy"]
    assert (requested["username"], requested["groups"]) == ("alice", ["sre", "system:authenticated"])
    assert status["executionResults"]["exitCode"] == 0
    assert "scaled" in status["executionResults"]["message"]
    assert recorded(site, "web") == PHASES
    nothing_refused(leader, standby)
    metrics_tell(leader, standby)


def test_nobody_but_the_controllers_writes_the_status_of_an_execution(
    site: Installation, pair: tuple[Replica, Replica]
) -> None:
    leader, standby = pair
    for replica in (leader, standby):
        told = replica.process.line("the status of executions is accepted from this account alone")
        assert told["username"] == f"system:serviceaccount:{SYSTEM}:kubernaut"
    ask(site, "forged", 4)
    reached(site, "forged", DONE, leader, standby)
    patch = json.dumps({"status": {"phase": "executing", "approval": None}})
    with pytest.raises(AssertionError, match="status: is written by kubernaut's own accounts alone"):
        site.kubectl("patch", "kexec", "forged", "-n", "shop", "--subresource=status", "--type=merge", "-p", patch)
    assert execution(site, "forged")["status"]["phase"] == DONE


def metrics_tell(leader: Replica, standby: Replica) -> None:
    """After one execution that went well."""
    for replica in (leader, standby):
        ready, text = replica.ready()
        assert ready and "[-]" not in text and "[+]informers ok" in text and "[+]webhooks ok" in text
        assert "[+]webhook-configurations ok" in text
        assert replica.metric("leader_election_master_status", name="kubernaut") == (replica is leader)
        assert replica.metric("controller_runtime_reconcile_errors_total") == 0
        assert replica.metric("kubernaut_audit_pending") == 0
        assert replica.metric("kubernaut_approvals_waiting") == 0
        assert {value for _, value in replica.samples("kubernaut_informer_synced")} == {1}
        assert metric_names(replica.metrics_text()) == set(table("metrics")), "docs/operate.md has them all"
    ended = {"action": "scale-deployment", "outcome": DONE, "reason": ""}
    assert leader.samples("kubernaut_executions_total") == [(ended, 1)]
    assert standby.samples("kubernaut_executions_total") == []
    for controller in ("kubernetesexecution", "approvals", "audit"):
        assert leader.metric("controller_runtime_max_concurrent_reconciles", controller=controller) > 0
    assert leader.metric("controller_runtime_reconcile_total", controller="kubernetesexecution") >= len(PHASES)
    assert standby.metric("controller_runtime_reconcile_total") == 0
    called = "controller_runtime_webhook_requests_total"
    assert leader.metric(called, code="200") + standby.metric(called, code="200") >= 1


def test_what_needs_an_approval_waits_for_another_user_and_goes_on(
    site: Installation, pair: tuple[Replica, Replica]
) -> None:
    leader, standby = pair
    ask(site, "shut", 0, namespace="production")
    until(lambda: leader.metric("kubernaut_approvals_waiting") == 1, lambda: leader.log)
    reached(site, "shut", "validated", leader, standby, namespace="production")
    alone = site.kubernaut("approve", "shut", "-n", "production", "--kubeconfig", "alice")
    assert alone.returncode == 1 and "forbidden" in alone.stderr
    assert "shut" not in jobs(site)
    agreed = site.kubernaut("approve", "shut", "-n", "production", "--reason", "agreed", "--kubeconfig", "bob")
    assert agreed.returncode == 0 and "approved by bob" in agreed.stdout, agreed.stderr
    status = reached(site, "shut", DONE, leader, standby, namespace="production")
    assert (status["approval"]["decidedBy"], status["approval"]["digest"]) == ("bob", status["specDigest"])
    done_once(site, "shut", status, APPROVED)
    assert recorded(site, "shut", "production") == APPROVED
    until(lambda: leader.metric("kubernaut_approvals_waiting") == 0)
    nothing_refused(leader, standby)


def remediation(site: Installation, name: str) -> Any:
    """The request of that name."""
    return json.loads(site.kubectl("get", "remediationrequest", name, "-n", SHOP, "-o", "json").out)


def entered(site: Installation, name: str, phase: str, *replicas: Replica) -> Any:
    """The status of a request once it has come to a phase."""

    def found() -> Any:
        status = remediation(site, name).get("status", {})
        phases = [each["phase"] for each in status.get("transitions", ())]
        assert phase in phases or not {"failed", "manual_review", "recovering"} & set(phases), json.dumps(status)
        return status if phase in phases else None

    return until(found, lambda: (remediation(site, name).get("status"), *(replica.log for replica in replicas)))


def image_of(site: Installation, name: str) -> str:
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    return site.kubectl("get", "deployment", name, "-n", SHOP, "-o", path).out


def test_a_reported_signal_is_remediated_by_the_installed_controllers(
    site: Installation, pair: tuple[Replica, Replica]
) -> None:
    """A rollout whose image cannot be pulled: analyzed by the shipped rules, rolled back by kubectl, verified."""
    site.kubectl("create", "deployment", "till", "--image=shop/till:1", "-n", SHOP)
    until(lambda: site.kubectl("get", "deployment", "till", "-n", SHOP, "-o", READY).out == "1")
    site.kubectl("set", "image", "deployment/till", "*=shop/till:broken", "-n", SHOP)
    until(lambda: "ImagePullBackOff" in site.kubectl("get", "pods", "-n", SHOP, "-l", "app=till", "-o", "json").out)
    signal = {"name": "KubeDeploymentRolloutStuck", "fingerprint": "till", "severity": "critical"}
    request = {
        "apiVersion": "remediation.kubernaut.io/v1",
        "kind": "RemediationRequest",
        "metadata": {"name": "till-stuck", "namespace": SHOP},
        "spec": {"signal": signal, "target": {"kind": "Deployment", "namespace": SHOP, "name": "till"}},
    }
    site.users["alice"]("create", "-f", "-", stdin=json.dumps(request))
    for phase in ("executing", "verifying"):
        entered(site, "till-stuck", phase, *pair)
    status = entered(site, "till-stuck", "completed", *pair)
    assert [each["phase"] for each in status["transitions"]] == REMEDIATED and status["reason"] == "Remediated"
    assert image_of(site, "till") == "shop/till:1"
    for kind in ("remediationprocessing", "aianalysis", "workflowexecution"):
        [child] = json.loads(site.kubectl("get", kind, "-n", SHOP, "-o", "json").out)["items"]
        assert child["status"]["phase"] == "completed" and child["metadata"]["ownerReferences"][0]["controller"]
    [step] = child["status"]["steps"]
    fix = execution(site, step["executionRef"]["name"], SHOP)
    assert (fix["spec"]["action"], fix["spec"]["requestedBy"]["username"]) == ("rollback-deployment", "alice")
    done_once(site, fix["metadata"]["name"], fix["status"], PHASES)
    assert recorded(site, fix["metadata"]["name"]) == PHASES
    ended = {"outcome": "completed", "reason": "Remediated"}
    leader, _ = pair
    assert leader.samples("kubernaut_remediations_total") == [(ended, 1)]
    assert leader.metric("controller_runtime_reconcile_errors_total") == 0
    nothing_refused(*pair)


def test_when_the_leader_is_killed_the_other_takes_over_in_time_and_nothing_is_done_twice(
    site: Installation, pair: tuple[Replica, Replica]
) -> None:
    """With the durations that everybody gets: a lease of 15 s, tried for every 2 s. It ends the pair: it comes last."""
    assert LeaderElection("kubernaut").lease_duration.total_seconds() == 15
    leader, standby = pair
    site.kubelet.hold.set()
    ask(site, "before", 2)
    reached(site, "before", "executing", leader, standby)
    until(lambda: "before" in jobs(site))
    leader.process.process.kill()
    killed = time.monotonic()
    assert leader.process.wait() == -signal.SIGKILL
    # Every replica serves the webhooks: people can go on asking.
    ask(site, "meanwhile", 4)
    until(lambda: standby.leads, lambda: standby.log)
    reached(site, "meanwhile", "executing", standby)
    assert time.monotonic() - killed < HAND_OVER
    site.kubelet.hold.clear()
    for name in ("before", "meanwhile"):
        done_once(site, name, reached(site, name, DONE, standby), PHASES)
        assert recorded(site, name) == PHASES
    nothing_refused(standby)
    with site.replica("kubernaut-2") as third:
        assert not third.leads
        assert standby.process.stop(signal.SIGTERM) == 0, standby.log
        until(lambda: third.leads, lambda: third.log)
        assert third.process.stop(signal.SIGTERM) == 0, third.log


def test_the_audit_log_is_whole_and_can_be_read(site: Installation, pair: tuple[Replica, Replica]) -> None:
    """After all the others: what three processes wrote, one of which was killed."""
    if len(jobs(site)) == 0:
        pytest.skip("runs after the others")
    checked = site.kubernaut("audit", "verify", "--store", site.audit_store)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(jobs(site))} " in checked.stdout
    shown = site.kubernaut("audit", "show", "shut", "-n", "production", "--store", site.audit_store)
    assert shown.returncode == 0
    assert "alice" in shown.stdout and "bob" in shown.stdout and "scale-deployment" in shown.stdout
