"""The names that stand where a missing target was looked for, so that a person sees what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from kubernaut.client import ApiError, Client
from kubernaut.resources import Resource

SHOWN = 5
READ = 500
"""At most one page is read: this serves a message, not a search."""


async def names_nearby(client: Client, kind: type[Resource], namespace: str | None, name: str) -> str:
    """A clause such as `; namespace shop has web-1, web-2`, the most alike first; empty when nothing can be told."""
    try:
        found = [each.name for each in await client.list(kind, namespace=namespace, limit=READ)]
    except ApiError:
        return ""
    close = get_close_matches(name, found, SHOWN, 0.5)
    shown = [*close, *(other for other in found if other not in close)][:SHOWN]
    where = f"namespace {namespace}" if namespace else "the cluster"
    if not shown:
        return f"; {where} has no {kind.resource_type.kind}"
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return f"; {where} has {', '.join(shown)}{more}"


def near_kinds(kind: str, known: Iterable[str]) -> str:
    """A clause such as ` (did you mean Deployment?)`; empty where none of the known kinds is alike."""
    close = get_close_matches(kind, sorted(set(known)), 1, 0.7)
    return f" (did you mean {close[0]}?)" if close else ""
