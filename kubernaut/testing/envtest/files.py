"""Certificates, keys and kubeconfigs of one environment, and where they lie."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kubernaut.testing.envtest.certificates import Authority, Pair, service_account_key

__all__ = ["Files", "Tokens", "kubeconfig"]

Tokens = Mapping[str, tuple[str, Sequence[str]]]
"""Token -> user and groups."""

SERVER_NAMES = (
    "localhost",
    "127.0.0.1",
    "::1",
    "10.0.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
MASTERS = "system:masters"


class Files:
    """What the programs read, in ``folder``. A file that is replaced is replaced at once."""

    def __init__(self, folder: Path, tokens: Tokens) -> None:
        self.folder = folder
        self.serving_certificate = folder / "serving.crt"
        self.serving_key = folder / "serving.key"
        self.serving_authority = folder / "serving-ca.crt"
        self.client_authorities = folder / "client-ca.crt"
        self.account_key = folder / "accounts.key"
        self.account_public_key = folder / "accounts.pub"
        self.tokens = folder / "tokens.csv"
        self.controller_manager_kubeconfig = folder / "controller-manager.kubeconfig"
        self._serving = Authority("kubernaut-envtest-serving")
        self._clients = Authority("kubernaut-envtest-clients")
        key, public = service_account_key()
        _write(self.account_key, key)
        _write(self.account_public_key, public)
        _write(self.client_authorities, self._clients.pem)
        self.renew_serving_certificate()
        self.write_tokens(tokens)

    def renew_serving_certificate(self, *, authority: bool = False) -> None:
        """A new serving certificate, with ``authority`` of a new authority."""
        if authority:
            self._serving = Authority("kubernaut-envtest-serving")
        pair = self._serving.server(SERVER_NAMES)
        _write(self.serving_authority, self._serving.pem)
        _write(self.serving_key, pair.key)
        _write(self.serving_certificate, pair.certificate)

    def renew_client_authority(self, *, keep_old: bool) -> None:
        """Client certificates are made by a new authority from now on; those of the old one hold with ``keep_old``."""
        old = self.client_authorities.read_bytes() if keep_old else b""
        self._clients = Authority("kubernaut-envtest-clients")
        _write(self.client_authorities, self._clients.pem + old)

    def write_tokens(self, tokens: Tokens) -> None:
        """The tokens that are known without being asked for, as kube-apiserver's static token file wants them."""
        rows = ((token, user, uid, ",".join(groups)) for uid, (token, (user, groups)) in enumerate(tokens.items(), 1))
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        _write(self.tokens, text.getvalue().encode())

    def kubeconfig(self, server: str, user: str, groups: Sequence[str], namespace: str) -> dict[str, Any]:
        """A kubeconfig with a new client certificate."""
        pair = self.client(user, groups)
        credentials = {"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}
        return kubeconfig(server, self.serving_authority.read_bytes(), credentials, namespace)

    def client(self, user: str, groups: Sequence[str]) -> Pair:
        """A new client certificate."""
        return self._clients.client(user, groups)

    def write_controller_manager(self, server: str) -> None:
        """The kubeconfig of kube-controller-manager, which may do anything: its controllers share one user."""
        config = self.kubeconfig(server, "system:kube-controller-manager", [MASTERS], "kube-system")
        _write(self.controller_manager_kubeconfig, json.dumps(config).encode())


def kubeconfig(server: str, authority: bytes, credentials: dict[str, str], namespace: str) -> dict[str, Any]:
    """A kubeconfig with one context; JSON is YAML as well."""
    cluster = {"server": server, "certificate-authority-data": _base64(authority)}
    context = {"cluster": "envtest", "user": "envtest", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "envtest", "cluster": cluster}],
        "users": [{"name": "envtest", "user": credentials}],
        "contexts": [{"name": "envtest", "context": context}],
        "current-context": "envtest",
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
