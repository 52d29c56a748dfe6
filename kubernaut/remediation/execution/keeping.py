"""Keeps the way back in a Secret of the execution's own, where its status must not hold it.

The Secret lies in the executor's namespace: there the controllers have a right to Secrets, and need it nowhere else. No
owner reference reaches there: a label says whose it is, and the execution's finalizer removes it.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID, RollbackInformation, Target
from kubernaut.actions.jobs import MANAGED_BY
from kubernaut.client import AlreadyExists, ApiError, Client, NotFound
from kubernaut.reconcile import Permission
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import KubernetesExecution, RollbackStatus, SecretRef
from kubernaut.remediation.machine import SOON, Fail, Wait
from kubernaut.remediation.machine.errors import TRANSIENT
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.authorization_v1 import (
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from kubernaut.resources.builtin.core_v1 import Secret

WAY_BACK, KEY = "rollback.json", "key"
"""What the Secret holds: the rollback information as JSON; and what digests of the target's state are keyed with."""
MAX_BYTES = 1024 * 1024 - 4096
"""The server takes 1 MiB of values."""
_TRIES = 16


@dataclass(frozen=True, slots=True)
class KeptRollback:
    """What such a Secret holds."""

    parameters: Mapping[str, Any]
    key: bytes


def keeping_permissions(namespace: str) -> list[Permission]:
    """What keeping, reading and removing calls."""
    why = "keeps the way back of an action where it holds secrets or is too long for a status"
    return [Permission(["create", "get", "list", "delete"], Secret, namespace=namespace, why=why)]


def kept_name(uid: str, attempt: int = 1) -> str:
    """The name of the Secret of the execution `uid`; `attempt` tells apart those of a target that kept changing."""
    return f"rollback-{uid}" if attempt == 1 else f"rollback-{uid}-{attempt}"


async def keep(
    run: Run, order: Order, found: RollbackInformation, status: RollbackStatus, *, private: bool
) -> RollbackStatus | Fail | Wait:
    """`status` with a reference to the Secret that holds `found`, which is created where it is missing.

    A Secret of this execution with the same content is used again, one with another content (the target has changed
    since) is left to go with the execution, and a stranger's is waited for (condition ChildNameTaken). `private`: it
    tells what the target holds, so who asked must be allowed to read that. What the server refuses, for want of quota
    or by admission, cannot be undone and so is not begun. Raises ApiError.
    """
    text = _text(found)
    if len(text) > MAX_BYTES:
        return _unkept(order.target, f"it has more than {MAX_BYTES} bytes, which no Secret takes")
    for attempt in range(1, _TRIES + 1):
        name = kept_name(run.uid, attempt)
        secret = await _find(run, name)
        if secret is None:
            if run.status.is_true(Reason.CHILD_NAME_TAKEN):
                return Wait()
            if private and (refusal := await _may_not_read(run, order)) is not None:
                return refusal
            try:
                secret = await run.ctx.client.create(_secret(run, name, text))
            except AlreadyExists:
                return Wait(SOON)
            except ApiError as error:
                if isinstance(error, TRANSIENT):
                    raise
                return _unkept(order.target, f"the API server refused Secret {name}, which would hold it: {error}")
        values = _values(secret)
        if secret.immutable and values.get(WAY_BACK) == text and KEY in values:
            status.secret_ref = SecretRef(name=name, uid=secret.uid or "")
            return status
    return _unkept(order.target, "it changes all the time")


async def read_kept(run: Run, execution: KubernetesExecution) -> KeptRollback | str:
    """What the Secret of an execution that keeps one holds; in words, why that cannot be believed. Raises ApiError."""
    back = execution.status.rollback_information
    reference = back.secret_ref if back is not None else None
    if reference is None:
        return f"{execution.name} keeps no Secret"
    try:
        secret = await run.ctx.client.get(Secret, reference.name, namespace=run.config.executor_namespace)
    except NotFound:
        return f"Secret {reference.name}, which says how {execution.name} is undone, is gone"
    if secret.uid != reference.uid or not _is_of(secret, execution.uid or ""):
        return f"Secret {reference.name} is another one than {execution.name} kept"
    if not secret.immutable:
        return f"Secret {reference.name} is not immutable, so anybody may have changed it"
    values = _values(secret)
    try:
        parameters = json.loads(values[WAY_BACK])["parameters"]
        return KeptRollback(parameters, values[KEY])
    except (KeyError, TypeError, ValueError):
        return f"Secret {reference.name} cannot be read"


async def remove_kept(client: Client, namespace: str, uid: str) -> None:
    """Remove what the execution `uid` keeps. Raises ApiError."""
    for secret in await client.list(Secret, namespace=namespace, labels={LABEL_EXECUTION_ID: uid}):
        with suppress(NotFound):
            await client.delete(Secret, secret.name, namespace=namespace, uid=secret.uid)


async def _find(run: Run, name: str) -> Secret | None:
    """The Secret of this execution, live; one of another's is waited for, and never adopted."""
    try:
        found = await run.ctx.client.get(Secret, name, namespace=run.config.executor_namespace)
    except NotFound:
        found = None
    if found is None or _is_of(found, run.uid):
        run.status.remove_condition(Reason.CHILD_NAME_TAKEN)
        return found
    message = f"Secret {name} exists and is not ours; waiting until it is gone"
    if not run.status.is_true(Reason.CHILD_NAME_TAKEN):
        run.event(Reason.CHILD_NAME_TAKEN, message, warning=True)
    run.status.set_condition(Reason.CHILD_NAME_TAKEN, True, reason="ForeignSecret", message=message)
    return None


def _is_of(secret: Secret, uid: str) -> bool:
    return secret.metadata.labels.get(LABEL_EXECUTION_ID) == uid and secret.name.startswith(kept_name(uid))


def _text(found: RollbackInformation) -> bytes:
    return json.dumps(found.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _values(secret: Secret) -> dict[str, bytes]:
    """The values; whoever made the Secret may have written anything."""
    try:
        return {key: secret.value(key) for key in secret.data}
    except binascii.Error:
        return {}


def _secret(run: Run, name: str, text: bytes) -> Secret:
    data = {WAY_BACK: text, KEY: secrets.token_hex(32).encode()}
    labels = {**MANAGED_BY, LABEL_EXECUTION_ID: run.uid}
    return Secret(
        metadata=ObjectMeta(name=name, namespace=run.config.executor_namespace, labels=labels),
        data={key: base64.b64encode(value).decode() for key, value in data.items()},
        immutable=True,
    )


async def _may_not_read(run: Run, order: Order) -> Fail | None:
    """Whoever may only write or delete an object must not come to read it beside the execution."""
    requester, target, kind = run.execution.spec.requested_by, order.target, order.target_type
    config = run.config
    if requester is None or config.delegate_requester or requester.username in config.delegated_requesters:
        return None
    attributes = ResourceAttributes(
        verb="get", group=kind.group, resource=kind.plural, namespace=target.namespace, name=target.name
    )
    spec = SubjectAccessReviewSpec(
        user=requester.username, groups=list(requester.groups), uid=requester.uid, resource_attributes=attributes
    )
    if (await run.ctx.client.create(SubjectAccessReview(spec=spec))).status.allowed:
        return None
    return Fail(
        Reason.REQUESTER_FORBIDDEN,
        f"{requester.username} may not get {target}, of which the way back would hold what is in it",
    )


def _unkept(target: Target, why: str) -> Fail:
    return Fail(Reason.ROLLBACK_CAPTURE_FAILED, f"no rollback information for {target}: {why}")
