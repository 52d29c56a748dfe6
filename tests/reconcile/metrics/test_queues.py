"""The queues' figures, as in controller-runtime's pkg/internal/metrics/workqueue_test.go."""

import asyncio

import pytest

from kubernaut.reconcile.metrics import RuntimeMetrics
from kubernaut.reconcile.queue import Queue
from tests.reconcile.metrics.helpers import Queued, scraped

pytestmark = pytest.mark.virtual_time


async def test_a_queue_is_read_when_scraped() -> None:
    metrics = RuntimeMetrics()
    figures = metrics.controller("widget", 1)
    queue = Queue[str](on_queue_time=figures.queue_time, on_work_time=figures.work_time)
    metrics.track_queue("widget", queue)
    queue.add("a")
    queue.add("b", priority=-100)
    queue.add("c", priority=-100)
    await asyncio.sleep(0.5)
    assert await queue.get() == "a"
    await asyncio.sleep(2)
    found = scraped(metrics)
    labels = ("widget", "widget")
    assert found["workqueue_depth"] == {(*labels, "0"): 0, (*labels, "-100"): 2}
    assert found["workqueue_adds_total"] == {labels: 3}
    assert found["workqueue_unfinished_work_seconds"][labels] == pytest.approx(2)
    assert found["workqueue_longest_running_processor_seconds"][labels] == pytest.approx(2)
    assert found["workqueue_queue_duration_seconds_sum"][labels] == pytest.approx(0.5)
    assert found["workqueue_work_duration_seconds_count"] == {labels: 0}
    queue.add_rate_limited("a")
    queue.done("a")
    found = scraped(metrics)
    assert found["workqueue_retries_total"] == {labels: 1}
    assert found["workqueue_work_duration_seconds_sum"][labels] == pytest.approx(2)
    assert found["workqueue_unfinished_work_seconds"] == {labels: 0}
    assert found["workqueue_longest_running_processor_seconds"] == {labels: 0}
    await queue.shut_down()


async def test_unfinished_work_is_the_sum_and_the_longest() -> None:
    metrics = RuntimeMetrics()
    metrics.track_queue("widget", Queued(began=[0.0, 3.0]))
    await asyncio.sleep(10)
    found = scraped(metrics)
    assert found["workqueue_unfinished_work_seconds"]["widget", "widget"] == pytest.approx(17)
    assert found["workqueue_longest_running_processor_seconds"]["widget", "widget"] == pytest.approx(10)


async def test_the_clock_is_the_loops_whichever_thread_scrapes() -> None:
    metrics = RuntimeMetrics()
    metrics.track_queue("widget", Queued(began=[0.0]))
    await asyncio.sleep(10)
    found = await asyncio.to_thread(scraped, metrics)
    assert found["workqueue_unfinished_work_seconds"]["widget", "widget"] == pytest.approx(10)


# At most 25 priorities besides: 0 is always there, which upstream's is not.
@pytest.mark.parametrize(
    ("priorities", "series", "others"),
    [(10, 10, None), (25, 25, None), (26, 26, 1), (30, 26, 5)],
    ids=["under the limit", "at the limit", "one more", "well over the limit"],
)
async def test_the_number_of_priorities_is_bounded(priorities: int, series: int, others: int | None) -> None:
    metrics = RuntimeMetrics()
    metrics.track_queue("widget", Queued(ready=dict.fromkeys(range(priorities), 1)))
    depth = scraped(metrics)["workqueue_depth"]
    assert len(depth) == series
    assert depth.get(("widget", "widget", "exceeded_cardinality_limit")) == others
    assert sum(depth.values()) == priorities


async def test_one_priority_many_times_is_one_series() -> None:
    metrics = RuntimeMetrics()
    queue = Queued()
    metrics.track_queue("widget", queue)
    for count in range(1, 201):
        queue.ready = {0: count}
        depth = scraped(metrics)["workqueue_depth"]
    assert depth == {("widget", "widget", "0"): 200}


async def test_a_priority_once_seen_stays_at_zero() -> None:
    metrics = RuntimeMetrics()
    queue = Queued(ready={5: 2})
    metrics.track_queue("widget", queue)
    scraped(metrics)
    queue.ready = {}
    assert scraped(metrics)["workqueue_depth"]["widget", "widget", "5"] == 0


async def test_the_buckets_are_client_gos() -> None:
    metrics = RuntimeMetrics()
    metrics.controller("widget", 1)
    for name in ("workqueue_queue_duration_seconds", "workqueue_work_duration_seconds"):
        bounds = [float(labels[1]) for labels in scraped(metrics)[f"{name}_bucket"]]
        assert bounds == pytest.approx([10.0**power for power in range(-8, 4)] + [float("inf")])


async def test_counts_go_on_with_the_next_queue_and_the_depth_does_not() -> None:
    metrics = RuntimeMetrics()
    first, second = Queued(adds=5, retries=2, ready={0: 3}, began=[0.0]), Queued(adds=1)
    end = metrics.track_queue("widget", first)
    end()
    found = scraped(metrics)
    assert found["workqueue_adds_total"] == {("widget", "widget"): 5}
    assert found["workqueue_depth"] == {("widget", "widget", "0"): 0}
    assert found["workqueue_unfinished_work_seconds"] == {("widget", "widget"): 0}
    metrics.track_queue("widget", second)
    first.adds = 100  # nobody looks at it any more
    end()  # of the first queue, which has ended already
    found = scraped(metrics)
    assert found["workqueue_adds_total"] == {("widget", "widget"): 6}
    assert found["workqueue_retries_total"] == {("widget", "widget"): 2}


async def test_a_queue_that_is_replaced_unended_is_counted_once() -> None:
    metrics = RuntimeMetrics()
    metrics.track_queue("widget", Queued(adds=5))
    metrics.track_queue("widget", Queued(adds=2))
    assert scraped(metrics)["workqueue_adds_total"] == {("widget", "widget"): 7}
