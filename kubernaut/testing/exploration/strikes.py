"""What faults do to the world: to the operator's process, its watches, its clock, the pods, and through people."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from kubernaut.testing.exploration.calls import CallRecord
from kubernaut.testing.exploration.faults import WATCHES, Fault
from kubernaut.testing.exploration.operator import LINGER, Operator
from kubernaut.testing.exploration.scenario import Scenario
from kubernaut.testing.exploration.schedule import Injection
from kubernaut.testing.exploration.simulated.base import MERGE
from kubernaut.testing.exploration.site import Site
from kubernaut.testing.exploration.stage import SiteStage
from kubernaut.testing.exploration.streams import OpenWatch

__all__ = ["TOUCHED", "Strikes"]

PERSON = "person"
TOUCHED = "exploration.kubernaut.io/touched"
"""The annotation that people put on objects."""
NEVER = 1_000_000
"""Events that no run has."""
WATCH_SECONDS = 10.0
"""For how long watches are late, or lose frames, at most."""


class Strikes:
    """Implements Strike."""

    def __init__(self, scenario: Scenario, site: Site, operator: Operator, stage: SiteStage) -> None:
        self._scenario = scenario
        self._site = site
        self._operator = operator
        self._stage = stage
        self.touched: dict[str, str] = {}
        """The objects of people that a person annotated: their uids by their paths."""
        self.made_by_operator: dict[str, None] = {}
        """The paths of objects that the operator, or the control plane, has made."""

    def __call__(self, injection: Injection, call: CallRecord) -> bool:
        """See Strike."""
        fault = Fault(injection.fault)
        if fault in WATCHES:
            return self._watches(fault, injection)
        if fault is Fault.CRASH:
            return self._operator.crash(injection.number("downtime"))
        if fault is Fault.HANDOVER:
            return self._operator.hand_over()
        if fault is Fault.DEPOSED:
            return self._depose(injection.number("seconds"))
        if fault is Fault.CLOCK:
            self._operator.clock.offset += timedelta(seconds=injection.number("seconds"))
            return True
        if fault is Fault.SLOW:
            self._stage.delay = injection.number("seconds")
            return True
        return self._person(fault, injection)

    def unbound(self, injection: Injection) -> bool:
        """A person does it now: before anything has happened, or when all is done."""
        return self._person(Fault(injection.fault), injection)

    def lost_touch(self) -> str | None:
        """Which of people's own objects has lost what a person wrote on it; None: none."""
        for path, uid in self.touched.items():
            obj = self._site.ask("GET", path, actor=PERSON)
            if obj is None or obj["metadata"]["uid"] != uid:
                continue
            if TOUCHED not in (obj["metadata"].get("annotations") or {}):
                return f"the annotation that a person put on {obj['kind']} {obj['metadata']['name']} is gone"
        return None

    def _depose(self, seconds: float) -> bool:
        link = self._operator.link
        if link is None or not self._operator.depose(seconds):
            return False
        until = asyncio.get_running_loop().time() + seconds + 2 * LINGER
        for watch in link.watches:
            watch.delay(NEVER, until)
        return True

    def _watches(self, fault: Fault, injection: Injection) -> bool:
        link = self._operator.link
        resource, events = injection.text("resource"), int(injection.option("events", 1))
        watches = [watch for watch in (link.watches if link is not None else {}) if watch.what == resource]
        for watch in watches:
            self._watch(fault, watch, events, injection)
        return bool(watches)

    def _watch(self, fault: Fault, watch: OpenWatch, events: int, injection: Injection) -> None:
        until = asyncio.get_running_loop().time() + float(injection.option("seconds", WATCH_SECONDS))
        if fault is Fault.STALE:
            watch.delay(events, until)
        elif fault is Fault.LOST:
            watch.lose(events, until)
        elif fault is Fault.DUPLICATE:
            watch.repeat(events)
        elif fault is Fault.EXPIRED:
            watch.expire()
        else:
            watch.cut()

    def _person(self, fault: Fault, injection: Injection) -> bool:
        path = injection.text("path")
        obj = self._site.ask("GET", path, actor=PERSON)
        if obj is None:
            return False
        if fault is Fault.DELETE:
            # As kubectl does it; the API alone would orphan the pods of a Job.
            return self._site.ask("DELETE", path, {"propagationPolicy": "Background"}, actor=PERSON) is not None
        if fault is Fault.TOUCH:
            patch = {"metadata": {"annotations": {TOUCHED: "yes"}}}
            if self._site.ask("PATCH", path, patch, actor=PERSON, kind=MERGE) is None:
                return False
            if path not in self.made_by_operator:
                self.touched[path] = obj["metadata"]["uid"]
            return True
        self._scenario.edits[int(injection.number("edit"))].change(obj)
        return self._site.ask("PUT", path, obj, actor=PERSON) is not None
