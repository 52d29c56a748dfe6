"""Who asked for a remediation: stamped on admission, passed on to the workflow, refused where nobody vouches for it."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.client import Client, Forbidden, Invalid, MergePatch, ServiceUnavailable
from kubernaut.fake import FakeCluster
from kubernaut.reconcile.webhooks import ServiceReference, webhook_configurations, webhooks_app
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.execution.webhooks import StatusWriters, stamping_webhooks, status_webhook
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request import RemediationRequest, RequestConfig
from kubernaut.remediation.request.webhooks import (
    analysis_webhooks,
    facts_webhooks,
    request_webhooks,
    vouching_webhooks,
)
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from tests.remediation.request.world import KINDS, STEP, TARGET, World, signal

pytestmark = [
    pytest.mark.cluster(controlplane=False),
    pytest.mark.virtual_time,
    pytest.mark.fake_only("the API server calls the webhooks in memory"),
]

OURS = "system:serviceaccount:kubernaut-system:kubernaut"
SERVICE = ServiceReference("kubernaut-webhooks", "kubernaut-system")
ADDRESS = "https://kubernaut-webhooks.kubernaut-system.svc:443"


async def admit(cluster: FakeCluster, *own: str) -> None:
    """Register our webhooks, which know `own` as the accounts of the controllers."""
    writers = StatusWriters(own)
    hooks = [
        *request_webhooks((), writers),
        *stamping_webhooks(own=writers, kind=WorkflowExecution),
        status_webhook(writers, WorkflowExecution),
        *facts_webhooks(writers),
        *analysis_webhooks(writers),
    ]
    cluster.server.route_webhook(ADDRESS, webhooks_app(hooks))
    await cluster.load(webhook_configurations("kubernaut", hooks, service=SERVICE))


def strict(world: World) -> World:
    world.config = world.config.model_copy(update={"allow_unstamped": False})
    return world


def request(**spec: Any) -> RemediationRequest:
    given = {"signal": signal(), "target": TARGET} | spec
    return RemediationRequest.from_dict({"metadata": {"name": "web-down", "namespace": "shop"}, "spec": given})


def workflow(**spec: Any) -> WorkflowExecution:
    return WorkflowExecution.from_dict(
        {"metadata": {"name": "fix", "namespace": "shop"}, "spec": {"steps": [STEP]} | spec}
    )


async def test_a_request_that_nobody_stamped_is_refused(world: World) -> None:
    async with world.cluster.running(*strict(world).controllers()):
        await world.create()
        await world.cluster.advance(seconds=5)
    status = await world.status()
    assert (status.overall_phase, status.reason) == ("failed", "RequesterUnknown")


async def test_a_stamp_counts_only_where_the_webhooks_vouch_for_it(world: World) -> None:
    async with world.cluster.running(*strict(world).controllers()):
        await world.create(requestedBy={"username": "root"})
        await world.cluster.advance(seconds=5)
    status = await world.status()
    assert status.reason == "RequesterUnknown" and "the webhooks are not installed" in (status.message or "")


async def test_who_asked_is_passed_on_to_the_workflow(world: World, cluster: FakeCluster) -> None:
    await admit(cluster, OURS, "kubernaut-admin", "admin", "")
    mary: Client = cluster.client_as("mary", ["operators"])
    created = await mary.create(request(requestedBy={"username": "root", "groups": ["system:masters"]}))
    assert created.spec.requested_by is not None
    assert (created.spec.requested_by.username, created.spec.requested_by.groups[:1]) == ("mary", ["operators"])
    made = await cluster.client_as(OURS).create(workflow(requestedBy=created.spec.requested_by.to_dict()))
    assert made.spec.requested_by is not None and made.spec.requested_by.username == "mary"


async def test_nobody_else_passes_on_a_stamp(world: World, cluster: FakeCluster) -> None:
    await admit(cluster, OURS)
    made = await cluster.client_as("mary").create(workflow(requestedBy={"username": "root"}))
    assert made.spec.requested_by is not None and made.spec.requested_by.username == "mary"


async def test_while_the_own_account_is_not_known_no_stamp_is_replaced(world: World, cluster: FakeCluster) -> None:
    await admit(cluster)
    with pytest.raises(ServiceUnavailable, match="do not know yet"):
        await cluster.client_as(OURS).create(workflow(requestedBy={"username": "mary"}))
    made = await cluster.client_as("mary").create(workflow())
    assert made.spec.requested_by is not None and made.spec.requested_by.username == "mary"


async def test_the_status_is_written_by_the_controllers_alone(world: World, cluster: FakeCluster) -> None:
    await admit(cluster, OURS)
    await cluster.client_as("mary").create(request())
    patch = MergePatch({"status": {"overallPhase": "executing"}})
    write: Any = {"namespace": "shop", "subresource": "status"}
    with pytest.raises(Forbidden, match="kubernaut's own accounts alone"):
        await cluster.client_as("mary").patch(RemediationRequest, "web-down", patch, **write)
    await cluster.client_as(OURS).patch(RemediationRequest, "web-down", patch, **write)


async def test_people_suspend_and_cancel_and_change_nothing_else(world: World, cluster: FakeCluster) -> None:
    await admit(cluster, OURS)
    mary = cluster.client_as("mary")
    await mary.create(request())
    await mary.patch(RemediationRequest, "web-down", MergePatch({"spec": {"suspend": True}}), namespace="shop")
    await mary.patch(RemediationRequest, "web-down", MergePatch({"spec": {"cancel": True}}), namespace="shop")
    change = MergePatch({"spec": {"requestedBy": {"username": "root"}}})
    with pytest.raises(Invalid, match="immutable"):
        await mary.patch(RemediationRequest, "web-down", change, namespace="shop")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("part", ["spec", "status"])
async def test_a_request_is_believed_only_where_its_children_s_specs_and_statuses_are_kept_too(
    world: World, cluster: FakeCluster, kind: type[Any], part: str
) -> None:
    plural, every = kind.resource_type.plural, vouching_webhooks()
    resource = plural if part == "spec" else f"{plural}/status"
    without = [hook for hook in every if hook.manifest()["rules"][0]["resources"] != [resource]]
    assert len(without) < len(every)
    for hooks, vouched in ((without, False), (every, True)):
        await cluster.load(webhook_configurations("kubernaut", hooks, service=SERVICE))
        told = await RequestConfig().vouching.vouches(cluster.client, None)
        assert (told is None) == vouched, told


async def test_what_facts_and_analyses_are_about_stays(world: World, cluster: FakeCluster) -> None:
    await admit(cluster, OURS)
    mary = cluster.client_as("mary")
    for kind in (RemediationProcessing, AIAnalysis):
        definition = await cluster.client.get(CustomResourceDefinition, kind.resource_type.group_resource)
        versions = definition.to_dict()["spec"]["versions"]
        for version in versions:
            # As a server that does not know such rules has it.
            version["schema"]["openAPIV3Schema"]["properties"]["spec"].pop("x-kubernetes-validations")
        await cluster.client.patch(
            CustomResourceDefinition, definition.name, MergePatch({"spec": {"versions": versions}})
        )
        made = {"metadata": {"name": "mine", "namespace": "shop"}, "spec": {"signal": signal(), "target": TARGET}}
        await mary.create(kind.from_dict(made))
        change = MergePatch({"spec": {"target": {"name": "api"}}})
        with pytest.raises(Invalid, match=r"spec\.target\.name: the spec is immutable"):
            await mary.patch(kind, "mine", change, namespace="shop")
        await mary.patch(kind, "mine", MergePatch({"metadata": {"labels": {"a": "b"}}}), namespace="shop")
