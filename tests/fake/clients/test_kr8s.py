"""kr8s, asynchronous and synchronous, against the served fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake.clients.running import config_map, definition, deployment, gadget

pytest.importorskip("kr8s", reason="kr8s is not installed (it is in the extra `dev`)")

import kr8s
import kr8s.objects
from kr8s.asyncio.objects import (
    ConfigMap,
    CustomResourceDefinition,
    Deployment,
    PodDisruptionBudget,
    new_class,
)

# kr8s says of every server newer than the newest it knew at its release that it is not supported
pytestmark = pytest.mark.filterwarnings("ignore:Kubernetes version v[0-9.]+ is not supported:UserWarning")
GROUP = "kr8s.example.com"
Gadget = new_class(kind="Gadget", version=f"{GROUP}/v1", namespaced=True, asyncio=True)


@pytest.fixture
async def api(kubeconfig: Path, namespace: str) -> AsyncIterator[Any]:
    made: Any = await kr8s.asyncio.api(kubeconfig=str(kubeconfig), namespace=namespace)
    yield made
    # nothing public closes it
    await made._session.aclose()


@pytest.fixture
async def gadgets(api: Any) -> Any:
    """The class of Gadgets; their CRD is established."""
    made = await CustomResourceDefinition(definition(GROUP), api=api)
    if not await made.exists():
        await made.create()
    await made.wait("condition=Established", timeout=5)
    return Gadget


async def _names(api: Any, kind: Any, **options: Any) -> list[str]:
    return [found.name async for found in api.get(kind, **options) if found.name != "kube-root-ca.crt"]


async def test_an_object_is_created_read_refreshed_and_deleted(api: Any, namespace: str) -> None:
    made = await ConfigMap(config_map(namespace, "a"), api=api)
    await made.create()
    read = await ConfigMap.get("a", namespace=namespace, api=api)
    assert read.metadata.uid and read.raw == made.raw
    await made.patch({"data": {"key": "2"}})
    await read.refresh()
    assert read.raw.data.key == "2"
    again = await ConfigMap(config_map(namespace, "a"), api=api)
    with pytest.raises(kr8s.ServerError) as twice:
        await again.create()
    assert twice.value.response is not None and twice.value.response.status_code == 409
    await made.delete()
    assert not await made.exists()
    with pytest.raises(kr8s.NotFoundError):
        await ConfigMap.get("a", namespace=namespace, api=api, timeout=0)


async def test_lists_are_selected_and_paged(api: Any, namespace: str) -> None:
    for number in range(103):
        labels = {"half": "even" if number % 2 == 0 else "odd"}
        await (await ConfigMap(config_map(namespace, f"c{number:03}", **labels), api=api)).create()
    assert len(await _names(api, ConfigMap)) == 103
    assert (await _names(api, "configmaps", label_selector={"half": "odd"}))[:2] == ["c001", "c003"]
    assert await _names(api, "cm", field_selector="metadata.name=c100") == ["c100"]
    assert await _names(api, "ConfigMap", label_selector="half notin (odd)", field_selector={"metadata.name": "c000"})


async def test_every_type_of_patch_it_has(api: Any, namespace: str) -> None:
    made = await ConfigMap(config_map(namespace, "a", old="1"), api=api)
    await made.create()
    await made.patch({"data": {"other": "2"}})
    await made.patch([{"op": "replace", "path": "/data/key", "value": "3"}], type="json")
    assert made.raw.data == {"key": "3", "other": "2"}
    await made.label(new="2")
    await made.remove_label("old")
    await made.annotate(note="here")
    assert (made.labels, made.annotations) == ({"new": "2"}, {"note": "here"})


async def test_a_watch_tells_of_what_is_added_modified_and_deleted(api: Any, namespace: str) -> None:
    events = api.watch("configmaps", label_selector={"mine": "yes"})
    made = await ConfigMap(config_map(namespace, "a", mine="yes"), api=api)
    await made.create()
    added, first = await anext(events)
    await made.patch({"data": {"key": "2"}})
    modified, second = await anext(events)
    await made.delete()
    deleted, _ = await anext(events)
    await events.aclose()
    assert (added, modified, deleted) == ("ADDED", "MODIFIED", "DELETED")
    assert (first.raw.data.key, second.raw.data.key) == ("1", "2")


async def test_a_status_is_written_apart_from_the_rest(api: Any, namespace: str) -> None:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "a"}}}
    made = await PodDisruptionBudget({"metadata": {"name": "a", "namespace": namespace}, "spec": spec}, api=api)
    await made.create()
    counts = {"currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 1, "expectedPods": 2}
    await made.patch({"spec": {"maxUnavailable": 5}, "status": counts}, subresource="status")
    assert made.status.currentHealthy == 2 and made.spec.maxUnavailable == 1


async def test_a_custom_resource(api: Any, gadgets: Any, namespace: str) -> None:
    made = await gadgets(gadget(GROUP, namespace, "a", mine="yes"), api=api)
    await made.create()
    assert made.spec == {"colour": "red", "size": 1}
    await (await gadgets(gadget(GROUP, namespace, "b"), api=api)).create()
    assert await _names(api, f"gadgets.{GROUP}", label_selector="mine=yes") == ["a"]
    events = api.watch(f"gadgets.{GROUP}", label_selector="mine=yes")
    seen = [(await anext(events))[0]]
    await made.patch({"spec": {"size": 3}})
    seen.append((await anext(events))[0])
    await made.patch({"status": {"phase": "Ready"}}, subresource="status")
    assert (made.spec.size, made.status.phase) == (3, "Ready")
    seen.append((await anext(events))[0])
    with pytest.raises(kr8s.ServerError, match=r"spec\.size"):
        await made.patch({"spec": {"size": -1}})
    await made.wait("jsonpath='{.status.phase}'=Ready", timeout=5)
    await made.delete()
    seen.append((await anext(events))[0])
    await events.aclose()
    assert seen == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]


async def test_a_deployment_is_scaled_waited_for_and_its_pods_log(api: Any, namespace: str) -> None:
    web = await Deployment(deployment(namespace, "web", replicas=1), api=api)
    await web.create()
    await web.wait("condition=Available", timeout=10)
    await web.scale(2)
    await web.wait("jsonpath='{.status.readyReplicas}'=2", timeout=10)
    pods = await web.pods()
    assert len(pods) == 2 and all([await pod.ready() for pod in pods])
    assert [line async for line in pods[0].logs()] == ["hello", "world"]


def test_the_synchronous_client(kubeconfig: Path, namespace: str) -> None:
    api: Any = kr8s.api(kubeconfig=str(kubeconfig), namespace=namespace)
    events = api.watch("configmaps", label_selector={"mine": "yes"})
    made = kr8s.objects.ConfigMap(config_map(namespace, "a", mine="yes"), api=api)
    made.create()
    seen = [next(events)[0]]
    made.patch({"data": {"key": "2"}})
    seen.append(next(events)[0])
    assert [found.raw.data.key for found in api.get("configmaps", label_selector="mine")] == ["2"]
    made.delete()
    seen.append(next(events)[0])
    events.close()
    assert seen == ["ADDED", "MODIFIED", "DELETED"]


async def test_it_knows_who_it_is_and_what_there_is(api: Any, gadgets: Any) -> None:
    assert await api.whoami() == "kubernetes-admin"
    resources = {(each["version"], each["kind"]) for each in await api.async_api_resources_uncached()}
    assert {("v1", "Pod"), ("apps/v1", "Deployment"), (f"{GROUP}/v1", "Gadget")} <= resources
