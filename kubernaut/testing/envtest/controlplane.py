"""The programs of one environment: started in order, stopped in reverse. Bound to no event loop; methods block."""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from kubernaut.testing.envtest import flags
from kubernaut.testing.envtest.errors import EnvTestError
from kubernaut.testing.envtest.files import MASTERS, Files, Tokens
from kubernaut.testing.envtest.ports import free_ports
from kubernaut.testing.envtest.programs import Program
from kubernaut.testing.envtest.readiness import await_true, missing_accounts, missing_bootstrap

__all__ = ["ASSETS", "ControlPlane"]

ASSETS = "KUBEBUILDER_ASSETS"
# A port may be taken between its choice and its use.
ATTEMPTS = 3
IN_USE = "address already in use"
REQUEST_SECONDS = 10.0


class ControlPlane:
    """etcd, kube-apiserver and, if asked for, kube-controller-manager."""

    def __init__(
        self, assets: Path, logs: Path | None, tokens: Tokens, *, controller_manager: bool, start_seconds: float
    ) -> None:
        self.abort = threading.Event()
        """Set from another thread, it makes what waits here raise Aborted."""
        self._with_controllers = controller_manager
        self._seconds = start_seconds
        self._binaries = {name: _binary(assets, name) for name in ("etcd", "kube-apiserver")}
        if controller_manager:
            self._binaries["kube-controller-manager"] = _binary(assets, "kube-controller-manager")
        self._logs = logs
        self._tokens = tokens
        self._folder: Path | None = None
        self._files: Files | None = None
        self._programs: dict[str, Program] = {}
        self._etcd_port = self._peer_port = self._port = self._controllers_port = 0
        self._http: httpx.Client | None = None

    @property
    def url(self) -> str:
        """The API server's. Raises EnvTestError before the start."""
        self.files  # noqa: B018 - the check is meant
        return f"https://127.0.0.1:{self._port}"

    @property
    def files(self) -> Files:
        """Certificates and kubeconfigs. Raises EnvTestError before the start."""
        if self._files is None:
            raise EnvTestError("the environment does not run: use it in `async with EnvTest() as env:`")
        return self._files

    @property
    def etcd_url(self) -> str:
        """etcd's client URL, without TLS."""
        return f"http://127.0.0.1:{self._etcd_port}"

    def log(self, program: str) -> Path:
        """The file that a program's output goes to. Raises KeyError for one that does not belong here."""
        return self._programs[program].log

    def start(self) -> None:
        """Start everything and wait until it is ready; what was started is stopped when that fails."""
        if self._folder is not None:
            raise EnvTestError("the environment runs already")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start()
                return
            except EnvTestError as error:
                self.stop()
                if IN_USE not in str(error) or attempt == ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise

    def _start(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kubernaut-envtest-"))
        self._files = Files(self._folder, self._tokens)
        logs = self._logs or self._folder
        logs.mkdir(parents=True, exist_ok=True)
        self._programs = {name: Program(name, logs / f"{name}.log", self._folder) for name in self._binaries}
        ports = free_ports(4)
        self._etcd_port, self._peer_port, self._port, self._controllers_port = ports
        data = self._folder / "etcd"
        self._programs["etcd"].start(flags.etcd(self._binaries["etcd"], data, self._etcd_port, self._peer_port))
        self.start_api_server()
        if self._with_controllers:
            self.files.write_controller_manager(self.url)
            self.start_controllers()
            self._await(lambda: missing_accounts(self._client()))

    def stop(self) -> None:
        """End everything, in reverse order, and remove what it wrote, but for logs that have a folder of their own."""
        for program in reversed(list(self._programs.values())):
            # Nobody will read the data: there is no reason to wait for an orderly end.
            program.stop(kill=True)
        self._close_client()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._files = None
        self._programs = {}

    def start_api_server(self) -> None:
        """Start it on its port and with its data, and wait until it is ready."""
        binary = self._binaries["kube-apiserver"]
        command = flags.api_server(binary, self.files, self._port, self._etcd_port)
        self._programs["kube-apiserver"].start(command)
        self._close_client()
        self._await(lambda: missing_bootstrap(self._client()))

    def stop_api_server(self, *, kill: bool) -> None:
        """End it; its data stay in etcd."""
        self.files  # noqa: B018 - the check is meant
        self._programs["kube-apiserver"].stop(kill=kill)

    def start_controllers(self) -> None:
        """Start kube-controller-manager, if this environment has one."""
        if self._with_controllers:
            binary = self._binaries["kube-controller-manager"]
            command = flags.controller_manager(binary, self.files, self._controllers_port)
            self._programs["kube-controller-manager"].start(command)

    def restart_controllers(self) -> None:
        """Start it again with the kubeconfig that is there now."""
        if self._with_controllers:
            self.files.write_controller_manager(self.url)
            self._programs["kube-controller-manager"].stop(kill=True)
            self.start_controllers()

    def rotate_serving(self, *, authority: bool) -> None:
        """A new serving certificate, in use when this returns."""
        self.files.renew_serving_certificate(authority=authority)
        self._restart_all(controllers=authority)

    def rotate_clients(self, *, keep_old: bool) -> None:
        """A new authority for client certificates, in use when this returns."""
        self.files.renew_client_authority(keep_old=keep_old)
        self._restart_all(controllers=True)

    def replace_tokens(self, tokens: Tokens) -> None:
        """Other static tokens, in use when this returns."""
        self.files.write_tokens(tokens)
        self._restart_all(controllers=False)

    def _restart_all(self, *, controllers: bool) -> None:
        self.stop_api_server(kill=True)
        self.start_api_server()
        if controllers:
            self.restart_controllers()

    def compact(self) -> int:
        """Throw away etcd's history; returns the revision up to which. Raises EnvTestError."""
        with httpx.Client(base_url=self.etcd_url, timeout=REQUEST_SECONDS, trust_env=False) as etcd:
            revision = int(self._posted(etcd, "/v3/kv/range", {"key": "AA=="})["header"]["revision"])
            self._posted(etcd, "/v3/kv/compaction", {"revision": str(revision), "physical": True})
        return revision

    def create_token(self, namespace: str, name: str, expiration: int) -> str:
        """A ServiceAccount's token from the TokenRequest API. Raises EnvTestError."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        spec: dict[str, Any] = {"expirationSeconds": expiration}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        token: str = self._posted(self._client(), path, body)["status"]["token"]
        return token

    def _posted(self, http: httpx.Client, path: str, body: dict[str, Any]) -> Any:
        try:
            answer = http.post(path, json=body)
        except httpx.TransportError as error:
            raise EnvTestError(f"{http.base_url}{path}: {type(error).__name__}: {error}") from error
        if answer.is_error:
            raise EnvTestError(f"{http.base_url}{path} answers {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def _await(self, missing: Callable[[], str | None]) -> None:
        running = [program for program in self._programs.values() if program.started]
        await_true(missing, running, self._seconds, self.abort)

    def _close_client(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def _client(self) -> httpx.Client:
        """The administrator's, made anew when the certificates were."""
        if self._http is None:
            pair = self.files.client("admin", [MASTERS])
            context = ssl.create_default_context(cadata=self.files.serving_authority.read_text())
            with _in_files(pair.certificate + pair.key) as path:
                context.load_cert_chain(path)
            self._http = httpx.Client(base_url=self.url, verify=context, timeout=REQUEST_SECONDS, trust_env=False)
        return self._http


@contextmanager
def _in_files(content: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name


def _binary(assets: Path, name: str) -> Path:
    path = assets / name
    if not (path.is_file() and os.access(path, os.X_OK)):
        there = ", ".join(sorted(entry.name for entry in assets.iterdir())) if assets.is_dir() else "no such folder"
        raise EnvTestError(f"{path} is no program; in {assets} there is: {there}. {_HOW}")
    return path


_HOW = f"{ASSETS} names a folder with etcd, kube-apiserver and kube-controller-manager (`setup-envtest use -p path`)"
