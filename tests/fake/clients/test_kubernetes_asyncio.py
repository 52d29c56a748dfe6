"""The typed client of kubernetes_asyncio against the served fake."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import client, config, watch

from tests.fake.clients.running import SECONDS, Served, config_map, definition, deployment, gadget

GROUP = "typed.example.com"


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[Any]:
    async with await config.new_client_from_config(config_file=str(kubeconfig)) as made:
        yield made


@pytest.fixture
async def core(api: Any) -> Any:
    return client.CoreV1Api(api)


@pytest.fixture
async def gadgets(api: Any) -> Any:
    """The client of custom objects; the Gadgets' CRD is there."""
    try:
        body: Any = definition(GROUP)
        await client.ApiextensionsV1Api(api).create_custom_resource_definition(body)
    except client.ApiException as error:
        assert error.status == 409
    return client.CustomObjectsApi(api)


def _refusal(error: pytest.ExceptionInfo[client.ApiException]) -> tuple[int | None, str]:
    """The code, and the reason that the Status in the body gives."""
    return error.value.status, json.loads(error.value.body or "{}")["reason"]


async def test_an_object_is_created_read_replaced_and_deleted(core: Any, namespace: str) -> None:
    wanted = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"key": "1"})
    made = await core.create_namespaced_config_map(namespace, wanted)
    assert made.metadata.uid and made.metadata.creation_timestamp.tzinfo is not None
    read = await core.read_namespaced_config_map("a", namespace)
    assert read.to_dict() == made.to_dict()
    read.data["key"] = "2"
    replaced = await core.replace_namespaced_config_map("a", namespace, read)
    assert replaced.data == {"key": "2"} and replaced.metadata.resource_version != read.metadata.resource_version
    with pytest.raises(client.ApiException) as conflict:
        await core.replace_namespaced_config_map("a", namespace, read)
    assert _refusal(conflict) == (409, "Conflict")
    deleted = await core.delete_namespaced_config_map("a", namespace)
    assert deleted.status == "Success"
    with pytest.raises(client.ApiException) as absent:
        await core.read_namespaced_config_map("a", namespace)
    assert _refusal(absent) == (404, "NotFound")


async def test_lists_are_selected_and_paged(core: Any, namespace: str) -> None:
    for number in range(5):
        labels = {"half": "even" if number % 2 == 0 else "odd"}
        await core.create_namespaced_config_map(namespace, config_map(namespace, f"c{number}", **labels))

    async def names(**options: Any) -> list[str]:
        found = await core.list_namespaced_config_map(namespace, **options)
        return [item.metadata.name for item in found.items if item.metadata.name != "kube-root-ca.crt"]

    assert await names(label_selector="half=odd") == ["c1", "c3"]
    assert await names(label_selector="half in (even),half!=odd") == ["c0", "c2", "c4"]
    assert await names(field_selector="metadata.name=c4") == ["c4"]
    pages, token = [], None
    while token is None or token:
        page = await core.list_namespaced_config_map(
            namespace, limit=2, label_selector="half", **({"_continue": token} if token else {})
        )
        pages.append([item.metadata.name for item in page.items])
        token = page.metadata._continue or ""
    assert pages == [["c0", "c1"], ["c2", "c3"], ["c4"]]


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        ("application/strategic-merge-patch+json", {"data": {"other": "2"}}),
        ("application/merge-patch+json", {"data": {"other": "2"}}),
        ("application/json-patch+json", [{"op": "add", "path": "/data/other", "value": "2"}]),
        (None, [{"op": "add", "path": "/data/other", "value": "2"}]),
    ],
)
async def test_every_type_of_patch(core: Any, namespace: str, content_type: str | None, patch: Any) -> None:
    await core.create_namespaced_config_map(namespace, config_map(namespace, "a"))
    options = {"_content_type": content_type} if content_type else {}
    patched = await core.patch_namespaced_config_map("a", namespace, patch, **options)
    assert patched.data == {"key": "1", "other": "2"}


async def test_two_managers_apply_and_conflict_until_one_forces(core: Any, namespace: str) -> None:
    options = {"_content_type": "application/apply-patch+yaml"}

    async def apply(manager: str, value: str, **more: Any) -> Any:
        body = config_map(namespace, "a", value)
        return await core.patch_namespaced_config_map("a", namespace, body, field_manager=manager, **options, **more)

    assert [entry.operation for entry in (await apply("one", "1")).metadata.managed_fields] == ["Apply"]
    with pytest.raises(client.ApiException) as conflict:
        await apply("two", "2")
    assert _refusal(conflict) == (409, "Conflict")
    assert (await apply("two", "2", force=True)).data == {"key": "2"}


async def test_a_watch_tells_of_what_is_added_modified_and_deleted(core: Any, namespace: str) -> None:
    version = (await core.list_namespaced_config_map(namespace)).metadata.resource_version
    options = {"resource_version": version, "label_selector": "mine", "timeout_seconds": SECONDS}
    async with watch.Watch().stream(core.list_namespaced_config_map, namespace, **options) as events:
        await core.create_namespaced_config_map(namespace, config_map(namespace, "a", mine="yes"))
        added = await anext(events)
        await core.patch_namespaced_config_map("a", namespace, [{"op": "remove", "path": "/data"}])
        modified = await anext(events)
        await core.delete_namespaced_config_map("a", namespace)
        deleted = await anext(events)
    assert [event["type"] for event in (added, modified, deleted)] == ["ADDED", "MODIFIED", "DELETED"]
    assert isinstance(added["object"], client.V1ConfigMap)
    assert added["object"].data == {"key": "1"} and modified["object"].data is None


async def test_a_watch_from_a_version_that_is_no_longer_kept_is_gone(core: Any, served: Served, namespace: str) -> None:
    version = (await core.list_namespaced_config_map(namespace)).metadata.resource_version
    await core.create_namespaced_config_map(namespace, config_map(namespace, "a"))
    served.compact()
    options = {"resource_version": version, "timeout_seconds": SECONDS}
    with pytest.raises(client.ApiException) as gone:
        async with watch.Watch().stream(core.list_namespaced_config_map, namespace, **options) as events:
            await anext(events)
    assert gone.value.status == 410 and "Expired: too old resource version" in str(gone.value.reason)


async def test_a_status_is_written_apart_from_the_rest(api: Any, namespace: str) -> None:
    # No controller of the control plane writes the status of an Ingress, so nobody competes.
    networking: Any = client.NetworkingV1Api(api)
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    body = {"metadata": {"name": "a"}, "spec": {"defaultBackend": backend}}
    made = await networking.create_namespaced_ingress(namespace, body)
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    patch = {"spec": {"ingressClassName": "other"}, "status": status}
    options = {"_content_type": "application/merge-patch+json"}
    written = await networking.patch_namespaced_ingress_status("a", namespace, patch, **options)
    assert written.status.load_balancer.ingress[0].ip == "192.0.2.1" and written.spec.ingress_class_name is None
    assert written.metadata.generation == made.metadata.generation
    read = await networking.read_namespaced_ingress_status("a", namespace)
    assert read.status.load_balancer.ingress[0].ip == "192.0.2.1"


async def test_a_custom_resource(gadgets: Any, namespace: str) -> None:
    where = (GROUP, "v1", namespace, "gadgets")
    version = (await gadgets.list_namespaced_custom_object(*where))["metadata"]["resourceVersion"]
    made = await gadgets.create_namespaced_custom_object(*where, gadget(GROUP, namespace, "a", mine="yes"))
    assert made["spec"] == {"colour": "red", "size": 1}
    await gadgets.create_namespaced_custom_object(*where, gadget(GROUP, namespace, "b"))
    listed = await gadgets.list_namespaced_custom_object(*where, label_selector="mine=yes")
    assert listed["kind"] == "GadgetList" and listed["items"] == [made]
    merge = {"_content_type": "application/merge-patch+json"}
    patched = await gadgets.patch_namespaced_custom_object(*where, "a", {"spec": {"size": 3}}, **merge)
    assert patched["spec"]["size"] == 3 and patched["metadata"]["generation"] == 2
    status = {"status": {"phase": "Ready"}}
    written = await gadgets.patch_namespaced_custom_object_status(*where, "a", status, **merge)
    assert written["status"] == {"phase": "Ready"} and written["metadata"]["generation"] == 2
    with pytest.raises(client.ApiException) as invalid:
        await gadgets.patch_namespaced_custom_object(*where, "a", {"spec": {"size": -1}}, **merge)
    assert _refusal(invalid) == (422, "Invalid")
    written["spec"]["colour"] = "blue"
    assert (await gadgets.replace_namespaced_custom_object(*where, "a", written))["spec"]["colour"] == "blue"
    await gadgets.delete_namespaced_custom_object(*where, "a")

    options = {"resource_version": version, "label_selector": "mine=yes", "timeout_seconds": SECONDS}
    async with watch.Watch().stream(gadgets.list_namespaced_custom_object, *where, **options) as events:
        seen = [(await anext(events))["type"] for _ in range(5)]
    assert seen == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]


async def test_a_deployment_is_scaled_and_its_pods_log(api: Any, core: Any, namespace: str) -> None:
    apps: Any = client.AppsV1Api(api)
    await apps.create_namespaced_deployment(namespace, deployment(namespace, "web", replicas=1))
    scale = await apps.read_namespaced_deployment_scale("web", namespace)
    assert (scale.spec.replicas, scale.status.selector) == (1, "app=web")
    scale.spec.replicas = 2
    # Whatever version it has by now: the control plane writes its status meanwhile.
    scale.metadata.resource_version = None
    await apps.replace_namespaced_deployment_scale("web", namespace, scale)
    options = {"field_selector": "metadata.name=web", "timeout_seconds": SECONDS}
    async with watch.Watch().stream(apps.list_namespaced_deployment, namespace, **options) as events:
        async for event in events:
            if event["object"].status.available_replicas == 2:
                break
    pods = (await core.list_namespaced_pod(namespace, label_selector="app=web")).items
    assert [pod.status.phase for pod in pods] == ["Running", "Running"]
    assert await core.read_namespaced_pod_log(pods[0].metadata.name, namespace, tail_lines=1) == "world\n"
