"""Prometheus metrics of the runtime, under controller-runtime's names.

metrics = RuntimeMetrics()
figures = metrics.controller("widget", max_concurrent=1)
figures.observe("success", 0.012)
"""

from kubernaut.reconcile.metrics.controllers import RESULTS, ControllerMetrics
from kubernaut.reconcile.metrics.informers import InformerFigures
from kubernaut.reconcile.metrics.looplag import LoopLag
from kubernaut.reconcile.metrics.queues import QueueFigures
from kubernaut.reconcile.metrics.requests import MeteredTransport
from kubernaut.reconcile.metrics.runtime import RuntimeMetrics

__all__ = [
    "RESULTS",
    "ControllerMetrics",
    "InformerFigures",
    "LoopLag",
    "MeteredTransport",
    "QueueFigures",
    "RuntimeMetrics",
]
