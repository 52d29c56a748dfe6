"""pods/log: the text that the server was given for a container, as it is or as it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from kubernaut.fake.apiserver import conversion
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.messages import Response, Stream, text_response
from kubernaut.fake.apiserver.requestinfo import truthy
from kubernaut.fake.apiserver.status import bad_request
from kubernaut.fake.apiserver.storage import Compacted, Cursor
from kubernaut.fake.apiserver.verbs.read import get

_FINISHED: Final = ("Succeeded", "Failed")
_STATUSES: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_TEXT: Final = "text/plain"


def log(call: Call) -> Response | Stream:
    """GET pods/log; with `follow` the answer goes on until the container has ended. Raises StatusError 400, 404."""
    pod = conversion.read(get(call), call.resource)
    container = _container(pod, call.request.parameter("container"))
    status = _status(pod, container)
    previous = truthy(call.request.query, "previous")
    if previous and not status.get("restartCount"):
        text = f'previous terminated container "{container}" in pod "{call.info.name}" not found'
        raise bad_request(text)
    waiting = (status.get("state") or {}).get("waiting")
    if waiting and not status.get("restartCount"):
        text = f'container "{container}" in pod "{call.info.name}" is waiting to start: {waiting.get("reason", "")}'
        raise bad_request(text)
    if truthy(call.request.query, "follow") and not previous and not _ended(pod, status):
        return Stream(_Following(call, container, pod["metadata"]["uid"]).chunks(), _TEXT)
    text = _shortened(call, call.state.logs.get((call.namespace, call.info.name, container), ""))
    limit = call.request.parameter("limitBytes")
    return text_response(200, text[: int(limit)] if limit.isdigit() else text)


def _container(pod: Mapping[str, Any], wanted: str) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    own = [item["name"] for item in spec.get("containers", [])]
    every = own + [item["name"] for kind in ("initContainers", "ephemeralContainers") for item in spec.get(kind, [])]
    if not wanted:
        if len(own) != 1:
            text = f"a container name must be specified for pod {name}, choose one of: [{' '.join(every)}]"
            raise bad_request(text)
        return str(own[0])
    if wanted not in every:
        raise bad_request(f"container {wanted} is not valid for pod {name}")
    return wanted


def _status(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    status = pod.get("status") or {}
    found = [item for kind in _STATUSES for item in status.get(kind) or [] if item.get("name") == container]
    return found[0] if found else {}


def _ended(pod: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Nothing more will be written: the container has ended, or nobody will run it."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in _FINISHED or not status or (status.get("state") or {}).get("terminated") is not None


def _shortened(call: Call, text: str) -> str:
    tail = call.request.parameter("tailLines")
    if not tail.isdigit():
        return text
    lines = text.splitlines(keepends=True)
    return "".join(lines[max(0, len(lines) - int(tail)) :])


class _Following:
    """One log that is followed. A log is written before the pod's status tells of it: changes of the pod are enough."""

    def __init__(self, call: Call, container: str, uid: str) -> None:
        self._call, self._container, self._uid = call, container, uid
        self._sent = ""
        self._cursor = self._from_now()

    def _from_now(self) -> Cursor:
        return self._call.state.storage.cursor("pods", None)

    async def chunks(self) -> AsyncIterator[bytes]:
        first = True
        while True:
            new = self._new_text()
            if first:
                new, first = _shortened(self._call, new), False
            if new:
                yield new.encode()
            if self._is_over() or self._cursor.ended:
                return
            await self._cursor.wait()
            try:
                self._cursor.take()
            except Compacted:
                self._cursor = self._from_now()

    def _new_text(self) -> str:
        """What was added since the last call; all of it when a new start of the container has begun anew."""
        call = self._call
        text = call.state.logs.get((call.namespace, call.info.name, self._container), "")
        new = text[len(self._sent) :] if text.startswith(self._sent) else text
        self._sent = text
        return new

    def _is_over(self) -> bool:
        stored = self._call.stored()
        if stored is None or stored.uid != self._uid:
            return True
        pod = stored.decode()
        return _ended(pod, _status(pod, self._container))
