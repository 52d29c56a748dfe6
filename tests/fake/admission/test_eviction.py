"""Evictions: what budgets say, and what is left of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake.admission.asking import HOOKS, PODS, Asker, Hook, Object, allowed, hook, register, rule

BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p", "namespace": "default"}}
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


async def running(ask: Asker, name: str = "p", ready: str = "True") -> None:
    spec = {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}
    await ask.post(PODS, {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": spec})
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
    assert (await ask.merge(f"{PODS}/{name}/status", {"status": status}))[0] == 200


async def budget(ask: Asker, name: str = "b", *, spec: Object | None = None, **status: Any) -> None:
    selector = {"matchLabels": {"app": "web"}}
    await ask.post(
        BUDGETS, {"metadata": {"name": name}, "spec": {"selector": selector, "minAvailable": 1, **(spec or {})}}
    )
    if status:
        full = {"observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1, **status}
        assert (await ask.merge(f"{BUDGETS}/{name}/status", {"status": full}))[0] == 200


async def evict(ask: Asker, query: str = "", **more: Any) -> tuple[int, Object]:
    return await ask("POST", f"{PODS}/p/eviction{query}", {**EVICTION, **more})


async def test_a_pod_without_a_budget_goes(ask: Asker) -> None:
    await running(ask)
    assert await evict(ask) == (
        201,
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201},
    )
    gone = await ask.get(f"{PODS}/p")
    assert gone["metadata"]["deletionTimestamp"]
    (reason,) = (item["reason"] for item in gone["status"]["conditions"] if item["type"] == "DisruptionTarget")
    assert reason == "EvictionByEvictionAPI"


@pytest.mark.parametrize(
    ("status", "seconds", "text"),
    [
        ({}, 10, "The disruption budget b is still being processed by the server."),
        (
            {"disruptionsAllowed": 0, "currentHealthy": 1},
            0,
            "The disruption budget b needs 1 healthy pods and has 1 currently",
        ),
    ],
)
async def test_a_budget_without_disruptions_refuses(ask: Asker, status: Object, seconds: int, text: str) -> None:
    await running(ask)
    await budget(ask, **status)
    code, body = await evict(ask)
    assert (code, body["reason"], body["message"]) == (429, "TooManyRequests", REFUSED)
    assert body["details"]["causes"] == [{"reason": "DisruptionBudget", "message": text}]
    assert body["details"].get("retryAfterSeconds", 0) == seconds
    assert "deletionTimestamp" not in (await ask.get(f"{PODS}/p"))["metadata"]


async def test_an_eviction_spends_a_disruption(ask: Asker) -> None:
    await running(ask)
    await budget(ask, disruptionsAllowed=1, currentHealthy=2)
    assert (await evict(ask, "?dryRun=All"))[0] == 201
    assert (await ask.get(f"{BUDGETS}/b"))["status"]["disruptionsAllowed"] == 1
    assert (await evict(ask))[0] == 201
    status = (await ask.get(f"{BUDGETS}/b"))["status"]
    assert (status["disruptionsAllowed"], list(status["disruptedPods"])) == (0, ["p"])
    assert status["conditions"][0]["reason"] == "InsufficientPods"


@pytest.mark.parametrize(
    ("spec", "status", "code"),
    [
        ({}, {"disruptionsAllowed": 0, "currentHealthy": 1}, 201),
        ({}, {"disruptionsAllowed": 0, "currentHealthy": 0}, 429),
        ({"unhealthyPodEvictionPolicy": "AlwaysAllow"}, {"disruptionsAllowed": 0, "currentHealthy": 0}, 201),
    ],
)
async def test_a_pod_that_is_not_ready_goes_by_the_budgets_policy(
    ask: Asker, spec: Object, status: Object, code: int
) -> None:
    await running(ask, ready="False")
    await budget(ask, spec=spec, **status)
    assert (await evict(ask))[0] == code


async def test_several_budgets_are_an_error(ask: Asker) -> None:
    await running(ask)
    await budget(ask, "b", disruptionsAllowed=1)
    await budget(ask, "c", disruptionsAllowed=1)
    code, body = await evict(ask)
    text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    assert (code, body["message"]) == (500, text)


async def test_names_and_preconditions_must_fit(ask: Asker) -> None:
    await running(ask)
    code, body = await evict(ask, metadata={"name": "other"})
    assert (code, body["message"]) == (400, "name in URL does not match name in Eviction object")
    assert (await evict(ask, deleteOptions={"preconditions": {"uid": "x"}}))[0] == 409
    assert (await ask("POST", f"{PODS}/none/eviction", {**EVICTION, "metadata": {"name": "none"}}))[0] == 404


async def test_webhooks_hear_of_subresources_under_their_own_kinds(ask: Asker) -> None:
    seen = Hook(allowed)
    ask.server.route_webhook(HOOKS, seen)
    rules = [rule("pods/status", "*"), rule("pods/eviction", "*"), rule("*/scale", "*", group="*")]
    await register(ask, "validating", hook("check", rules=rules))
    await running(ask)
    await evict(ask)
    deployment = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}}}
    deployment["template"]["spec"] = {"containers": [{"name": "c", "image": "i"}]}  # type: ignore[index]
    url = "/apis/apps/v1/namespaces/default/deployments"
    await ask.post(url, {"metadata": {"name": "d"}, "spec": deployment})
    await ask.merge(f"{url}/d/scale", {"spec": {"replicas": 3}})
    found = [(each["operation"], each["subResource"], each["kind"]["kind"]) for each in seen.seen]
    assert found == [("UPDATE", "status", "Pod"), ("CREATE", "eviction", "Eviction"), ("UPDATE", "scale", "Scale")]
    assert seen.seen[2]["object"]["spec"] == {"replicas": 3}
