"""collect-logs: read the last lines that a pod wrote."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from kubernaut.actions.action import BaseAction, Invocation, rule
from kubernaut.actions.parameters import Flag, Parameters
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

MAX_LINES = 2000
MAX_SECONDS = 86_400
MAX_BYTES = 256 * 1024
"""Read at most; what is kept of it is less, and redacted by whoever collects it."""


class CollectLogsParameters(Parameters):
    """Whose lines, and how many."""

    container: str | None = Field(
        default=None,
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="Name of the container; all of them if left out.",
    )
    tail_lines: int = Field(
        default=200, ge=1, le=MAX_LINES, description="Lines from the end of each container's log, 1 to 2000."
    )
    since_seconds: int | None = Field(
        default=None, ge=1, le=MAX_SECONDS, description="Only lines of the last so many seconds, 1 to 86400."
    )
    previous: Flag = Field(default=False, description="The log of the container's run before its last restart.")


class CollectLogs(BaseAction[CollectLogsParameters]):
    """Reads only: nothing to check against, nothing to roll back."""

    name = "collect-logs"
    title = "Collect a Pod's logs"
    parameters = CollectLogsParameters
    risk = "low"
    idempotent = True
    exclusive = False
    default_timeout = timedelta(seconds=30)
    targets = (Pod.resource_type,)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return [*rule("", "pods", "get", target=target), *rule("", "pods/log", "get", target=target)]

    def command(self, invocation: Invocation[CollectLogsParameters]) -> list[str]:
        return [*_argv(invocation), f"--tail={invocation.parameters.tail_lines}"]

    def dry_run_command(self, invocation: Invocation[CollectLogsParameters]) -> list[str]:
        return [*_argv(invocation), "--tail=0"]


def _argv(invocation: Invocation[CollectLogsParameters]) -> list[str]:
    target, parameters = invocation.target, invocation.parameters
    argv = ["kubectl", "logs", target.name, "--namespace", target.namespace or ""]
    if parameters.container is None:
        argv += ["--all-containers", "--prefix"]
    else:
        argv.append(f"--container={parameters.container}")
    if parameters.since_seconds is not None:
        argv.append(f"--since={parameters.since_seconds}s")
    if parameters.previous:
        argv.append("--previous")
    return [*argv, f"--limit-bytes={MAX_BYTES}"]
