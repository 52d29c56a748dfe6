"""The action seam: what an action must say of itself, and a base that says most of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

from kubernaut.actions.parameters import Parameters
from kubernaut.actions.rollback import RollbackInformation
from kubernaut.actions.target import Target
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

Risk = Literal["low", "medium", "high"]
DEFAULT_IMAGE = "registry.k8s.io/kubectl:v1.36.0"

P = TypeVar("P", bound=Parameters)
P_co = TypeVar("P_co", bound=Parameters, covariant=True)


@dataclass(frozen=True, slots=True)
class Invocation(Generic[P_co]):
    """One action about to be done.

    `live` is the target as it was read when rollback information was captured: preconditions are taken from it.
    """

    target: Target
    parameters: P_co
    live: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Action(Protocol):
    """A kind of change that kubernaut knows how to make, check and undo.

    `name` is a DNS-1123 label of at most 40 characters. `default_timeout` is the time of the command itself, without
    scheduling and image pull. `idempotent` may only be true when running the command twice does no more than once;
    only then is it retried. Nothing here awaits or touches the network.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def parameters(self) -> type[Parameters]: ...
    @property
    def risk(self) -> Risk: ...
    @property
    def idempotent(self) -> bool: ...
    @property
    def default_timeout(self) -> timedelta: ...
    @property
    def targets(self) -> tuple[ResourceType, ...]: ...
    @property
    def image(self) -> str: ...

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        """The least rules the command needs; for one target they name it, without one they are for the ClusterRole."""
        ...

    def command(self, invocation: Invocation[Any]) -> list[str]:
        """The argv, program first; no shell reads it. Raises ValueError when `live` lacks what a precondition needs."""
        ...

    def dry_run_command(self, invocation: Invocation[Any]) -> list[str]:
        """The argv that asks the server whether the change would pass, without making it."""
        ...

    def capture(self, live: Mapping[str, Any], parameters: Any) -> RollbackInformation | None:
        """The inverse, from the object before the change; None when there is nothing to roll back.

        Raises CaptureFailed when there should be a way back but none can be recorded.
        """
        ...


class BaseAction(Generic[P]):
    """The common parts of kubectl-based actions; subclasses set the class variables and write `command`."""

    name: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[type[Parameters]]
    risk: ClassVar[Risk]
    idempotent: ClassVar[bool] = False
    default_timeout: ClassVar[timedelta]
    targets: ClassVar[tuple[ResourceType, ...]]

    def __init__(self, *, image: str = DEFAULT_IMAGE) -> None:
        self._image = image

    @property
    def image(self) -> str:
        return self._image

    @property
    def service_account(self) -> str:
        """The ServiceAccount that holds this action's rights, in the executor's namespace."""
        return service_account_name(self.name)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        raise NotImplementedError

    def command(self, invocation: Invocation[P]) -> list[str]:
        raise NotImplementedError

    def dry_run_command(self, invocation: Invocation[P]) -> list[str]:
        return [*self.command(invocation), "--dry-run=server"]

    def capture(self, live: Mapping[str, Any], parameters: P) -> RollbackInformation | None:
        return None


def service_account_name(action: str) -> str:
    """`action-<type>`."""
    return f"action-{action}"


def rule(group: str, resource: str, *verbs: str, target: Target | None = None) -> list[PolicyRule]:
    """A rule for `verbs` on one object, or on all when `target` is None.

    list and watch hold for one name too: Kubernetes honours it when the request selects `metadata.name`, as kubectl
    does.
    """
    names = [target.name] if target else []
    return [PolicyRule(api_groups=[group], resources=[resource], verbs=list(verbs), resource_names=names)]


def live_uid(invocation: Invocation[Any]) -> str:
    """The uid for a precondition. Raises ValueError when the live object was not read."""
    uid = invocation.live.get("metadata", {}).get("uid")
    if not isinstance(uid, str) or not uid:
        raise ValueError(f"{invocation.target}: the live object has no uid to check against")
    return uid
