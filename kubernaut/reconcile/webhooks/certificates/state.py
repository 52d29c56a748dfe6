"""What the Secret holds: the authorities, the server's certificate, and how far a change of authority has got."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubernaut.reconcile.webhooks.certificates.x509 import Pair, facts_of, matching

__all__ = ["ROTATION", "Retired", "State", "Unreadable"]

SERVER, SERVER_KEY, BUNDLE = "tls.crt", "tls.key", "ca.crt"
ISSUER, ISSUER_KEY = "issuer.crt", "issuer.key"
NEXT, NEXT_KEY = "next.crt", "next.key"
ROTATION = "rotation.json"
"""The key by which a Secret is known to be one of ours."""


class Unreadable(ValueError):
    """Raised for the content of a Secret that cannot be used; the text shows nothing of a key."""


@dataclass(frozen=True, slots=True)
class Retired:
    """An authority that issues no more, trusted `until` nothing of what it issued can be in use."""

    certificate: bytes
    until: datetime


@dataclass(frozen=True, slots=True)
class State:
    """`issued_until`: when the last certificate of `issuer` ends.

    `next` is trusted but not used yet; `next_published`: since when all configurations are known to trust it.
    """

    issuer: Pair
    server: Pair
    issued_until: datetime
    next: Pair | None = None
    next_published: datetime | None = None
    retired: tuple[Retired, ...] = ()

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """The certificates (PEM) of all authorities that an API server has to trust."""
        following = () if self.next is None else (self.next.certificate,)
        return (self.issuer.certificate, *following, *(old.certificate for old in self.retired))

    @property
    def bundle(self) -> bytes:
        """The same as one text."""
        return b"".join(self.trusted)

    def to_data(self) -> dict[str, str]:
        """The ``data`` of the Secret."""
        rotation: dict[str, Any] = {"issuedUntil": _text(self.issued_until)}
        if self.next_published is not None:
            rotation["nextPublished"] = _text(self.next_published)
        retired = [{"certificate": old.certificate.decode(), "until": _text(old.until)} for old in self.retired]
        rotation["retired"] = retired
        values = {
            SERVER: self.server.certificate,
            SERVER_KEY: self.server.key,
            BUNDLE: self.bundle,
            ISSUER: self.issuer.certificate,
            ISSUER_KEY: self.issuer.key,
            ROTATION: json.dumps(rotation).encode(),
        }
        if self.next is not None:
            values |= {NEXT: self.next.certificate, NEXT_KEY: self.next.key}
        return {key: base64.b64encode(value).decode() for key, value in values.items()}

    @classmethod
    def from_data(cls, data: Mapping[str, str]) -> State:
        """Read it back. Raises Unreadable for what is incomplete, or does not fit together."""
        try:
            values = {key: base64.b64decode(value, validate=True) for key, value in data.items()}
            rotation = json.loads(values[ROTATION])
            issuer = Pair(values[ISSUER], values[ISSUER_KEY])
            server = Pair(values[SERVER], values[SERVER_KEY])
            following = Pair(values[NEXT], values[NEXT_KEY]) if NEXT in values else None
            published = rotation.get("nextPublished")
            retired = tuple(Retired(old["certificate"].encode(), _time(old["until"])) for old in rotation["retired"])
            state = cls(
                issuer,
                server,
                _time(rotation["issuedUntil"]),
                following,
                _time(published) if published else None,
                retired,
            )
            state._check()
        except KeyError as error:
            raise Unreadable(f"{error.args[0]} is missing") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise Unreadable(str(error)) from None
        return state

    def _check(self) -> None:
        matching(self.issuer, self.issuer.certificate)
        matching(self.server, self.issuer.certificate)
        if self.next is not None:
            matching(self.next, self.next.certificate)
        for certificate in self.trusted:
            facts_of(certificate)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no timezone")
    return time
