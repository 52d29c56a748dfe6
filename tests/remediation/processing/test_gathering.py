"""The facts that are gathered about targets of every kind, on the fake cluster in virtual time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.remediation.processing import ProcessingConfig, RemediationProcessing, processings
from kubernaut.remediation.processing.config import Limits
from kubernaut.resources import Resource
from kubernaut.resources.builtin.apps_v1 import DaemonSet, Deployment, StatefulSet
from kubernaut.resources.builtin.autoscaling_v2 import HorizontalPodAutoscaler
from kubernaut.resources.builtin.core_v1 import Node, Pod, Service
from kubernaut.testing import Fault
from tests.remediation.processing import situations as given
from tests.remediation.processing.situations import NAMESPACE, WEB, at, gathered

pytestmark = [pytest.mark.cluster(declared=True), pytest.mark.virtual_time]


async def test_a_crash_loop_after_a_rollout_shows_in_pods_logs_events_and_revisions(cluster: FakeCluster) -> None:
    cluster.behaviour = given.by_image({given.BROKEN: given.CRASHING})
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        await given.roll_out(cluster)
        facts = await gathered(cluster, WEB)
    assert facts.target is not None and facts.target.conditions["Available"].startswith("True")
    assert facts.target.summary["replicas"] == "2/2"
    worst = facts.pods[0]
    (main,) = worst.containers
    assert (main.waiting, main.terminated, main.exit_code) == ("CrashLoopBackOff", "Error", 3)
    assert main.restarts >= 2 and not worst.ready
    assert "no route to db" in main.log_tail
    assert all(not pod.ready or not pod.containers[0].log_tail for pod in facts.pods)
    assert "BackOff" in {event.reason for event in facts.events}
    new, old = facts.revisions
    assert (new.revision, new.current, new.containers) == (2, True, {"main": given.BROKEN})
    assert (old.revision, old.current, old.images) == (1, False, ["web:1"])
    assert new.template != old.template and new.created and old.created and new.created > old.created
    assert (facts.environment, facts.priority) == ("staging", "p1")
    assert {node.name for node in facts.nodes} and facts.nodes[0].conditions["Ready"].startswith("True")
    assert facts.missing == {}


async def test_a_pod_leads_to_its_deployment(cluster: FakeCluster) -> None:
    await given.prepare(cluster, {"kubernaut.io/environment": "prod"})
    async with cluster.running(processings()):
        await given.deploy(cluster)
        pod = (await cluster.client.list(Pod, namespace=NAMESPACE))[0].name
        facts = await gathered(cluster, at("Pod", pod))
    assert [owner.kind for owner in facts.owners] == ["ReplicaSet", "Deployment"]
    assert [each.name for each in facts.pods] == [pod]
    assert [each.revision for each in facts.revisions] == [1]
    assert (facts.environment, facts.priority) == ("production", "p0")
    assert facts.namespace_labels["kubernaut.io/environment"] == "prod"


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
async def test_controller_revisions_are_the_revisions_of_stateful_and_daemon_sets(
    cluster: FakeCluster, kind: str
) -> None:
    cluster.behaviour = given.by_image({given.BROKEN: given.UNPULLABLE})
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await (given.stateful(cluster) if kind == "StatefulSet" else given.everywhere(cluster))
        model: type[Resource] = StatefulSet if kind == "StatefulSet" else DaemonSet
        await given.roll_out(cluster, kind=model)
        facts = await gathered(cluster, at(kind))
    new, old = facts.revisions
    assert (new.current, new.containers, old.containers) == (True, {"main": given.BROKEN}, {"main": "web:1"})
    assert facts.pods[0].containers[0].waiting == "ImagePullBackOff"
    assert len(facts.pods) == 2 and facts.owners == []


@pytest.mark.server_from("1.21", "CronJobs are in batch/v1")
async def test_jobs_and_the_runs_of_cron_jobs(cluster: FakeCluster) -> None:
    cluster.behaviour = given.by_image({"report:1": PodScript(exit_code=1, log="token=abcdef\nno such table\n")})
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.failing_job(cluster)
        await given.failing_cron_job(cluster)
        job = await gathered(cluster, at("Job", "report"))
        cron = await gathered(cluster, at("CronJob", "nightly"), "rr-2")
    assert job.target is not None and job.target.conditions["Failed"].startswith("True BackoffLimitExceeded")
    assert job.target.summary["failed"] == "2" and len(job.pods) == 2
    assert job.pods[0].containers[0].log_tail == "token=[REDACTED]\nno such table"
    assert cron.target is not None and cron.target.summary["schedule"] == "* * * * *"
    assert cron.related and all(each.conditions["Failed"].startswith("True") for each in cron.related)
    assert cron.pods and cron.pods[0].phase == "Failed"


async def test_a_node_with_its_pods_and_conditions(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings(given.TRUSTED)):
        await given.deploy(cluster)
        await given.set_node_condition(cluster, "node-1", "DiskPressure", "True", "KubeletHasDiskPressure")
        facts = await gathered(cluster, at("Node", "node-1", None), severity="warning")
    assert facts.target is not None and facts.target.conditions["DiskPressure"].startswith("True Kubelet")
    assert facts.nodes == [facts.target]
    assert facts.pods and all(pod.node == "node-1" for pod in facts.pods)
    assert (facts.environment, facts.priority) == ("", "p2")


async def test_the_autoscaler_that_scales_the_target(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        for name, scaled in (("web", "web"), ("other", "api")):
            reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": scaled}
            spec = {"maxReplicas": 2, "scaleTargetRef": reference}
            metadata = {"name": name, "namespace": NAMESPACE}
            hpa = HorizontalPodAutoscaler.from_dict({"metadata": metadata, "spec": spec})
            hpa = await cluster.client.create(hpa)
            hpa.status.current_replicas = hpa.status.desired_replicas = 2
            await cluster.client.update_status(hpa)
        facts = await gathered(cluster, WEB)
    (found,) = facts.related
    assert (found.name, found.summary["desired"], found.summary["maximum"]) == ("web", "2", "2")


async def test_any_other_kind_is_known_by_its_conditions(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    conditions = [{"type": "Broken", "status": "True", "reason": "password=x", "message": "m" * 5000}]
    service = {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": {"ports": [{"port": 80}]}}
    await cluster.client.create(Service.from_dict(service))
    patch = MergePatch({"status": {"conditions": conditions}})
    await cluster.client.patch(Service, "web", patch, namespace=NAMESPACE, subresource="status")
    async with cluster.running(processings()):
        facts = await gathered(cluster, at("Service"))
        unknown = await gathered(cluster, at("Secret"), "rr-2")
    assert facts.target is not None
    assert facts.target.conditions["Broken"].startswith("True password=[REDACTED]")
    assert len(facts.target.conditions["Broken"].encode()) <= 512
    assert unknown.target is None and "objects of kind Secret are not read" in unknown.missing["target"]


async def test_a_missing_target_is_a_fact(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings()):
        facts = await gathered(cluster, WEB)
    assert facts.target is None
    told = f"Deployment {NAMESPACE}/web does not exist; namespace {NAMESPACE} has no Deployment"
    assert facts.missing["target"] == told
    assert facts.environment == "staging"


async def test_a_misspelt_target_is_told_with_what_is_there_instead(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        name = await gathered(cluster, at("Deployment", "wep"))
        kind = await gathered(cluster, at("Deploymet"), "rr-2")
    assert name.missing["target"] == f"Deployment {NAMESPACE}/wep does not exist; namespace {NAMESPACE} has web"
    assert kind.missing["target"].startswith("objects of kind Deploymet are not read (did you mean Deployment?): ")


async def test_a_processing_looks_only_at_what_lies_beside_it(cluster: FakeCluster) -> None:
    """Whoever may create one would read through the controller what they may not read themselves."""
    await given.prepare(cluster)
    async with cluster.running(processings()):
        before = len(cluster.requests)
        for number, target in enumerate([at("Deployment", "vault", "bank"), at("Node", "node-1", None)]):
            facts = await gathered(cluster, target, f"rr-{number}")
            assert list(facts.missing) == ["target"] and "may look only at what is beside it" in facts.missing["target"]
            assert facts == type(facts)(missing=facts.missing)
        assert not [each for each in cluster.requests[before:] if "bank" in each.path or "node-1" in each.path]


async def test_nothing_secret_is_kept(cluster: FakeCluster) -> None:
    log = 'db: {"password": "hunter2"}\nAuthorization: Bearer abcdefghijkl\nplain line\n'
    cluster.behaviour = given.by_image({"web:1": PodScript(exit_code=1, run_time=timedelta(seconds=1), log=log)})
    await given.prepare(cluster, {"environment": "staging", "owner-token": "s3cret"})
    async with cluster.running(processings()):
        await given.deploy(cluster)
        await cluster.advance(minutes=2)
        facts = await gathered(cluster, WEB)
    text = json.dumps(facts.to_dict())
    assert "hunter2" not in text and "abcdefghijkl" not in text
    assert "plain line" in text


async def test_a_part_that_cannot_be_read_is_missing_with_its_reason(cluster: FakeCluster) -> None:
    cluster.behaviour = given.by_image({"web:1": given.CRASHING})
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        await cluster.advance(minutes=2)
        cluster.faults.add(Fault.status(403), verb="list", resource="replicasets")
        cluster.faults.add(Fault.hang(), verb="get", resource="pods/log")
        cluster.faults.add(Fault.status(500), verb="get", resource="nodes")
        cluster.faults.add(Fault.refused(), verb="list", resource="events")
        facts = await gathered(cluster, WEB)
    assert facts.target is not None
    assert "refused" in facts.missing["revisions"]
    assert facts.missing["events"] and facts.missing["nodes"]
    logs = [reason for name, reason in facts.missing.items() if name.startswith("log of pod")]
    assert logs and all("within 5 s" in reason for reason in logs)
    assert len(facts.pods) == 2 and facts.revisions == [] and facts.nodes == []


async def test_a_target_that_cannot_be_read_is_tried_again_until_the_time_is_up(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        cluster.faults.add(Fault.status(503), verb="get", resource="deployments", times=3)
        await cluster.client.create(given.processing(WEB))
        await cluster.advance(seconds=30)
        whole = (await cluster.client.get(RemediationProcessing, "rr-1", namespace=NAMESPACE)).status
        assert whole.phase == "completed" and whole.facts is not None
        assert whole.facts.target is not None and "target" not in whole.facts.missing
        cluster.faults.add(Fault.status(503), verb="get", resource="deployments")
        await cluster.client.create(given.processing(WEB, "rr-2"))
        await cluster.advance(minutes=2)
        part = (await cluster.client.get(RemediationProcessing, "rr-2", namespace=NAMESPACE)).status
    assert part.phase == "completed" and part.facts is not None
    assert part.facts.target is None and part.facts.environment == "staging"


async def test_what_was_found_in_time_is_told_when_everything_is_slow(cluster: FakeCluster) -> None:
    cluster.behaviour = given.by_image({"web:1": given.CRASHING})
    await given.prepare(cluster)
    slow = Limits(gathering=timedelta(seconds=30), read=timedelta(seconds=8), parallel=2)
    async with cluster.running(processings(ProcessingConfig(limits=slow))):
        await given.deploy(cluster)
        await cluster.advance(minutes=1)
        for resource in ("namespaces", "replicasets", "pods", "horizontalpodautoscalers", "pods/log", "events"):
            cluster.faults.add(Fault.delay(7), resource=resource)
        await cluster.client.create(given.processing(WEB))
        await cluster.advance(seconds=60)
        status = (await cluster.client.get(RemediationProcessing, "rr-1", namespace=NAMESPACE)).status
    assert status.phase == "completed" and status.facts is not None
    assert status.completion_time is not None and status.start_time is not None
    assert status.completion_time - status.start_time <= timedelta(seconds=31)
    assert status.facts.missing["time"] == "not everything was read within 30 s"
    assert status.facts.target is not None and status.facts.pods and status.facts.environment == "staging"


async def test_it_fails_only_when_nothing_could_be_read(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings()):
        for resource in ("namespaces", "events"):
            cluster.faults.add(Fault.refused(), resource=resource)
        cluster.faults.add(Fault.hang(), verb="get", resource="deployments")
        await cluster.client.create(given.processing(WEB))
        await cluster.advance(minutes=2)
        status = (await cluster.client.get(RemediationProcessing, "rr-1", namespace=NAMESPACE)).status
    assert (status.phase, status.reason) == ("failed", "NothingRead")
    assert status.message is not None and "target: could not be read" in status.message
    assert status.completion_time is not None and status.start_time is not None
    assert status.completion_time - status.start_time < timedelta(minutes=2)
    assert given.condition_of(status, "Ready") == "False NothingRead"
    assert status.facts is None


async def test_facts_stay_below_their_bound_whatever_there_is(cluster: FakeCluster) -> None:
    noise = "\n".join(f"{number:05} {'x' * 100}" for number in range(100))
    cluster.behaviour = given.by_image({"web:1": PodScript(exit_code=1, run_time=timedelta(seconds=1), log=noise)})
    await given.prepare(cluster)
    config = ProcessingConfig(limits=Limits(facts_bytes=32 * 1024, logs=9, log_bytes=4096))
    async with cluster.running(processings(config)):
        await given.deploy(cluster, replicas=9)
        await cluster.advance(minutes=1)
        facts = await gathered(cluster, WEB)
    assert len(facts.to_json()) <= 32 * 1024
    assert facts.missing["bounds"].startswith("cut to 32768 bytes: logs")
    assert facts.pods and facts.events and facts.revisions
    assert facts.pods[0].containers[0].log_tail.endswith("x")


async def test_many_pods_are_told_by_the_worst(cluster: FakeCluster) -> None:
    crashing: list[str] = []

    def behave(pod: Pod, container: object, restarts: int) -> PodScript | None:
        if not crashing:
            crashing.append(pod.name)
        return given.CRASHING if pod.name in crashing else None

    cluster.behaviour = behave
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster, replicas=24)
        await cluster.advance(minutes=2)
        facts = await gathered(cluster, WEB)
    assert len(facts.pods) == 20
    assert facts.pods[0].name == crashing[0]
    assert "24 were found" in facts.missing["pods"]


async def test_a_restart_is_not_a_change_of_what_pods_are_made_of(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        note = {"kubectl.kubernetes.io/restartedAt": "2024-01-01T00:00:00Z"}
        patch = MergePatch({"spec": {"template": {"metadata": {"annotations": note}}}})
        await cluster.client.patch(Deployment, "web", patch, namespace=NAMESPACE)
        await cluster.settled()
        facts = await gathered(cluster, WEB)
    new, old = facts.revisions
    assert new.template == old.template


async def test_what_is_completed_is_not_read_again(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        await gathered(cluster, WEB)
        before = len([each for each in cluster.requests if each.verb not in ("watch",)])
        await cluster.advance(minutes=10)
        assert len([each for each in cluster.requests if each.verb not in ("watch",)]) == before
        assert await cluster.client.get(Node, "node-1")


async def test_a_node_is_outside_of_all_namespaces_whatever_namespace_is_asked_for(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        node = (await cluster.client.list(Node))[0].name
        facts = await gathered(cluster, at("Node", node))
    assert list(facts.missing) == ["target"] and "outside of all namespaces" in facts.missing["target"]
    assert (facts.target, facts.pods, facts.nodes, facts.events) == (None, [], [], [])


async def test_where_nodes_may_be_looked_at_a_namespace_that_they_do_not_have_makes_no_difference(
    cluster: FakeCluster,
) -> None:
    await given.prepare(cluster)
    async with cluster.running(processings(given.TRUSTED)):
        await given.deploy(cluster)
        node = (await cluster.client.list(Node))[0].name
        with_one = await gathered(cluster, at("Node", node), "rr-1")
        without = await gathered(cluster, at("Node", node, namespace=None), "rr-2")
    assert with_one.target is not None and with_one.target == without.target
    assert with_one.namespace_labels == without.namespace_labels == {}


async def test_a_service_that_selects_by_a_label_called_match_labels_is_read(cluster: FakeCluster) -> None:
    await given.prepare(cluster)
    service = {
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": "x"}, "ports": [{"port": 80}]},
    }
    await cluster.client.create(Service.from_dict(service))
    async with cluster.running(processings()):
        facts = await gathered(cluster, at("Service"))
    assert facts.target is not None and facts.target.name == "web"
    assert facts.missing == {}


async def test_what_cannot_be_made_sense_of_costs_its_part_alone(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def puzzled(document: object) -> str:
        raise AttributeError("'str' object has no attribute 'items'")

    monkeypatch.setattr("kubernaut.remediation.processing.workload.selector_of", puzzled)
    await given.prepare(cluster)
    async with cluster.running(processings()):
        await given.deploy(cluster)
        facts = await gathered(cluster, WEB)
    assert facts.target is not None and facts.nodes == []
    assert set(facts.missing) == {"revisions", "pods"} and "AttributeError" in facts.missing["pods"]
