"""CronJobs: schedules, time zones, concurrency, history."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.cronjobs.schedule import parse_schedule
from kubernaut.resources.builtin.batch_v1 import CronJob, Job
from tests.fake.controlplane.objects import cron_job, events, patch, reasons


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "moment", "following"),
    [
        ("*/5 * * * *", "2024-01-01T00:00", "2024-01-01T00:05"),
        ("0 0 * * *", "2024-01-01T00:00", "2024-01-02T00:00"),
        ("@hourly", "2024-01-01T00:30", "2024-01-01T01:00"),
        ("30 4 1,15 * *", "2024-01-02T00:00", "2024-01-15T04:30"),
        ("0 9 * * mon-fri", "2024-01-05T10:00", "2024-01-08T09:00"),
        ("0 0 13 * fri", "2024-01-01T00:00", "2024-01-05T00:00"),
        ("0 0 29 2 *", "2024-03-01T00:00", "2028-02-29T00:00"),
        ("5/20 * ? jan,mar 7", "2024-01-08T00:00", "2024-01-14T00:05"),
    ],
)
def test_the_next_time_of_a_schedule(schedule: str, moment: str, following: str) -> None:
    assert parse_schedule(schedule).after(at(moment)) == at(following)


@pytest.mark.parametrize("text", ["", "* * * *", "60 * * * *", "* * 0 * *", "*/0 * * * *", "a * * * *", "5-1 * * * *"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"field|step|within|number"):
        parse_schedule(text)


def test_a_schedule_that_never_comes_has_no_next_time() -> None:
    assert parse_schedule("0 0 31 2 *").after(at("2024-01-01T00:00")) is None


@pytest.mark.parametrize(
    ("moment", "following"),
    [
        ("2024-07-01T00:00", "2024-07-01T06:30"),
        ("2024-03-10T00:00", "2024-03-11T06:30"),  # 02:30 does not exist that night
        ("2024-11-03T00:00", "2024-11-03T07:30"),
    ],
)
def test_a_schedule_follows_its_time_zone_through_changes_of_the_clocks(moment: str, following: str) -> None:
    zone = ZoneInfo("America/New_York")
    assert parse_schedule("30 2 * * *").after(at(moment), zone) == at(following)


async def jobs(cluster: FakeCluster) -> list[Job]:
    found = await cluster.client.list(Job, namespace="default")
    return sorted(found, key=lambda one: one.name)


async def live(cluster: FakeCluster) -> CronJob:
    return await cluster.client.get(CronJob, "tick", namespace="default")


async def test_a_job_is_made_at_each_scheduled_time(cluster: FakeCluster) -> None:
    await cluster.client.create(cron_job())
    await cluster.advance(minutes=11)
    names = [job.name for job in await jobs(cluster)]
    start = int(at("2024-01-01T00:00").timestamp()) // 60
    assert names == [f"tick-{start + 5}", f"tick-{start + 10}"]
    first = (await jobs(cluster))[0]
    assert first.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == "2024-01-01T00:05:00Z"
    status = (await live(cluster)).status
    assert status.last_schedule_time == at("2024-01-01T00:10") and not status.active
    assert status.last_successful_time is not None
    told = await events(cluster, "CronJob")
    assert told[0] == ("SuccessfulCreate", f"Created job {names[0]}")
    assert told[1] == ("SawCompletedJob", f"Saw completed job: {names[0]}, condition: Complete")


async def test_a_running_job_is_listed_as_active(cluster: FakeCluster) -> None:
    await cluster.client.create(cron_job(command="sleep 120"))
    await cluster.advance(minutes=6)
    (job,) = await jobs(cluster)
    assert [reference.name for reference in (await live(cluster)).status.active] == [job.name]


@pytest.mark.parametrize(("policy", "running"), [("Allow", 2), ("Forbid", 1), ("Replace", 1)])
async def test_the_concurrency_policy_says_what_becomes_of_a_job_that_still_runs(
    cluster: FakeCluster, policy: str, running: int
) -> None:
    await cluster.client.create(cron_job(command="sleep 3600", concurrencyPolicy=policy))
    await cluster.advance(minutes=6)
    (first,) = await jobs(cluster)
    await cluster.advance(minutes=5)
    found = await jobs(cluster)
    assert len(found) == running
    assert (found[0].name == first.name) is (policy != "Replace")
    assert ("JobAlreadyActive" in await reasons(cluster, "CronJob")) is (policy == "Forbid")


async def test_a_suspended_cron_job_makes_none_and_later_only_the_last_one_missed(cluster: FakeCluster) -> None:
    await cluster.client.create(cron_job(suspend=True))
    await cluster.advance(minutes=21)
    assert not await jobs(cluster)
    await patch(cluster, CronJob, "tick", {"spec": {"suspend": False}})
    await cluster.advance(seconds=10)
    (job,) = await jobs(cluster)
    assert job.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == "2024-01-01T00:20:00Z"


async def test_a_time_missed_by_more_than_the_starting_deadline_is_left_out(cluster: FakeCluster) -> None:
    await cluster.client.create(cron_job(suspend=True, startingDeadlineSeconds=30))
    await cluster.advance(minutes=21)
    await patch(cluster, CronJob, "tick", {"spec": {"suspend": False}})
    await cluster.advance(seconds=10)
    assert not await jobs(cluster)
    await cluster.advance(minutes=5)
    assert len(await jobs(cluster)) == 1


async def test_finished_jobs_are_kept_up_to_the_history_limits(cluster: FakeCluster) -> None:
    limits: dict[str, Any] = {"successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 0}
    await cluster.client.create(cron_job(schedule="* * * * *", **limits))
    await cluster.advance(minutes=5, seconds=30)
    assert len(await jobs(cluster)) == 2
    assert "SuccessfulDelete" in await reasons(cluster, "CronJob")


async def test_a_time_zone_decides_when_it_is_ten(cluster: FakeCluster) -> None:
    await cluster.client.create(cron_job(schedule="0 10 * * *", timeZone="Asia/Tokyo"))
    await cluster.advance(hours=1, seconds=10)
    (job,) = await jobs(cluster)
    when = job.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert when == "2024-01-01T10:00:00+09:00"


async def test_a_cron_job_that_goes_takes_its_jobs_along(cluster: FakeCluster) -> None:
    await cluster.client.create(cron_job(command="sleep 3600"))
    await cluster.advance(minutes=6)
    await cluster.client.delete(CronJob, "tick", namespace="default", propagation="Background")
    await cluster.settled()
    assert not await jobs(cluster)


async def test_an_idle_cron_job_costs_nothing_between_its_times(cluster: FakeCluster) -> None:
    await cluster.client.create(cron_job(schedule="@yearly"))
    await cluster.settled()
    before = sum(request.verb != "watch" for request in cluster.requests)
    await cluster.advance(minutes=30)
    assert sum(request.verb != "watch" for request in cluster.requests) == before
