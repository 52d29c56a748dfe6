"""kubectl drain: cordon a node, then evict its pods and wait until they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from kubernaut.client import ApiError, NotFound, TooManyRequests, TransportError
from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.cordon import cordon
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.session import Session
from kubernaut.resources.builtin.apps_v1 import DaemonSet
from kubernaut.resources.builtin.core_v1 import Pod

_RETRY = 5.0
_POLL = 1.0
_MIRROR = "kubernetes.io/config.mirror"
_LOCAL = "Pods with local storage"
_UNMANAGED = "Pods that declare no controller"
_DAEMONS = "DaemonSet-managed Pods"


@dataclass(frozen=True, slots=True)
class _Judged:
    """A pod with what the filters say: whether it goes, why not, and what to warn of."""

    pod: Mapping[str, Any]
    goes: bool
    fatal: str = ""
    warning: str = ""

    @property
    def label(self) -> str:
        metadata = self.pod["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}"


class _Undrained(Exception):
    """The node is not drained; the text says why."""


async def drain(session: Session, arguments: Arguments) -> None:
    """Drain one node. Raises KubectlError and ApiError."""
    if len(arguments.positionals) != 1:
        usage = "error: USAGE: drain NODE [flags]\nSee 'kubectl drain -h' for help and examples"
        raise KubectlError(usage)
    await cordon(session, arguments)
    node = arguments.positionals[0].removeprefix("node/")
    try:
        await _empty(session, arguments, node)
    except _Undrained as error:
        raise KubectlError(
            f'error: unable to drain node "{node}" due to error: {error}, continuing command...\n'
            f"There are pending nodes to be drained:\n {node}\n{error}"
        ) from None
    session.say(f"node/{node}", "drained", arguments)


async def _empty(session: Session, arguments: Arguments, node: str) -> None:
    judged = await _pods(session, arguments, node)
    problems = _grouped(judged, lambda one: one.fatal)
    if problems:
        texts = [f"cannot delete {reason}: {pods}" for reason, pods in problems.items()]
        raise _Undrained(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    warnings = _grouped(judged, lambda one: one.warning)
    if warnings:
        session.err.append(f"Warning: {'; '.join(f'{reason}: {pods}' for reason, pods in warnings.items())}")
    leaving = [one.pod for one in judged if one.goes]
    limit = arguments.seconds("timeout")
    try:
        async with asyncio.timeout(limit if limit > 0 else None), asyncio.TaskGroup() as group:
            tasks = [group.create_task(_evict(session, arguments, pod)) for pod in leaving]
    except TimeoutError:
        held = [one.pod["metadata"] for one in await _pods(session, arguments, node) if one.goes]
        late = f"global timeout reached: {limit:g}s"
        errors = [f'error when evicting pods/"{one["name"]}" -n "{one["namespace"]}": {late}' for one in held]
        await _give_up(session, arguments, node, errors or [late])
    failures = [text for task in tasks if (text := task.result()) is not None]
    if failures:
        await _give_up(session, arguments, node, failures)


async def _give_up(session: Session, arguments: Arguments, node: str, errors: list[str]) -> NoReturn:
    text = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
    session.err.append(f'There are pending pods in node "{node}" when an error occurred: {text}')
    held = [one.pod["metadata"]["name"] for one in await _pods(session, arguments, node) if one.goes]
    session.err.extend(f"pod/{name}" for name in held)
    raise _Undrained(text)


async def _evict(session: Session, arguments: Arguments, pod: Mapping[str, Any]) -> str | None:
    """Why the pod cannot be evicted; None once it is gone."""
    metadata = pod["metadata"]
    name, namespace, uid = metadata["name"], metadata["namespace"], metadata["uid"]
    dry_run = arguments.dry_run == "server"
    said = f'error when evicting pods/"{name}" -n "{namespace}"'
    path = Pod.resource_type.path(namespace, name)
    while True:
        session.out.append(f"evicting pod {namespace}/{name}{' (server dry run)' if dry_run else ''}")
        try:
            await session.post(f"{path}/eviction", _eviction(arguments, metadata), {}, dry_run=dry_run)
            break
        except NotFound:
            return None
        except TooManyRequests as error:
            session.err.append(f"{said} (will retry after 5s): {error.message}")
            await asyncio.sleep(_RETRY)
        except (ApiError, TransportError) as error:
            return f"{said}: {getattr(error, 'message', str(error))}"
    if dry_run:
        return None
    try:
        await _gone(session, path, uid)
    except (ApiError, TransportError) as error:
        text = getattr(error, "message", str(error))
        return f'error when waiting for pod "{name}" in namespace "{namespace}" to terminate: {text}'
    session.out.append(f"pod/{name} evicted")
    return None


async def _gone(session: Session, path: str, uid: str) -> None:
    while True:
        try:
            live = await session.get(path)
        except NotFound:
            return
        if live["metadata"]["uid"] != uid:
            return
        await asyncio.sleep(_POLL)


def _eviction(arguments: Arguments, metadata: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
    }
    grace = arguments.number("grace-period")
    if grace is not None and grace >= 0:
        body["deleteOptions"] = {"gracePeriodSeconds": grace}
    return body


async def _pods(session: Session, arguments: Arguments, node: str) -> list[_Judged]:
    query = {"fieldSelector": f"spec.nodeName={node}"}
    if arguments.text("pod-selector"):
        query["labelSelector"] = arguments.text("pod-selector")
    found = (await session.get(Pod.resource_type.path(), query)).get("items") or []
    return [await _judge(session, arguments, pod) for pod in found]


async def _judge(session: Session, arguments: Arguments, pod: Mapping[str, Any]) -> _Judged:
    """The filters of kubectl in their order: the first that keeps the pod decides."""
    metadata = pod["metadata"]
    owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
    done = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    if owner and owner["kind"] == "DaemonSet" and not done:
        return await _daemon(session, arguments, pod, owner["name"])
    if _MIRROR in (metadata.get("annotations") or {}):
        return _Judged(pod, False)
    warning = ""
    if any("emptyDir" in volume for volume in pod["spec"].get("volumes") or ()) and not done:
        if not arguments.on("delete-emptydir-data"):
            return _Judged(pod, False, f"{_LOCAL} (use --delete-emptydir-data to override)")
        warning = f"deleting {_LOCAL}"
    if owner is None and not done:
        if not arguments.on("force"):
            return _Judged(pod, False, f"{_UNMANAGED} (use --force to override)")
        warning = f"deleting {_UNMANAGED}"
    return _Judged(pod, True, warning=warning)


async def _daemon(session: Session, arguments: Arguments, pod: Mapping[str, Any], name: str) -> _Judged:
    try:
        await session.get(DaemonSet.resource_type.path(pod["metadata"]["namespace"], name))
    except NotFound as error:
        if arguments.on("force"):
            return _Judged(pod, True, warning=error.message)
        return _Judged(pod, False, error.message)
    except ApiError as error:
        return _Judged(pod, False, error.message)
    if not arguments.on("ignore-daemonsets"):
        return _Judged(pod, False, f"{_DAEMONS} (use --ignore-daemonsets to ignore)")
    return _Judged(pod, False, warning=f"ignoring {_DAEMONS}")


def _grouped(judged: list[_Judged], reason: Any) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for one in judged:
        if reason(one):
            found.setdefault(reason(one), []).append(one.label)
    return {text: ", ".join(labels) for text, labels in found.items()}
