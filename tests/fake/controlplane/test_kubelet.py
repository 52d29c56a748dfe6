"""Pods on simulated nodes: start, probes, crashes, init containers, sidecars, deadlines, events."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import NotFound
from kubernaut.fake import FakeCluster, PodScript
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import ContainerStatus
from tests.fake.controlplane.objects import CRASHES, SECOND, condition, deployment, events, pod, pods, reasons, the_pod

MINUTE = timedelta(minutes=1)


def script(**by_container: PodScript) -> Any:
    """By the name of the container, with _ for -."""
    return lambda pod, container, restarts: by_container.get(container.name.replace("-", "_"))


async def status(cluster: FakeCluster, name: str = "p") -> ContainerStatus:
    return (await the_pod(cluster, name)).status.container_statuses[0]


async def test_a_pod_starts_and_its_events_tell_how(cluster: FakeCluster) -> None:
    await cluster.client.create(pod())
    await cluster.advance(seconds=0.5)
    starting = await the_pod(cluster)
    waiting = starting.status.container_statuses[0].state.waiting
    assert starting.status.phase == "Pending" and waiting is not None and waiting.reason == "ContainerCreating"
    await cluster.settled()
    running = await the_pod(cluster)
    kinds = {c.type: c.status for c in running.status.conditions}
    assert kinds == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    assert running.status.host_ip and running.status.pod_ips[0].ip == running.status.pod_ip
    assert await events(cluster, "Pod") == [
        ("Scheduled", f"Successfully assigned default/p to {running.spec.node_name}"),
        ("Pulled", 'Container image "nginx" already present on machine'),
        ("Created", "Created container: main"),
        ("Started", "Started container main"),
    ]


async def test_a_pod_becomes_ready_when_its_probe_succeeds_and_loses_that_again(cluster: FakeCluster) -> None:
    cluster.behaviour = script(main=PodScript(ready_after=10 * SECOND, unready_after=60 * SECOND))
    await cluster.client.create(pod())
    await cluster.advance(seconds=5)
    found = await the_pod(cluster)
    expected = ("False", "ContainersNotReady", "containers with unready status: [main]")
    assert found.status.phase == "Running" and condition(found.status, "Ready") == expected
    await cluster.advance(seconds=10)
    assert condition((await the_pod(cluster)).status, "Ready")[0] == "True"
    await cluster.advance(seconds=60)
    assert condition((await the_pod(cluster)).status, "Ready")[0] == "False"
    assert "Unhealthy" in await reasons(cluster, "Pod")


async def test_a_failing_liveness_probe_restarts_the_container(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: (
        PodScript(liveness_fails_after=30 * SECOND) if not restarts else None
    )
    await cluster.client.create(pod())
    await cluster.settled(quiet=MINUTE)
    found = await status(cluster)
    assert found.restart_count == 1 and found.state.running is not None
    assert found.last_state.terminated is not None and found.last_state.terminated.exit_code == 137
    told = await events(cluster, "Pod")
    assert ("Killing", "Container main failed liveness probe, will be restarted") in told


async def test_a_crashing_container_backs_off_longer_and_longer(cluster: FakeCluster) -> None:
    cluster.behaviour = script(main=CRASHES)
    await cluster.client.create(pod())
    for moment, restarts in ((5, 2), (15, 3), (40, 4), (90, 5)):
        now = (await cluster.client.get(Pod, "p", namespace="default")).metadata.creation_timestamp
        assert now is not None
        await cluster.advance(seconds=moment if moment == 5 else {15: 10, 40: 25, 90: 50}[moment])
        assert (await status(cluster)).restart_count == restarts
    found = await the_pod(cluster)
    waiting = found.status.container_statuses[0].state.waiting
    assert waiting is not None and waiting.reason == "CrashLoopBackOff"
    words = f"back-off 1m20s restarting failed container=main pod=p_default({found.uid})"
    assert waiting.message == words
    assert found.status.phase == "Running"
    told = f"Back-off restarting failed container main in pod p_default({found.uid})"
    assert ("BackOff", told) in await events(cluster, "Pod")


async def test_a_long_run_forgives_earlier_crashes(cluster: FakeCluster) -> None:
    runs = [SECOND, SECOND, SECOND, timedelta(minutes=11)]
    cluster.behaviour = lambda pod, container, restarts: PodScript(
        exit_code=1, run_time=runs[restarts] if restarts < len(runs) else timedelta(hours=9)
    )
    await cluster.client.create(pod())
    await cluster.advance(minutes=14)
    found = await status(cluster)
    assert found.restart_count == 4 and found.state.running is not None


async def test_exit_code_reason_and_message_are_kept(cluster: FakeCluster) -> None:
    oom = PodScript(exit_code=137, reason="OOMKilled", message="out of memory", log="line\n")
    cluster.behaviour = script(main=oom)
    await cluster.client.create(pod(restartPolicy="Never"))
    await cluster.settled()
    found = await the_pod(cluster)
    ended = found.status.container_statuses[0].state.terminated
    assert found.status.phase == "Failed" and ended is not None
    assert (ended.exit_code, ended.reason, ended.message) == (137, "OOMKilled", "out of memory")
    log = await cluster.client.request("GET", Pod.resource_type.path("default", "p", "log"))
    assert log.body == b"line\n"


@pytest.mark.parametrize(
    ("policy", "code", "phase", "restarts"),
    [
        ("Never", 0, "Succeeded", 0),
        ("Never", 3, "Failed", 0),
        ("OnFailure", 0, "Succeeded", 0),
        ("OnFailure", 3, "Running", 2),
        ("Always", 0, "Running", 2),
    ],
)
async def test_the_restart_policy_says_what_follows_an_end(
    cluster: FakeCluster, policy: str, code: int, phase: str, restarts: int
) -> None:
    cluster.behaviour = script(main=PodScript(exit_code=code))
    await cluster.client.create(pod(restartPolicy=policy))
    await cluster.advance(seconds=5)
    found = await the_pod(cluster)
    assert (found.status.phase, found.status.container_statuses[0].restart_count) == (phase, restarts)


async def test_init_containers_run_one_after_the_other_before_the_others(cluster: FakeCluster) -> None:
    inits = [{"name": "one", "image": "i"}, {"name": "two", "image": "i"}]
    cluster.behaviour = script(one=PodScript(exit_code=0, run_time=5 * SECOND))
    await cluster.client.create(pod(initContainers=inits))
    await cluster.advance(seconds=3)
    found = await the_pod(cluster)
    states = [status.state for status in found.status.init_container_statuses]
    assert states[0].running is not None and states[1].waiting is not None
    assert states[1].waiting.reason == "PodInitializing"
    expected = ("False", "ContainersNotInitialized", "containers with incomplete status: [one two]")
    assert found.status.phase == "Pending" and condition(found.status, "Initialized") == expected
    await cluster.settled(quiet=10 * SECOND)
    found = await the_pod(cluster)
    assert found.status.phase == "Running" and condition(found.status, "Initialized")[0] == "True"
    ended = [status.state.terminated for status in found.status.init_container_statuses]
    assert [state.reason for state in ended if state is not None] == ["Completed", "Completed"]
    started = [message for reason, message in await events(cluster, "Pod") if reason == "Started"]
    assert started == ["Started container one", "Started container two", "Started container main"]


@pytest.mark.parametrize(("policy", "phase"), [("Never", "Failed"), ("Always", "Pending")])
async def test_a_failing_init_container_holds_the_pod_up_or_fails_it(
    cluster: FakeCluster, policy: str, phase: str
) -> None:
    cluster.behaviour = script(one=CRASHES)
    await cluster.client.create(pod(restartPolicy=policy, initContainers=[{"name": "one", "image": "i"}]))
    await cluster.advance(seconds=8)
    found = await the_pod(cluster)
    assert found.status.phase == phase
    state = found.status.init_container_statuses[0].state
    if policy == "Always":
        assert state.waiting is not None and state.waiting.reason == "CrashLoopBackOff"


async def test_a_sidecar_starts_first_runs_along_and_ends_last(cluster: FakeCluster) -> None:
    sidecar = {"name": "proxy", "image": "i", "restartPolicy": "Always"}
    cluster.behaviour = script(main=PodScript(exit_code=0, run_time=20 * SECOND), proxy=PodScript())
    await cluster.client.create(pod(restartPolicy="Never", initContainers=[sidecar]))
    await cluster.advance(seconds=10)
    found = await the_pod(cluster)
    assert found.status.phase == "Running" and condition(found.status, "Ready")[0] == "True"
    proxy = found.status.init_container_statuses[0]
    assert proxy.ready and proxy.state.running is not None
    await cluster.settled(quiet=MINUTE)
    found = await the_pod(cluster)
    assert found.status.phase == "Succeeded"
    assert found.status.init_container_statuses[0].state.terminated is not None


async def test_a_pod_that_is_active_too_long_fails(cluster: FakeCluster) -> None:
    await cluster.client.create(pod(activeDeadlineSeconds=30))
    await cluster.settled(quiet=MINUTE)
    found = await the_pod(cluster)
    assert (found.status.phase, found.status.reason) == ("Failed", "DeadlineExceeded")


async def test_an_image_that_cannot_be_pulled_is_tried_again_until_it_can(cluster: FakeCluster) -> None:
    cluster.behaviour = script(main=PodScript(waiting="ImagePullBackOff", waiting_message="not found"))
    await cluster.client.create(pod())
    await cluster.settled()
    told = await events(cluster, "Pod")
    assert ("Failed", 'Failed to pull image "nginx": not found') in told
    assert ("BackOff", 'Back-off pulling image "nginx"') in told
    cluster.behaviour = None
    await cluster.advance(minutes=6)
    assert (await the_pod(cluster)).status.phase == "Running"


@pytest.mark.parametrize(("takes", "code"), [(0, 143), (60, 137)])
async def test_containers_are_asked_to_end_and_killed_after_their_grace(
    cluster: FakeCluster, takes: int, code: int
) -> None:
    cluster.behaviour = script(main=PodScript(stop_time=takes * SECOND))
    made = pod()
    made.metadata.finalizers = ["example.com/look"]
    await cluster.client.create(made)
    await cluster.settled()
    await cluster.client.delete(Pod, "p", namespace="default", grace_period=20)
    await cluster.settled(quiet=MINUTE)
    ended = (await status(cluster)).state.terminated
    assert ended is not None and ended.exit_code == code
    assert ("Killing", "Stopping container main") in await events(cluster, "Pod")


async def test_a_pod_without_a_node_goes_at_once(cluster: FakeCluster) -> None:
    await cluster.client.create(pod(schedulerName="nobody"))
    await cluster.settled()
    await cluster.client.delete(Pod, "p", namespace="default")
    await cluster.settled()
    with pytest.raises(NotFound):
        await the_pod(cluster)


async def test_a_readiness_gate_keeps_a_pod_from_being_ready(cluster: FakeCluster) -> None:
    await cluster.client.create(pod(readinessGates=[{"conditionType": "example.com/gate"}]))
    await cluster.settled()
    found = await the_pod(cluster)
    assert condition(found.status, "ContainersReady")[0] == "True"
    assert condition(found.status, "Ready")[:2] == ("False", "ReadinessGatesNotReady")


async def test_events_of_many_restarts_are_bounded(cluster: FakeCluster) -> None:
    cluster.behaviour = script(main=CRASHES)
    await cluster.client.create(pod())
    await cluster.advance(hours=1)
    assert (await status(cluster)).restart_count > 12
    assert len(await events(cluster, "Pod")) < 40
    assert len(await pods(cluster)) == 1


@pytest.mark.cluster(nodes=3)
async def test_events_of_a_burst_of_starts_are_bounded_and_none_is_dropped(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=250))
    await cluster.settled()
    told = Counter(await reasons(cluster, "Pod"))
    assert told["Scheduled"] == 250
    assert told["Pulled"] == told["Created"] == told["Started"] == 200
