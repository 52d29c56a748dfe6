"""What is kept of an object: transform, managedFields, compression; and the memory it takes."""

import asyncio
import gc
import json
import tracemalloc
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubernaut.client import Client
from kubernaut.reconcile import Cache, Scope, Store
from kubernaut.reconcile.intake import CacheOptions, Intake, KindOptions, without_managed_fields
from kubernaut.reconcile.stored import LabelPool, Packing
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.informer.informing import RT, SCOPE, informing, key, server_of
from tests.reconcile.server import Server
from tests.reconcile.widgets import Widget


def take(options: KindOptions, obj: Any) -> dict[str, Any]:
    stored = Intake(options, "test").take(msgspec.Raw(json.dumps(obj).encode()))
    kept: dict[str, Any] = json.loads(stored.raw)
    return kept


def obj(**more: Any) -> dict[str, Any]:
    meta = {"name": "a", "namespace": "shop", "uid": "u", "resourceVersion": "5", "labels": {"x": "y"}}
    return {"apiVersion": "example.dev/v1", "kind": "Widget", "metadata": meta, "spec": {"size": 1}, **more}


def drop_status(data: bytes) -> bytes:
    parsed = json.loads(data)
    parsed.pop("status", None)
    return json.dumps(parsed).encode()


def test_a_transform_shortens_what_is_kept() -> None:
    assert "status" not in take(KindOptions(transform=drop_status), obj(status={"big": "x"}))


def test_the_metadata_kept_is_that_of_the_transformed_object() -> None:
    def relabel(data: bytes) -> bytes:
        return data.replace(b'"y"', b'"z"')

    stored = Intake(KindOptions(transform=relabel), "test").take(msgspec.Raw(json.dumps(obj()).encode()))
    assert stored.head.labels == {"x": "z"}


def boom(data: bytes) -> bytes:
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    "transform",
    [
        boom,
        lambda data: b"no JSON",
        lambda data: data.replace(b'"u"', b'"v"'),
        lambda data: data.replace(b'"5"', b'"6"'),
        lambda data: data.replace(b'"a"', b'"b"'),
        lambda data: b"{}",
    ],
)
def test_an_object_that_a_transform_fails_for_or_renames_is_kept_whole_and_counted(transform: Any) -> None:
    intake = Intake(KindOptions(transform=transform), "test")
    for number in (1, 2):
        stored = intake.take(msgspec.Raw(json.dumps(obj()).encode()))
        assert json.loads(stored.raw) == obj()
        assert intake.failures == number


@pytest.mark.virtual_time
@pytest.mark.parametrize("streaming", [True, False])
async def test_an_informer_transforms_what_it_lists_and_watches(streaming: bool) -> None:
    server = server_of(streaming=streaming)
    options = KindOptions(transform=drop_status)
    server.put("widgets", obj(status={"phase": "Old"}))
    async with informing(server, options=options) as (informer, told):
        assert not informer.whole
        changed = obj(status={"phase": "New"})
        changed["spec"]["size"] = 2
        changed["metadata"].pop("resourceVersion")
        server.put("widgets", changed)
        gone = server.remove("widgets", "shop", "a")
        while len(told.changes) < 3:
            await informer_turn()
        assert all(b"status" not in change.new.raw for change in told.changes)
        assert "status" in gone


async def informer_turn() -> None:
    await asyncio.sleep(0.1)


def test_managed_fields_are_dropped_on_request() -> None:
    managed = obj(status={"managedFields": ["not these"]})
    managed["metadata"]["managedFields"] = [{"manager": "m", "fieldsV1": {"f:spec": {}}}]
    kept = take(KindOptions(drop_managed_fields=True), managed)
    assert "managedFields" not in kept["metadata"]
    assert kept["status"] == {"managedFields": ["not these"]}
    assert "managedFields" in take(KindOptions(), managed)["metadata"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True)
@given(spec=json_values, managed=json_values, others=st.dictionaries(st.text(max_size=5), json_values, max_size=3))
def test_dropping_managed_fields_changes_nothing_else(spec: Any, managed: Any, others: dict[str, Any]) -> None:
    whole = {"metadata": {**others, "managedFields": managed}, "spec": spec, "managedFields": 1}
    rest = {key: value for key, value in whole["metadata"].items() if key != "managedFields"}
    assert json.loads(without_managed_fields(json.dumps(whole).encode())) == {**whole, "metadata": rest}


@settings(derandomize=True)
@given(
    objects=st.lists(st.dictionaries(st.text(max_size=10), st.text(max_size=60), max_size=6), min_size=1, max_size=8)
)
def test_what_was_packed_is_read_as_it_was(objects: list[dict[str, str]]) -> None:
    packing = Packing()
    raws = [json.dumps(one).encode() for one in objects]
    packed = [packing.pack(raw) for raw in raws]
    assert [packing.unpack(data) for data in packed] == raws
    assert packing.pack(raws[0]) == packed[0]


@pytest.mark.virtual_time
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_compressing_informer_reads_and_tells_like_any_other(streaming: bool) -> None:
    server = server_of(*"abc", streaming=streaming)
    async with informing(server, options=KindOptions(compress=True)) as (informer, told):
        server.put("widgets", {**obj(), "metadata": {"name": "a", "namespace": "shop"}, "spec": {"size": 9}})
        server.hang_up()
        server.compact()
        server.remove("widgets", "shop", "b")
        server.compact()
        while len(told.changes) < 5:
            await informer_turn()
        assert sorted(told.lines[3:]) == ["DELETED b!", "MODIFIED a"]
        stored = informer.store.get(key("a"))
        assert stored is not None
        assert Widget.from_json(stored.raw).spec.size == 9
        assert stored.head.name == "a"
        assert informer.store.nbytes == sum(stored.nbytes for _, stored in informer.store.items())
        assert informer.whole


def test_options_are_by_kind_whatever_its_version() -> None:
    options = CacheOptions(default=KindOptions(compress=True), kinds={Widget: KindOptions(drop_managed_fields=True)})
    assert options.of(RT).drop_managed_fields
    assert not options.of(RT).compress
    assert options.of(ConfigMap.resource_type).compress


def test_a_page_has_at_least_one_object() -> None:
    with pytest.raises(ValueError, match="page_limit"):
        KindOptions(page_limit=0)


async def test_a_cache_gives_its_informers_their_options() -> None:
    cache = Cache(Client(Server()), options=CacheOptions(kinds={Widget: KindOptions(transform=drop_status)}))
    assert not cache.informer(SCOPE).whole
    assert cache.informer(Scope.of(ConfigMap.resource_type)).whole


# Memory. Allocations are counted, not timed: the same on every machine.


def realistic(number: int, random: Random) -> bytes:
    """A custom resource of 3.2 KB, with labels of its own and annotations and an owner."""
    meta = {
        "name": f"widget-{number:05d}",
        "namespace": f"team-{number % 20}",
        "uid": f"{random.getrandbits(128):032x}",
        "resourceVersion": str(1000 + number),
        "labels": {
            "app.kubernetes.io/name": f"app-{number % 50}",
            "app.kubernetes.io/instance": f"widget-{number:05d}",
        },
        "annotations": {"example.dev/note": f"{random.getrandbits(400):0100x}"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "o", "controller": True}
        ],
        "finalizers": ["example.dev/widget"],
    }
    containers = [{"name": f"c{i}", "image": f"example.dev/i:{random.randrange(1000)}"} for i in range(30)]
    spec = {"size": number, "template": {"containers": containers}}
    bare = json.dumps({"metadata": meta, "spec": spec})
    return json.dumps({"metadata": meta, "spec": {**spec, "pad": "p" * max(0, 3186 - len(bare))}}).encode()


def allocated(options: KindOptions, count: int) -> tuple[float, Store]:
    """Bytes kept in memory for each byte of JSON."""
    random = Random(1)
    raws = [msgspec.Raw(realistic(number, random)) for number in range(count)]
    size = sum(len(bytes(raw)) for raw in raws)
    assert 3100 < size / count < 3300
    store, intake = Store(), Intake(options, "test")
    gc.collect()
    tracemalloc.start()
    for raw in raws:
        store.settle(store.put(intake.take(raw)))
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return kept / size, store


def test_memory_is_close_to_the_size_of_the_json() -> None:
    ratio, store = allocated(KindOptions(), 3000)
    assert ratio < 1.15
    assert len(store) == 3000


def test_compression_leaves_less_than_a_third() -> None:
    ratio, store = allocated(KindOptions(compress=True), 1000)
    assert ratio < 0.33
    assert store.nbytes < 0.25 * 3200 * 1000


def test_objects_at_rest_are_not_visited_by_the_cycle_collector() -> None:
    intake = Intake(KindOptions(), "test")
    store = Store()
    stored = intake.take(msgspec.Raw(json.dumps(obj()).encode()))
    store.settle(store.put(stored))
    assert not gc.is_tracked(stored)


def test_equal_labels_are_kept_once() -> None:
    pool = LabelPool()
    one, two = ({"app": "x" * 2, "tier": f"{'web'}"} for _ in range(2))
    assert pool.share(one) is pool.share(two)
    assert pool.share({}) == ()


def test_labels_that_are_unique_do_not_pile_up() -> None:
    pool = LabelPool()
    for number in range(3 * LabelPool.LIMIT):
        pool.share({"instance": f"i{number}"})
    assert len(pool._sets) <= LabelPool.LIMIT
    assert len(pool._strings) <= LabelPool.LIMIT + 2
