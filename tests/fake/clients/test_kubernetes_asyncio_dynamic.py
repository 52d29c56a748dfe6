"""The dynamic client of kubernetes_asyncio, which finds its kinds by discovery, against the served fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import config
from kubernetes_asyncio.dynamic import DynamicClient, EagerDiscoverer
from kubernetes_asyncio.dynamic import exceptions as errors
from kubernetes_asyncio.watch import Watch

from tests.fake.clients.running import SECONDS, config_map, definition, deployment, gadget

GROUP = "dynamic.example.com"


@pytest.fixture
async def client(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Any]:
    async with (
        await config.new_client_from_config(config_file=str(kubeconfig)) as api,
        DynamicClient(api, cache_file=str(tmp_path / "discovered")) as made,
    ):
        yield made


@pytest.fixture
async def config_maps(client: Any) -> Any:
    return await client.resources.get(api_version="v1", kind="ConfigMap")


@pytest.fixture
async def gadgets(client: Any) -> Any:
    """The resource of Gadgets, found after their CRD was made."""
    definitions = await client.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
    body = definition(GROUP)
    await definitions.server_side_apply(body=body, field_manager="tests")
    await client.resources.invalidate_cache()
    return await client.resources.get(api_version=f"{GROUP}/v1", kind="Gadget")


def _refusal(answer: Any) -> tuple[int, str]:
    """The code and the reason; this client answers an error's Status where others raise."""
    assert answer.kind == "Status" and answer.status == "Failure", answer
    return answer.code, answer.reason


async def test_kinds_are_found_by_their_group_version_and_name(client: Any, tmp_path: Path) -> None:
    deployments = await client.resources.get(group="apps", api_version="v1", kind="Deployment")
    assert (deployments.name, deployments.namespaced, deployments.preferred) == ("deployments", True, True)
    assert {"scale", "status"} <= set(deployments.subresources)
    assert client.version["kubernetes"]["gitVersion"].startswith("v1.")
    with pytest.raises(errors.ResourceNotFoundError):
        await client.resources.get(api_version="v1", kind="Nothing")
    discoverer: Any = EagerDiscoverer
    eager = await discoverer(client, str(tmp_path / "eager"))
    assert (await eager.get(api_version="batch/v1", kind="CronJob")).name == "cronjobs"


async def test_an_object_is_created_read_replaced_and_deleted(config_maps: Any, namespace: str) -> None:
    made = await config_maps.create(body=config_map(namespace, "a"), namespace=namespace)
    read = await config_maps.get(name="a", namespace=namespace)
    assert read.metadata.uid and read.to_dict() == made.to_dict()
    body = {**read.to_dict(), "data": {"key": "2"}}
    assert (await config_maps.replace(body=body, namespace=namespace)).data.key == "2"
    assert _refusal(await config_maps.replace(body=body, namespace=namespace)) == (409, "Conflict")
    twice = await config_maps.create(body=config_map(namespace, "a"), namespace=namespace)
    assert _refusal(twice) == (409, "AlreadyExists")
    await config_maps.delete(name="a", namespace=namespace)
    assert _refusal(await config_maps.get(name="a", namespace=namespace)) == (404, "NotFound")


async def test_lists_are_selected_and_deleted_by_selector(config_maps: Any, namespace: str) -> None:
    for number in range(4):
        body = config_map(namespace, f"c{number}", half="even" if number % 2 == 0 else "odd")
        await config_maps.create(body=body, namespace=namespace)

    async def names(**options: Any) -> list[str]:
        found = await config_maps.get(namespace=namespace, **options)
        assert found.kind == "ConfigMapList"
        return [item.metadata.name for item in found.items]

    assert await names(label_selector="half=odd") == ["c1", "c3"]
    assert await names(field_selector="metadata.name=c2,metadata.namespace!=other") == ["c2"]
    assert await names(label_selector="half", limit=3) == ["c0", "c1", "c2"]
    await config_maps.delete(namespace=namespace, label_selector="half=odd")
    assert await names(label_selector="half") == ["c0", "c2"]


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        ("application/strategic-merge-patch+json", {"data": {"other": "2"}}),
        ("application/merge-patch+json", {"data": {"other": "2"}}),
        ("application/json-patch+json", [{"op": "add", "path": "/data/other", "value": "2"}]),
    ],
)
async def test_every_type_of_patch(config_maps: Any, namespace: str, content_type: str, patch: Any) -> None:
    await config_maps.create(body=config_map(namespace, "a"), namespace=namespace)
    patched = await config_maps.patch(name="a", namespace=namespace, body=patch, content_type=content_type)
    assert patched.data.to_dict() == {"key": "1", "other": "2"}


async def test_two_managers_apply_and_conflict_until_one_forces(config_maps: Any, namespace: str) -> None:
    async def apply(manager: str, value: str, force: bool = False) -> Any:
        body = config_map(namespace, "a", value)
        return await config_maps.server_side_apply(
            namespace=namespace, body=body, field_manager=manager, force_conflicts=force
        )

    assert (await apply("one", "1")).metadata.managedFields[0].manager == "one"
    assert _refusal(await apply("two", "2")) == (409, "Conflict")
    assert (await apply("two", "2", force=True)).data.key == "2"


async def test_a_watch_tells_of_what_is_added_modified_and_deleted(config_maps: Any, namespace: str) -> None:
    version = (await config_maps.get(namespace=namespace)).metadata.resourceVersion
    watcher = Watch()
    events = config_maps.watch(
        namespace=namespace, label_selector="mine", resource_version=version, timeout=SECONDS, watcher=watcher
    )
    await config_maps.create(body=config_map(namespace, "a", mine="yes"), namespace=namespace)
    added = await anext(events)
    await config_maps.patch(name="a", namespace=namespace, body={"data": {"key": "2"}})
    modified = await anext(events)
    await config_maps.delete(name="a", namespace=namespace)
    deleted = await anext(events)
    await events.aclose()
    await watcher.close()
    assert [event["type"] for event in (added, modified, deleted)] == ["ADDED", "MODIFIED", "DELETED"]
    assert (added["object"].data.key, modified["object"].data.key) == ("1", "2")


async def test_a_status_and_a_scale_are_written_apart_from_the_rest(client: Any, namespace: str) -> None:
    deployments = await client.resources.get(api_version="apps/v1", kind="Deployment")
    body = deployment(namespace, "web", replicas=0)
    await deployments.create(body=body, namespace=namespace)
    merge = {"content_type": "application/merge-patch+json"}
    patch = {"spec": {"replicas": 9}, "status": {"collisionCount": 3}}
    written = await deployments.status.patch(name="web", namespace=namespace, body=patch, **merge)
    assert written.status.collisionCount == 3 and written.spec.replicas == 0
    scale = await deployments.scale.get(name="web", namespace=namespace)
    assert (scale.kind, scale.spec.replicas or 0) == ("Scale", 0)
    scaled = await deployments.scale.patch(name="web", namespace=namespace, body={"spec": {"replicas": 1}}, **merge)
    assert scaled.spec.replicas == 1
    assert (await deployments.get(name="web", namespace=namespace)).spec.replicas == 1


async def test_a_custom_resource(gadgets: Any, namespace: str) -> None:
    version = (await gadgets.get(namespace=namespace)).metadata.resourceVersion
    made = await gadgets.create(body=gadget(GROUP, namespace, "a", mine="yes"), namespace=namespace)
    assert made.spec.to_dict() == {"colour": "red", "size": 1}
    await gadgets.create(body=gadget(GROUP, namespace, "b"), namespace=namespace)
    listed = await gadgets.get(namespace=namespace, label_selector="mine=yes")
    assert [item.metadata.name for item in listed.items] == ["a"]
    merge = {"content_type": "application/merge-patch+json"}
    assert (await gadgets.patch(name="a", namespace=namespace, body={"spec": {"size": 3}}, **merge)).spec.size == 3
    strategic = await gadgets.patch(name="a", namespace=namespace, body={"spec": {"size": 4}})
    assert _refusal(strategic) == (415, "UnsupportedMediaType")
    written = await gadgets.status.patch(name="a", namespace=namespace, body={"status": {"phase": "Ready"}}, **merge)
    assert written.status.phase == "Ready"
    body = {**written.to_dict(), "spec": {"size": 5}}
    assert (await gadgets.replace(body=body, namespace=namespace)).spec.to_dict() == {"size": 5}
    invalid = await gadgets.patch(name="a", namespace=namespace, body={"spec": {"size": -1}}, **merge)
    assert _refusal(invalid) == (422, "Invalid") and invalid.details.causes[0].field == "spec.size"
    await gadgets.delete(name="a", namespace=namespace)
    watcher, seen = Watch(), []
    options = {"label_selector": "mine", "resource_version": version, "timeout": SECONDS, "watcher": watcher}
    async for event in gadgets.watch(namespace=namespace, **options):
        seen.append(event["type"])
        if event["type"] == "DELETED":
            watcher.stop()
    assert seen == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
