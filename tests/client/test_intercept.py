"""Hooks on a client's verbs: each is asked, answers, refuses or proceeds, on derived clients too."""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kubernaut.client import Client, Conflict, MergePatch, NotFound, TransportTimeout, Written
from kubernaut.client import intercept as module
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace
from kubernaut.testing import Call, Proceed, intercept
from tests.reconcile.widgets import Widget

RT = ConfigMap.resource_type
LIST = RT.path("default")
ASYNC_VERBS = ("get", "list", "create", "update", "update_status", "patch", "apply", "delete", "request")
VERBS = (*ASYNC_VERBS, "watch", "watch_raw", "list_pages", "stream")


def config(**data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data=data)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with FakeCluster(controlplane=False) as cluster:
        await cluster.client.create(config())
        yield cluster.client


pytestmark = pytest.mark.virtual_time


async def use(client: Client, verb: str) -> Any:
    """Call one verb with arguments that succeed."""
    live = await client.get(ConfigMap, "a", namespace="default") if verb == "update" else None
    match verb:
        case "get":
            return await client.get(ConfigMap, "a", namespace="default")
        case "list":
            return await client.list(ConfigMap, namespace="default")
        case "create":
            return await client.create(Namespace(metadata=ObjectMeta(name="made")))
        case "update":
            assert live is not None
            return await client.update(live)
        case "update_status":
            return await client.update_status(Namespace(metadata=ObjectMeta(name="default")))
        case "patch":
            return await client.patch(ConfigMap, "a", MergePatch({}), namespace="default")
        case "apply":
            return await client.apply(config(x="y"))
        case "delete":
            return await client.delete(ConfigMap, "a", namespace="default")
        case "request":
            return await client.request("GET", "/version")
        case "watch":
            async with client.watch(ConfigMap, namespace="default") as events:
                return await anext(events)
        case "watch_raw":
            async with client.watch_raw(RT, namespace="default") as frames:
                return await anext(frames)
        case "list_pages":
            return [page async for page in client.list_pages(RT, namespace="default")]
        case "stream":
            async with client.stream("GET", LIST, query=(("watch", "true"),)) as response:
                return await anext(response.chunks)
    raise AssertionError(verb)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_hook_is_asked_in_place_of_its_verb(client: Client, verb: str) -> None:
    calls: list[Call] = []

    async def refuse(call: Call, proceed: Proceed) -> Any:
        calls.append(call)
        raise TransportTimeout("lost")

    with pytest.raises(TransportTimeout):
        await use(intercept(client, **{verb: refuse}), verb)
    assert [call.verb for call in calls] == [verb]


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_without_a_hook_goes_on_to_the_client(client: Client, verb: str) -> None:
    calls: list[str] = []

    async def note(call: Call, proceed: Proceed) -> Any:
        calls.append(call.verb)
        return await proceed(call)

    first = intercept(client, **{verb: note})
    await use(intercept(first), verb)
    assert calls == [verb]


@pytest.mark.parametrize("verb", VERBS)
async def test_a_hook_may_proceed(client: Client, verb: str) -> None:
    async def note(call: Call, proceed: Proceed) -> Any:
        return await proceed(call)

    plain, hooked = type(await use(client, "get")), intercept(client, any=note)
    if verb == "delete":
        assert await use(hooked, verb) is None
        with pytest.raises(NotFound):
            await use(client, "get")
    else:
        assert await use(hooked, verb)
        assert type(await use(hooked, "get")) is plain


def test_every_verb_of_the_client_can_be_intercepted() -> None:
    methods = {name: m for name, m in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    derive = {name for name, method in methods.items() if inspect.signature(method).return_annotation == "Client"}
    verbs = set(methods) - derive - {"aclose", "update_status_json"}  # hooks see the last as an update_status
    assert verbs == set(VERBS)
    assert verbs <= set(vars(module._Intercepted))
    assert verbs | {"any"} == set(inspect.signature(intercept).parameters) - {"client"}


async def test_a_hook_sees_typed_arguments(client: Client) -> None:
    calls: list[Call] = []

    async def note(call: Call, proceed: Proceed) -> Any:
        calls.append(call)
        return await proceed(call)

    hooked = intercept(client, any=note)
    await hooked.get(ConfigMap, "a", namespace="default")
    await hooked.patch(ConfigMap, "a", MergePatch({"data": {"x": "y"}}), namespace="default", dry_run=True)
    applied = config(x="y")
    await hooked.apply(applied)
    await hooked.request("GET", "/version")
    _ = [page async for page in hooked.list_pages(RT, namespace="default", limit=7)]
    get, patch, apply, request, pages = calls
    assert (get.kind, get.name, get.namespace) == (ConfigMap, "a", "default")
    assert (patch.arguments["patch"], patch.arguments["dry_run"]) == (MergePatch({"data": {"x": "y"}}), True)
    assert (apply.object, apply.kind, apply.name, apply.namespace) == (applied, ConfigMap, "a", "default")
    assert (request.kind, request.resource_type, request.name, request.arguments["path"]) == (
        None,
        None,
        "",
        "/version",
    )
    assert (pages.resource_type, pages.namespace, pages.arguments["limit"]) == (RT, "default", 7)
    assert [str(call) for call in (get, request)] == ["get ConfigMap default/a", "request /version"]


async def test_a_hook_may_answer_itself(client: Client) -> None:
    async def answer(call: Call, proceed: Proceed) -> ConfigMap:
        return config(own="answer")

    async def events(call: Call, proceed: Proceed) -> Any:
        @asynccontextmanager
        async def none() -> AsyncIterator[Any]:
            async def empty() -> AsyncIterator[Any]:
                return
                yield

            yield empty()

        return none()

    async def no_pages(call: Call, proceed: Proceed) -> Any:
        class Empty:
            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> Any:
                raise StopAsyncIteration

        return Empty()

    hooked = intercept(client, get=answer, watch=events, list_pages=no_pages)
    assert (await hooked.get(ConfigMap, "nowhere", namespace="default")).data == {"own": "answer"}
    async with hooked.watch(ConfigMap) as seen:
        assert [event async for event in seen] == []
    assert [page async for page in hooked.list_pages(RT)] == []


async def test_a_hook_may_change_the_arguments(client: Client) -> None:
    async def dry(call: Call, proceed: Proceed) -> Any:
        return await proceed(call.changed(dry_run=True))

    await intercept(client, delete=dry).delete(ConfigMap, "a", namespace="default")
    assert await client.get(ConfigMap, "a", namespace="default")


async def test_a_hook_may_fail_after_the_write_took_effect(client: Client) -> None:
    async def lose(call: Call, proceed: Proceed) -> Any:
        await proceed(call)
        raise TransportTimeout("lost")

    with pytest.raises(TransportTimeout):
        await intercept(client, apply=lose).apply(config(x="y"))
    assert (await client.get(ConfigMap, "a", namespace="default")).data == {"x": "y"}


async def test_what_a_hook_asks_of_the_calls_client_no_hook_sees(client: Client) -> None:
    asked = 0

    async def look(call: Call, proceed: Proceed) -> Any:
        nonlocal asked
        asked += 1
        await call.client.get(ConfigMap, "a", namespace="default")
        return await proceed(call)

    await intercept(client, get=look).get(ConfigMap, "a", namespace="default")
    assert asked == 1


async def test_a_verb_made_of_others_is_seen_once(client: Client) -> None:
    seen: list[str] = []

    async def note(call: Call, proceed: Proceed) -> Any:
        seen.append(call.verb)
        return await proceed(call)

    hooked = intercept(client, any=note)
    await hooked.apply(config(x="y"))
    await hooked.list(ConfigMap)
    await use(hooked, "watch")
    assert seen == ["apply", "list", "watch"]


async def test_hooks_are_asked_from_the_newest_and_any_comes_first(client: Client) -> None:
    order: list[str] = []

    def hook(name: str) -> Any:
        async def note(call: Call, proceed: Proceed) -> Any:
            order.append(name)
            return await proceed(call)

        return note

    older = intercept(client, any=hook("older any"), get=hook("older get"))
    await use(intercept(older, any=hook("newer any"), get=hook("newer get")), "get")
    assert order == ["newer any", "newer get", "older any", "older get"]
    order.clear()
    await use(older, "get")
    assert order == ["older any", "older get"]


async def test_derived_clients_keep_the_hooks_and_what_they_were_derived_with(client: Client) -> None:
    seen: list[tuple[str, str]] = []
    written: list[Written] = []

    async def note(call: Call, proceed: Proceed) -> Any:
        seen.append((call.verb, call.client.field_manager))
        return await proceed(call)

    hooked = intercept(client, apply=note).observed_by(written.append).managing_as("me").through(lambda inner: inner)
    result = await hooked.impersonating("bob", ["system:masters"]).apply(config(x="y"))
    assert seen == [("apply", "me")]
    assert [w.name for w in written] == ["a"]
    assert {entry["manager"] for entry in result.metadata.managed_fields} >= {"me"}


async def test_closing_an_intercepted_client_leaves_the_transport_open(client: Client) -> None:
    async with intercept(client):
        pass
    assert await client.get(ConfigMap, "a", namespace="default")


@pytest.mark.cluster(crds=[Widget], controlplane=False)
async def test_a_controller_runs_on_an_intercepted_client(cluster: FakeCluster) -> None:
    from kubernaut.reconcile import Manager

    class Marks(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> Result | None:
            obj.status.phase = "seen"
            return None

    tries = 0

    async def conflict_once(call: Call, proceed: Proceed) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Conflict({"code": 409, "reason": "Conflict", "message": "injected"})
        return await proceed(call)

    manager = Manager(intercept(cluster.client, update_status=conflict_once), name="test")
    manager.add(Controller(Widget, Marks()))
    async with manager.running():
        await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
        await cluster.settled()
    assert (await cluster.client.get(Widget, "a", namespace="default")).status.phase == "seen"
    assert tries == 2
