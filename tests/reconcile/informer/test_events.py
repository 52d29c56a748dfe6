"""Single events: bad ones, repeated ones, deletions, and objects that were made anew."""

import asyncio

import pytest

from tests.reconcile.informer.informing import frame, in_store, informing, names, on_server, server_of
from tests.reconcile.server import widget

pytestmark = pytest.mark.virtual_time


async def test_a_stream_cut_in_the_middle_of_an_event_is_resumed_before_it() -> None:
    server = server_of("a")
    async with informing(server) as (informer, told):
        server.put("widgets", widget("b"))
        await asyncio.sleep(1)
        server.send(b'{"type":"ADDED","object":{"metadata":{"na')
        await asyncio.sleep(1)
        server.hang_up()
        await asyncio.sleep(0)
        server.put("widgets", widget("c"))
        await asyncio.sleep(60)
        assert told.lines == ["ADDED a", "ADDED b", "ADDED c"]
        assert (informer.relists, informer.errors) == (0, 1)


@pytest.mark.parametrize(
    "bad",
    [
        b"this is no JSON\n",
        b'{"type":"ADDED","object":{"meta\n',
        b"[1,2]\n",
        frame("BLESSED", {"metadata": {"name": "x", "resourceVersion": "99"}}),
        frame("ADDED", {"metadata": {"namespace": "shop", "resourceVersion": "99"}}),
        frame("ADDED", {"spec": {}}),
        frame("ADDED", "x"),
        frame("MODIFIED", {"metadata": {"name": 5}}),
        frame("ERROR", "no status"),
        frame("BOOKMARK", None),
        b'{"object":{}}\n',
    ],
)
async def test_a_frame_that_makes_no_sense_is_backed_off_from_and_listed_past(bad: bytes) -> None:
    server = server_of("a")
    async with informing(server) as (informer, told):
        server.send(bad)
        await asyncio.sleep(0.5)
        server.put("widgets", widget("b"))
        await asyncio.sleep(60)
        assert told.lines == ["ADDED a", "ADDED b"]
        assert (informer.errors, informer.relists) == (1, 1)


async def test_blank_lines_are_nothing() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        server.send(b"\n\r\n \n")
        server.put("widgets", widget("b"))
        await asyncio.sleep(1)
        assert names(informer) == ["a", "b"]
        assert informer.errors == 0


async def test_an_event_of_three_mebibytes_in_small_chunks_arrives() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        meta = {"name": "big", "namespace": "shop", "uid": "u", "resourceVersion": "12"}
        event = frame("ADDED", {"metadata": meta, "data": "x" * (3 << 20)})
        server.send(*(event[at : at + 65536] for at in range(0, len(event), 65536)))
        await asyncio.sleep(1)
        assert names(informer) == ["a", "big"]
        assert informer.store.nbytes > 3 << 20


async def test_an_event_that_is_sent_twice_is_told_once() -> None:
    server = server_of("a")
    async with informing(server) as (informer, told):
        gone = server.put("widgets", widget("b"))
        server.put("widgets", widget("a", size=2))
        server.remove("widgets", "shop", "b")
        await asyncio.sleep(0.5)
        server.send(frame("ADDED", gone), frame("MODIFIED", gone))
        await asyncio.sleep(0.5)
        assert told.lines == ["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"]
        assert in_store(informer) == on_server(server)


async def test_an_old_state_does_not_replace_a_newer_one() -> None:
    server = server_of("a")
    old = dict(server.objects)["widgets", "shop", "a"]
    async with informing(server) as (informer, told):
        new = server.put("widgets", widget("a", size=2))
        await asyncio.sleep(0.5)
        server.send(frame("MODIFIED", old), frame("DELETED", old))
        await asyncio.sleep(0.5)
        assert told.lines == ["ADDED a", "MODIFIED a"]
        assert in_store(informer) == {"a": new["metadata"]["resourceVersion"]}


async def test_versions_without_an_order_are_taken_as_they_come() -> None:
    server = server_of()
    async with informing(server) as (informer, told):

        def version(text: str, uid: str = "u") -> dict[str, object]:
            return {"metadata": {"name": "a", "namespace": "shop", "uid": uid, "resourceVersion": text}}

        server.send(
            frame("ADDED", version("b/9")), frame("MODIFIED", version("a/1")), frame("MODIFIED", version("a/1"))
        )
        await asyncio.sleep(0.5)
        assert told.lines == ["ADDED a", "MODIFIED a"]
        server.send(frame("DELETED", version("c", uid="an earlier one")))
        await asyncio.sleep(0.5)
        assert names(informer) == ["a"]
        server.send(frame("DELETED", version("c")))
        await asyncio.sleep(0.5)
        assert names(informer) == []


async def test_a_recreated_object_is_told_apart_by_its_uid() -> None:
    server = server_of("a")
    async with informing(server) as (_, told):
        again = widget("a")
        again["metadata"]["uid"] = "another"
        server.put("widgets", again)
        await asyncio.sleep(1)
        assert told.lines == ["ADDED a", "DELETED a!", "ADDED a"]
        assert [change.new.head.uid for change in told.changes[1:]] == ["uid-11", "another"]


async def test_a_deletion_tells_the_last_state() -> None:
    server = server_of("a")
    async with informing(server) as (_, told):
        gone = server.remove("widgets", "shop", "a")
        await asyncio.sleep(1)
        change = told.changes[-1]
        assert change.new.head.resource_version == gone["metadata"]["resourceVersion"]
        assert change.old is not None
        assert change.old.head.resource_version == "11"
        assert not change.synthesised


async def test_a_deletion_of_what_was_never_seen_is_nothing() -> None:
    server = server_of("a")
    stray = server.put("widgets", widget("stray"))
    async with informing(server) as (informer, told):
        server.version += 5
        stray["metadata"] |= {"name": "never", "resourceVersion": str(server.version)}
        server.send(frame("DELETED", stray))
        await asyncio.sleep(1)
        assert told.lines == ["ADDED a", "ADDED stray"]
        assert informer.errors == 0
