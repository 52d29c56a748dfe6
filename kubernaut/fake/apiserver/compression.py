"""Large answers are compressed for clients that take it."""

from __future__ import annotations

import gzip
from typing import Final

from kubernaut.fake.apiserver.messages import Request, Response

THRESHOLD: Final = 128 * 1024
"""Bytes from which on it is worth it (kube-apiserver's defaultGzipThresholdBytes)."""
_LEVEL: Final = 1


def compressed(request: Request, answer: Response) -> Response:
    """The answer to a GET, compressed if it is large and the client accepts gzip."""
    if request.method != "GET" or len(answer.body) < THRESHOLD or not _accepted(request):
        return answer
    answer.body = gzip.compress(answer.body, _LEVEL, mtime=0)
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    return answer


def _accepted(request: Request) -> bool:
    choices = request.headers.get("accept-encoding", "").split(",")
    return any(choice.partition(";")[0].strip() == "gzip" for choice in choices)
