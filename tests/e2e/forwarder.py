"""A Service as kube-proxy makes it: connections to one port of loopback go to a process that takes them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence

__all__ = ["Forwarder"]

CHUNK = 65_536


class Forwarder:
    """Forwards to the first of ``backends`` (ports of loopback) that accepts. For a with statement."""

    def __init__(self) -> None:
        self.backends: Sequence[int] = ()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Forwarder:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._open):
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._open):
            each.close()

    def _start(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, name="forwarder")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            backend = self._connected()
            if backend is None:
                _shut(client)
                continue
            self._open.append(backend)
            self._start(_pump, client, backend)
            self._start(_pump, backend, client)

    def _connected(self) -> socket.socket | None:
        for port in self.backends:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=5)
        return None


def _pump(source: socket.socket, sink: socket.socket) -> None:
    source.settimeout(None)
    try:
        while data := source.recv(CHUNK):
            sink.sendall(data)
    except OSError:
        pass
    # The end of the one is the end of the other: a peer that was killed must not look like one that is slow.
    _shut(source)
    _shut(sink)


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
