"""One OpenAPI v3 document for each group version, and the hash under which clients may keep it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha512
from typing import Any, Final

import msgspec

from kubernaut.fake.apiserver.openapi import schemas
from kubernaut.fake.apiserver.openapi.paths import paths_of
from kubernaut.fake.apiserver.patch.types import kinds
from kubernaut.fake.apiserver.registry import Registry, ResourceInfo, builtin
from kubernaut.fake.apiserver.version import VERSION

Object = dict[str, Any]
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1"
_ALWAYS: Final = tuple(f"{_META}.{name}" for name in ("Status", "Patch", "DeleteOptions", "ObjectMeta", "ListMeta"))


def place_of(group: str, version: str) -> str:
    """Where the document of a group version lies: `apis/apps/v1`, or `api/v1`."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


def group_versions(registry: Registry) -> Iterator[tuple[str, list[ResourceInfo]]]:
    """The resources of each group version that is served, by its place."""
    found: dict[str, list[ResourceInfo]] = {}
    for info in registry.all():
        found.setdefault(place_of(info.group, info.version), []).append(info)
    yield from found.items()


def digest(place: str, infos: Iterable[ResourceInfo]) -> str:
    """Changes when the document does; takes no document to be made."""
    parts = [VERSION["gitVersion"], place]
    parts += [f"{info.plural}/{info.custom.defined_by}" for info in infos if info.custom is not None]
    return sha512("\n".join(parts).encode()).hexdigest().upper()


def document(place: str, infos: Sequence[ResourceInfo]) -> bytes:
    """The document, as JSON. That of built-in kinds is made once in a process."""
    if any(info.custom is not None for info in infos):
        return _encode(infos)
    return _builtin_document(place)


@lru_cache(maxsize=32)
def _builtin_document(place: str) -> bytes:
    return _encode([info for info in builtin() if place_of(info.group, info.version) == place])


def _encode(infos: Sequence[ResourceInfo]) -> bytes:
    encoded: bytes = msgspec.json.encode(_document(infos))
    return encoded


def _document(infos: Sequence[ResourceInfo]) -> Object:
    paths: Object = {}
    own: dict[str, Object] = {}
    wanted = list(_ALWAYS)
    for info in infos:
        if info.custom is not None:
            key = (info.group, info.version)
            own |= schemas.custom(*key, info.kind, info.list_kind, info.custom.schema)
            names = [schemas.custom_name(*key, kind) for kind in (info.kind, info.list_kind)]
            paths.update(paths_of(info, *names))
        else:
            paths.update(paths_of(info))
            wanted += [kinds().get(f"{info.api_version}/{kind}", "") for kind in (info.kind, info.list_kind)]
        for below in info.subresources.values():
            wanted.append(kinds().get(f"{below.group}/{below.version}/{below.kind}".lstrip("/"), ""))
    components = {**schemas.with_references(wanted), **own}
    scheme = {"type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header"}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(components.items())), "securitySchemes": {"BearerToken": scheme}},
    }
