"""Who may send signals: bearer tokens of a file that is read again when it changes."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from kubernaut.reconcile.log import logger
from kubernaut.reconcile.serving import Authenticate, Refusal
from kubernaut.reconcile.serving.asgi import Scope

LOOK_SECONDS = 1.0
"""Between two looks at the file."""
FILE_BYTES = 64 * 1024

_log = logger("kubernaut.gateway")


class BearerTokens:
    """Lets in whoever bears a token of the file: one a line, so that an old one and its successor can both hold.

    The file is looked at again, at most once a second. While it cannot be read, or is empty, nobody passes, and the
    answer is 503: that is no fault of whoever asks, who may come again.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._state: object = None
        self._looked: float | None = None
        self._tokens: tuple[bytes, ...] = ()
        self.problem: str | None = None
        """Why nobody can pass."""

    def load(self) -> None:
        """Read the file, if it has changed; `problem` says whether that worked. Raises nothing."""
        try:
            found = self._path.stat()
            state = (found.st_mtime_ns, found.st_size, found.st_ino)
            if state == self._state and self.problem is None:
                return
            with self._path.open("rb") as file:
                content = file.read(FILE_BYTES + 1)
        except OSError as error:
            self._fail(f"cannot be read: {error.strerror or error}")
            return
        lines = [line.strip() for line in content.splitlines()]
        tokens = tuple(sha256(line).digest() for line in lines if line)
        if not tokens or len(content) > FILE_BYTES:
            self._fail("holds no token" if not tokens else f"is longer than {FILE_BYTES} bytes")
            return
        if self._state is not None:
            _log.info("the tokens were read again", file=str(self._path), count=len(tokens))
        self._state, self._tokens, self.problem = state, tokens, None

    async def __call__(self, scope: Scope) -> Refusal | None:
        """None if the request may pass."""
        now = asyncio.get_running_loop().time()
        if self._looked is None or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            await asyncio.to_thread(self.load)
        if self.problem is not None:
            return Refusal(503, "the tokens cannot be read")
        token = bearer(scope)
        if token is None:
            return Refusal(401, "a bearer token is needed")
        digest = sha256(token).digest()
        # All are compared, each in the same time: how long it takes tells nothing about any of them.
        matches = [hmac.compare_digest(digest, known) for known in self._tokens]
        return None if any(matches) else Refusal(401, "the bearer token is not known")

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            _log.error("nobody can be let in: the file of tokens cannot be used", file=str(self._path), problem=problem)
        self._tokens, self.problem = (), problem


def any_of(ways: Sequence[Authenticate]) -> Authenticate:
    """Lets in whom one of several lets in; otherwise the refusal that says most: of a right, of us, of the token."""

    async def authenticate(scope: Scope) -> Refusal | None:
        refusals = []
        for way in ways:
            refusal = await way(scope)
            if refusal is None:
                return None
            refusals.append(refusal)
        return max(refusals, key=lambda refusal: (refusal.status == 403, refusal.status >= 500))

    return authenticate


def bearer(scope: Scope) -> bytes | None:
    """The bearer token of a request (RFC 6750); None where there is none, or more than one Authorization."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        return None
    scheme, _, token = bytes(given[0]).strip().partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None
