"""The command lines of etcd, kube-apiserver and kube-controller-manager, for whatever version there is."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubernaut.testing.envtest.files import Files

__all__ = ["api_server", "controller_manager", "etcd"]

ISSUER = "https://kubernetes.default.svc.cluster.local"
# Those that want a cloud or act for machines; versions from 1.28 on list the second name.
WITHOUT = (
    ("attachdetach", "persistentvolume-attach-detach-controller"),
    ("cloud-node-lifecycle", "cloud-node-lifecycle-controller"),
    ("nodeipam", "node-ipam-controller"),
    ("nodelifecycle", "node-lifecycle-controller"),
    ("persistentvolume-expander", "persistentvolume-expander-controller"),
    ("route", "node-route-controller"),
    ("service", "service-lb-controller"),
)
_PROBE_SECONDS = 30


def etcd(binary: Path, data: Path, client_port: int, peer_port: int) -> list[str]:
    """An etcd of one member, which does not wait for the disk: nobody wants the data after a crash of the machine."""
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    flags = [
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
    ]
    return [str(binary), *flags, *_accepted(binary, "--unsafe-no-fsync")]


def api_server(binary: Path, files: Files, port: int, etcd_port: int) -> list[str]:
    """An API server with RBAC and the admission plugins of a normal cluster."""
    flags = [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        # An address that only this machine reaches is no endpoint: it would be refused again every ten seconds.
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--tls-cert-file={files.serving_certificate}",
        f"--tls-private-key-file={files.serving_key}",
        f"--client-ca-file={files.client_authorities}",
        f"--service-account-key-file={files.account_public_key}",
        f"--service-account-signing-key-file={files.account_key}",
        f"--service-account-issuer={ISSUER}",
        f"--token-auth-file={files.tokens}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--profiling=false",
    ]
    return [str(binary), *flags]


def controller_manager(binary: Path, files: Files, port: int) -> list[str]:
    """The controllers that need neither a cloud nor machines."""
    listed = _controllers(binary)
    without = [f"-{name}" for names in WITHOUT for name in names if name in listed]
    flags = [
        f"--kubeconfig={files.controller_manager_kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--service-account-private-key-file={files.account_key}",
        f"--root-ca-file={files.serving_authority}",
        f"--controllers={','.join(['*', *without])}",
        "--profiling=false",
    ]
    # Up to 1.23 it listens on a fixed port as well, and a second one would not start.
    return [str(binary), *flags, *_accepted(binary, "--port=0")]


def _accepted(binary: Path, *flags: str) -> Iterable[str]:
    return [flag for flag in flags if _accepts(binary, flag)]


@cache
def _accepts(binary: Path, flag: str) -> bool:
    """Asked of the program itself: its help does not show flags that are on their way out."""
    return _run(binary, flag, "--version").returncode == 0


@cache
def _controllers(binary: Path) -> frozenset[str]:
    found = re.search(r"All controllers: ([^\n]*)", _run(binary, "--help").stdout)
    return frozenset(re.split(r",\s*", found.group(1).strip())) if found else frozenset()


def _run(binary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(binary), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PROBE_SECONDS,
        check=False,
    )
