"""delete-resource: delete one object of an allowed kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field

from kubernaut.actions.action import DEFAULT_IMAGE, BaseAction, Invocation, rule
from kubernaut.actions.builtin.deletion import deletion_argv, deletion_files
from kubernaut.actions.builtin.workloads import kind_of
from kubernaut.actions.documents import MAX_CAPTURED, compact, recreatable
from kubernaut.actions.kinds import AllowedKinds, is_sensitive
from kubernaut.actions.parameters import Flag, Parameters
from kubernaut.actions.rollback import CaptureFailed, RollbackInformation
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

MAX_GRACE_SECONDS = 300


class DeleteResourceParameters(Parameters):
    """What happens to dependents, and whether the way back may be missing."""

    propagation: Literal["background", "foreground", "orphan"] = Field(
        default="background",
        description="Dependents go afterwards (background), before (foreground), or stay (orphan).",
    )
    grace_period_seconds: int | None = Field(
        default=None,
        ge=0,
        le=MAX_GRACE_SECONDS,
        description="Seconds that the object may take to end, 0 to 300; its own by default.",
    )
    irreversible: Flag = Field(
        default=False, description="Go ahead where the object cannot be recorded so that it could be made again."
    )


class DeleteResource(BaseAction[DeleteResourceParameters]):
    """The inverse makes the object again as it was, under a new uid; what it owned is not brought back."""

    name = "delete-resource"
    title = "Delete an object"
    parameters = DeleteResourceParameters
    risk = "high"
    undone_by = "apply-manifest"
    default_timeout = timedelta(seconds=60)
    keeps_output = False

    def __init__(self, *, image: str = DEFAULT_IMAGE, kinds: AllowedKinds | None = None) -> None:
        super().__init__(image=image)
        self.targets = (kinds or AllowedKinds()).kinds

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        kinds = self.targets if target is None else (kind_of(target, self.targets),)
        return [each for kind in kinds for each in rule(kind.group, kind.plural, "delete", target=target)]

    def command(self, invocation: Invocation[DeleteResourceParameters]) -> list[str]:
        return deletion_argv(kind_of(invocation.target, self.targets), invocation.target)

    def dry_run_command(self, invocation: Invocation[DeleteResourceParameters]) -> list[str]:
        return self.command(invocation)

    def files(self, invocation: Invocation[DeleteResourceParameters], *, dry_run: bool = False) -> Mapping[str, str]:
        parameters = invocation.parameters
        grace = parameters.grace_period_seconds
        return deletion_files(invocation, dry_run=dry_run, propagation=parameters.propagation, grace=grace)

    def capture(self, invocation: Invocation[DeleteResourceParameters]) -> RollbackInformation | None:
        target, problem = invocation.target, ""
        manifest = compact(recreatable(invocation.live))
        if target.namespace is None:
            problem = f"a {target.kind} has no namespace in which it could be made again"
        elif len(manifest.encode()) > MAX_CAPTURED:
            problem = f"it has more than {MAX_CAPTURED} bytes"
        if problem and invocation.parameters.irreversible:
            return None
        if problem:
            raise CaptureFailed(f"{problem}; with irreversible=true it would be deleted all the same")
        place = Target(Namespace.resource_type.api_version, "Namespace", None, target.namespace or "")
        sensitive = is_sensitive(kind_of(target, self.targets))
        return RollbackInformation(
            action="apply-manifest", target=place, parameters={"manifest": manifest}, sensitive=sensitive
        )
