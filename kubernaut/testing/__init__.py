"""What tests of controllers import: virtual time, faults, hooks. The fixtures are in kubernaut.testing.plugin."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kubernaut.testing.virtualtime import NeverAtRest, NothingLeftToDo, VirtualTimeLoop, run_virtual

if TYPE_CHECKING:
    from kubernaut.client.intercept import Call, Hook, Proceed, intercept
    from kubernaut.client.requestinfo import RequestInfo
    from kubernaut.client.transports.faults import Fault, Faults, FaultyTransport, Injected, Rule
    from kubernaut.reconcile.permissions import DeclaredTransport, Undeclared, declared
    from kubernaut.testing.clusters.face import Cluster
    from kubernaut.testing.envtest import EnvTest, EnvTestError

__all__ = [
    "Call",
    "Cluster",
    "DeclaredTransport",
    "EnvTest",
    "EnvTestError",
    "Fault",
    "Faults",
    "FaultyTransport",
    "Hook",
    "Injected",
    "NeverAtRest",
    "NothingLeftToDo",
    "Proceed",
    "RequestInfo",
    "Rule",
    "Undeclared",
    "VirtualTimeLoop",
    "declared",
    "intercept",
    "run_virtual",
]

# Imported when first used: the plugin imports this package in every run of pytest where kubernaut is installed, and the
# client takes pydantic with it.
_HOMES = {
    "kubernaut.client.intercept": ("Call", "Hook", "Proceed", "intercept"),
    "kubernaut.client.requestinfo": ("RequestInfo",),
    "kubernaut.client.transports.faults": ("Fault", "Faults", "FaultyTransport", "Injected", "Rule"),
    "kubernaut.reconcile.permissions": ("DeclaredTransport", "Undeclared", "declared"),
    "kubernaut.testing.clusters.face": ("Cluster",),
    "kubernaut.testing.envtest": ("EnvTest", "EnvTestError"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'kubernaut.testing' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
