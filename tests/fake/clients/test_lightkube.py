"""lightkube, synchronous and asynchronous, against the served fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake.clients.running import Served, config_map, definition, deployment

pytest.importorskip("lightkube", reason="lightkube is not installed (it is in the extra `dev`)")

from lightkube import ApiError, AsyncClient, Client, KubeConfig, codecs, operators
from lightkube.generic_resource import create_namespaced_resource, load_in_cluster_generic_resources
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.policy_v1 import PodDisruptionBudgetStatus
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod
from lightkube.resources.policy_v1 import PodDisruptionBudget
from lightkube.types import PatchType

GROUP = "lightkube.example.com"


@pytest.fixture
def client(kubeconfig: Path, namespace: str) -> Iterator[Any]:
    with Client(KubeConfig.from_file(kubeconfig).get(), namespace=namespace, field_manager="tests") as made:
        yield made


@pytest.fixture
def gadgets(client: Any) -> Any:
    """The class of Gadgets, whose CRD is established."""
    client.apply(CustomResourceDefinition.from_dict(definition(GROUP)), force=True)
    client.wait(CustomResourceDefinition, f"gadgets.{GROUP}", for_conditions=["Established"])
    return create_namespaced_resource(GROUP, "v1", "Gadget", "gadgets")


def _config_map(name: str, value: str = "1", **labels: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, labels=dict(labels)), data={"key": value})


def test_an_object_is_created_read_replaced_and_deleted(client: Any) -> None:
    made = client.create(_config_map("a"))
    assert made.metadata and made.metadata.uid
    read = client.get(ConfigMap, "a")
    assert read.to_dict() == made.to_dict()
    read.data = {"key": "2"}
    assert client.replace(read).data == {"key": "2"}
    with pytest.raises(ApiError) as conflict:
        client.replace(read)
    assert (conflict.value.status.code, conflict.value.status.reason) == (409, "Conflict")
    client.delete(ConfigMap, "a")
    with pytest.raises(ApiError) as absent:
        client.get(ConfigMap, "a")
    assert (absent.value.status.code, absent.value.status.reason) == (404, "NotFound")


def test_what_is_there_already_is_told_and_a_dry_run_stores_nothing(client: Any) -> None:
    client.create(_config_map("a"), dry_run=True)
    client.create(_config_map("a"))
    with pytest.raises(ApiError) as twice:
        client.create(_config_map("a"))
    assert twice.value.status.reason == "AlreadyExists"


def test_lists_are_selected_and_paged(client: Any) -> None:
    for number in range(5):
        client.create(_config_map(f"c{number}", half="even" if number % 2 == 0 else "odd"))

    def names(**options: Any) -> list[str]:
        return [found.metadata.name for found in client.list(ConfigMap, **options)]

    assert names(labels={"half": "odd"}) == ["c1", "c3"]
    assert names(labels={"half": operators.not_in(["odd"])}, fields={"metadata.name": "c4"}) == ["c4"]
    assert names(labels={"half": operators.exists()}, chunk_size=2) == ["c0", "c1", "c2", "c3", "c4"]
    assert names(labels={"half": ["even", "odd"]}, fields={"metadata.name": operators.not_equal("c0")})[0] == "c1"
    client.deletecollection(ConfigMap)
    assert "c1" not in names()


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        (PatchType.STRATEGIC, {"data": {"other": "2"}}),
        (PatchType.MERGE, {"data": {"other": "2"}}),
        (PatchType.JSON, [{"op": "add", "path": "/data/other", "value": "2"}]),
    ],
)
def test_every_type_of_patch(client: Any, kind: PatchType, patch: Any) -> None:
    client.create(_config_map("a"))
    assert client.patch(ConfigMap, "a", patch, patch_type=kind).data == {"key": "1", "other": "2"}


def test_two_managers_apply_and_conflict_until_one_forces(client: Any, namespace: str) -> None:
    wanted: Any = codecs.from_dict(config_map(namespace, "a"))
    made = client.apply(wanted)
    assert [entry.manager for entry in made.metadata.managedFields] == ["tests"]
    wanted.data = {"key": "2"}
    with pytest.raises(ApiError) as conflict:
        client.apply(wanted, field_manager="other")
    told: Any = conflict.value.status
    assert (told.reason, told.details.causes[0].field) == ("Conflict", ".data.key")
    forced = client.apply(wanted, field_manager="other", force=True)
    assert forced.data == {"key": "2"}


def test_labels_are_set_and_removed(client: Any) -> None:
    client.create(_config_map("a", old="1"))
    found = client.set(ConfigMap, "a", labels={"new": "2", "old": None})
    assert found.metadata and found.metadata.labels == {"new": "2"}


def test_a_watch_tells_of_what_is_added_modified_and_deleted(client: Any) -> None:
    listed = client.list(ConfigMap)
    list(listed)
    events = client.watch(ConfigMap, labels={"mine": None}, resource_version=listed.resourceVersion)
    client.create(_config_map("a", mine="yes"))
    added, first = next(events)
    client.patch(ConfigMap, "a", {"data": {"key": "2"}})
    modified, second = next(events)
    client.delete(ConfigMap, "a")
    deleted, _ = next(events)
    assert (added, modified, deleted) == ("ADDED", "MODIFIED", "DELETED")
    assert first.data == {"key": "1"} and second.data == {"key": "2"}


def test_a_watch_from_a_version_that_is_no_longer_kept_is_gone(client: Any, served: Served) -> None:
    listed = client.list(ConfigMap)
    list(listed)
    client.create(_config_map("a"))
    served.compact()
    with pytest.raises(ApiError) as gone:
        next(client.watch(ConfigMap, resource_version=listed.resourceVersion))
    assert (gone.value.status.code, gone.value.status.reason) == (410, "Expired")


def test_a_status_is_written_apart_from_the_rest(client: Any) -> None:
    body = {"metadata": {"name": "a"}, "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "a"}}}}
    client.create(PodDisruptionBudget.from_dict(body))
    status = PodDisruptionBudgetStatus(currentHealthy=2, desiredHealthy=1, disruptionsAllowed=1, expectedPods=2)
    patch = {"spec": {"maxUnavailable": 5}, "status": {**status.to_dict(), "observedGeneration": 7}}
    client.patch(PodDisruptionBudget.Status, "a", patch, patch_type=PatchType.MERGE)
    read = client.get(PodDisruptionBudget, "a")
    assert read.status and read.status.currentHealthy == 2
    assert read.spec and read.spec.maxUnavailable == 1


def test_a_custom_resource(client: Any, gadgets: Any) -> None:
    listed = client.list(gadgets)
    assert list(listed) == []
    made = client.create(gadgets(metadata=ObjectMeta(name="a", labels={"mine": "yes"}), spec={"colour": "red"}))
    assert made.spec == {"colour": "red", "size": 1}
    client.create(gadgets(metadata=ObjectMeta(name="b"), spec={}))
    assert [found.metadata.name for found in client.list(gadgets, labels={"mine": "yes"})] == ["a"]
    patched = client.patch(gadgets, "a", {"spec": {"size": 3}}, patch_type=PatchType.MERGE)
    assert patched.spec["size"] == 3
    with pytest.raises(ApiError) as unsupported:
        client.patch(gadgets, "a", {"spec": {"size": 4}}, patch_type=PatchType.STRATEGIC)
    assert unsupported.value.status.code == 415
    status = {"status": {"phase": "Ready"}}
    written = client.patch(gadgets.Status, "a", status, patch_type=PatchType.MERGE)
    assert written.status == {"phase": "Ready"}
    replaced = client.replace(gadgets(metadata=written.metadata, spec={"size": 5}))
    assert replaced.spec == {"size": 5} and replaced.status == {"phase": "Ready"}
    with pytest.raises(ApiError) as invalid:
        client.create(gadgets(metadata=ObjectMeta(name="c"), spec={"size": -1}))
    assert (invalid.value.status.code, invalid.value.status.reason) == (422, "Invalid")
    client.delete(gadgets, "a")
    events = client.watch(gadgets, labels={"mine": "yes"}, resource_version=listed.resourceVersion)
    assert [next(events)[0] for _ in range(5)] == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]


def test_classes_are_made_of_the_definitions_in_the_cluster(client: Any, gadgets: Any) -> None:
    load_in_cluster_generic_resources(client)
    document = f"apiVersion: {GROUP}/v1\nkind: Gadget\nmetadata: {{name: a}}\nspec: {{size: 2}}\n"
    (loaded,) = codecs.load_all_yaml(document)
    assert isinstance(loaded, gadgets)
    made = client.create(loaded)
    assert made.spec == {"size": 2}


def test_a_deployment_is_waited_for_scaled_and_its_pods_log(client: Any, namespace: str) -> None:
    client.create(Deployment.from_dict(deployment(namespace, "web", replicas=1)))
    client.wait(Deployment, "web", for_conditions=["Available"])
    scale = client.get(Deployment.Scale, "web")
    assert scale.spec and scale.spec.replicas == 1
    scale.spec.replicas = 2
    client.replace(scale, "web")
    for _, found in client.watch(Deployment, fields={"metadata.name": "web"}):
        if found.status and found.status.availableReplicas == 2:
            break
    pods = list(client.list(Pod, labels={"app": "web"}))
    assert [pod.status and pod.status.phase for pod in pods] == ["Running", "Running"]
    assert list(client.log(pods[0].metadata.name)) == ["hello\n", "world\n"]


async def test_the_asynchronous_client(kubeconfig: Path, namespace: str) -> None:
    async with AsyncClient(KubeConfig.from_file(kubeconfig).get(), namespace=namespace) as client:
        listed = client.list(ConfigMap)
        assert "a" not in [found.metadata.name async for found in listed if found.metadata]
        events: Any = aiter(client.watch(ConfigMap, labels={"mine": "yes"}, resource_version=listed.resourceVersion))
        await client.create(_config_map("a", mine="yes"))
        seen = [(await anext(events))[0]]
        await client.patch(ConfigMap, "a", {"data": {"key": "2"}})
        seen.append((await anext(events))[0])
        await client.delete(ConfigMap, "a")
        seen.append((await anext(events))[0])
        assert seen == ["ADDED", "MODIFIED", "DELETED"]
        await events.aclose()
