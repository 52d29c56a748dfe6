"""A deletion that holds only for the object that was read: kubectl can say so in a raw request alone."""

from __future__ import annotations

from typing import Any

from kubernaut.actions.action import Invocation, file_path, live_uid
from kubernaut.actions.documents import compact
from kubernaut.actions.target import Target
from kubernaut.resources import ResourceType

_OPTIONS_FILE = "options.json"


def deletion_argv(kind: ResourceType, target: Target) -> list[str]:
    """The command, whose options are in a file. It prints what the server answers: often the object itself."""
    path = kind.path(target.namespace, target.name)
    return ["kubectl", "delete", f"--raw={path}", "--filename", file_path(_OPTIONS_FILE)]


def deletion_files(
    invocation: Invocation[Any], *, dry_run: bool, propagation: str = "background", grace: int | None = None
) -> dict[str, str]:
    """The file with the DeleteOptions. Raises ValueError when the live object was not read."""
    options: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": live_uid(invocation)},
        "propagationPolicy": propagation.title(),
    }
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    if dry_run:
        options["dryRun"] = ["All"]
    return {_OPTIONS_FILE: compact(options)}
