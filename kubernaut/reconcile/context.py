"""What a reconcile is given besides its object."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from structlog.stdlib import BoundLogger

from kubernaut.reconcile.result import Request
from kubernaut.timing import Clock

if TYPE_CHECKING:
    from kubernaut.client import Client
    from kubernaut.reconcile.cache import Cache
    from kubernaut.reconcile.events import EventSink


@dataclass(frozen=True, slots=True)
class Context:
    """`client` reads and writes the server; `cache` reads memory; `events` never waits; `attempt` counts from 1.

    `clock` gives the wall time; `random` is seeded by the manager, so that a run can be repeated.
    """

    client: Client
    cache: Cache
    events: EventSink
    log: BoundLogger
    clock: Clock
    random: Random
    request: Request
    attempt: int = 1
