"""What must never happen, judged from outside: by what was sent, carried out and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from kubernaut.client import TransportRequest

RENEW_DEADLINE = 10.0
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
BOARD = "/api/v1/namespaces/default/configmaps/board-"
"""The objects that leaders write: one for each lease, named after it."""


class Violated(AssertionError):
    """An invariant does not hold."""


class Oracle:
    """Sees every request on every wire. Implements Witness; raises Violated from `verdict`, never into the runtime."""

    def __init__(self) -> None:
        self.timeline: list[tuple[float, str, str]] = []
        self.violations: list[str] = []
        self.believing: dict[str, Callable[[], Mapping[str, bool]]] = {}
        """By process: the leases it believes to hold."""
        self.lease_written_late = 0.0
        """When a write to a lease was last carried out whose sender had given it up: others must count from then."""
        self.gains = 0
        """How often a lease came to another holder than before."""
        self.writes = 0
        self.late_writes_refused = 0
        # By process and lease: until when writes may be sent.
        self._deadlines: dict[tuple[str, str], float] = {}
        self._newest: dict[str, int] = {}
        self._holders: dict[str, str] = {}
        """By lease: the process that was last told that it holds it."""
        self._tenures: dict[tuple[str, str], int] = {}

    def note(self, process: str, text: str) -> None:
        """Add a line to the timeline."""
        self.timeline.append((_now(), process, text))

    def tenure(self, process: str, lease: str) -> int:
        """The number of the tenure in which the process last held the lease; a later one has a higher number."""
        return self._tenures.get((process, lease), 0)

    def started(self, process: str) -> None:
        """A new incarnation of the process: what the one before held means nothing to it."""
        for mine in (self._deadlines, self._tenures):
            for key in [key for key in mine if key[0] == process]:
                del mine[key]
        self._holders = {lease: holder for lease, holder in self._holders.items() if holder != process}

    def sent(self, process: str, request: TransportRequest) -> None:
        """See Witness. A write to a board must be before the deadline of the sender's lease."""
        if request.method == "GET":
            return
        self.note(process, f"sends {request.method} {request.path.rpartition('/')[2]} {_gist(request)}")
        lease = _board(request)
        if lease is None:
            return
        self.exclusive()
        deadline = self._deadlines.get((process, lease))
        if deadline is None:
            self._violated(f"{process} sent a write without ever having held {lease}")
        elif _now() >= deadline:
            self._violated(f"{process} sent a write {_now() - deadline:.3f} s after the deadline of {lease}")

    def applied(self, process: str, request: TransportRequest, status: int, sent_at: float) -> None:
        """See Witness. No board takes a write of an earlier tenure after one of a later."""
        if request.method == "GET":
            return
        self.note(process, f"-> server: {request.method} {request.path.rpartition('/')[2]} {_gist(request)}: {status}")
        if request.path.startswith(LEASES) and status < 300:
            if _now() > sent_at + 1:
                self.lease_written_late = _now()
            self.exclusive()
        lease = _board(request)
        if lease is None:
            return
        tenure = int(msgspec.json.decode(request.body or b"{}")["data"]["tenure"])
        newest = self._newest.get(lease, 0)
        if status < 300:
            self.writes += 1
            if tenure < newest:
                self._violated(f"a write of tenure {tenure} landed after one of tenure {newest} on {lease}")
            self._newest[lease] = tenure
        elif status == 409 and tenure < newest:
            self.late_writes_refused += 1

    def answered(self, process: str, request: TransportRequest, status: int, sent_at: float) -> None:
        """See Witness. A successful write to a lease allows writes until the renew deadline after it was sent."""
        if request.method in ("PUT", "POST") and request.path.startswith(LEASES) and status < 300:
            body = msgspec.json.decode(request.body or b"{}")
            self.note(process, f"knows of its {request.method} {body['metadata']['name']} sent at {sent_at:.3f}")
            lease = body["metadata"]["name"]
            key = process, lease
            if body["spec"]["holderIdentity"]:
                self._deadlines[key] = max(self._deadlines.get(key, 0.0), sent_at + RENEW_DEADLINE)
                if self._holders.get(lease) != process:
                    self.gains += 1
                    self._holders[lease], self._tenures[key] = process, self.gains
                    self.note(process, f"begins tenure {self.gains} of {lease}")
                self.exclusive()
            else:
                self._deadlines.pop(key, None)

    def exclusive(self) -> None:
        """At most one process believes to hold a lease."""
        holders: dict[str, str] = {}
        for process, believes in self.believing.items():
            for lease, held in believes().items():
                if held and holders.setdefault(lease, process) != process:
                    self._violated(f"{holders[lease]} and {process} both believe to hold {lease}")

    def verdict(self) -> None:
        """Raise Violated if something happened that must not."""
        if self.violations:
            raise Violated(self.violations[0])

    def _violated(self, what: str) -> None:
        self.note("ORACLE", what)
        self.violations.append(what)


def _board(request: TransportRequest) -> str | None:
    """The lease that a write to a board needs; None for other requests."""
    return request.path.removeprefix(BOARD) if request.path.startswith(BOARD) else None


def _gist(request: TransportRequest) -> str:
    if not request.body:
        return ""
    body = msgspec.json.decode(request.body)
    told = body.get("data") or {"holder": str(body.get("spec", {}).get("holderIdentity"))[-12:]}
    return f"{told} on version {body.get('metadata', {}).get('resourceVersion')}"


def _now() -> float:
    return asyncio.get_running_loop().time()
