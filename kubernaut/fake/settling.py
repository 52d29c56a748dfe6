"""When a cluster has come to rest: nothing has been written for a while, the renewal of leases aside."""

from __future__ import annotations

import asyncio

from kubernaut.fake.apiserver import ApiServer, LoggedRequest

_READS = ("get", "list", "watch")
_LEASES = "/apis/coordination.k8s.io/"


class NotSettled(TimeoutError):
    """Raised when a cluster is still being written after the time it was given; names the last writes."""


class Activity:
    """What an API server was asked to write since the last look."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._version = server.version
        self._seen = len(server.requests)

    def seen(self) -> bool:
        """Whether anything changed since the last look. A leader renews its lease for ever, so that is no activity."""
        requests, seen = self._server.requests, self._seen
        self._seen = len(requests)
        if self._server.version == self._version:
            return False
        self._version = self._server.version
        new = requests[seen:] if seen <= len(requests) else requests
        writes = [request for request in new if _is_write(request)]
        # A change without a request is the server's own doing (a namespace that is finished, say).
        return not writes or any(not request.path.startswith(_LEASES) for request in writes)


async def settled(server: ApiServer, quiet: float, within: float) -> None:
    """Return when nothing has been written for `quiet` seconds; raises NotSettled after about `within` seconds."""
    loop = asyncio.get_running_loop()
    limit, since, activity = loop.time() + within, loop.time(), Activity(server)
    while (rest := since + quiet - loop.time()) > 0:
        # A write in the middle of a nap starts the wait anew; naps are short so that little time is lost.
        await asyncio.sleep(min(rest, max(quiet / 10, 0.001)))
        if activity.seen():
            since = loop.time()
            if since > limit:
                raise NotSettled(f"the cluster was still written after {within:g} s: {_last_writes(server)}")


def _last_writes(server: ApiServer) -> str:
    writes = [request for request in server.requests if _is_write(request)][-5:]
    return ", ".join(f"{request.user} {request.verb} {request.path} {request.code}" for request in writes)


def _is_write(request: LoggedRequest) -> bool:
    return request.verb not in _READS
