"""kubectl logs: what the containers of one pod have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.client import NotFound
from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.session import Session
from kubernaut.fake.controlplane.kubectl.targets import namespace_of
from kubernaut.resources.builtin.core_v1 import Pod

_GROUPS = ("initContainers", "containers", "ephemeralContainers")


async def logs(session: Session, arguments: Arguments) -> None:
    """Print the log of one container, or of all. Raises KubectlError and ApiError."""
    words = arguments.positionals
    if not words:
        raise KubectlError("error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.")
    kind, slash, name = words[0].rpartition("/")
    if slash and kind not in ("pod", "pods", "po"):
        raise KubectlError("error: only logs of a pod are understood here")
    namespace = namespace_of(session, arguments)
    path = Pod.resource_type.path(namespace, name)
    try:
        pod = await session.get(path)
    except NotFound as error:
        text = f'error: error from server (NotFound): {error.message} in namespace "{namespace}"'
        raise KubectlError(text) from error
    for container in _containers(session, arguments, pod):
        text = await session.text(f"{path}/log", {**_query(arguments), "container": container})
        prefix = f"[pod/{name}/{container}] " if arguments.on("prefix") else ""
        session.out.extend(prefix + line for line in text.splitlines())


def _containers(session: Session, arguments: Arguments, pod: Mapping[str, Any]) -> list[str]:
    names = [each["name"] for group in _GROUPS for each in pod["spec"].get(group) or ()]
    if arguments.on("all-containers"):
        return names
    if wanted := arguments.text("container"):
        if wanted not in names:
            raise KubectlError(f"error: container {wanted} is not valid for pod {pod['metadata']['name']}")
        return [wanted]
    own = [each["name"] for each in pod["spec"]["containers"]]
    if len(own) > 1:
        session.err.append(f'Defaulted container "{own[0]}" out of: {", ".join(own)}')
    return own[:1]


def _query(arguments: Arguments) -> dict[str, str]:
    query: dict[str, str] = {}
    for flag, parameter in (("tail", "tailLines"), ("limit-bytes", "limitBytes")):
        number = arguments.number(flag)
        if number is not None and number >= 0 and (number or flag == "tail"):
            query[parameter] = str(number)
    if arguments.seconds("since"):
        query["sinceSeconds"] = str(int(arguments.seconds("since")))
    for flag in ("previous", "timestamps"):
        if arguments.on(flag):
            query[flag] = "true"
    return query
