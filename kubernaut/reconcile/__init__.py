"""The runtime: controllers reconcile objects, a manager runs them.

manager = Manager(client)
manager.add(Controller(Widget, WidgetReconciler(), owns=[Deployment]))
await manager.run()
"""

from kubernaut.reconcile import predicates
from kubernaut.reconcile.cache import Cache, CacheOptions, KindOptions, NotCached, NotComplete
from kubernaut.reconcile.context import ClusterView, Context
from kubernaut.reconcile.controller import Controller, Owns, Watch
from kubernaut.reconcile.election import LeaderElection, LeadershipLost, NotLeading
from kubernaut.reconcile.events import EventRecorder, EventSink
from kubernaut.reconcile.informer import Informer, Scope
from kubernaut.reconcile.manager import Manager, NotStopped, NotSynced
from kubernaut.reconcile.owners import mark_owner
from kubernaut.reconcile.permission import Permission
from kubernaut.reconcile.queue import Backoff, Queue, QueueShutDown, TokenBucket
from kubernaut.reconcile.reconciler import Reconciler, RequestReconciler
from kubernaut.reconcile.result import Request, RequeueError, Result, TerminalError
from kubernaut.reconcile.selectors import LabelSelector
from kubernaut.reconcile.store import Change, ChangeType, Store, Stored

__all__ = [
    "Backoff",
    "Cache",
    "CacheOptions",
    "Change",
    "ChangeType",
    "ClusterView",
    "Context",
    "Controller",
    "EventRecorder",
    "EventSink",
    "Informer",
    "KindOptions",
    "LabelSelector",
    "LeaderElection",
    "LeadershipLost",
    "Manager",
    "NotCached",
    "NotComplete",
    "NotLeading",
    "NotStopped",
    "NotSynced",
    "Owns",
    "Permission",
    "Queue",
    "QueueShutDown",
    "Reconciler",
    "Request",
    "RequestReconciler",
    "RequeueError",
    "Result",
    "Scope",
    "Store",
    "Stored",
    "TerminalError",
    "TokenBucket",
    "Watch",
    "mark_owner",
    "predicates",
]
