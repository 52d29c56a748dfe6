"""Tokens in the form of JSON Web Tokens, signed with HMAC-SHA256 (RFC 7515, RFC 7519)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

_HEADER = {"alg": "HS256", "kid": "kubernaut-fake"}


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signature(head: str, key: bytes) -> str:
    return _packed(hmac.new(key, head.encode(), hashlib.sha256).digest())


def sign(claims: Mapping[str, Any], key: bytes) -> str:
    """`header.claims.signature`."""
    head = f"{_packed(msgspec.json.encode(_HEADER))}.{_packed(msgspec.json.encode(claims))}"
    return f"{head}.{_signature(head, key)}"


def claims(token: str) -> dict[str, Any]:
    """What a token says, unchecked; empty for what is no such token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = msgspec.json.decode(_unpacked(parts[1]))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def verify(token: str, key: bytes) -> dict[str, Any] | None:
    """What a token signed with `key` says; None for any other."""
    head, _, signature = token.rpartition(".")
    if not head or not hmac.compare_digest(signature.encode(), _signature(head, key).encode()):
        return None
    return claims(token)
