"""suspend-cronjob: an action of another package; kubernaut finds it by the entry point in pyproject.toml."""

import json
from datetime import timedelta

from pydantic import Field

from kubernaut.actions import (
    BaseAction,
    Flag,
    Invocation,
    Parameters,
    RollbackInformation,
    Target,
    inverse,
    live_uid,
    rule,
)
from kubernaut.resources.builtin.batch_v1 import CronJob
from kubernaut.resources.builtin.rbac_v1 import PolicyRule


class SuspendCronJobParameters(Parameters):
    """Whether the CronJob shall start no more Jobs."""

    suspend: Flag = Field(default=True, description="true: start no more Jobs; false: go on.")


class SuspendCronJob(BaseAction[SuspendCronJobParameters]):
    """Jobs that run go on. The uid keeps the patch from another CronJob of that name: a second run does no harm."""

    name = "suspend-cronjob"
    title = "Suspend a CronJob"
    parameters = SuspendCronJobParameters
    risk = "low"
    idempotent = True
    default_timeout = timedelta(seconds=30)
    targets = (CronJob.resource_type,)
    undone_by = "suspend-cronjob"

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        """What kubectl patch needs: for one CronJob, or for all of them."""
        return rule("batch", "cronjobs", "get", "patch", target=target)

    def command(self, invocation: Invocation[SuspendCronJobParameters]) -> list[str]:
        """A merge patch that carries the uid: the server refuses it for another object."""
        target, suspend = invocation.target, invocation.parameters.suspend
        patch = json.dumps({"metadata": {"uid": live_uid(invocation)}, "spec": {"suspend": suspend}})
        argv = ["kubectl", "patch", "cronjob", target.name, "--namespace", target.namespace or ""]
        return [*argv, "--type=merge", "--patch", patch]

    def capture(self, invocation: Invocation[SuspendCronJobParameters]) -> RollbackInformation | None:
        """The way back is this action with the former value; none where nothing changes."""
        before = bool(invocation.live.get("spec", {}).get("suspend"))
        if before == invocation.parameters.suspend:
            return None
        return inverse(invocation.live, self.name, {"suspend": before})
