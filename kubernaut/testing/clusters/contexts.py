"""The user's kubeconfig: the files that kubectl would read."""

from __future__ import annotations

import os
from pathlib import Path

from kubernaut.client.transports.kubernetes_asyncio import ConfigError, Kubeconfig

__all__ = ["context_names", "user_kubeconfig"]


def user_kubeconfig() -> Kubeconfig:
    """What KUBECONFIG names, else ~/.kube/config. Raises ConfigError."""
    named = [Path(name).expanduser() for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    return Kubeconfig.read(named or [Path("~/.kube/config").expanduser()])


def context_names() -> list[str]:
    """The contexts in it; none where it cannot be read."""
    try:
        return sorted(user_kubeconfig().contexts)
    except ConfigError:
        return []
