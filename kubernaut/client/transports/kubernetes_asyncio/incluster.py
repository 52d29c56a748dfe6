"""The configuration that a pod finds in its own file system and environment."""

from __future__ import annotations

import os
from pathlib import Path

from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError
from kubernaut.client.transports.kubernetes_asyncio.target import Cluster, Secret, Server, Target, User

__all__ = ["SERVICE_ACCOUNT", "in_a_pod", "incluster_target"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
SOURCE = "in-cluster configuration"


def in_a_pod(folder: Path | None = None) -> bool:
    """Whether this process seems to run in a pod with a service account. Blocks."""
    return bool(os.environ.get(HOST) and os.environ.get(PORT)) and ((folder or SERVICE_ACCOUNT) / "token").is_file()


def incluster_target(folder: Path | None = None) -> Target:
    """The API server of this pod's cluster, as the pod's service account. Blocks; raises ConfigError."""
    folder = folder or SERVICE_ACCOUNT
    host, port = os.environ.get(HOST), os.environ.get(PORT)
    if not host or not port:
        missing = HOST if not host else PORT
        raise ConfigError(SOURCE, "is not set", field=missing, fix="Outside of a pod, give a kubeconfig")
    token, ca = folder / "token", folder / "ca.crt"
    if not token.is_file():
        fix = "Is automountServiceAccountToken off for the pod or its service account?"
        raise ConfigError(SOURCE, f"there is no {token}", fix=fix)
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Target(
        SOURCE,
        Cluster(
            Server.parse(url, SOURCE, field=HOST, tls=True),
            Secret("ca.crt", path=ca) if ca.is_file() else None,
        ),
        User(token_file=Secret("token", path=token)),
        _namespace(folder / "namespace"),
    )


def _namespace(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
