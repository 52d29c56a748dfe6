"""A scenario: controllers, what is there from the start, what people do, and what must hold."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kubernaut.reconcile import Controller
from kubernaut.resources import Resource
from kubernaut.testing.exploration.faults import ALL_FAULTS, Fault
from kubernaut.testing.exploration.simulated import GarbageCollection, Simulated

if TYPE_CHECKING:
    from kubernaut.testing.exploration.invariants import Invariant
    from kubernaut.testing.exploration.view import View
    from kubernaut.testing.exploration.world import World

__all__ = ["Edit", "Scenario"]

Steps = Callable[["World"], Awaitable[None]]
Document = Resource | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person may do to an object: a change of one object of a kind, as `kubectl edit` makes it.

    `change` gets the object as JSON, changes it in place, and must do the same each time.
    """

    kind: type[Resource]
    change: Callable[[dict[str, Any]], None]
    name: str | None = None
    """The object's name; None: any object of the kind."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is explored. Nothing in here may keep state from one run to the next.

    `controllers` is called at each start of the manager: what is in memory is lost in a crash. It takes no argument, or
    the `World`, whose `outside` stands for systems outside the cluster. `steps` is what people do, in order; it goes on
    while the manager is down, so it should not rely on what the operator has done by then. `crds`, `objects`: there
    from the start (namespaces of objects are made).

    `outside`: makes the systems outside the cluster, by name, for one run; controllers reach them by `world.outside`,
    and each call of an async method is a place for faults. What their `dump()` answers is compared, too.

    `controlplane`: which simulated controllers there are: by default the garbage collector. True: the whole control
    plane of FakeCluster, which is faithful and slow. `faults`: the kinds of faults that are injected. `edits`: what
    people may do to objects at any moment, beside annotating and deleting them. They do all that to those of `objects`,
    too, that the operator asks for; `kept`: the kinds of which they delete none of `objects`, as nothing works without.
    `clock_jumps`: by how many seconds the clock may jump. `lateness`: by how many seconds the last write of a deposed
    leader may arrive late, while another one leads.

    End states are compared with that of the undisturbed run, unless `compare` is off. `ignore`: paths that are left out
    (`status.attempts`, or `Job.status.attempts` for one kind; a kind alone leaves out its objects). `allowed`: further
    end states: what it returns True for is right as well. `settle`: how long nothing may be written for the world to
    count as at rest, `patience`: how long that may take. `storm`: how many calls within `settle` are too many at rest.
    """

    name: str
    controllers: Callable[..., Iterable[Controller]]
    steps: Steps
    crds: Sequence[type[Resource] | Mapping[str, Any]] = ()
    objects: Sequence[Document] = ()
    invariants: Sequence[Invariant] = ()
    controlplane: bool | Sequence[Simulated] = field(default_factory=lambda: (GarbageCollection(),))
    faults: frozenset[Fault] = ALL_FAULTS
    outside: Callable[[], Mapping[str, Any]] | None = None
    edits: Sequence[Edit] = ()
    kept: Sequence[type[Resource]] = ()
    clock_jumps: Sequence[float] = (-3600.0, -30.0, 30.0, 3600.0)
    lateness: Sequence[float] = (0.0, 20.0)
    compare: bool = True
    ignore: Sequence[str] = ()
    allowed: Callable[[View], bool] | None = None
    settle: timedelta = timedelta(seconds=60)
    patience: timedelta = timedelta(hours=1)
    storm: int = 60

    def made(self, world: World) -> list[Controller]:
        """New controllers, for one life of the manager."""
        wants = [p for p in inspect.signature(self.controllers).parameters.values() if p.default is p.empty]
        return list(self.controllers(world) if wants else self.controllers())
