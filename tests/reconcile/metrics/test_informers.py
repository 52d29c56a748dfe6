"""The informers' figures: what they hold and how old their view can be."""

import asyncio

import pytest

from kubernaut.client import Client
from kubernaut.reconcile.informer import Informer, Scope
from kubernaut.reconcile.metrics import InformerFigures, RuntimeMetrics
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.metrics.helpers import Informed, Kept, scraped
from tests.reconcile.server import Server

pytestmark = pytest.mark.virtual_time


async def test_what_an_informer_holds_is_shown() -> None:
    metrics = RuntimeMetrics()
    widgets = Informed("widgets.example.dev in shop", Kept(3, 9600), relists=2, frames=7, errors=1)
    metrics.track_informers("", lambda: [widgets])
    found = scraped(metrics)
    key = ("", "widgets.example.dev in shop")
    assert found["kubernaut_informer_objects"] == {key: 3}
    assert found["kubernaut_informer_store_bytes"] == {key: 9600}
    assert found["kubernaut_informer_relists_total"] == {key: 2}
    assert found["kubernaut_informer_frames_total"] == {key: 7}
    assert found["kubernaut_informer_errors_total"] == {key: 1}


async def test_synced_is_a_complete_list_of_a_kind_that_is_served() -> None:
    metrics = RuntimeMetrics()
    widgets = Informed("widgets")
    metrics.track_informers("", lambda: [widgets])
    assert scraped(metrics)["kubernaut_informer_synced"] == {("", "widgets"): 0}
    widgets.synced.set()
    assert scraped(metrics)["kubernaut_informer_synced"] == {("", "widgets"): 1}
    widgets.absent = True
    assert scraped(metrics)["kubernaut_informer_synced"] == {("", "widgets"): 0}


async def test_the_lag_is_the_time_since_the_server_was_heard() -> None:
    metrics = RuntimeMetrics()
    widgets = Informed("widgets")
    metrics.track_informers("", lambda: [widgets])
    assert "kubernaut_informer_lag_seconds" not in scraped(metrics)
    await asyncio.sleep(10)
    widgets.heard = 10.0
    await asyncio.sleep(90)
    assert scraped(metrics)["kubernaut_informer_lag_seconds"]["", "widgets"] == pytest.approx(90)
    found = await asyncio.to_thread(scraped, metrics)
    assert found["kubernaut_informer_lag_seconds"]["", "widgets"] == pytest.approx(90)


async def test_informers_are_those_of_the_moment_and_of_each_cluster() -> None:
    metrics = RuntimeMetrics()
    here = [Informed("widgets")]
    metrics.track_informers("", lambda: here)
    end = metrics.track_informers("east", lambda: [Informed("widgets")])
    here.append(Informed("configmaps"))
    assert set(scraped(metrics)["kubernaut_informer_objects"]) == {
        ("", "widgets"),
        ("", "configmaps"),
        ("east", "widgets"),
    }
    end()
    end()
    assert set(scraped(metrics)["kubernaut_informer_objects"]) == {("", "widgets"), ("", "configmaps")}


async def test_the_end_of_a_run_does_not_end_the_next() -> None:
    metrics = RuntimeMetrics()
    end = metrics.track_informers("", lambda: [Informed("old")])
    metrics.track_informers("", lambda: [Informed("new")])
    end()
    assert set(scraped(metrics)["kubernaut_informer_objects"]) == {("", "new")}


async def test_the_runtimes_informer_can_be_read() -> None:
    informer: InformerFigures = Informer(Client(Server()), Scope.of(ConfigMap.resource_type))
    metrics = RuntimeMetrics()
    metrics.track_informers("", lambda: [informer])
    assert scraped(metrics)["kubernaut_informer_objects"] == {("", "configmaps"): 0}
