"""Approvals on the fake cluster, with the webhooks at work and without them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.actions.parameters import Parameters
from kubernaut.client import ApiError, Client, Forbidden, Invalid, MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.policy import PolicyDecision, PythonEvaluator
from kubernaut.reconcile import Controller
from kubernaut.reconcile.webhooks import AdmissionRequest, ServiceReference, webhook_configurations, webhooks_app
from kubernaut.remediation.approval import (
    ApprovalRequest,
    ApprovalRequests,
    Decision,
    DecisionRefused,
    approval_webhooks,
    approvals,
    decide,
    find_request,
)
from kubernaut.remediation.approval.summary import summary_of
from kubernaut.remediation.approval.webhooks import stamp_decision
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.remediation.execution.webhooks import execution_webhooks
from kubernaut.resources import crd_for, format_time
from kubernaut.resources.builtin.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.timing import current_clock

pytestmark = [pytest.mark.virtual_time, pytest.mark.fake_only("the API server calls the webhooks in memory")]

SERVICE = ServiceReference("kubernaut-webhooks", "kubernaut-system")
CATALOG = Catalog([Catalog.builtin().get("scale-deployment")])
LABELS = {"app": "web"}
WEB = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    },
}
SPEC = {
    "action": "scale-deployment",
    "target": {"kind": "Deployment", "namespace": "shop", "name": "web"},
    "parameters": {"replicas": 5},
}


def careful(**decision: Any) -> PythonEvaluator:
    """A policy that wants an approval of everything."""
    answer = PolicyDecision(allowed=True, requires_approval=True, approval_reasons=("it is a big step",), **decision)
    return PythonEvaluator(lambda _: answer)


class Shop:
    """A cluster in which the controllers run, and the people who work there."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.alice = cluster.client_as("alice", ["system:masters"])
        self.bob = cluster.client_as("bob", ["system:masters"])

    async def prepare(self, *, webhooks: bool = True, **options: Any) -> tuple[Controller, ...]:
        gate = ApprovalRequests(webhooks=webhooks, trust_unstamped=options.pop("trust_unstamped", False))
        evaluator = options.pop("evaluator", careful())
        config = ExecutionConfig(
            catalog=CATALOG, evaluator=evaluator, approvals=gate, allow_unstamped=not webhooks, **options
        )
        hooks = self.hooks = [*execution_webhooks(config), *approval_webhooks()]
        await self.cluster.load([*crds(), crd_for(ApprovalRequest)])
        if webhooks:
            address = "https://kubernaut-webhooks.kubernaut-system.svc:443"
            self.cluster.server.route_webhook(address, webhooks_app(hooks))
            await self.cluster.load(webhook_configurations("kubernaut", hooks, service=SERVICE))
        await self.cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
        for manifest in rbac_manifests(config.catalog):
            await self.cluster.client.create(manifest)
        await self.cluster.client.create(Deployment.from_dict(WEB))
        await self.cluster.settled()
        return executions(config), approvals()

    async def ask(self, client: Client | None = None, name: str = "fix", **spec: Any) -> None:
        metadata = {"name": name, "namespace": "shop"}
        made = KubernetesExecution.from_dict({"metadata": metadata, "spec": {**SPEC, **spec}})
        await (client or self.alice).create(made)
        await self.cluster.settled()

    async def execution(self, name: str = "fix") -> KubernetesExecution:
        return await self.cluster.client.get(KubernetesExecution, name, namespace="shop")

    async def request(self, name: str = "fix") -> ApprovalRequest:
        return await find_request(self.cluster.client, name, "shop")

    async def decide(self, client: Client, decision: Decision, reason: str = "", **options: Any) -> ApprovalRequest:
        request = await find_request(client, "fix", "shop")
        decided = await decide(client, request, decision, reason, now=current_clock().now(), **options)
        await self.cluster.settled()
        return decided

    async def replicas(self) -> int | None:
        return (await self.cluster.client.get(Deployment, "web", namespace="shop")).spec.replicas


@asynccontextmanager
async def started(cluster: FakeCluster, **options: Any) -> AsyncIterator[Shop]:
    """The shop while the controllers run."""
    shop = Shop(cluster)
    async with cluster.running(*await shop.prepare(**options)):
        yield shop


async def test_an_approval_by_somebody_else_lets_the_action_run_after_all_checks_ran_again(
    cluster: FakeCluster,
) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        waiting = await shop.execution()
        assert waiting.status.phase == "validated"
        assert await shop.replicas() == 2
        request = await shop.request()
        assert request.status.phase == "pending"
        assert request.spec.summary == "scale-deployment Deployment web in shop replicas=5"
        assert request.spec.reasons == ["it is a big step"]
        assert request.spec.requested_by == "alice"
        assert request.spec.digest == waiting.status.spec_digest
        checked = waiting.status.validation_results
        await shop.cluster.advance(minutes=20)

        decided = await shop.decide(shop.bob, Decision.APPROVED, "looks right")
        assert decided.status.decided_by and decided.status.decided_by.username == "bob"
        done = await shop.execution()
        assert done.status.phase == "rollback_ready", done.status.to_dict()
        assert done.status.approval and done.status.approval.decided_by == "bob"
        assert await shop.replicas() == 5
        again = done.status.validation_results
        assert checked and again and checked.validation_time and again.validation_time
        assert again.validation_time - checked.validation_time >= timedelta(minutes=20)
        request = await shop.request()
        assert request.status.phase == "approved"
        assert request.status.is_true("Decided")


async def test_a_rejection_ends_the_execution_and_says_who_and_why(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        await shop.decide(shop.bob, Decision.REJECTED, "not on a Friday")
        status = (await shop.execution()).status
        assert (status.phase, status.reason) == ("failed", "ApprovalRejected")
        assert status.message == "rejected by bob: not on a Friday"
        assert status.rejection and status.rejection.decided_by == "bob"
        assert not list(await shop.cluster.client.list(Job, namespace="kubernaut-executor"))
        assert (await shop.request()).status.phase == "rejected"


async def test_without_a_decision_it_expires(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        await shop.cluster.advance(minutes=61)
        status = (await shop.execution()).status
        assert (status.phase, status.reason) == ("failed", "ApprovalExpired")
        assert (await shop.request()).status.phase == "expired"
        with pytest.raises(DecisionRefused, match="expired at"):
            await shop.decide(shop.bob, Decision.APPROVED)
        patch = MergePatch({"status": {"decision": "approved"}})
        with pytest.raises(Forbidden, match=r"status\.decision: comes too late"):
            request = await shop.request()
            await shop.bob.patch(ApprovalRequest, request.name, patch, namespace="shop", subresource="status")


async def test_who_asked_cannot_approve_but_may_reject(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        with pytest.raises(DecisionRefused, match="alice asked for this and cannot approve it"):
            await shop.decide(shop.alice, Decision.APPROVED)
        await shop.decide(shop.alice, Decision.REJECTED, "never mind")
        assert (await shop.execution()).status.reason == "ApprovalRejected"


async def test_who_asked_may_approve_where_the_policy_says_so(cluster: FakeCluster) -> None:
    async with started(cluster, evaluator=careful(self_approval=True)) as shop:
        await shop.ask()
        await shop.decide(shop.alice, Decision.APPROVED)
        assert (await shop.execution()).status.phase == "rollback_ready"


FORGERIES: list[dict[str, Any]] = [
    {"decision": "approved", "decidedBy": {"username": "carol"}},
    {"decision": "approved", "decidedBy": {"username": "carol"}, "decidedAt": "2020-01-01T00:00:00Z"},
]


@pytest.mark.parametrize("forged", FORGERIES)
async def test_a_decision_in_another_s_name_is_signed_with_one_s_own(
    cluster: FakeCluster, forged: dict[str, Any]
) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        request = await shop.request()
        patch = MergePatch({"status": forged})
        decided = await shop.bob.patch(ApprovalRequest, request.name, patch, namespace="shop", subresource="status")
        assert decided.status.decided_by and decided.status.decided_by.username == "bob"
        assert decided.status.decided_at and decided.status.decided_at.year > 2020


async def test_a_signature_without_a_decision_is_taken_off(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        request = await shop.request()
        patch = MergePatch({"status": {"decidedBy": {"username": "carol"}}})
        await shop.bob.patch(ApprovalRequest, request.name, patch, namespace="shop", subresource="status")
        assert (await shop.request()).status.decided_by is None


@pytest.mark.parametrize(
    "change",
    [
        {"decision": "approved"},
        {"decision": None},
        {"reason": "because"},
        {"decidedBy": {"username": "carol"}},
        {"decidedAt": None},
    ],
)
async def test_a_decision_is_final(cluster: FakeCluster, change: dict[str, Any]) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        decided = await shop.decide(shop.bob, Decision.REJECTED, "no")
        field = next(iter(change))
        with pytest.raises(Forbidden, match=rf"status\.{field}: rejected was decided, and a decision is final"):
            patch = MergePatch({"status": change})
            await shop.bob.patch(ApprovalRequest, decided.name, patch, namespace="shop", subresource="status")
        with pytest.raises(DecisionRefused, match="was rejected by bob already"):
            await shop.decide(shop.bob, Decision.APPROVED)


async def test_what_was_asked_cannot_be_changed(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        request = await shop.request()
        for change in ({"selfApproval": True}, {"requestedBy": "nobody"}, {"digest": "sha256:0"}):
            with pytest.raises((Invalid, Forbidden), match="spec is immutable"):
                await shop.bob.patch(ApprovalRequest, request.name, MergePatch({"spec": change}), namespace="shop")


async def test_a_request_that_somebody_made_first_with_kinder_terms_is_not_adopted(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        request = await shop.request()
        await shop.bob.delete(ApprovalRequest, request.name, namespace="shop")
        kinder = ApprovalRequest.from_dict(
            {
                "metadata": {
                    "name": request.name,
                    "namespace": "shop",
                    "ownerReferences": [owner.to_dict() for owner in request.metadata.owner_references],
                },
                "spec": {**request.spec.to_dict(), "selfApproval": True},
            }
        )
        try:
            await shop.bob.create(kinder)
        except ApiError:
            pytest.skip("kubernaut was faster")
        await shop.cluster.settled()
        await shop.decide(shop.alice, Decision.APPROVED)
        execution = await shop.execution()
        assert execution.status.phase == "validated"
        assert execution.status.is_true("ChildNameTaken")
        assert await shop.replicas() == 2


async def test_a_request_that_was_deleted_is_made_again(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        request = await shop.request()
        await shop.bob.delete(ApprovalRequest, request.name, namespace="shop")
        await shop.cluster.advance(seconds=20)
        again = await shop.request()
        assert again.name == request.name and again.uid != request.uid
        await shop.decide(shop.bob, Decision.APPROVED)
        assert (await shop.execution()).status.phase == "rollback_ready"


async def test_without_the_webhooks_an_approval_does_not_count(cluster: FakeCluster) -> None:
    async with started(cluster, webhooks=False) as shop:
        await shop.ask()
        await shop.decide(shop.bob, Decision.APPROVED, sign_as="bob")
        status = (await shop.execution()).status
        assert status.phase == "validated"
        condition = status.condition("Approved")
        assert condition and condition.reason == "ApprovalNotStamped"
        await shop.cluster.advance(minutes=61)
        assert (await shop.execution()).status.reason == "ApprovalExpired"


async def test_in_a_demonstration_it_counts_without_them(cluster: FakeCluster) -> None:
    async with started(cluster, webhooks=False, trust_unstamped=True) as shop:
        await shop.ask()
        await shop.decide(shop.bob, Decision.APPROVED, sign_as="bob")
        assert (await shop.execution()).status.phase == "rollback_ready"


async def test_an_approval_satisfies_only_the_need_for_approval(cluster: FakeCluster) -> None:
    """The target vanishes while somebody thinks about it: the checks that run again find that."""
    async with started(cluster) as shop:
        await shop.ask()
        await shop.cluster.client.delete(Deployment, "web", namespace="shop")
        await shop.decide(shop.bob, Decision.APPROVED)
        status = (await shop.execution()).status
        assert (status.phase, status.reason) == ("failed", "TargetNotFound")


async def test_the_request_goes_with_its_execution(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        await shop.alice.delete(KubernetesExecution, "fix", namespace="shop")
        await shop.cluster.settled()
        assert not list(await shop.cluster.client.list(ApprovalRequest, namespace="shop"))


async def test_a_name_that_nobody_waits_under_is_told(cluster: FakeCluster) -> None:
    async with started(cluster) as shop:
        await shop.ask()
        with pytest.raises(DecisionRefused, match=r"no approval request of 'fox'; waiting there: fix-[0-9a-f]{10}"):
            await find_request(shop.bob, "fox", "shop")


async def test_an_approval_counts_only_while_the_webhooks_are_registered(cluster: FakeCluster) -> None:
    """Both configurations are deleted, the process goes on: whoever may write the status signs for the director."""
    async with started(cluster) as shop:
        await shop.ask()
        for kind in (MutatingWebhookConfiguration, ValidatingWebhookConfiguration):
            await cluster.client.delete(kind, "kubernaut")
        await shop.decide(shop.bob, Decision.APPROVED, sign_as="director")
        execution = await shop.execution()
        condition = execution.status.condition("Approved")
        assert execution.status.phase == "validated" and condition is not None
        assert condition.reason == "ApprovalNotStamped"
        assert "there is no MutatingWebhookConfiguration kubernaut; create the execution again" in str(
            condition.message
        )
        assert await shop.replicas() == 2


async def test_nor_when_they_are_registered_again_after_it_was_asked_for(cluster: FakeCluster) -> None:
    """`decidedAt` is the forger's: in the future it lies after the registration."""
    async with started(cluster) as shop:
        await shop.ask()
        for kind in (MutatingWebhookConfiguration, ValidatingWebhookConfiguration):
            await cluster.client.delete(kind, "kubernaut")
        request = await shop.request()
        later = format_time(current_clock().now() + timedelta(minutes=10))
        forged = {"decision": "approved", "decidedBy": {"username": "director"}, "decidedAt": later}
        patch = MergePatch({"status": forged})
        await shop.bob.patch(ApprovalRequest, request.name, patch, namespace="shop", subresource="status")
        await cluster.advance(minutes=1)
        await cluster.load(webhook_configurations("kubernaut", shop.hooks, service=SERVICE))
        await cluster.advance(minutes=20)
        status = (await shop.execution()).status
        condition = status.condition("Approved")
        assert status.phase == "validated" and condition is not None
        assert "the webhooks did not exist yet at " in str(condition.message)
        # Who asked for the execution is as doubtful; another one is not.
        await shop.ask(name="again")
        request = await shop.request("again")
        await decide(shop.bob, request, Decision.APPROVED, "", now=current_clock().now())
        await cluster.settled()
        done = (await shop.execution("again")).status
        assert done.phase == "rollback_ready" and done.approval and done.approval.decided_by == "bob"


async def test_a_decision_from_before_it_was_asked_for_does_not_count(cluster: FakeCluster) -> None:
    async with started(cluster, webhooks=False, trust_unstamped=True) as shop:
        await shop.ask()
        request = await shop.request()
        forged = {"decision": "approved", "decidedBy": {"username": "bob"}, "decidedAt": "2020-01-01T00:00:00Z"}
        patch = MergePatch({"status": forged})
        await shop.bob.patch(ApprovalRequest, request.name, patch, namespace="shop", subresource="status")
        await cluster.settled()
        status = (await shop.execution()).status
        condition = status.condition("Approved")
        assert status.phase == "validated" and condition is not None
        assert "status.decidedAt is 2020-01-01T00:00:00Z, before anybody was asked" in str(condition.message)


def test_a_webhook_whose_clock_is_behind_stamps_no_decision_before_the_question() -> None:
    asked = current_clock().now().replace(microsecond=0) + timedelta(seconds=30)
    spec = {
        "subject": {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u"},
        "digest": "sha256:0",
        "requiredBy": format_time(asked + timedelta(hours=1)),
    }
    metadata = {"name": "a", "namespace": "shop", "creationTimestamp": format_time(asked)}
    group, version = ApprovalRequest.resource_type.group, ApprovalRequest.resource_type.version
    review = {
        "uid": "1",
        "kind": {"group": group, "version": version, "kind": "ApprovalRequest"},
        "resource": {"group": group, "version": version, "resource": "approvalrequests"},
        "operation": "UPDATE",
        "userInfo": {"username": "bob"},
        "object": {"metadata": metadata, "spec": spec, "status": {"decision": "approved"}},
        "oldObject": {"metadata": metadata, "spec": spec, "status": {}},
    }
    request = AdmissionRequest(review, ApprovalRequest.from_dict)
    stamp_decision(request)
    assert request.target.status.decided_at == asked


async def test_a_name_that_means_two_things_is_refused(cluster: FakeCluster) -> None:
    """Somebody calls a harmless execution like the request of an evil one."""
    async with started(cluster) as shop:
        await shop.ask(name="evil")
        evil = await shop.request("evil")
        await shop.ask(name=evil.name, parameters={"replicas": 3})
        with pytest.raises(DecisionRefused) as caught:
            await find_request(shop.bob, evil.name, "shop")
        harmless = next(
            request
            for request in await cluster.client.list(ApprovalRequest, namespace="shop")
            if request.spec.subject.name == evil.name
        )
        told = str(caught.value)
        assert f"ApprovalRequest {evil.name} of KubernetesExecution evil" in told
        assert f"ApprovalRequest {harmless.name} of KubernetesExecution {evil.name}" in told
        assert (await find_request(shop.bob, "evil", "shop")).uid == evil.uid
        assert (await find_request(shop.bob, harmless.name, "shop")).uid == harmless.uid


def summary(**parameters: Any) -> str:
    metadata = {"name": "fix", "namespace": "shop"}
    return summary_of(KubernetesExecution.from_dict({"metadata": metadata, "spec": {**SPEC, "parameters": parameters}}))


WHAT = "scale-deployment Deployment web in shop "


def test_a_summary_keeps_to_one_line_and_hides_no_text_behind_another() -> None:
    assert summary(replicas=5) == f"{WHAT}replicas=5"
    for spoof in ("a\n# policy: low risk, pre-approved", "a\r  ", "\x1b[2Kscale-deployment", "a\u202eb", "\u2028"):
        shown = summary(patch=spoof)
        assert shown.isprintable() and "policy" not in shown
        digest = hashlib.sha256(spoof.encode()).hexdigest()
        assert shown == f"{WHAT}patch=(sha256 {digest}, {len(spoof.encode())} bytes)"
        assert summary(note=spoof, **{f"a{spoof}": 1}).isprintable()


def test_a_summary_tells_what_a_manifest_is_about_and_nothing_of_its_content() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  password: hunter2\n"
    in_a_line = '{"kind": "Secret", "metadata": {"name": "db"}, "data": {"a": "aHVudGVyMg=="}}'
    for manifest in (secret, in_a_line):
        digest = hashlib.sha256(manifest.encode()).hexdigest()
        assert summary(manifest=manifest) == f"{WHAT}manifest=Secret db (sha256 {digest}, {len(manifest)} bytes)"
    assert "hunter2" not in summary(password="hunter2")


class Scripted(Parameters):
    """Of an action of somebody's own."""

    opaque_parameters = frozenset({"script"})
    script: str = ""


def test_what_an_action_says_is_opaque_is_not_shown() -> None:
    action: Any = SimpleNamespace(parameters=Scripted)
    made = KubernetesExecution.from_dict({"spec": {**SPEC, "parameters": {"script": "short"}}})
    assert summary_of(made) == "scale-deployment Deployment web in shop script=short"
    assert "script=(sha256 " in summary_of(made, action)


def test_what_is_cut_of_a_summary_is_told() -> None:
    many = {f"key{n}": f"value-{n}" * 10 for n in range(20)}
    shown = summary(**many)
    assert len(shown) == 512 and shown.startswith(f"{WHAT}key0=value-0")
    assert re.search(r"… \(\d+ characters, sha256 [0-9a-f]{12}\)$", shown)
    other = summary(**{**many, "key19": "another" * 10})
    assert other[:400] == shown[:400] and other[-20:] != shown[-20:]


async def test_a_reason_of_the_policy_keeps_to_its_line(cluster: FakeCluster) -> None:
    answer = PolicyDecision(allowed=True, requires_approval=True, approval_reasons=("label a\napproved already",))
    async with started(cluster, evaluator=PythonEvaluator(lambda _: answer)) as shop:
        await shop.ask()
        assert (await shop.request()).spec.reasons == [r"label a\napproved already"]


def test_the_time_by_which_to_decide_is_shown_as_a_time() -> None:
    """kubectl shows a date as an age, and one in the future as <invalid>."""
    [version] = crd_for(ApprovalRequest)["spec"]["versions"]
    columns = {column["name"]: column["type"] for column in version["additionalPrinterColumns"]}
    assert columns["Required By"] == "string"
