"""Who asked for an execution, and that its spec stays: the webhooks on the fake cluster, and by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubernaut.actions import Catalog
from kubernaut.client import ApiError, Client, Forbidden, Invalid, JsonPatch, MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.reconcile.webhooks import ServiceReference, webhook_configurations, webhooks_app
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds
from kubernaut.remediation.execution.webhooks import execution_webhooks
from kubernaut.resources.builtin.core_v1 import Namespace, Pod

pytestmark = [pytest.mark.virtual_time, pytest.mark.fake_only("the API server calls the webhooks in memory")]

SERVICE = ServiceReference("kubernaut-webhooks", "kubernaut-system")
OURS = "system:serviceaccount:kubernaut-system:kubernaut"
CONFIG = ExecutionConfig(catalog=Catalog.builtin(), evaluator=allow_all(), trusted_requesters=frozenset({OURS}))
SPEC = {
    "action": "scale-deployment",
    "target": {"kind": "Deployment", "namespace": "shop", "name": "web"},
    "parameters": {"replicas": 5},
}
FORGED = {"username": "admin", "uid": "1", "groups": ["system:masters"]}


def execution(name: str = "fix", **spec: Any) -> KubernetesExecution:
    return KubernetesExecution.from_dict({"metadata": {"name": name, "namespace": "ops"}, "spec": {**SPEC, **spec}})


def manifests() -> list[dict[str, Any]]:
    return webhook_configurations("kubernaut", execution_webhooks(CONFIG), service=SERVICE)


async def install(cluster: FakeCluster) -> None:
    cluster.server.route_webhook(
        "https://kubernaut-webhooks.kubernaut-system.svc:443", webhooks_app(execution_webhooks(CONFIG))
    )
    await cluster.load([*crds(), *manifests()])
    for name in ("ops", "kubernaut-system"):
        await cluster.client.create(Namespace.from_dict({"metadata": {"name": name}}))


@pytest.fixture
async def installed(cluster: FakeCluster) -> AsyncIterator[FakeCluster]:
    await install(cluster)
    yield cluster


def alice(cluster: FakeCluster) -> Client:
    return cluster.client_as("alice", ["sre", "system:authenticated"])


def stamp(made: KubernetesExecution) -> dict[str, Any] | None:
    return made.spec.requested_by.to_dict() if made.spec.requested_by else None


ALICE = {"username": "alice", "groups": ["sre", "system:authenticated"]}


async def test_whoever_creates_an_execution_is_written_into_it(installed: FakeCluster) -> None:
    assert stamp(await alice(installed).create(execution())) == ALICE
    assert stamp(await installed.client_as("bob").create(execution("b"))) == {
        "username": "bob",
        "groups": ["system:authenticated"],
    }


async def test_a_forged_stamp_is_overwritten_with_what_it_has_beyond_our_fields(installed: FakeCluster) -> None:
    for forged in (FORGED, {"username": "alice", "groups": ["system:masters"]}, {**FORGED, "more": "x"}, None):
        name = f"x{len(str(forged))}"
        assert stamp(await alice(installed).create(execution(name, requestedBy=forged))) == ALICE
    by_apply = await alice(installed).apply(execution("applied", requestedBy=FORGED))
    assert stamp(by_apply) == ALICE
    tried = await alice(installed).create(execution("dry", requestedBy=FORGED), dry_run=True)
    assert stamp(tried) == ALICE


async def test_our_own_service_account_passes_on_who_asked_for_the_parent(installed: FakeCluster) -> None:
    ours = installed.client_as(OURS, ["system:serviceaccounts"])
    assert stamp(await ours.create(execution(requestedBy=ALICE))) == ALICE
    made = stamp(await ours.create(execution("own")))
    assert made is not None
    assert made["username"] == OURS, "without a parent it asks for itself"
    like_ours = installed.client_as(f"{OURS}-2")
    made = stamp(await like_ours.create(execution("like", requestedBy=FORGED)))
    assert made is not None
    assert made["username"] == f"{OURS}-2"


@pytest.mark.parametrize(
    ("user", "groups", "told"),
    [
        ("alice", [f"g{n}" for n in range(300)], "groups: List should have at most 256 items"),
        ("alice", ["g" * 513], "groups.0: String should have at most 512 characters"),
        ("a" * 513, [], "username: String should have at most 512 characters"),
    ],
)
async def test_a_requester_who_cannot_be_recorded_in_full_is_refused(
    installed: FakeCluster, user: str, groups: list[str], told: str
) -> None:
    with pytest.raises(Forbidden) as caught:
        await installed.client_as(user, groups).create(execution())
    assert f"spec.requestedBy: the requester cannot be recorded in full: {told}" in str(caught.value)


class Tampering:
    """A mutating webhook of somebody else's that writes another stamp."""

    def manifest(self, name: str) -> dict[str, Any]:
        (ours, _) = manifests()
        (entry,) = ours["webhooks"]
        reach = {"service": {"name": "theirs", "namespace": "ops", "path": "/"}}
        entry = {**entry, "name": "theirs.example.com", "clientConfig": reach, "reinvocationPolicy": "Never"}
        return {**ours, "metadata": {"name": name}, "webhooks": [entry]}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        import base64
        import json

        review = json.loads((await receive())["body"])
        patch = [{"op": "add", "path": "/spec/requestedBy", "value": FORGED}]
        response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch"}
        response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})


async def test_a_stamp_that_a_later_webhook_forges_is_written_again(installed: FakeCluster) -> None:
    theirs = Tampering()
    installed.server.route_webhook("https://theirs.ops.svc:443", theirs)
    await installed.load([theirs.manifest("zz-later")])
    assert stamp(await alice(installed).create(execution())) == ALICE


async def test_a_stamp_that_is_forged_after_the_last_time_we_are_asked_is_refused(cluster: FakeCluster) -> None:
    await install(cluster)
    (mutating, _) = manifests()
    mutating["webhooks"][0]["reinvocationPolicy"] = "Never"
    theirs = Tampering()
    cluster.server.route_webhook("https://theirs.ops.svc:443", theirs)
    await cluster.load([mutating, theirs.manifest("zz-later")])
    with pytest.raises(Forbidden) as caught:
        await alice(cluster).create(execution())
    assert "spec.requestedBy is not who asks, 'alice'" in str(caught.value)
    assert "only kubernaut itself" in str(caught.value)


async def test_without_the_stamping_webhook_nothing_can_be_created(cluster: FakeCluster) -> None:
    await install(cluster)
    await cluster.client.request(
        "DELETE", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/kubernaut"
    )
    for forged in (FORGED, None):
        with pytest.raises(Forbidden) as caught:
            await alice(cluster).create(execution(requestedBy=forged))
        assert "spec.requestedBy" in str(caught.value)


async def test_a_webhook_that_is_down_stops_executions_and_nothing_else(cluster: FakeCluster) -> None:
    await cluster.load([*crds(), *manifests()])
    for name in ("ops", "kubernaut-system"):
        await cluster.client.create(Namespace.from_dict({"metadata": {"name": name}}))
    with pytest.raises(ApiError) as caught:
        await alice(cluster).create(execution())
    assert caught.value.code == 500
    assert "failed calling webhook" in str(caught.value)
    pod = {"metadata": {"name": "kubernaut-0", "namespace": "kubernaut-system"}}
    await cluster.client.create(Pod.from_dict({**pod, "spec": {"containers": [{"name": "a", "image": "a"}]}}))


def without_cel() -> dict[str, Any]:
    (crd,) = crds()
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"].pop("x-kubernetes-validations")
    return crd


async def test_the_spec_stays_on_a_server_without_cel(installed: FakeCluster) -> None:
    await installed.load([without_cel()])
    made = await alice(installed).create(execution())
    for change, field in (
        ({"action": "restart-pod"}, "spec.action"),
        ({"parameters": {"replicas": 6}}, "spec.parameters.replicas"),
        ({"target": {"name": "db"}}, "spec.target.name"),
        ({"requestedBy": FORGED}, "spec.requestedBy.username"),
        ({"requestedBy": None}, "spec.requestedBy"),
        ({"timeout": "5m0s"}, "spec.timeout"),
    ):
        for client in (alice(installed), installed.client, installed.client_as(OURS)):
            with pytest.raises(Invalid) as caught:
                await client.patch(KubernetesExecution, "fix", MergePatch({"spec": change}), namespace="ops")
            assert field in str(caught.value)
            assert "the spec is immutable: create another execution instead" in str(caught.value)
    made.spec.max_retries = 3
    with pytest.raises(Invalid):
        await alice(installed).update(made)


async def test_whatever_is_not_the_spec_may_change_by_anybody(installed: FakeCluster) -> None:
    await alice(installed).create(execution())
    other, kind = installed.client_as("controller"), KubernetesExecution
    add = JsonPatch([{"op": "add", "path": "/metadata/finalizers", "value": ["example.dev/keep"]}])
    await other.patch(kind, "fix", add, namespace="ops")
    labelled = await other.patch(kind, "fix", MergePatch({"metadata": {"labels": {"a": "b"}}}), namespace="ops")
    labelled.status.phase = "validating"
    done = await other.update_status(labelled)
    assert (done.status.phase, stamp(done)) == ("validating", ALICE)
    assert await other.delete(kind, "fix", namespace="ops") is not None
    remove = JsonPatch([{"op": "remove", "path": "/metadata/finalizers"}])
    await other.patch(kind, "fix", remove, namespace="ops")


async def test_the_webhooks_fail_closed_answer_soon_and_match_their_kind_alone(installed: FakeCluster) -> None:
    for configuration in manifests():
        (entry,) = configuration["webhooks"]
        assert (entry["failurePolicy"], entry["sideEffects"], entry["timeoutSeconds"]) == ("Fail", "None", 5)
        (rule,) = entry["rules"]
        assert rule["apiGroups"] == ["kubernetesexecution.kubernaut.io"]
        assert rule["resources"] == ["kubernetesexecutions"]
        assert "namespaceSelector" not in entry
