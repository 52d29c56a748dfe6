"""The fault-injecting transport: what strikes which request, and what the client then sees."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest

from kubernaut.client import (
    AlreadyExists,
    Client,
    Conflict,
    Expired,
    Forbidden,
    Gone,
    InternalError,
    MergePatch,
    NotFound,
    RawFrame,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
    TransportError,
    TransportRequest,
    TransportResponse,
    TransportTimeout,
    Unauthorized,
)
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Secret
from kubernaut.testing import Fault, Faults, FaultyTransport
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


def config(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
async def bare() -> AsyncIterator[FakeCluster]:
    async with FakeCluster(controlplane=False) as cluster:
        yield cluster


class Stream:
    """A server whose watches send given frames, then stay open or end."""

    def __init__(self, *frames: dict[str, Any], stays: bool = False, status: int = 200) -> None:
        self.frames, self.stays, self.status = frames, stays, status
        self.left = self.closed = False
        self.refreshed = 0

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        try:
            yield TransportResponse(self.status, {}, self._chunks())
        finally:
            self.left = True

    async def _chunks(self) -> AsyncIterator[bytes]:
        # All at once, as a server sends what it has: faults must count frames, not chunks.
        yield b"".join(msgspec.json.encode(frame) + b"\n" for frame in self.frames)
        if self.stays:
            await asyncio.sleep(1000)

    async def refresh(self) -> bool:
        self.refreshed += 1
        return False

    async def aclose(self) -> None:
        self.closed = True


def event(version: int, kind: str = "ADDED") -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"name": f"o{version}", "resourceVersion": str(version)}}}


async def watched(stream: Stream, fault: Fault, version: str = "1") -> Iterator[str]:
    """The versions a watch tells with a fault on it, then how it ended."""
    transport = FaultyTransport(stream)
    transport.faults.add(fault)
    told: list[str] = []
    try:
        async with Client(transport).watch_raw(ConfigMap.resource_type, resource_version=version) as frames:
            async for frame in frames:
                told.append(brief(frame))
    except TransportError as error:
        told.append(f"broken: {error}")
    assert stream.left
    assert transport.injected
    return iter(told)


def brief(frame: RawFrame) -> str:
    body = msgspec.json.decode(frame.object)
    version = body.get("metadata", {}).get("resourceVersion", body.get("code", ""))
    return str(version) if frame.type == "ADDED" else f"{frame.type} {version}"


THREE = (event(2), event(3), event(4))


# Requests.


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(409), Conflict),
        (Fault.status(409, reason="AlreadyExists"), AlreadyExists),
        (Fault.status(410), Gone),
        (Fault.status(410, reason="Expired"), Expired),
        (Fault.status(429, retry_after=7), TooManyRequests),
        (Fault.status(500), InternalError),
        (Fault.status(503), ServiceUnavailable),
        (Fault.status(401), Unauthorized),
        (Fault.status(403), Forbidden),
        (Fault.status(404), NotFound),
        (Fault.status(504), Timeout),
    ],
)
async def test_an_error_status_comes_out_as_its_exception(bare: FakeCluster, fault: Fault, error: type) -> None:
    bare.faults.add(fault, verb="create")
    with pytest.raises(error):
        await bare.client.create(config("a"))
    with pytest.raises(NotFound):
        await bare.client.get(ConfigMap, "a", namespace="default")


async def test_retry_after_is_sent_as_header_and_in_the_status(bare: FakeCluster) -> None:
    bare.faults.add(Fault.status(429, retry_after=7, details={"kind": "configmaps"}))
    with pytest.raises(TooManyRequests) as caught:
        await bare.client.get(ConfigMap, "a", namespace="default")
    assert caught.value.retry_after == 7
    assert caught.value.details["kind"] == "configmaps"
    transport = FaultyTransport(Stream(), bare.faults)
    async with transport.open(TransportRequest("GET", "/api/v1/pods")) as response:
        assert response.headers["retry-after"] == "7"


async def test_a_refused_connection_is_a_transport_error_at_once(bare: FakeCluster) -> None:
    bare.faults.add(Fault.refused())
    with pytest.raises(TransportError, match="refused"):
        await bare.client.create(config("a"))
    assert now() == 0
    assert not [r for r in bare.requests if r.verb == "create"]


async def test_a_request_that_is_lost_takes_no_effect_and_times_out(bare: FakeCluster) -> None:
    bare.faults.add(Fault.timeout(), verb="create")
    with pytest.raises(TransportTimeout):
        await bare.client.create(config("a"))
    assert now() == 60, "the client's own timeout"
    with pytest.raises(NotFound):
        await bare.client.get(ConfigMap, "a", namespace="default")


async def test_a_write_whose_answer_is_lost_took_effect_and_times_out(bare: FakeCluster) -> None:
    bare.faults.add(Fault.answer_lost(), verb="create")
    with pytest.raises(TransportTimeout):
        await bare.client.create(config("a"))
    assert now() == 60
    assert await bare.client.get(ConfigMap, "a", namespace="default")


async def test_the_time_until_a_timeout_can_be_given(bare: FakeCluster) -> None:
    bare.faults.add(Fault.timeout(3), times=1)
    with pytest.raises(TransportTimeout):
        await bare.client.get(ConfigMap, "a", namespace="default")
    bare.faults.add(Fault.answer_lost(4), times=1)
    with pytest.raises(TransportTimeout):
        await bare.client.create(config("a"))
    assert now() == 7


async def test_a_timeout_without_a_limit_comes_at_once() -> None:
    transport = FaultyTransport(Stream())
    transport.faults.add(Fault.timeout())
    with pytest.raises(TransportTimeout):
        async with transport.open(TransportRequest("GET", "/api/v1/pods")):
            pass
    assert now() == 0


async def test_a_delay_takes_its_time_and_the_request_goes_on(bare: FakeCluster) -> None:
    bare.faults.add(Fault.delay(5))
    await bare.client.create(config("a"))
    assert now() == 5


async def test_a_delay_beyond_the_timeout_is_a_timeout(bare: FakeCluster) -> None:
    bare.faults.add(Fault.delay(61), verb="create")
    with pytest.raises(TransportTimeout):
        await bare.client.create(config("a"))
    assert now() == 60
    assert not [r for r in bare.requests if r.verb == "create"]


async def test_a_hanging_request_waits_beyond_its_timeout_until_it_is_cancelled(bare: FakeCluster) -> None:
    bare.faults.add(Fault.hang())
    with anyio.move_on_after(3600) as limit:
        await bare.client.create(config("a"))
    assert limit.cancelled_caught
    assert now() == 3600


async def test_a_hanging_request_goes_on_when_the_rule_is_removed(bare: FakeCluster) -> None:
    rule = bare.faults.add(Fault.hang())
    asyncio.get_running_loop().call_later(100, bare.faults.remove, rule)
    await bare.client.create(config("a"))
    assert now() == 100


# Which requests.


async def test_a_rule_strikes_what_fits_all_its_arguments(bare: FakeCluster) -> None:
    await bare.client.create(config("a"))
    await bare.client.create(config("b"))
    bare.faults.add(Fault.status(500), verb="get", resource="configmaps", namespace="default", name="a")
    with pytest.raises(InternalError):
        await bare.client.get(ConfigMap, "a", namespace="default")
    await bare.client.get(ConfigMap, "b", namespace="default")
    await bare.client.list(ConfigMap, namespace="default")
    await bare.client.patch(ConfigMap, "a", MergePatch({"data": {"x": "y"}}), namespace="default")
    with pytest.raises(NotFound):
        await bare.client.get(Secret, "a", namespace="default")


@pytest.mark.parametrize(
    ("resource", "subresource", "struck"),
    [
        ("namespaces", None, ["update", "status"]),
        ("namespaces.", None, ["update", "status"]),
        ("namespaces.apps", None, []),
        ("namespaces/status", None, ["status"]),
        ("namespaces", "status", ["status"]),
        ("namespaces", "", ["update"]),
        (Namespace, None, ["update", "status"]),
        (ConfigMap, None, []),
    ],
)
async def test_resources_are_named_with_group_and_subresource(
    bare: FakeCluster, resource: Any, subresource: str | None, struck: list[str]
) -> None:
    bare.faults.add(Fault.status(500), verb="update", resource=resource, subresource=subresource)
    namespace = await bare.client.get(Namespace, "default")
    seen = []
    for name, write in (("update", bare.client.update), ("status", bare.client.update_status)):
        try:
            namespace = await write(namespace)
        except InternalError:
            seen.append(name)
    assert seen == struck


async def test_an_apply_is_struck_as_such_and_as_a_patch(bare: FakeCluster) -> None:
    rule = bare.faults.add(Fault.status(500), verb="apply")
    await bare.client.create(config("a"))
    await bare.client.patch(ConfigMap, "a", MergePatch({}), namespace="default")
    with pytest.raises(InternalError):
        await bare.client.apply(config("a"))
    bare.faults.remove(rule)
    bare.faults.add(Fault.status(500), verb="patch")
    with pytest.raises(InternalError):
        await bare.client.apply(config("a"))


async def test_where_decides_on_anything_else(bare: FakeCluster) -> None:
    bare.faults.add(Fault.status(500), where=lambda info: info.name.startswith("b"))
    await bare.client.create(config("a"))
    with pytest.raises(InternalError):
        await bare.client.create(config("b"))


def through(cluster: FakeCluster, faults: Faults) -> Client:
    return cluster.client.through(lambda inner: FaultyTransport(inner, faults))


async def outcomes(client: Client, count: int) -> str:
    marks = ""
    for _ in range(count):
        try:
            await client.list(ConfigMap, namespace="default")
            marks += "."
        except InternalError:
            marks += "x"
    return marks


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "xxxxxx"),
        ({"nth": 2}, ".x...."),
        ({"nth": 2, "times": 3}, ".xxx.."),
        ({"times": 2}, "xx...."),
        ({"probability": 0.0}, "......"),
    ],
)
async def test_nth_and_times_count_fitting_requests(bare: FakeCluster, options: Any, expected: str) -> None:
    bare.faults.add(Fault.status(500), verb="list", **options)
    await bare.client.create(config("a"))
    assert await outcomes(bare.client, 6) == expected


async def test_probability_follows_the_seed(bare: FakeCluster) -> None:
    runs = []
    for seed in (1, 1, 2):
        faults = Faults(seed)
        faults.add(Fault.status(500), probability=0.5)
        runs.append(await outcomes(through(bare, faults), 40))
    assert runs[0] == runs[1] != runs[2]
    assert 10 < runs[0].count("x") < 30


async def test_another_rule_does_not_change_a_rules_luck(bare: FakeCluster) -> None:
    faults = Faults(1)
    faults.add(Fault.status(500), verb="list", probability=0.5)
    alone = await outcomes(through(bare, faults), 20)
    both = Faults(1)
    both.add(Fault.status(500), verb="list", probability=0.5)
    both.add(Fault.delay(1), probability=0.5)
    assert await outcomes(through(bare, both), 20) == alone


async def test_faults_add_up_in_order_until_one_answers(bare: FakeCluster) -> None:
    bare.faults.add(Fault.delay(2))
    bare.faults.add(Fault.status(500), times=1)
    never = bare.faults.add(Fault.status(503), times=1)
    with pytest.raises(InternalError):
        await bare.client.list(ConfigMap)
    assert now() == 2
    assert (never.seen, never.struck) == (1, 0)
    with pytest.raises(ServiceUnavailable):
        await bare.client.list(ConfigMap)


async def test_a_rule_that_is_used_up_while_a_request_is_delayed_spares_it(bare: FakeCluster) -> None:
    bare.faults.add(Fault.delay(2))
    bare.faults.add(Fault.status(500), times=1)
    results = await asyncio.gather(bare.client.list(ConfigMap), bare.client.list(ConfigMap), return_exceptions=True)
    assert [isinstance(result, InternalError) for result in results] == [True, False]


async def test_rules_come_and_go_while_requests_run(bare: FakeCluster) -> None:
    rule = bare.faults.add(Fault.status(500))
    with pytest.raises(InternalError):
        await bare.client.list(ConfigMap)
    assert bare.faults.rules == (rule,)
    bare.faults.remove(rule)
    bare.faults.remove(rule)
    await bare.client.list(ConfigMap)
    bare.faults.add(Fault.status(500))
    bare.faults.add(Fault.status(503))
    bare.faults.clear()
    await bare.client.list(ConfigMap)
    assert not bare.faults.rules


async def test_what_was_injected_is_recorded(bare: FakeCluster) -> None:
    bare.faults.add(Fault.delay(1.5), verb="create")
    bare.faults.add(Fault.status(409, reason="AlreadyExists"), verb="create", resource="configmaps")
    with pytest.raises(AlreadyExists):
        await bare.client.create(config("a"))
    await bare.client.list(ConfigMap)
    assert [str(injected) for injected in bare.faults.injected] == [
        "0.000 create configmaps default/a: delay 1.5 s",
        "1.500 create configmaps default/a: status 409 AlreadyExists",
    ]
    bare.faults.clear()
    assert len(bare.faults.injected) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verb": "updte"}, "verb: 'updte' .*nearest is 'update'"),
        ({"verb": "GET"}, "verb: 'GET' .*nearest is 'get'"),
        ({"verb": "zzz"}, "verb: 'zzz' is none of get, list"),
        ({"nth": 0}, "nth: 0 .*nearest is 1"),
        ({"times": 0}, "times: 0 .*nearest is 1"),
        ({"probability": 1.5}, "probability: 1.5 .*nearest is 1"),
        ({"probability": -0.1}, "probability: -0.1 .*nearest is 0"),
        ({"resource": "Policy"}, "resource: 'Policy' .*nearest is 'policies'"),
        ({"resource": "pods/log", "subresource": "status"}, "subresource: 'status' .*nearest is 'log'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_the_nearest(arguments: Any, message: str) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=message):
        faults.add(Fault.refused(), **arguments)
    assert faults.rules == ()


def test_a_fault_of_watches_suits_no_other_verb() -> None:
    with pytest.raises(ValueError, match=r"verb: 'get' has no frames .*nearest is 'watch'"):
        Faults().add(Fault.cut(), verb="get")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fault.status(200), "code: 200 .*nearest is 400"),
        (lambda: Fault.status(700), "code: 700 .*nearest is 599"),
        (lambda: Fault.status(429, retry_after=0), "retry_after: 0 .*nearest is 1"),
        (lambda: Fault.delay(-1), "seconds: -1 .*nearest is 0"),
        (lambda: Fault.delay(float("nan")), "seconds: nan"),
        (lambda: Fault.timeout(-1), "seconds: -1"),
        (lambda: Fault.answer_lost(-1), "seconds: -1"),
        (lambda: Fault.cut(-1), "after: -1 .*nearest is 0"),
        (lambda: Fault.drop(0), "at: 0 .*nearest is 1"),
        (lambda: Fault.lag(0), "by: 0 .*nearest is 1"),
        (lambda: Fault.big_frame(0), "size: 0 .*nearest is 1"),
        (lambda: Fault.error_event(200), "code: 200"),
    ],
)
def test_faults_that_make_no_sense_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# Watches.


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.cut(2), ["2", "3", "broken: the connection was reset (injected)"]),
        (Fault.cut(), ["broken: the connection was reset (injected)"]),
        (Fault.cut(2, clean=True), ["2", "3"]),
        (Fault.error_event(after=1), ["2", "ERROR 410"]),
        (Fault.error_event(500), ["ERROR 500"]),
        (Fault.duplicate(2), ["2", "3", "3", "4"]),
        (Fault.duplicate(), ["2", "2", "3", "3", "4", "4"]),
        (Fault.drop(2), ["2", "4"]),
        (Fault.drop(), []),
        (Fault.lag(1, at=1), ["3", "2", "4"]),
        (Fault.lag(2, at=1), ["3", "4", "2"]),
        (Fault.lag(2), ["2", "3", "4"]),
        (Fault.lag(9, at=1), ["3", "4", "2"]),
        (Fault.unknown_event("RENAMED", 1), ["2", "RENAMED ", "3", "4"]),
        (Fault.silence(1), ["2"]),
        (Fault.big_frame(at=2), ["2", "3", "4"]),
    ],
)
async def test_a_watch_meets_its_fault_at_the_frame_that_was_named(fault: Fault, told: list[str]) -> None:
    assert list(await watched(Stream(*THREE), fault)) == told


async def test_a_cut_after_no_frames_does_not_wait_for_one() -> None:
    assert list(await watched(Stream(stays=True), Fault.cut())) == ["broken: the connection was reset (injected)"]
    assert now() == 0


async def test_frames_that_lag_come_when_later_ones_come_in() -> None:
    transport = FaultyTransport(Stream(*THREE, stays=True))
    transport.faults.add(Fault.lag(2))
    async with Client(transport).watch_raw(ConfigMap.resource_type) as frames:
        assert brief(await anext(frames)) == "2"
        with anyio.move_on_after(10) as limit:
            await anext(frames)
    assert limit.cancelled_caught


@pytest.mark.parametrize("fault", [Fault.cut_mid_frame(1), Fault.garbage(1)])
async def test_half_frames_and_garbage_break_the_stream(fault: Fault) -> None:
    told = list(await watched(Stream(*THREE), fault))
    assert told[0] == "2"
    assert told[1].startswith("broken: the watch stream is cut off or no watch stream")


async def test_a_typed_watch_refuses_an_unknown_event() -> None:
    transport = FaultyTransport(Stream())
    transport.faults.add(Fault.unknown_event())
    async with Client(transport).watch(ConfigMap) as events:
        with pytest.raises(TransportError, match="RENAMED"):
            await anext(events)


async def test_silence_lets_bookmarks_pass_that_never_run_ahead() -> None:
    frames = (event(2), event(3), event(9, "BOOKMARK"))
    assert list(await watched(Stream(*frames), Fault.silence(1))) == ["2", "BOOKMARK 2"]
    assert list(await watched(Stream(*frames), Fault.silence(0), "1")) == ["BOOKMARK 1"]
    assert list(await watched(Stream(*frames), Fault.silence(1, bookmarks=False))) == ["2"]


async def test_a_big_frame_arrives_in_pieces_and_its_object_is_unchanged() -> None:
    stream = Stream(*THREE)
    transport = FaultyTransport(stream)
    transport.faults.add(Fault.big_frame(at=2))
    request = TransportRequest("GET", "/api/v1/configmaps", (("watch", "true"),), stream=True)
    async with transport.open(request) as response:
        chunks = [chunk async for chunk in response.chunks]
    lines = b"".join(chunks).splitlines()
    assert len(lines[1]) + 1 == 3 * 1024 * 1024
    assert msgspec.json.decode(lines[1]) == event(3)
    assert max(map(len, chunks)) == 64 * 1024
    assert list(await watched(Stream(*THREE), Fault.big_frame(at=2))) == ["2", "3", "4"]


async def test_a_fault_of_watches_spares_other_requests_and_refused_watches(bare: FakeCluster) -> None:
    rule = bare.faults.add(Fault.cut())
    await bare.client.list(ConfigMap)
    assert rule.seen == 0
    transport = FaultyTransport(Stream(status=500))
    transport.faults.add(Fault.cut())
    with pytest.raises(InternalError):
        async with Client(transport).watch(ConfigMap):
            pass
    assert transport.injected == []


async def test_a_refused_or_lost_watch_never_opens(bare: FakeCluster) -> None:
    bare.faults.add(Fault.status(410, reason="Expired"), verb="watch", times=1)
    with pytest.raises(Expired):
        async with bare.client.watch(ConfigMap, namespace="default"):
            pass
    bare.faults.add(Fault.answer_lost(5), verb="watch")
    with pytest.raises(TransportTimeout):
        async with bare.client.watch(ConfigMap, namespace="default"):
            pass
    assert now() == 5


@pytest.mark.parametrize("clean", [False, True])
async def test_open_watches_can_be_cut_while_somebody_reads_them(bare: FakeCluster, clean: bool) -> None:
    ended: list[str] = []

    async def read(kind: Any) -> None:
        try:
            async with bare.client.watch(kind, namespace="default") as events:
                async for _ in events:
                    pass
            ended.append(f"{kind.__name__} ended")
        except TransportError:
            ended.append(f"{kind.__name__} broken")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read(ConfigMap))
        secrets = tasks.create_task(read(Secret))
        await asyncio.sleep(1)
        assert bare.faults.cut_watches(resource=ConfigMap, namespace="default", clean=clean) == 1
        await asyncio.sleep(1)
        assert ended == [f"ConfigMap {'ended' if clean else 'broken'}"]
        assert bare.faults.cut_watches(namespace="elsewhere") == 0
        secrets.cancel()
    assert len(bare.faults.injected) == 1
    assert bare.faults.cut_watches() == 0, "a watch that was left is no longer open"


async def test_a_watch_cut_between_two_reads_is_broken_at_the_next() -> None:
    transport = FaultyTransport(Stream(*THREE, stays=True))
    async with Client(transport).watch_raw(ConfigMap.resource_type) as frames:
        await anext(frames)
        transport.faults.cut_watches()
        assert [brief(await anext(frames)) for _ in range(2)] == ["3", "4"], "what had arrived"
        with pytest.raises(TransportError):
            await anext(frames)


async def test_a_cancelled_reader_stays_cancelled_and_leaves_the_stream() -> None:
    stream = Stream(stays=True)
    transport = FaultyTransport(stream)
    transport.faults.add(Fault.lag(1))

    async def read() -> None:
        async with Client(transport).watch_raw(ConfigMap.resource_type) as frames:
            await anext(frames)

    task = asyncio.create_task(read())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert stream.left


# The wrapper.


async def test_the_wrapper_delegates_refresh_and_close() -> None:
    stream = Stream()
    transport = FaultyTransport(stream, seed=3)
    assert await transport.refresh() is False
    await transport.aclose()
    assert (stream.refreshed, stream.closed) == (1, True)


async def test_a_401_makes_the_client_refresh_and_ask_again(bare: FakeCluster) -> None:
    class Refreshing(Stream):
        async def refresh(self) -> bool:
            return True

    transport = FaultyTransport(Refreshing())
    transport.faults.add(Fault.status(401), nth=1)
    response = await Client(transport).request("GET", "/api/v1/pods")
    assert response.status == 200


async def test_a_clusters_faults_strike_the_users_clients_and_spare_its_own(cluster: FakeCluster) -> None:
    cluster.faults.add(Fault.status(503))
    for client in (cluster.client, cluster.client_as("bob"), cluster.client.managing_as("x")):
        with pytest.raises(ServiceUnavailable):
            await client.list(ConfigMap)
    await cluster.load(
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: default}
        spec:
          selector: {matchLabels: {a: b}}
          template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}
        """
    )
    await cluster.settled()
    assert [d["metadata"]["name"] for d in cluster.dump() if d["kind"] == "ReplicaSet"]


class Marks(Reconciler[Widget]):
    async def reconcile(self, obj: Widget, ctx: Context) -> Result | None:
        obj.status.phase = f"size {obj.spec.size}"
        return None


@pytest.mark.cluster(crds=[Widget], controlplane=False)
async def test_a_controller_run_by_the_cluster_meets_faults_and_bears_them(cluster: FakeCluster) -> None:
    cluster.faults.add(Fault.status(409), verb="update", resource="widgets/status", nth=1)
    cluster.faults.add(Fault.answer_lost(), verb="update", resource="widgets/status", nth=2)
    cluster.faults.add(Fault.cut(after=1), verb="watch", resource=Widget, times=2)
    async with cluster.running(Controller(Widget, Marks())):
        widget = await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
        await cluster.advance(minutes=5)
        assert cluster.faults.cut_watches(resource=Widget) == 1
        widget = await cluster.client.get(Widget, "a", namespace="default")
        widget.spec.size = 7
        await cluster.client.update(widget)
        await cluster.advance(minutes=5)
    assert (await cluster.client.get(Widget, "a", namespace="default")).status.phase == "size 7"
    struck = {str(injected.fault) for injected in cluster.faults.injected}
    assert {"status 409 Conflict", "timeout, answer lost"} <= struck
