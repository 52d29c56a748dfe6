"""kubectl delete: with its cascade and grace, and waiting until the objects are gone."""

from __future__ import annotations

import asyncio
from typing import Any

from kubernaut.client import Forbidden, Gone, MethodNotAllowed, NotFound, decode_head
from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.files import delete_raw
from kubernaut.fake.controlplane.kubectl.session import Session
from kubernaut.fake.controlplane.kubectl.targets import Target, find

_CASCADES = {
    "background": "Background",
    "foreground": "Foreground",
    "orphan": "Orphan",
    "true": "Background",
    "false": "Orphan",
}
_FORCED = (
    "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
    "The resource may continue to run on the cluster indefinitely."
)


async def delete(session: Session, arguments: Arguments) -> None:
    """Delete every named object and wait for them to go. Raises KubectlError and ApiError."""
    if arguments.text("raw"):
        await delete_raw(session, arguments)
        return
    targets = await find(session, arguments, arguments.positionals)
    if not targets and not arguments.on("ignore-not-found"):
        session.err.append("No resources found")
        return
    if arguments.on("force"):
        session.err.append(_FORCED)
    deleted: list[tuple[Target, str | None]] = []
    for target in targets:
        try:
            uid = await _delete_one(session, arguments, target)
        except NotFound:
            if arguments.on("ignore-not-found"):
                continue
            raise
        deleted.append((target, uid))
    if arguments.dry_run == "none" and arguments.on("wait", default=not arguments.on("force")):
        await _wait(session, arguments, deleted)


async def _delete_one(session: Session, arguments: Arguments, target: Target) -> str | None:
    uid: str | None = None
    if arguments.dry_run == "client":
        await session.get(target.path)
    else:
        answer = await session.delete(target.path, _options(arguments))
        uid = answer.get("metadata", {}).get("uid") or answer.get("details", {}).get("uid")
    verb = "force deleted" if arguments.on("force") and arguments.number("grace-period") == 0 else "deleted"
    suffix = {"none": "", "client": " (dry run)", "server": " (server dry run)"}[arguments.dry_run]
    label = f"{target.label.partition('/')[0]}"
    if arguments.text("output") == "name":
        session.out.append(target.label)
    else:
        place = f" from {target.namespace} namespace" if target.namespace else ""
        session.out.append(f'{label} "{target.name}" {verb}{suffix}{place}')
    return uid


def _options(arguments: Arguments) -> dict[str, Any]:
    cascade = arguments.text("cascade", "background")
    if cascade not in _CASCADES:
        raise KubectlError(f'error: invalid cascade value ({cascade}). Must be "background", "foreground", or "orphan"')
    options: dict[str, Any] = {"propagationPolicy": _CASCADES[cascade]}
    grace = 1 if arguments.on("now") else arguments.number("grace-period")
    if grace == 0 and not arguments.on("force"):
        # kubectl never asks for zero unless forced: the object would vanish before its pod has stopped.
        grace = 1
    if grace is not None and grace >= 0:
        options["gracePeriodSeconds"] = grace
    if arguments.dry_run == "server":
        options["dryRun"] = ["All"]
    return options


async def _wait(session: Session, arguments: Arguments, deleted: list[tuple[Target, str | None]]) -> None:
    limit = arguments.seconds("timeout")
    for target, uid in deleted:
        try:
            async with asyncio.timeout(limit if limit > 0 else None):
                await _gone(session, target, uid)
        except TimeoutError:
            label = f"{target.kind.plural}/{target.name}"
            raise KubectlError(f"error: timed out waiting for the condition on {label}") from None
        except (Forbidden, MethodNotAllowed):
            # Like kubectl: not being allowed to wait does not fail the deletion.
            return


async def _gone(session: Session, target: Target, uid: str | None) -> None:
    """List, then watch what is there until it is not, as kubectl does. Raises ApiError."""
    selector = f"metadata.name={target.name}"
    while True:
        try:
            answer = await session.get(target.kind.path(target.namespace), {"fieldSelector": selector})
        except NotFound:
            return
        items = answer.get("items") or []
        if not any(uid is None or item["metadata"].get("uid") == uid for item in items):
            return
        try:
            version = answer["metadata"].get("resourceVersion")
            if await _watched_to_the_end(session, target, uid, version):
                return
        except Gone:
            continue


async def _watched_to_the_end(session: Session, target: Target, uid: str | None, version: str | None) -> bool:
    """Whether the object went while the watch lasted; False where the server ended it before."""
    client, fields = session.client, {"metadata.name": target.name}
    async with client.watch_raw(
        target.kind, namespace=target.namespace, fields=fields, resource_version=version
    ) as frames:
        async for frame in frames:
            if frame.type == "DELETED":
                return True
            if frame.type == "ADDED" and uid is not None and decode_head(bytes(frame.object)).uid != uid:
                return True
            if frame.type == "ERROR":
                return False
    return False
