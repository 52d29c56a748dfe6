"""Settings of a controller that cannot work are refused when it is made."""

from collections.abc import Callable
from typing import Any

import pytest

from kubernaut.client import ObjectHead
from kubernaut.reconcile import Change, Controller, Owns, Request, Watch
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.scripted import Keys, Scripted
from tests.reconcile.widgets import Widget


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
