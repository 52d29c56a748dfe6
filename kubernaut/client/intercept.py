"""Hooks on a client's verbs, for tests: see the typed arguments of a call, answer it, refuse it, or let it go on."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from kubernaut.client.client import Client
from kubernaut.client.frames import RawFrames, RawPage
from kubernaut.client.patches import Patch
from kubernaut.client.results import RawResponse, ResourceList, WatchEvents
from kubernaut.client.transport import TransportResponse
from kubernaut.resources import Resource, ResourceType

__all__ = ["Call", "Hook", "Proceed", "intercept"]

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a verb. ``arguments`` are those that were given, by the names that the verb's method gives them.

    ``client`` is the client that was called, without the hooks: what a hook asks of it, no hook sees.
    """

    verb: str
    client: Client
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def object(self) -> Resource | None:
        """What is to be written, for create, update, update_status and apply."""
        return self.arguments.get("obj")

    @property
    def kind(self) -> type[Resource] | None:
        """The kind asked for; None for raw verbs."""
        return self.arguments.get("kind") or (type(self.object) if self.object is not None else None)

    @property
    def resource_type(self) -> ResourceType | None:
        """The resource asked for; None for ``request`` and ``stream``."""
        given: ResourceType | None = self.arguments.get("rt")
        return self.kind.resource_type if self.kind is not None else given

    @property
    def name(self) -> str:
        """The name of the object asked for; "" where there is none."""
        return self.arguments.get("name") or (self.object.name if self.object is not None else "")

    @property
    def namespace(self) -> str | None:
        """The namespace asked for, or that of the object."""
        given: str | None = self.arguments.get("namespace")
        return given or (self.object.namespace if self.object is not None else None)

    def changed(self, **arguments: Any) -> Call:
        """The same call with other arguments, to proceed with."""
        return replace(self, arguments={**self.arguments, **arguments})

    def __str__(self) -> str:
        kind = self.resource_type.kind if self.resource_type is not None else self.arguments.get("path", "")
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {kind} {where}".rstrip()


Proceed = Callable[[Call], Awaitable[Any]]
"""Goes on with a call: to the next hook, and at last to the client. Returns and raises what the verb does."""

Hook = Callable[[Call, Proceed], Awaitable[Any]]
"""Stands in for a verb; what it returns is returned, what it raises is raised."""


def intercept(
    client: Client,
    *,
    any: Hook | None = None,
    get: Hook | None = None,
    list: Hook | None = None,
    watch: Hook | None = None,
    create: Hook | None = None,
    update: Hook | None = None,
    update_status: Hook | None = None,
    patch: Hook | None = None,
    apply: Hook | None = None,
    delete: Hook | None = None,
    request: Hook | None = None,
    stream: Hook | None = None,
    list_pages: Hook | None = None,
    watch_raw: Hook | None = None,
) -> Client:
    """A client that asks a hook first, for each verb that has one; ``any`` comes before the verb's own::

        async def lose(call: Call, proceed: Proceed) -> Widget:
            await proceed(call)
            raise TransportTimeout("lost")

        client = intercept(cluster.client, update_status=lose)

    Verbs without a hook go on as they did, and so do the requests that one verb makes through another (an apply is a
    patch on the wire: only the hook for apply sees it). Informers use ``list_pages`` and ``watch_raw``. Clients derived
    from the result keep the hooks; an intercepted client can be intercepted again, the newest hooks come first. The
    hooks of ``watch``, ``watch_raw`` and ``stream`` return an async context manager, that of ``list_pages`` an async
    iterator, as proceeding does.
    """
    hooks: dict[str, Hook | None] = {"get": get, "list": list, "watch": watch, "create": create, "update": update}
    hooks |= {"update_status": update_status, "patch": patch, "apply": apply, "delete": delete, "request": request}
    hooks |= {"stream": stream, "list_pages": list_pages, "watch_raw": watch_raw}
    given = {verb: hook for verb, hook in hooks.items() if hook is not None}
    return _Intercepted.of(client, _Layer(any, given))


@dataclass(frozen=True, slots=True)
class _Layer:
    """The hooks of one `intercept`."""

    any: Hook | None
    verbs: Mapping[str, Hook]

    def hooks(self, verb: str) -> tuple[Hook, ...]:
        return tuple(hook for hook in (self.any, self.verbs.get(verb)) if hook is not None)


class _Intercepted(Client):
    """A client with hooks; shares everything else with the one it was made from, whose transport it leaves open."""

    _layers: tuple[_Layer, ...]  # the newest first

    @classmethod
    def of(cls, client: Client, layer: _Layer) -> _Intercepted:
        made = cls.__new__(cls)
        vars(made).update(vars(client.managing_as(client.field_manager)))
        made._layers = (layer, *getattr(client, "_layers", ()))
        return made

    async def _ask(self, verb: str, **arguments: Any) -> Any:
        """Ask the hooks in turn, then a plain client that is as this one but for the hooks."""
        plain = Client.__new__(Client)
        vars(plain).update(vars(self))
        hooks = [hook for layer in self._layers for hook in layer.hooks(verb)]
        return await _chain(hooks)(Call(verb, plain, arguments))

    async def get(self, kind: type[R], name: str, **options: Any) -> R:
        found: R = await self._ask("get", kind=kind, name=name, **options)
        return found

    async def list(self, kind: type[R], **options: Any) -> ResourceList[R]:
        found: ResourceList[R] = await self._ask("list", kind=kind, **options)
        return found

    @asynccontextmanager
    async def watch(self, kind: type[R], **options: Any) -> AsyncIterator[WatchEvents[R]]:
        async with await self._ask("watch", kind=kind, **options) as events:
            yield events

    async def create(self, obj: R, **options: Any) -> R:
        stored: R = await self._ask("create", obj=obj, **options)
        return stored

    async def update(self, obj: R, **options: Any) -> R:
        stored: R = await self._ask("update", obj=obj, **options)
        return stored

    async def update_status(self, obj: R, **options: Any) -> R:
        stored: R = await self._ask("update_status", obj=obj, **options)
        return stored

    async def update_status_json(self, kind: type[Resource], name: str, namespace: str | None, body: bytes) -> None:
        # To a hook it is what it comes to: the status of an object that is written.
        if any(layer.hooks("update_status") for layer in self._layers):
            await self.update_status(kind.from_json(body))
        else:
            await super().update_status_json(kind, name, namespace, body)

    async def patch(self, kind: type[R], name: str, patch: Patch, **options: Any) -> R:
        stored: R = await self._ask("patch", kind=kind, name=name, patch=patch, **options)
        return stored

    async def apply(self, obj: R, **options: Any) -> R:
        stored: R = await self._ask("apply", obj=obj, **options)
        return stored

    async def delete(self, kind: type[R], name: str, **options: Any) -> R | None:
        going: R | None = await self._ask("delete", kind=kind, name=name, **options)
        return going

    async def request(self, method: str, path: str, **options: Any) -> RawResponse:
        response: RawResponse = await self._ask("request", method=method, path=path, **options)
        return response

    @asynccontextmanager
    async def stream(self, method: str, path: str, **options: Any) -> AsyncIterator[TransportResponse]:
        async with await self._ask("stream", method=method, path=path, **options) as response:
            yield response

    async def list_pages(self, rt: ResourceType, **options: Any) -> AsyncIterator[RawPage]:
        pages = await self._ask("list_pages", rt=rt, **options)
        try:
            async for page in pages:
                yield page
        finally:
            # A hook may return any iterator; generators are closed here, not when they happen to be collected.
            if (close := getattr(pages, "aclose", None)) is not None:
                await close()

    @asynccontextmanager
    async def watch_raw(self, rt: ResourceType, **options: Any) -> AsyncIterator[RawFrames]:
        async with await self._ask("watch_raw", rt=rt, **options) as frames:
            yield frames


def _chain(hooks: builtins.list[Hook]) -> Proceed:
    if not hooks:
        return _send
    first, *rest = hooks

    async def proceed(call: Call) -> Any:
        return await first(call, _chain(rest))

    return proceed


async def _send(call: Call) -> Any:
    answer = getattr(call.client, call.verb)(**call.arguments)
    # Verbs that open something return it at once: it is their caller who awaits.
    return await answer if isinstance(answer, Awaitable) else answer
