"""Reads that may fail: each part of the facts is optional, has its own time, and says why it is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio

from kubernaut.client import ApiError, Client, NotFound
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.machine.errors import TRANSIENT
from kubernaut.remediation.processing.config import ProcessingConfig
from kubernaut.remediation.processing.texts import line
from kubernaut.remediation.processing.types import EventFact, Facts
from kubernaut.remediation.signals import Signal
from kubernaut.resources import AnyResource, ResourceType

T = TypeVar("T")


@dataclass(slots=True)
class Gathering:
    """One gathering under way: what is asked, what has been found.

    `asked`: without a namespace where its kind has none, whatever was asked. `read`: parts that a server answered, be
    it with NotFound. `passing`: the names of parts that failed for a reason that may pass.
    """

    client: Client
    config: ProcessingConfig
    signal: Signal
    asked: ExecutionTarget
    place: str | None
    """The namespace of the processing."""
    facts: Facts = field(default_factory=Facts)
    events: list[EventFact] = field(default_factory=list)
    read: int = 0
    passing: list[str] = field(default_factory=list)
    limiter: anyio.CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        if self.kind is not None and not self.kind.namespaced:
            self.asked = self.asked.model_copy(update={"namespace": None})
        self.limiter = anyio.CapacityLimiter(self.config.limits.parallel)

    async def part(self, name: str, reading: Callable[[], Awaitable[T]]) -> T | None:
        """What `reading` finds; None where it failed or took too long, with the reason under `missing`.

        Cancellation passes through; everything else ends here: objects may have shapes that nobody thought of.
        """
        limit = self.config.limits.read.total_seconds()
        try:
            async with self.limiter, asyncio.timeout(limit):
                found = await reading()
        except TimeoutError:
            self.passing.append(name)
            self.miss(name, f"could not be read within {limit:g} s")
            return None
        except NotFound as error:
            self.read += 1
            self.miss(name, f"does not exist: {error}")
            return None
        except Exception as error:
            if isinstance(error, TRANSIENT):
                self.passing.append(name)
            elif isinstance(error, ApiError):
                self.read += 1
            self.miss(name, _told(error))
            return None
        self.read += 1
        return found

    @property
    def kind(self) -> ResourceType | None:
        """The kind of the target; None where it is one that is not read."""
        return self.config.find(self.asked.api_version, self.asked.kind)

    @property
    def may_look(self) -> bool:
        """Whether the target is one that a processing of this namespace may look at."""
        if self.place in self.config.trusted_namespaces:
            return True
        return self.asked.namespace is not None and self.asked.namespace == self.place

    def miss(self, name: str, why: str) -> None:
        """Say why a part is not there, or not all of it; the first reason stays."""
        self.facts.missing.setdefault(name[:63], line(why))

    async def get(self, kind: ResourceType, name: str, namespace: str | None) -> dict[str, Any]:
        """An object as JSON. Raises ApiError, TransportError."""
        model = model_of(kind)
        found = await self.client.get(model, name, namespace=namespace if kind.namespaced else None)
        return found.to_dict()


def model_of(kind: ResourceType) -> type[AnyResource]:
    """A kind without a model: its objects are taken as they are."""
    return AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)


def _told(error: Exception) -> str:
    if isinstance(error, ApiError):
        return f"the API server refused: {error}"
    return f"{type(error).__name__}: {error}"
