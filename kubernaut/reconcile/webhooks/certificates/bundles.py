"""The caBundle in webhook configurations and CRD conversions: found, compared, and patched where it is ours."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kubernaut.client import Client, JsonPatch, NotFound
from kubernaut.resources import Resource
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition

__all__ = ["Entry", "Published", "Target", "publish", "read"]


@dataclass(frozen=True, slots=True)
class Target:
    """An object that says whom the API server trusts."""

    kind: type[Resource]
    name: str

    def __str__(self) -> str:
        return f"{self.kind.resource_type.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``clientConfig`` that leads to us: its JSON pointer, and its caBundle, b"" for none or a broken one."""

    path: str
    bundle: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """An object as it was read. `entries` are those that lead to us."""

    target: Target
    resource_version: str
    entries: tuple[Entry, ...]

    def trusts(self, certificate: bytes) -> bool:
        """Whether every entry has this certificate (PEM) in its bundle."""
        return all(certificate in entry.bundle for entry in self.entries)


async def read(client: Client, target: Target, hosts: Collection[str]) -> Published | None:
    """The object as the server has it now, None where there is none. Raises ApiError, TransportError."""
    try:
        answer = await client.request("GET", target.kind.resource_type.path(None, target.name))
    except NotFound:
        return None
    obj = msgspec.json.decode(answer.body)
    entries = tuple(
        Entry(path, _decoded(config.get("caBundle")))
        for path, config in _client_configs(target, obj)
        if _host_of(config) in hosts
    )
    return Published(target, obj["metadata"]["resourceVersion"], entries)


async def publish(client: Client, found: Published, bundle: bytes) -> bool:
    """Make the caBundle of each entry `bundle`; whether something had to be written.

    Raises Conflict where the object is no longer as it was read, and ApiError, TransportError.
    """
    wrong = [entry for entry in found.entries if entry.bundle != bundle]
    if not wrong:
        return False
    text = base64.b64encode(bundle).decode()
    # Naming the version makes it a precondition: entries have no place of their own, only one in a list.
    patch = [{"op": "replace", "path": "/metadata/resourceVersion", "value": found.resource_version}]
    patch += [{"op": "add", "path": f"{entry.path}/caBundle", "value": text} for entry in wrong]
    await client.patch(found.target.kind, found.target.name, JsonPatch(patch))
    return True


def _client_configs(target: Target, obj: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if target.kind is CustomResourceDefinition:
        conversion = (obj.get("spec") or {}).get("conversion") or {}
        config = (conversion.get("webhook") or {}).get("clientConfig")
        if conversion.get("strategy") == "Webhook" and config:
            yield "/spec/conversion/webhook/clientConfig", config
        return
    for number, webhook in enumerate(obj.get("webhooks") or ()):
        yield f"/webhooks/{number}/clientConfig", webhook.get("clientConfig") or {}


def _host_of(config: Mapping[str, Any]) -> str:
    """The name that the API server expects in the certificate."""
    service = config.get("service")
    if service:
        return f"{service.get('name')}.{service.get('namespace')}.svc"
    host = urlsplit(config.get("url") or "").hostname or ""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _decoded(bundle: str | None) -> bytes:
    try:
        return base64.b64decode(bundle or "", validate=True)
    except binascii.Error:
        return b""
