"""kubernaut: Kubernetes controllers in asyncio Python. Names are imported when they are first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubernaut.client import AlreadyExists, ApiError, Client, Conflict, JsonPatch, MergePatch, NotFound
    from kubernaut.client.connect import connect
    from kubernaut.client.transports.kubernetes_asyncio import ConfigError, TransportOptions
    from kubernaut.reconcile import (
        Backoff,
        Cache,
        CacheOptions,
        Context,
        Controller,
        EventRecorder,
        KindOptions,
        LeaderElection,
        LeadershipLost,
        Manager,
        NotCached,
        NotComplete,
        Owns,
        Permission,
        Reconciler,
        Request,
        RequestReconciler,
        RequeueError,
        Result,
        TerminalError,
        Watch,
        mark_owner,
        predicates,
    )
    from kubernaut.reconcile.log import configure_logging
    from kubernaut.reconcile.process import ExitCode, main
    from kubernaut.reconcile.serving import TlsFiles, TokenReview
    from kubernaut.resources import (
        AnyResource,
        Condition,
        Duration,
        IntOrString,
        JsonObject,
        MicroTime,
        Model,
        ObjectMeta,
        OwnerReference,
        PrinterColumn,
        Quantity,
        Resource,
        ResourceType,
        Rule,
        StatusBase,
        Time,
        crd_for,
        schema_for,
        set_controller_reference,
    )

__version__ = "0.1.0"

__all__ = [
    "AlreadyExists",
    "AnyResource",
    "ApiError",
    "Backoff",
    "Cache",
    "CacheOptions",
    "Client",
    "Condition",
    "ConfigError",
    "Conflict",
    "Context",
    "Controller",
    "Duration",
    "EventRecorder",
    "ExitCode",
    "IntOrString",
    "JsonObject",
    "JsonPatch",
    "KindOptions",
    "LeaderElection",
    "LeadershipLost",
    "Manager",
    "MergePatch",
    "MicroTime",
    "Model",
    "NotCached",
    "NotComplete",
    "NotFound",
    "ObjectMeta",
    "OwnerReference",
    "Owns",
    "Permission",
    "PrinterColumn",
    "Quantity",
    "Reconciler",
    "Request",
    "RequestReconciler",
    "RequeueError",
    "Resource",
    "ResourceType",
    "Result",
    "Rule",
    "StatusBase",
    "TerminalError",
    "Time",
    "TlsFiles",
    "TokenReview",
    "TransportOptions",
    "Watch",
    "__version__",
    "configure_logging",
    "connect",
    "crd_for",
    "main",
    "mark_owner",
    "predicates",
    "schema_for",
    "set_controller_reference",
]

_HOMES = {
    "kubernaut.client": ("AlreadyExists", "ApiError", "Client", "Conflict", "JsonPatch", "MergePatch", "NotFound"),
    "kubernaut.client.connect": ("connect",),
    "kubernaut.client.transports.kubernetes_asyncio": ("ConfigError", "TransportOptions"),
    "kubernaut.reconcile": (
        "Backoff",
        "Cache",
        "CacheOptions",
        "Context",
        "Controller",
        "EventRecorder",
        "KindOptions",
        "LeaderElection",
        "LeadershipLost",
        "Manager",
        "NotCached",
        "NotComplete",
        "Owns",
        "Permission",
        "Reconciler",
        "Request",
        "RequestReconciler",
        "RequeueError",
        "Result",
        "TerminalError",
        "Watch",
        "mark_owner",
        "predicates",
    ),
    "kubernaut.reconcile.log": ("configure_logging",),
    "kubernaut.reconcile.process": ("ExitCode", "main"),
    "kubernaut.reconcile.serving": ("TlsFiles", "TokenReview"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'kubernaut' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF.get(name, "kubernaut.resources")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
