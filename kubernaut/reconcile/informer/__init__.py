"""Keeps a store equal to the server's objects of one kind."""

from kubernaut.reconcile.informer.features import ServerFeatures
from kubernaut.reconcile.informer.handlers import Handler
from kubernaut.reconcile.informer.machine import Informer
from kubernaut.reconcile.informer.retry import RetryDelay
from kubernaut.reconcile.informer.scope import Scope
from kubernaut.reconcile.informer.states import Empty, InitDone, InitPage, InitStream, State, Watching
from kubernaut.reconcile.intake import PAGE_LIMIT

__all__ = [
    "PAGE_LIMIT",
    "Empty",
    "Handler",
    "Informer",
    "InitDone",
    "InitPage",
    "InitStream",
    "RetryDelay",
    "Scope",
    "ServerFeatures",
    "State",
    "Watching",
]
