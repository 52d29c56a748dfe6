"""Finds a reconciler's bugs: runs a scenario again and again, with a crash or another fault at each API call."""

from kubernaut.testing.exploration.coverage import Coverage
from kubernaut.testing.exploration.engine import explore, replay
from kubernaut.testing.exploration.faults import ALL_FAULTS, Fault
from kubernaut.testing.exploration.invariants import (
    Invariant,
    always,
    at_most_once,
    at_most_once_outside,
    eventually,
    on_change,
)
from kubernaut.testing.exploration.judge import Unusable
from kubernaut.testing.exploration.outside import Done, Outside, OutsideError
from kubernaut.testing.exploration.report import ExplorationFailed, Failure, Report
from kubernaut.testing.exploration.scenario import Edit, Scenario
from kubernaut.testing.exploration.schedule import Injection, Schedule
from kubernaut.testing.exploration.simulated import Deployments, GarbageCollection, JobEnd, Jobs, Simulated, Stage
from kubernaut.testing.exploration.view import View
from kubernaut.testing.exploration.world import World

__all__ = [
    "ALL_FAULTS",
    "Coverage",
    "Deployments",
    "Done",
    "Edit",
    "ExplorationFailed",
    "Failure",
    "Fault",
    "GarbageCollection",
    "Injection",
    "Invariant",
    "JobEnd",
    "Jobs",
    "Outside",
    "OutsideError",
    "Report",
    "Scenario",
    "Schedule",
    "Simulated",
    "Stage",
    "Unusable",
    "View",
    "World",
    "always",
    "at_most_once",
    "at_most_once_outside",
    "eventually",
    "explore",
    "on_change",
    "replay",
]
