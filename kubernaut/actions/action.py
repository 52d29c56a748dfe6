"""The action seam: what an action must say of itself, and a base that says most of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

from kubernaut.actions.parameters import Parameters
from kubernaut.actions.rollback import RollbackInformation
from kubernaut.actions.target import Target
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

Risk = Literal["low", "medium", "high"]
DEFAULT_IMAGE = "registry.k8s.io/kubectl:v1.36.0"
FILES_PATH = "/var/run/kubernaut"
"""Where the pod of an action finds its files."""

P = TypeVar("P", bound=Parameters)
P_co = TypeVar("P_co", bound=Parameters, covariant=True)


@dataclass(frozen=True, slots=True)
class Need:
    """Objects, beside the target, that an action must know before it acts; those that are not there are left out.

    With `name` it is one object, without it all in `namespace` that carry `labels`.
    """

    kind: ResourceType
    namespace: str | None = None
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invocation(Generic[P_co]):
    """One action about to be done.

    `live` is the target as it was read when rollback information was captured: preconditions are taken from it.
    `related` is what `needs` asked for, read at the same time. `timeout` is how long the command may take; None where
    nobody limits it. `now` is the time to write where an action writes one; None where nobody says.
    """

    target: Target
    parameters: P_co
    live: Mapping[str, Any] = field(default_factory=dict)
    related: Sequence[Mapping[str, Any]] = ()
    timeout: timedelta | None = None
    now: datetime | None = None


@runtime_checkable
class Action(Protocol):
    """A kind of change that kubernaut knows how to make, check and undo.

    `name` is a DNS-1123 label of at most 40 characters. `default_timeout` is the time of the command itself, without
    scheduling and image pull. `idempotent` may only be true when running the command twice does no more than once;
    only then is it retried. `reads` are the kinds that `needs` asks for. `undone_by` names, for readers, what `capture`
    leads to; None where nothing leads back. `keeps_output` is false where a command that succeeds prints objects, which
    are not to be kept. `exclusive` may only be false where nothing is changed: such an action neither waits for others
    on its target nor lets them wait. Nothing here awaits or touches the network.

    What is asked of an invocation may raise ParameterError or TargetError when the action does not fit the object as
    it is, and ValueError when `live` lacks what a precondition needs.
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
    def reads(self) -> tuple[ResourceType, ...]: ...
    @property
    def undone_by(self) -> str | None: ...
    @property
    def keeps_output(self) -> bool: ...
    @property
    def exclusive(self) -> bool: ...
    @property
    def image(self) -> str: ...

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        """The least rules the command needs; for one target they name it, without one they are for the ClusterRole."""
        ...

    def needs(self, invocation: Invocation[Any]) -> Sequence[Need]:
        """What must be read, beside the target, before the rest is asked; `related` is empty here."""
        ...

    def creates(self, invocation: Invocation[Any]) -> Mapping[str, Any] | None:
        """The object (a JSON dict with apiVersion, kind and metadata) that it makes, where it changes none.

        None where it acts on the target itself. What is made is what policies are asked about and what is held
        meanwhile. Raises TargetError where that object is there already: it has to be the target then.
        """
        ...

    def command(self, invocation: Invocation[Any]) -> list[str]:
        """The argv, program first; no shell reads it. What is relative in the parameters is absolute here."""
        ...

    def dry_run_command(self, invocation: Invocation[Any]) -> list[str]:
        """The argv that asks the server whether the change would pass, without making it."""
        ...

    def files(self, invocation: Invocation[Any], *, dry_run: bool = False) -> Mapping[str, str]:
        """Text files that the command finds under FILES_PATH, by name: an immutable Secret brings them."""
        ...

    def avoid_node(self, invocation: Invocation[Any]) -> str | None:
        """A node that the pod must not run on."""
        ...

    def capture(self, invocation: Invocation[Any]) -> RollbackInformation | None:
        """The inverse, from the objects before the change; None when there is nothing to roll back.

        Raises CaptureFailed when there should be a way back but none can be recorded.
        """
        ...


class BaseAction(Generic[P]):
    """The common parts of kubectl-based actions; subclasses set the class variables and write `rbac` and `command`."""

    name: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[type[Parameters]]
    risk: ClassVar[Risk]
    idempotent: ClassVar[bool] = False
    default_timeout: ClassVar[timedelta]
    targets: tuple[ResourceType, ...]
    reads: tuple[ResourceType, ...] = ()
    undone_by: ClassVar[str | None] = None
    keeps_output: ClassVar[bool] = True
    exclusive: ClassVar[bool] = True

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

    def needs(self, invocation: Invocation[P]) -> Sequence[Need]:
        return ()

    def creates(self, invocation: Invocation[P]) -> Mapping[str, Any] | None:
        return None

    def command(self, invocation: Invocation[P]) -> list[str]:
        raise NotImplementedError

    def dry_run_command(self, invocation: Invocation[P]) -> list[str]:
        return [*self.command(invocation), "--dry-run=server"]

    def files(self, invocation: Invocation[P], *, dry_run: bool = False) -> Mapping[str, str]:
        return {}

    def avoid_node(self, invocation: Invocation[P]) -> str | None:
        return None

    def capture(self, invocation: Invocation[P]) -> RollbackInformation | None:
        return None


def service_account_name(action: str) -> str:
    """`action-<type>`."""
    return f"action-{action}"


def file_path(name: str) -> str:
    """Where the pod finds the file of that name."""
    return f"{FILES_PATH}/{name}"


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
