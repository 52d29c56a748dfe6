"""What a simulated controller is given: changes as they happen, requests without a network, timers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kubernaut.fake.apiserver.snapshot import Event, Storage

__all__ = ["MERGE", "Simulated", "Stage"]

MERGE = "application/merge-patch+json"


class Stage(Protocol):
    """The server of one run as simulated controllers see it. What they ask is answered at once."""

    @property
    def storage(self) -> Storage:
        """The objects, to be read."""
        ...

    @property
    def delay(self) -> float:
        """Seconds that pods take longer to start at present: the fault `slow`."""
        ...

    def ask(self, method: str, path: str, body: Any = None, *, actor: str, kind: str = "application/json") -> Any:
        """One request; the answer decoded, None where it was refused."""
        ...

    def put(self, obj: dict[str, Any], *, actor: str) -> None:
        """Store an object as it is, unchecked, which costs a tenth of a request; a new one gets its uid and times."""
        ...

    def path_of(self, obj: Mapping[str, Any], subresource: str = "") -> str | None:
        """The path of an object; None where its kind is not served."""
        ...

    def subscribe(self, changed: Callable[[str, Event, str], None]) -> None:
        """Be told of each change: the storage's name of the kind, the event, who made it."""
        ...

    def later(self, seconds: float, act: Callable[[], None], *, at_rest: bool = False) -> None:
        """Do something after a time; not at all where the run is over by then.

        The world is not at rest before that, unless `at_rest` says so: for what will most likely be nothing.
        """
        ...


class Simulated(Protocol):
    """A simulated controller. One value serves many runs: what it remembers of a run belongs to `start`."""

    def start(self, stage: Stage) -> None:
        """Begin one run."""
        ...
