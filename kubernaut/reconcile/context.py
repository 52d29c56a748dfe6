"""What a reconcile is given besides its object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class ClusterView:
    """One cluster of the manager, as a reconcile sees it: writes are fenced and awaited as those to its own."""

    name: str
    client: Client
    cache: Cache


@dataclass(frozen=True, slots=True)
class Context:
    """`client` reads and writes the server; `cache` reads memory; `events` never waits; `attempt` counts from 1.

    All three are those of the request's cluster; `clusters` has those of every cluster of the manager, by name ("" is
    the manager's own; KeyError for a name that is not there). `clock` gives the wall time; `random` is seeded by the
    manager, so that a run can be repeated. With leader election, a write of `client` raises NotLeading when it would
    be sent after this process may have lost its lease.
    """

    client: Client
    cache: Cache
    events: EventSink
    log: BoundLogger
    clock: Clock
    random: Random
    request: Request
    attempt: int = 1
    clusters: Mapping[str, ClusterView] = field(default_factory=dict)
