"""Simulated controllers of a cluster that cost next to nothing: as much of a control plane as a scenario needs."""

from kubernaut.testing.exploration.simulated.base import Simulated, Stage
from kubernaut.testing.exploration.simulated.deployments import Deployments
from kubernaut.testing.exploration.simulated.gc import GarbageCollection
from kubernaut.testing.exploration.simulated.jobs import JobEnd, Jobs

__all__ = ["Deployments", "GarbageCollection", "JobEnd", "Jobs", "Simulated", "Stage"]
