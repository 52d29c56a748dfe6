"""What a request is called: a name that follows from the signal, so that every replica finds the same."""

from __future__ import annotations

import re
from datetime import UTC
from hashlib import blake2b

from kubernaut.remediation.signals import Signal

SLUG = 40
"""Leaves room for what is added to the names of children, within a label's 63."""
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def request_name(signal: Signal) -> str:
    """The name of the request for one firing of a signal: the same fingerprint and start give the same name.

    The start counts to the microsecond; the name of the signal is in front for people only.
    """
    started = signal.starts_at.astimezone(UTC).isoformat(timespec="microseconds") if signal.starts_at else ""
    identity = "\n".join((signal.source, signal.fingerprint, started))
    digest = blake2b(identity.encode(errors="replace"), digest_size=8).hexdigest()
    slug = re.sub(r"[^a-z0-9]+", "-", signal.name.lower())[:SLUG].strip("-")
    return f"{slug or 'signal'}-{digest}"


def fingerprint_label(fingerprint: str) -> str:
    """The fingerprint as the value of a label: itself where it can be one, else a digest."""
    if _LABEL_VALUE.fullmatch(fingerprint):
        return fingerprint
    return blake2b(fingerprint.encode(errors="replace"), digest_size=16).hexdigest()
