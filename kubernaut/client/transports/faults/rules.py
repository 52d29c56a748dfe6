"""Which requests a fault strikes, how often, and the record of those it struck."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial

from kubernaut.client.checks import at_least, between, one_of
from kubernaut.client.requestinfo import RequestInfo
from kubernaut.client.transport import TransportRequest, TransportResponse
from kubernaut.client.transports.faults.effects import Forward, Site
from kubernaut.client.transports.faults.fault import Fault
from kubernaut.resources import Resource, pluralise

__all__ = ["VERBS", "Injected", "Rule", "Target"]

VERBS = ("get", "list", "watch", "create", "update", "patch", "apply", "delete", "deletecollection")
_PLURAL = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault that struck. ``at`` is the event loop's time in seconds."""

    at: float
    request: RequestInfo
    fault: Fault

    def __str__(self) -> str:
        return f"{self.at:.3f} {self.request}: {self.fault}"


@dataclass(frozen=True, slots=True)
class Target:
    """Which requests are meant; see `Faults.add`. Raises ValueError for what no request can be."""

    verb: str | None = None
    resource: str | None = None
    group: str | None = None
    subresource: str | None = None
    namespace: str | None = None
    name: str | None = None
    where: Callable[[RequestInfo], bool] | None = None

    @classmethod
    def of(
        cls,
        verb: str | None,
        resource: str | type[Resource] | None,
        subresource: str | None,
        namespace: str | None,
        name: str | None,
        where: Callable[[RequestInfo], bool] | None,
    ) -> Target:
        """Read the arguments of `Faults.add`."""
        if verb is not None:
            one_of("verb", verb, VERBS)
        plural, group, within = _resource(resource)
        if subresource is not None and within is not None and subresource != within:
            raise ValueError(f"subresource: {subresource!r} is not that of {resource!r}; the nearest is {within!r}")
        return cls(verb, plural, group, within if subresource is None else subresource, namespace, name, where)

    def matches(self, info: RequestInfo) -> bool:
        """Whether the request is meant."""
        verb = info.apply if self.verb == "apply" else self.verb in (None, info.verb)
        wanted = (self.resource, self.group, self.subresource, self.namespace, self.name)
        found = (info.resource, info.group, info.subresource, info.namespace, info.name)
        same = all(want is None or want == have for want, have in zip(wanted, found, strict=True))
        return verb and same and (self.where is None or self.where(info))


def _resource(resource: str | type[Resource] | None) -> tuple[str | None, str | None, str | None]:
    """Plural, group and subresource that are asked for; None where any will do."""
    if resource is None:
        return None, None, None
    if not isinstance(resource, str):
        return resource.resource_type.plural, resource.resource_type.group, None
    path, _, subresource = resource.partition("/")
    plural, dot, group = path.partition(".")
    if not _PLURAL.fullmatch(plural):
        nearest = pluralise(re.sub(r"[^A-Za-z0-9-]", "", plural) or "widget")
        raise ValueError(f"resource: {resource!r} is no plural name such as 'pods'; the nearest is {nearest!r}")
    return plural, group if dot else None, subresource or None


@dataclass(slots=True, eq=False)
class Rule:
    """A fault and when it strikes; made by `Faults.add`. ``seen`` counts matching requests, ``struck`` those struck."""

    fault: Fault
    target: Target
    nth: int | None
    times: int | None
    probability: float
    random: random.Random
    seen: int = 0
    struck: int = 0
    healed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def __post_init__(self) -> None:
        if self.nth is not None:
            at_least("nth", self.nth, 1)
        if self.times is not None:
            at_least("times", self.times, 1)
        between("probability", self.probability, 0, 1)
        if self.fault.of_watches and self.target.verb not in (None, "watch"):
            raise ValueError(f"verb: {self.target.verb!r} has no frames for {self.fault}; the nearest is 'watch'")

    def due(self, info: RequestInfo) -> bool:
        """Count the request if it is meant; whether the fault is to strike it."""
        if (self.fault.of_watches and info.verb != "watch") or not self.target.matches(info):
            return False
        self.seen += 1
        if self.nth is not None and not self.nth <= self.seen < self.nth + (self.times or 1):
            return False
        # Certainty draws no number, so that adding a certain rule moves no other's luck.
        return self.probability >= 1 or self.random.random() < self.probability

    def wrap(self, forward: Forward, info: RequestInfo, record: Callable[[Injected], None]) -> Forward:
        """The way to the server, with the fault on it."""
        return partial(self._open, forward, info, record)

    def _open(
        self, forward: Forward, info: RequestInfo, record: Callable[[Injected], None], request: TransportRequest
    ) -> AbstractAsyncContextManager[TransportResponse]:
        # Rules before this one may have kept the request for a while, in which others used up this rule.
        if self.healed.is_set() or (self.nth is None and self.times is not None and self.struck >= self.times):
            return forward(request)
        self.struck += 1

        def note() -> None:
            record(Injected(asyncio.get_running_loop().time(), info, self.fault))

        return self.fault.effect.open(request, Site(forward, note, self.healed))
