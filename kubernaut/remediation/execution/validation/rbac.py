"""Check 2: the requester may do this, the action's ServiceAccount exists, and it may do what the action needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubernaut.actions import service_account_name
from kubernaut.client import NotFound
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.machine.verdicts import Fail
from kubernaut.resources.builtin.authorization_v1 import (
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from kubernaut.resources.builtin.core_v1 import ServiceAccount


async def check_rbac(run: Run, order: Order) -> Fail | None:
    """One SubjectAccessReview per verb, resource and subresource, for the requester and for the ServiceAccount."""
    failure = await _check_requester(run, order) or await _check_service_account(run, order)
    run.results.rbac_validation = failure is None
    return failure


async def _check_requester(run: Run, order: Order) -> Fail | None:
    if doubt := await run.doubt():
        return doubt
    requester = run.execution.spec.requested_by
    if requester is None or run.config.delegate_requester or requester.username in run.config.delegated_requesters:
        return None
    refused = await _refused(run, order, requester.username, requester.groups, requester.uid)
    return Fail(Reason.REQUESTER_FORBIDDEN, f"{requester.username} {refused}") if refused else None


async def _check_service_account(run: Run, order: Order) -> Fail | None:
    namespace, name = run.config.executor_namespace, service_account_name(order.action.name)
    try:
        await run.ctx.client.get(ServiceAccount, name, namespace=namespace)
    except NotFound:
        return Fail(Reason.SERVICE_ACCOUNT_NOT_FOUND, f"ServiceAccount {namespace}/{name} does not exist")
    # A review knows only the groups it is told: those every ServiceAccount is in are not implied.
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    refused = await _refused(run, order, f"system:serviceaccount:{namespace}:{name}", groups, None)
    return Fail(Reason.PERMISSION_DENIED, f"ServiceAccount {namespace}/{name} {refused}") if refused else None


async def _refused(run: Run, order: Order, user: str, groups: Sequence[str], uid: str | None) -> str | None:
    """What the subject may not do, in words; None when it may do everything."""
    for attributes in access_needed(order):
        spec = SubjectAccessReviewSpec(user=user, groups=list(groups), uid=uid, resource_attributes=attributes)
        review = await run.ctx.client.create(SubjectAccessReview(spec=spec))
        if not review.status.allowed:
            return f"may not {describe(attributes)}" + (f" ({review.status.reason})" if review.status.reason else "")
    return None


def access_needed(order: Order) -> Iterator[ResourceAttributes]:
    """Everything the action does, one question each, in the target's namespace and on its name."""
    target = order.target
    for rule in order.action.rbac(target):
        for group in rule.api_groups:
            for entry in rule.resources:
                resource, _, subresource = entry.partition("/")
                for verb in rule.verbs:
                    yield ResourceAttributes(
                        verb=verb,
                        group=group,
                        resource=resource,
                        subresource=subresource or None,
                        namespace=target.place,
                        name=target.name if rule.resource_names else None,
                    )


def describe(attributes: ResourceAttributes) -> str:
    """`update deployments/scale "web" of group apps in namespace shop`."""
    words = [attributes.verb or "", attributes.resource or ""]
    if attributes.subresource:
        words[-1] += f"/{attributes.subresource}"
    if attributes.name:
        words.append(f'"{attributes.name}"')
    if attributes.group:
        words.append(f"of group {attributes.group}")
    if attributes.namespace:
        words.append(f"in namespace {attributes.namespace}")
    return " ".join(words)
