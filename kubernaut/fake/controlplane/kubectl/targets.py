"""Turns `deployment/web`, `pod a b` or `nodes -l k=v` into the objects a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.kinds import resolve
from kubernaut.fake.controlplane.kubectl.session import Session, qualified
from kubernaut.resources import ResourceType

_NO_RESOURCE = """error: You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'"""
_MIXED = (
    "error: there is no need to specify a resource type as a separate argument when passing arguments in "
    "resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of "
    "'kubectl get resource resource/<resource_name>'"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One object that a command names."""

    kind: ResourceType
    namespace: str | None
    name: str

    @property
    def path(self) -> str:
        """Its URL path."""
        return self.kind.path(self.namespace, self.name)

    @property
    def label(self) -> str:
        """How kubectl names it in messages."""
        return qualified(self.kind, self.name)


async def find(session: Session, arguments: Arguments, words: Sequence[str]) -> list[Target]:
    """Find the objects that `words` and the selection flags mean.

    Raises KubectlError if nothing is named, ApiError if a selection cannot be listed.
    """
    if not words:
        raise KubectlError(_NO_RESOURCE)
    if "/" in words[0]:
        return [await _slashed(session, arguments, word) for word in words]
    if any("/" in word for word in words[1:]):
        raise KubectlError(_MIXED)
    if len(words) > 1:
        kinds = [await resolve(session, word) for word in words[0].split(",")]
        return [_target(session, arguments, kind, name) for kind in kinds for name in words[1:]]
    if not (arguments.text("selector") or arguments.text("field-selector") or arguments.on("all")):
        raise KubectlError("error: resource(s) were provided, but no name was specified")
    return await _selected(session, arguments, words[0])


def namespace_of(session: Session, arguments: Arguments) -> str:
    """The namespace of -n, else the pod's own."""
    return arguments.text("namespace") or session.namespace


async def list_items(session: Session, arguments: Arguments, kind: ResourceType) -> list[dict[str, Any]]:
    """List what the selection flags select. Raises ApiError."""
    namespace = None if arguments.on("all-namespaces") else namespace_of(session, arguments)
    body = await session.get(kind.path(namespace), selection(arguments))
    return list(body.get("items") or [])


def selection(arguments: Arguments) -> dict[str, str]:
    """The query that -l and --field-selector mean."""
    flags = (("selector", "labelSelector"), ("field-selector", "fieldSelector"))
    return {query: arguments.text(flag) for flag, query in flags if arguments.text(flag)}


async def _slashed(session: Session, arguments: Arguments, word: str) -> Target:
    kind, _, name = word.partition("/")
    if not kind or not name or "/" in name:
        raise KubectlError(
            "error: arguments in resource/name form must have a single resource and name"
            if not kind or not name
            else "error: arguments in resource/name form may not have more than one slash"
        )
    return _target(session, arguments, await resolve(session, kind), name)


async def _selected(session: Session, arguments: Arguments, words: str) -> list[Target]:
    found: list[Target] = []
    for word in words.split(","):
        kind = await resolve(session, word)
        for item in await list_items(session, arguments, kind):
            found.append(Target(kind, item["metadata"].get("namespace"), item["metadata"]["name"]))
    return found


def _target(session: Session, arguments: Arguments, kind: ResourceType, name: str) -> Target:
    return Target(kind, namespace_of(session, arguments) if kind.namespaced else None, name)
