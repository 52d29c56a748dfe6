"""kubectl rollout restart and undo, and kubectl set image: changes of a workload's pod template."""

from __future__ import annotations

from typing import Any

from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.session import Session
from kubernaut.fake.controlplane.kubectl.targets import Target, find
from kubernaut.resources import format_time
from kubernaut.resources.builtin.apps_v1 import ReplicaSet
from kubernaut.timing import current_clock

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_RESTARTABLE = ("Deployment", "StatefulSet", "DaemonSet")


async def rollout(session: Session, arguments: Arguments) -> None:
    """`rollout restart` and `rollout undo`. Raises KubectlError and ApiError."""
    word, *rest = arguments.positionals or ("",)
    if word not in ("restart", "undo"):
        raise KubectlError(f'error: unknown command "{word}" for "kubectl rollout"')
    if not rest:
        raise KubectlError("error: required resource not specified")
    for target in await find(session, arguments, rest):
        live = await session.get(target.path)
        if word == "restart":
            await _restart(session, arguments, target, live)
        else:
            await _undo(session, arguments, target, live)


async def set_image(session: Session, arguments: Arguments) -> None:
    """`set image`. Raises KubectlError and ApiError."""
    word, *rest = arguments.positionals or ("",)
    if word != "image":
        raise KubectlError(f'error: unknown command "{word}" for "kubectl set"')
    changes = dict(part.split("=", 1) for part in rest if "=" in part)
    if not changes:
        raise KubectlError("error: at least one image update is required")
    for target in await find(session, arguments, [part for part in rest if "=" not in part]):
        live = await session.get(target.path)
        containers = live["spec"]["template"]["spec"]["containers"]
        known = {container["name"]: container["image"] for container in containers}
        for name in changes:
            if name not in known and name != "*":
                raise KubectlError(f'error: unable to find container named "{name}"')
        wanted = {name: changes.get(name, changes.get("*", image)) for name, image in known.items()}
        patched = [{"name": name, "image": image} for name, image in wanted.items() if image != known[name]]
        if not patched:
            continue
        if arguments.dry_run != "client":
            body = {"spec": {"template": {"spec": {"containers": patched}}}}
            await session.patch(target.path, "strategic", body, dry_run=arguments.dry_run == "server")
        session.say(target.label, "image updated", arguments)


async def _restart(session: Session, arguments: Arguments, target: Target, live: dict[str, Any]) -> None:
    if target.kind.kind not in _RESTARTABLE:
        raise KubectlError(f"error: {target.kind.plural} {target.name!r}: restarting is not supported")
    if live["spec"].get("paused"):
        raise KubectlError(
            f'error: {target.kind.plural} "{target.name}" can\'t restart paused deployment (run rollout resume first)'
        )
    stamp = {"kubectl.kubernetes.io/restartedAt": format_time(current_clock().now())}
    body = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    await session.patch(target.path, "strategic", body, dry_run=False)
    session.say(target.label, "restarted", arguments)


async def _undo(session: Session, arguments: Arguments, target: Target, live: dict[str, Any]) -> None:
    if target.kind.kind != "Deployment":
        raise KubectlError(f"error: only rollbacks of a Deployment are understood here, not of a {target.kind.kind}")
    if live["spec"].get("paused"):
        raise KubectlError(
            "error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume'"
        )
    selector = ",".join(f"{key}={value}" for key, value in (live["spec"]["selector"].get("matchLabels") or {}).items())
    path = ReplicaSet.resource_type.path(target.namespace)
    found = (await session.get(path, {"labelSelector": selector})).get("items") or []
    revisions = {
        int(item["metadata"].get("annotations", {}).get(_REVISION, "0")): item
        for item in found
        if any(owner["uid"] == live["metadata"]["uid"] for owner in item["metadata"].get("ownerReferences") or ())
    }
    wanted = arguments.number("to-revision") or 0
    if wanted and wanted not in revisions:
        raise KubectlError(f"error: unable to find specified revision {wanted} in history")
    if not wanted:
        earlier = sorted(revisions)[:-1]
        if not earlier:
            raise KubectlError(f'error: no rollout history found for deployment "{target.name}"')
        wanted = earlier[-1]
    template = dict(revisions[wanted]["spec"]["template"])
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != _HASH}
    template["metadata"] = {**template["metadata"], "labels": labels}
    if (
        template["spec"] == live["spec"]["template"]["spec"]
        and labels == live["spec"]["template"]["metadata"]["labels"]
    ):
        session.say(target.label, f"skipped rollback (current template already matches revision {wanted})", arguments)
        return
    if arguments.dry_run != "client":
        body = [{"op": "replace", "path": "/spec/template", "value": template}]
        await session.patch(target.path, "json", body, dry_run=arguments.dry_run == "server")
    session.say(target.label, "rolled back", arguments)
