"""Kubernetes Events (events.k8s.io/v1): recorded without waiting, aggregated, and written by one task."""

from kubernaut.reconcile.events.correlation import COMBINED_NOTE
from kubernaut.reconcile.events.noted import EventType, Regarding
from kubernaut.reconcile.events.recorder import QUEUE_LIMIT, EventRecorder, EventSink

__all__ = ["COMBINED_NOTE", "QUEUE_LIMIT", "EventRecorder", "EventSink", "EventType", "Regarding"]
