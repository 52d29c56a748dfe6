"""Settings of a controller that cannot work are refused when it is made."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from kubernaut.client import Client, ObjectHead
from kubernaut.reconcile import (
    Change,
    Context,
    Controller,
    Owns,
    Reconciler,
    Request,
    TokenBucket,
    Watch,
    predicates,
)
from kubernaut.reconcile.controller import UNNAMED
from kubernaut.resources import ObjectMeta, Resource
from kubernaut.resources.builtin.core_v1 import ConfigMap, Pod
from kubernaut.testing import Cluster
from tests.reconcile.scripted import Keys, Scripted
from tests.reconcile.server import Server
from tests.reconcile.widgets import Widget

R = TypeVar("R", bound=Resource)


async def slow_predicate(change: Change) -> bool:
    return True


async def slow_mapper(head: ObjectHead) -> list[Request]:
    return []


@pytest.mark.parametrize("reconciler", [None, "reconcile", object(), Scripted, Keys, lambda request, ctx: None])
def test_a_reconciler_must_be_an_object_with_a_method_reconcile(reconciler: Any) -> None:
    with pytest.raises(TypeError, match="it must be an object with a method `reconcile`"):
        Controller(Widget, reconciler)


def test_predicates_and_mappers_cannot_be_coroutine_functions() -> None:
    coroutines: Any = slow_predicate, slow_mapper
    with pytest.raises(TypeError, match="a predicate is a coroutine function"):
        Controller(Widget, Keys(), predicates=[coroutines[0]])
    with pytest.raises(TypeError, match="a predicate is a coroutine function"):
        Owns(ConfigMap, predicates=[coroutines[0]])
    with pytest.raises(TypeError, match="a predicate is a coroutine function"):
        Watch(ConfigMap, to=lambda head: [], predicates=[coroutines[0]])
    with pytest.raises(TypeError, match="`to` is a coroutine function"):
        Watch(ConfigMap, to=coroutines[1])


@pytest.mark.parametrize("namespace", ["", [], [""], ["shop", ""]])
def test_an_empty_namespace_is_refused_as_it_might_mean_all_or_none(namespace: Any) -> None:
    with pytest.raises(ValueError, match="None for all namespaces"):
        Controller(Widget, Keys(), namespace=namespace)
    with pytest.raises(ValueError, match="None for all namespaces"):
        Watch(ConfigMap, to=lambda head: [], namespace=namespace)


def test_the_defaults_are_one_worker_no_timeout_and_the_kind_as_name() -> None:
    controller = Controller(Widget, Keys())
    assert (controller.name, controller.max_concurrent, controller.reconcile_timeout) == ("widget", 1, None)
    assert (controller.leader_elected, controller.bucket, controller.namespace) == (True, None, None)
    assert (controller.backoff.base, controller.backoff.cap) == (0.005, 1000)


def test_kinds_names_every_kind_that_is_watched_its_own_first() -> None:
    watch = Watch(Widget, to=lambda head: [])
    assert Controller(Widget, Keys(), owns=[ConfigMap], watches=[watch]).kinds == (Widget, ConfigMap, Widget)


@pytest.mark.parametrize("labels", ["a in (", "a b"])
def test_a_label_selector_that_cannot_be_read_is_refused(labels: str) -> None:
    makers: list[Callable[[], object]] = [
        lambda: Controller(Widget, Keys(), labels=labels),
        lambda: Owns(ConfigMap, labels=labels),
        lambda: Watch(ConfigMap, to=lambda head: [], labels=labels),
    ]
    for make in makers:
        with pytest.raises(ValueError):
            make()


class Blocking(Reconciler[Widget]):
    def reconcile(self, obj: Widget, ctx: Context) -> None:  # type: ignore[override]
        return None


class Named(Reconciler[Widget]):
    async def reconcile(self, obj: Widget, ctx: Context) -> None:
        return None


class ReconcilerOf(Reconciler[R]):
    async def reconcile(self, obj: R, ctx: Context) -> None:
        return None


class Inherited(ReconcilerOf[Widget]):
    pass


class Cleaning(Named):
    async def finalize(self, obj: Widget, ctx: Context) -> None:
        return None


WRONG: dict[str, Any] = {
    "owns": ["ConfigMap", ["ConfigMap"], [Watch(ConfigMap, to=lambda head: [])], ConfigMap, [Resource], [int]],
    "watches": [[ConfigMap], [Owns(ConfigMap)], Watch(ConfigMap, to=lambda head: [])],
    "predicates": [predicates.generation_changed, ["x"]],
    "max_concurrent": [2.5, "3", True],
    "reconcile_timeout": [30],
    "labels": [["a=b"], {"a": 1}],
    "fields": [5],
    "namespace": [5],
    "indexes": [[("a", lambda obj: [])], {"a": "spec.n"}],
    "backoff": [5],
    "bucket": [TokenBucket()],
    "clusters": [["east"]],
    "name": [5],
    "field_manager": [5],
}


@pytest.mark.parametrize(("setting", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_setting_of_another_type_is_refused_and_the_error_says_what_it_must_be(setting: str, value: Any) -> None:
    with pytest.raises(TypeError, match="must be"):
        Controller(Widget, Keys(), **{setting: value})


@pytest.mark.parametrize("kind", ["Widget", Widget(metadata=ObjectMeta(name="a")), Resource, int])
def test_a_kind_must_be_the_class_of_a_kind(kind: Any) -> None:
    for make in (lambda: Controller(kind, Keys()), lambda: Owns(kind), lambda: Watch(kind, to=lambda head: [])):
        with pytest.raises(TypeError, match="it must be the class of a kind"):
            make()


@pytest.mark.parametrize("to", ["x", None, [Request("shop", "a")]])
def test_a_mapper_must_be_a_function(to: Any) -> None:
    with pytest.raises(TypeError, match="it must be a function"):
        Watch(ConfigMap, to=to)


@pytest.mark.parametrize("labels", ["a = b c", "a=b=c", "-a=b", {"a b": "c"}, {"Example.dev/a": "b"}])
def test_a_label_selector_that_no_server_would_take_is_refused(labels: Any) -> None:
    with pytest.raises(ValueError, match="cannot be the"):
        Controller(Widget, Keys(), labels=labels)


@pytest.mark.parametrize("labels", ["example.dev/a=b.c_d,e", "a in (b, c),!d", {"a": ""}, "a!=b"])
def test_a_label_selector_that_servers_take_is_not_refused(labels: Any) -> None:
    assert Controller(Widget, Keys(), labels=labels).labels == labels


def test_a_field_selector_needs_a_value() -> None:
    with pytest.raises(ValueError, match="name=value"):
        Controller(Widget, Keys(), fields="status.phase")


def test_a_reconcile_that_is_no_coroutine_function_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Blocking.reconcile is no coroutine function: define it with `async def`"):
        Controller(Widget, Blocking())


def test_finalize_without_a_finalizer_is_refused_as_it_would_never_be_called() -> None:
    with pytest.raises(ValueError, match='no `finalizer`, so it would never be called: name one, as in finalizer = "'):
        Controller(Widget, Cleaning())


@pytest.mark.parametrize("name", ["cleanup", "Example.dev/cleanup", "example.dev/", "example.dev/a/b", ""])
def test_a_finalizer_without_a_domain_is_refused_as_the_server_would_refuse_it_for_ever(name: str) -> None:
    reconciler = Cleaning()
    reconciler.finalizer = name  # type: ignore[misc]
    with pytest.raises(ValueError, match="the API server wants a domain in it"):
        Controller(Widget, reconciler)


def test_a_finalizer_must_be_a_text() -> None:
    reconciler: Any = Cleaning()
    reconciler.finalizer = True
    with pytest.raises(TypeError, match=r"Cleaning\.finalizer is True"):
        Controller(Widget, reconciler)


def test_a_reconciler_of_another_kind_is_refused() -> None:
    wrong: list[Any] = [Named(), ReconcilerOf[Widget](), Inherited()]
    for reconciler in wrong:
        with pytest.raises(ValueError, match="reconciles Widget: it cannot be given Pod"):
            Controller(Pod, reconciler)
        assert Controller(Widget, reconciler).kind is Widget


def test_a_reconciler_of_a_base_class_or_of_an_unknown_kind_is_not_refused() -> None:
    general: list[Any] = [ReconcilerOf[Resource](), ReconcilerOf()]
    for reconciler in general:
        assert Controller(Pod, reconciler).kind is Pod


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb"])
def test_a_field_manager_that_the_server_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 128 printable characters"):
        Controller(Widget, Keys(), field_manager=name)


def test_the_field_manager_is_the_controllers_own_unless_the_client_was_given_one() -> None:
    plain, named = Client(Server()), Client(Server(), field_manager="team-a")
    assert plain.field_manager == UNNAMED
    assert Controller(Widget, Keys()).manages_as(plain) == "kubernaut/widget"
    assert Controller(Widget, Keys()).manages_as(named) == "team-a"
    assert Controller(Widget, Keys(), field_manager="mine").manages_as(named) == "mine"


def test_a_name_that_is_too_long_for_a_field_manager_is_refused() -> None:
    with pytest.raises(ValueError, match="field_manager"):
        Controller(Widget, Keys(), name="x" * 120)


@pytest.mark.cluster(controlplane=False)
async def test_two_controllers_that_apply_to_one_object_leave_each_other_their_fields(cluster: Cluster) -> None:
    def applying(key: str) -> Controller:
        async def do(request: Request, ctx: Context) -> None:
            meta = ObjectMeta(name="shared", namespace="default")
            await ctx.client.apply(ConfigMap(metadata=meta, data={key: "1"}))

        return Controller(ConfigMap, Keys(do), name=key)

    async with cluster.running(applying("a"), applying("b")):
        await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="begin", namespace="default")))
        await cluster.settled()
    shared = await cluster.client.get(ConfigMap, "shared", namespace="default")
    assert shared.data == {"a": "1", "b": "1"}
    managers = [entry["manager"] for entry in shared.to_dict()["metadata"]["managedFields"]]
    assert sorted(managers) == ["kubernaut/a", "kubernaut/b"]
