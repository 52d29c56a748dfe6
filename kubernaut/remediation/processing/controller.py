"""Wires the processing controller: what it may read, and why."""

from __future__ import annotations

from kubernaut.reconcile import Backoff, Controller, Permission
from kubernaut.remediation.execution.lock.roots import CLIMBED
from kubernaut.remediation.machine import POLL
from kubernaut.remediation.processing.config import ProcessingConfig
from kubernaut.remediation.processing.reconciler import ProcessingReconciler
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, ReplicaSet
from kubernaut.resources.builtin.autoscaling_v1 import HorizontalPodAutoscaler
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Event, Namespace, Node, Pod

_WHY_TARGETS = "reads the target of a remediation; where it is not there, the names that are"


def processings(config: ProcessingConfig | None = None) -> Controller:
    """The controller of RemediationProcessings, for production and for tests alike. It only reads."""
    config = config or ProcessingConfig()
    return Controller(
        RemediationProcessing,
        ProcessingReconciler(config),
        max_concurrent=config.max_concurrent,
        # Errors must not put off a deadline by more than that.
        backoff=Backoff(cap=POLL.total_seconds()),
        permissions=_permissions(config),
    )


def _permissions(config: ProcessingConfig) -> list[Permission]:
    return [
        *(Permission(["get", "list"], kind, why=_WHY_TARGETS) for kind in config.readable),
        *(Permission(["get"], kind, why="finds what a target belongs to") for kind in CLIMBED),
        Permission(["list"], ReplicaSet, why="the revisions of a Deployment"),
        Permission(["list"], ControllerRevision, why="the revisions of a StatefulSet or DaemonSet"),
        Permission(["list"], Job, why="the latest runs of a CronJob"),
        Permission(["list"], Pod, why="the states of the target's pods"),
        Permission(["get"], Pod, subresource="log", why="the last lines of pods in trouble, redacted"),
        Permission(["list"], Event, why="what was told about the target and its pods"),
        Permission(["get"], Node, why="the conditions of the nodes that the pods run on"),
        Permission(["list"], HorizontalPodAutoscaler, why="what scales the target"),
        Permission(["get"], Namespace, why="the labels that tell the environment"),
    ]
