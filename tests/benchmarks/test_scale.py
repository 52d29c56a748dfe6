"""The rows of scale do what they say, with counts as small as can be. Nothing is timed: figures have to be there."""

from __future__ import annotations

import asyncio
import re

import pytest

from benchmarks.bench import Bench, scale
from benchmarks.load.changes import Stream
from benchmarks.load.collection import Collection
from benchmarks.load.leases import PREFIX, Leases
from benchmarks.load.objects import items
from benchmarks.measure import Failed, load_server, run
from benchmarks.peers import KOPF, OURS, kubernaut
from benchmarks.programs.latest import Latest
from benchmarks.rows.all import measure


@pytest.fixture
def bench() -> Bench:
    """kubernaut alone: the peers are none of the tests' dependencies."""
    return Bench({OURS: kubernaut}, lambda text: None, small=True)


@pytest.mark.parametrize("row", ["growth", "steady", "shards"])
def test_a_row_measures_all_it_says(bench: Bench, row: str) -> None:
    section = measure(row, bench)
    assert not section.missing
    assert section.lines and section.figures
    assert all(svg.startswith("<svg") for svg in section.plots.values())


def test_a_burst_is_coalesced_where_reconciles_take_time(bench: Bench) -> None:
    section = measure("burst", bench)
    assert section.missing == [f"{peer}: it is not on this machine" for peer in (KOPF, "controller-runtime")]
    quick, slow = (section.figures[name][0]["said"] for name in section.figures)
    assert quick["frames"] == slow["frames"] == 400
    assert slow["reconciles"] < 400


def test_an_hour_of_changes_tells_how_many_there_were(bench: Bench) -> None:
    section = measure("hour", bench)
    assert not section.missing
    assert section.figures["said"]["sent"] == 300
    assert "300 changes were sent" in section.lines[0]


def test_memory_that_is_held_is_told_apart_from_the_peak() -> None:
    with load_server(items=40) as server:
        cost = run(scale("hold", 40, 0), kubeconfig=server.kubeconfig)
    assert 0 < cost.said["resident"] <= cost.rss + 1


def test_a_program_that_takes_too_long_is_killed_and_told() -> None:
    with load_server(items=1) as server, pytest.raises(Failed, match="killed after"):
        # One object more than there are.
        run(kubernaut("noop", 2), kubeconfig=server.kubeconfig, longest=1)


def test_prepared_changes_are_not_listed_before_they_are_sent() -> None:
    collection = Collection("Item", "bench.kubernaut.io/v1", items(3))
    stream = Stream(collection)
    stream.prepare(frames=7, keys=2)
    assert collection.version == 3
    assert b'"observedSize":0' in collection.objects[0].encoded()
    assert sum(piece.count(b'"type":"MODIFIED"') for piece in stream._prepared) == 7


class Listening:
    """A watcher that takes everything."""

    def __init__(self) -> None:
        self.writable, self.got = asyncio.Event(), b""
        self.writable.set()

    def raw(self, pieces: bytes) -> None:
        self.got += pieces


async def test_a_watch_begins_with_what_changed_since_its_list_even_between_pages() -> None:
    collection, listening = Collection("Item", "bench.kubernaut.io/v1", items(4)), Listening()
    first = b"".join(collection.page("", 2))
    assert b'"resourceVersion":"4"' in first and b'"continue":"2:4"' in first
    collection.patch_status("item-000000", b'{"phase":"Ready"}')
    assert b'{"resourceVersion":"4"}' in b"".join(collection.page("2:4", 2))
    collection.watch(1, listening, 4)
    assert listening.got.count(b"MODIFIED") == 1 and b'"phase":"Ready"' in listening.got


async def test_changes_that_were_prepared_come_in_their_order() -> None:
    collection, listening = Collection("Item", "bench.kubernaut.io/v1", items(3)), Listening()
    stream = Stream(collection)
    stream.prepare(frames=7, keys=2)
    stream.go(watchers=1)
    await asyncio.sleep(0)
    collection.watch(1, listening, 3)
    while stream.sending:
        await asyncio.sleep(0)
    found = [int(number) for number in re.findall(rb'"observedSize":(\d+)', listening.got)]
    assert found == [1, 2, 3, 4, 5, 6, 7] and collection.version == 10


def test_done_when_the_last_change_of_each_key_was_seen() -> None:
    latest = Latest(3)
    for key in range(3):
        latest.saw(f"item-{key:06d}", 0)
    assert latest.synced.is_set()
    latest.expect(5)
    latest.saw("item-000000", 4)
    latest.saw("item-000001", 2)
    latest.saw("item-000002", 3)
    assert not latest.done.is_set()
    latest.saw("item-000001", 5)
    assert latest.done.is_set() and latest.sum == 12


def test_done_with_fewer_changes_than_keys_and_told_late() -> None:
    latest = Latest(3)
    for key, number in ((0, 1), (1, 0), (2, 0)):
        latest.saw(f"item-{key:06d}", number)
    latest.expect(1)
    assert latest.done.is_set()


def test_leases_refuse_what_the_api_server_refuses() -> None:
    leases, path = Leases(), f"{PREFIX}namespaces/bench/leases"

    def ask(method: str, name: str = "", body: bytes = b"", **options: str) -> tuple[str, dict[str, object]]:
        found = {key: [value] for key, value in options.items()}
        return leases.answer(method, f"{path}/{name}" if name else path, found, body)

    made = b'{"metadata":{"name":"one","labels":{"of":"us"}},"spec":{"holderIdentity":"me"}}'
    assert ask("GET", "one")[0] == "404 Not Found"
    assert ask("POST", body=made)[0] == "201 Created"
    assert ask("POST", body=made)[1]["reason"] == "AlreadyExists"
    assert leases.holders() == {"one": "me"}
    old = b'{"metadata":{"name":"one","resourceVersion":"0"},"spec":{}}'
    assert ask("PUT", "one", old)[0] == "409 Conflict"
    assert ask("PUT", "one", old.replace(b'"0"', b'"1"'))[0] == "200 OK"
    assert ask("GET", labelSelector="of=us")[1]["items"] == []
    assert ask("DELETE", "one", b'{"preconditions":{"resourceVersion":"1"}}')[0] == "409 Conflict"
    assert ask("DELETE", "one")[0] == "200 OK"
