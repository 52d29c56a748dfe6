"""Answers that are remembered from run to run: a run with them is the run without them, to the last byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubernaut.client import TransportRequest
from kubernaut.client.requestinfo import classify
from kubernaut.fake.apiserver.snapshot import storage_of
from kubernaut.reconcile import Context, Controller, Result
from kubernaut.resources import crd_for
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.testing.exploration import Scenario, World
from kubernaut.testing.exploration.judge import Judge
from kubernaut.testing.exploration.plan import Plan
from kubernaut.testing.exploration.remembered import store_of
from tests.remediation.scenarios import deletion_half_way
from tests.testing.exploration.world import Website, Websites, careless, publish, website

ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view"


def told(judge: Judge, number: int) -> tuple[str, list[dict[str, Any]]]:
    """All that can be known of a run: what happened, and what was there at its end."""
    outcome = judge.run(Plan(judge.scenario, judge.undisturbed).schedule(number))
    return outcome.trace.log(), judge._prepared._server.dump()


@pytest.mark.parametrize("scenario", [website, careless, deletion_half_way], ids=lambda scenario: scenario.name)
def test_a_run_is_the_same_whether_answers_are_remembered_or_not(scenario: Scenario) -> None:
    with_memory, without = Judge(scenario), Judge(scenario)
    answers = without._prepared.answers
    answers.usable, before = False, answers.told
    numbers = [0, 5, 9, 40, 0, *range(4000, 4008), 4003]
    for number in numbers:
        assert told(with_memory, number) == told(without, number), number
    assert with_memory._prepared.answers.told > 20 and answers.told == before


def test_where_something_changed_that_decides_on_requests_the_server_is_asked() -> None:
    async def steps(world: World) -> None:
        await publish(world)
        namespace = await world.client.get(Namespace, "default")
        namespace.metadata.labels["changed"] = "yes"
        await world.client.update(namespace)
        site = await world.client.get(Website, "shop", namespace="default")
        site.spec.title = "Sale"
        await world.client.update(site)
        await world.settled()

    judge = Judge(replace(website, steps=steps))
    told(judge, 0)
    answers = judge._prepared.answers
    before = answers.told
    told(judge, 0)
    some = answers.told - before
    calls = len(judge.undisturbed.calls)
    assert 0 < some < calls  # those before the change, and none after it


def test_where_webhooks_or_quotas_see_requests_nothing_is_remembered() -> None:
    converting = crd_for(Website)
    hook = {"clientConfig": {"url": "https://example.dev/convert"}, "conversionReviewVersions": ["v1"]}
    converting["spec"]["conversion"] = {"strategy": "Webhook", "webhook": hook}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": "default"}}
    quota["spec"] = {"hard": {"pods": "100"}}
    assert Judge(website)._prepared.answers.usable
    for scenario in (replace(website, crds=[converting]), replace(website, objects=[quota])):
        assert not Judge(scenario)._prepared.answers.usable


def test_a_write_that_is_refused_is_asked_again() -> None:
    class Conflicting(Websites):
        async def reconcile(self, obj: Website, ctx: Context) -> Result | None:
            old = obj.model_copy(deep=True)
            old.metadata.resource_version = "1"
            with pytest.raises(Exception, match="modified"):
                await ctx.client.update(old)
            return await super().reconcile(obj, ctx)

    judge = Judge(replace(website, controllers=lambda: [Controller(Website, Conflicting())]))
    first, second = told(judge, 0), told(judge, 0)
    assert first == second and "-> 409" in first[0]


@pytest.mark.parametrize(
    ("path", "store"),
    [
        ("/api/v1/namespaces/default/configmaps/x", "configmaps"),
        ("/apis/apps/v1/namespaces/default/deployments/x/status", "apps/deployments"),
        ("/apis/events.k8s.io/v1/namespaces/default/events/x", "events"),
        (ROLE, "rbac.authorization.k8s.io/clusterroles"),
    ],
)
def test_the_storage_has_a_kind_under_its_group_and_plural(path: str, store: str) -> None:
    assert store_of(classify(TransportRequest("GET", path))) == store
    kinds = storage_of(Judge(website)._prepared._server).kinds()
    assert store in kinds or not path.startswith("/apis/rbac")
