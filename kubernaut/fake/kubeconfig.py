"""The kubeconfig by which kubectl, and every other client, reaches a served fake cluster."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

NAME = "kubernaut-fake"


class ForeignKubeconfig(ValueError):
    """Raised instead of overwriting a file that holds something else than a kubeconfig written here."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists and is not a kubeconfig of a fake cluster: it is left as it is")


def write_kubeconfig(path: Path, url: str, token: str) -> None:
    """Write a kubeconfig, readable by its owner only, whose one context is the cluster at `url`.

    A file of an earlier fake cluster is replaced. Raises ForeignKubeconfig for any other, OSError.
    """
    if path.exists() and path.stat().st_size and not _is_ours(path):
        raise ForeignKubeconfig(path)
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": url}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}],
        "current-context": NAME,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside it first, so that nobody reads half a file.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump(content, file, sort_keys=False)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _is_ours(path: Path) -> bool:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [cluster["name"] for cluster in content["clusters"]] == [NAME]
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError):
        return False
