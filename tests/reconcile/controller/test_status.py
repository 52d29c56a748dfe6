"""The status of typed reconcilers: one write, only when it differs, and what happens on conflicts."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubernaut.client import TransportRequest
from kubernaut.reconcile import Context, RequeueError, Result, TerminalError, predicates
from tests.reconcile.scripted import Finalizing, Scripted, manager_of
from tests.reconcile.server import Server, refuse, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


def is_status(request: TransportRequest) -> bool:
    return request.path.endswith("/status")


def status_writes(server: Server) -> int:
    return sum(is_status(request) for request in server.requests)


def status(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.objects["widgets", "shop", "a"]["status"]
    return found


def served(**changes: Any) -> Server:
    server = Server()
    server.put("widgets", {**widget("a"), **changes})
    return server


async def test_changes_on_the_way_make_one_write() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        for phase in ("One", "Two", "Three"):
            obj.status.phase = phase
            await asyncio.sleep(0.1)

    server = served()
    async with manager_of(server, Scripted(do), predicates=[predicates.generation_changed]).running():
        await asyncio.sleep(60)
    assert status_writes(server) == 1
    assert status(server)["phase"] == "Three"


async def test_a_status_that_comes_to_the_same_is_not_written() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = "Other"
        obj.status.set_condition("Ready", False, reason="Working")
        await asyncio.sleep(1)
        obj.status.phase = "Ready"
        obj.status.set_condition("Ready", True, reason="Done", message="it is")

    condition = {"type": "Ready", "status": "True", "reason": "Done", "message": "it is", "observedGeneration": 1}
    condition["lastTransitionTime"] = "2023-05-05T05:05:05Z"
    known = {"phase": "Ready", "made": 3, "observedGeneration": 1, "conditions": [condition], "extra": {"kept": [1]}}
    server, reconciler = served(status=known), Scripted(do)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(60)
    assert len(reconciler.calls) == 1
    assert status_writes(server) == 0
    assert status(server) == known


async def test_what_else_reconcile_changed_on_the_object_is_not_written() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.spec.size = 99
        obj.metadata.labels["scratch"] = "pad"
        obj.metadata.name, obj.metadata.generation, obj.metadata.resource_version = "other", 77, "1"
        obj.status.phase = "Ready"

    server = served()
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    live = server.objects["widgets", "shop", "a"]
    assert live["spec"] == {"size": 1}
    assert "scratch" not in live["metadata"].get("labels", {})
    assert live["status"]["phase"] == "Ready"
    assert live["status"]["observedGeneration"] == 1


@pytest.mark.parametrize(
    ("error", "observed"),
    [(ValueError("x"), None), (RequeueError("x"), None), (TerminalError("x"), 1)],
)
async def test_the_status_is_written_when_reconcile_raises_and_only_a_verdict_has_observed_the_generation(
    error: Exception, observed: int | None
) -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = "Broken"
        raise error

    server = served()
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    assert status(server)["phase"] == "Broken"
    assert status(server).get("observedGeneration") == observed
    assert status_writes(server) == 1


async def test_the_error_of_reconcile_comes_before_that_of_the_status_write(caplog: pytest.LogCaptureFixture) -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = "Broken"
        if ctx.attempt == 1:
            raise ValueError("the real one")

    server = served()
    refuse(server, times=1, code=500, match=is_status)
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    told = [record.getMessage() for record in caplog.records if "error=" in record.getMessage()]
    assert "the status was not written either" in told[0]
    assert "ValueError: the real one" in told[1]
    assert status(server)["phase"] == "Broken"


@pytest.mark.parametrize("code", [500, 409, None])
async def test_a_verdict_whose_status_could_not_be_written_is_reached_again(code: int | None) -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = "Broken"
        raise TerminalError("cannot be")

    server = served()
    refuse(server, times=9, code=code, match=is_status)
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    assert status(server)["phase"] == "Broken"


async def test_finalize_writes_the_status_too() -> None:
    class Slow(Finalizing):
        async def finalize(self, obj: Widget, ctx: Context) -> Result | None:
            obj.status.phase = "Terminating"
            return Result(requeue_after=timedelta(hours=9))

    server = served()
    server.objects["widgets", "shop", "a"]["metadata"] |= {
        "finalizers": ["example.dev/widget"],
        "deletionTimestamp": "2024-01-01T00:00:00Z",
    }
    async with manager_of(server, Slow()).running():
        await asyncio.sleep(60)
    assert status(server)["phase"] == "Terminating"


async def test_an_object_that_is_gone_by_then_needs_no_status(caplog: pytest.LogCaptureFixture) -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        server.remove("widgets", "shop", "a")
        obj.status.phase = "Ready"

    server, reconciler = served(), Scripted(do)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(60)
    assert len(reconciler.calls) == 1
    assert "ERROR" not in caplog.text


# Conflicts.


def change(server: Server, **changes: Any) -> None:
    live = server.objects["widgets", "shop", "a"]
    server.put("widgets", {**live, **changes})


async def test_a_conflict_over_another_status_reconciles_again_instead_of_writing_over_it() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        seen.append(obj.status.made)
        if len(seen) == 1:
            change(server, status={"made": 7})
        obj.status.phase = "Ready"

    seen: list[int] = []
    server = served()
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    assert seen[:2] == [0, 7]
    assert (status(server)["made"], status(server)["phase"]) == (7, "Ready")


async def test_a_conflict_with_an_object_made_anew_under_the_name_writes_nothing_to_that() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        uids.append(obj.uid)
        if len(uids) == 1:
            server.remove("widgets", "shop", "a")
            server.put("widgets", widget("a"))
            obj.status.phase = "of the first"

    uids: list[str | None] = []
    server = served()
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    assert len(dict.fromkeys(uids)) == 2
    assert "phase" not in status(server)


async def test_a_status_that_is_in_conflict_every_time_is_requeued_not_tried_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="kubernaut")

    async def do(obj: Widget, ctx: Context) -> None:
        attempts.append(ctx.attempt)
        obj.status.phase = "Ready"

    attempts: list[int] = []
    server = served()
    refuse(server, times=6, code=409, match=is_status)
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    assert attempts[:2] == [1, 2]
    assert "written by others all the time" in caplog.text
    assert status(server)["phase"] == "Ready"


async def test_a_conflict_with_an_object_that_is_gone_is_the_end_of_it() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = "Ready"

    def vanish(request: TransportRequest) -> None:
        if request.method == "GET" and request.path.endswith("/a") and ("widgets", "shop", "a") in server.objects:
            server.remove("widgets", "shop", "a")

    server, reconciler = served(), Scripted(do)
    refuse(server, times=1, code=409, match=is_status)
    server.fail.append(vanish)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(60)
    assert len(reconciler.calls) == 1


# Conditions and generations.


async def test_conditions_keep_their_transition_time_until_their_status_changes() -> None:
    async def do(obj: Widget, ctx: Context) -> Result:
        number = len(reconciler.calls)
        obj.status.set_condition("Ready", number > 3, reason=f"Run{number}")
        condition = obj.status.condition("Ready")
        assert condition is not None
        return Result(requeue_after=timedelta(minutes=1))

    server, reconciler = served(), Scripted(do)
    times: list[str] = []
    async with manager_of(server, reconciler, predicates=[predicates.generation_changed]).running():
        for _ in range(5):
            await asyncio.sleep(1)
            times.append(status(server)["conditions"][0]["lastTransitionTime"])
            await asyncio.sleep(59)
    began = "2024-01-01T00:00:00Z"
    assert times[:3] == [began] * 3
    assert times[3] == times[4] != began


async def test_conditions_made_anew_by_hand_keep_their_transition_time_too() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        if len(reconciler.calls) > 1:
            await asyncio.sleep(60)
        obj.status.conditions = []
        obj.status.set_condition("Ready", True, reason="Applied")

    server, reconciler = served(), Scripted(do)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(600)
    assert status(server)["conditions"][0]["lastTransitionTime"] == "2024-01-01T00:00:00Z"
    assert status_writes(server) == 1


async def test_a_transition_time_that_reconcile_set_stays() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.set_condition("Ready", True, reason="R").last_transition_time = datetime(2020, 2, 2, tzinfo=UTC)

    server = served()
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    assert status(server)["conditions"][0]["lastTransitionTime"] == "2020-02-02T00:00:00Z"


async def test_the_observed_generation_follows_the_object_on_status_and_conditions() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.set_condition("Ready", True, reason="Applied")

    server = served()
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(5)
        assert (status(server)["observedGeneration"], status(server)["conditions"][0]["observedGeneration"]) == (1, 1)
        change(server, spec={"size": 2})
        await asyncio.sleep(5)
    assert (status(server)["observedGeneration"], status(server)["conditions"][0]["observedGeneration"]) == (2, 2)


async def test_an_observed_generation_that_reconcile_set_itself_is_stamped_over_and_all_is_quiet() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.observed_generation = 0

    server, reconciler = served(), Scripted(do)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(60)
    assert status(server)["observedGeneration"] == 1
    assert len(reconciler.calls) == 2


async def test_a_reconcile_that_answers_nonsense_has_not_observed_the_generation() -> None:
    async def do(obj: Widget, ctx: Context) -> Any:
        obj.status.phase = "Ready"
        return 30

    server = served()
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    assert status(server)["phase"] == "Ready"
    assert "observedGeneration" not in status(server)
