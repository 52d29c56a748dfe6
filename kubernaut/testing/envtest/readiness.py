"""When a control plane that was just started is as one that has been running for a while."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Sequence

import httpx

from kubernaut.testing.envtest.programs import Program

__all__ = ["Aborted", "await_true", "missing_accounts", "missing_bootstrap"]

POLL_SECONDS = 0.1
OK, CREATED = 200, 201
# /readyz is green a moment before the server has written what it makes by itself: these are the last of each kind.
BOOTSTRAP = (
    "/readyz",
    "/api/v1/namespaces/default",
    "/api/v1/namespaces/kube-system",
    "/api/v1/namespaces/default/services/kubernetes",
    "/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical",
    "/apis/scheduling.k8s.io/v1/priorityclasses/system-cluster-critical",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/view",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:basic-user",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-public/rolebindings/system:controller:bootstrap-signer",
)
PODS = "/api/v1/namespaces/default/pods"
PROBE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "envtest-probe"},
    "spec": {"containers": [{"name": "probe", "image": "probe"}]},
}


class Aborted(Exception):
    """Raised in the thread that waits, when nobody waits for it any more."""


def await_true(
    missing: Callable[[], str | None], programs: Sequence[Program], seconds: float, abort: threading.Event
) -> None:
    """Ask ``missing`` until it names nothing.

    Raises EnvTestError when one of the programs ends or the time is over (the last program is at fault then), and
    Aborted.
    """
    end = time.monotonic() + seconds
    while True:
        for program in programs:
            program.check()
        try:
            wanting = missing()
        except httpx.TransportError as error:
            wanting = f"{type(error).__name__}: {error}"
        except ssl.SSLError as error:
            wanting = str(error)
        if wanting is None:
            return
        if time.monotonic() > end:
            raise programs[-1].failure(f"is not ready after {seconds:g} s: {wanting}")
        if abort.wait(POLL_SECONDS):
            raise Aborted


def missing_bootstrap(http: httpx.Client) -> str | None:
    """What the API server has not yet made of that which it makes by itself."""
    for path in BOOTSTRAP:
        answer = http.get(path)
        if answer.status_code != OK:
            return f"{path} answers {answer.status_code} {answer.text[:200]}"
    return None


def missing_accounts(http: httpx.Client) -> str | None:
    """Why no pod could be made yet: that wants its namespace's ServiceAccount, in old versions its Secret."""
    answer = http.post(PODS, params={"dryRun": "All"}, json=PROBE)
    return None if answer.status_code == CREATED else f"no pod can be made: {answer.text[:300]}"
