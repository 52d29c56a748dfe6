"""The keyed work queue and its limits on retries: the public names."""

from __future__ import annotations

from kubernaut.reconcile.queue.backoff import Backoff, TokenBucket
from kubernaut.reconcile.queue.items import SECONDS_PER_PRIORITY
from kubernaut.reconcile.queue.workqueue import Queue, QueueShutDown

__all__ = ["SECONDS_PER_PRIORITY", "Backoff", "Queue", "QueueShutDown", "TokenBucket"]
