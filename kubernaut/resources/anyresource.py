"""Kinds without a model: their spec and status are plain dicts."""

from functools import cache
from types import new_class
from typing import Any, Self, cast

from pydantic import Field

from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import JsonObject


class AnyResource(Resource):
    """An object of a kind for which there is no model; `AnyResource.of(...)` gives the class of one kind."""

    spec: JsonObject = Field(default_factory=dict)
    status: JsonObject = Field(default_factory=dict)

    @classmethod
    def of(cls, api_version: str, kind: str, plural: str | None = None, namespaced: bool = True) -> type[Self]:
        """Give the class for a kind; the same arguments give the same class.

        `plural` is guessed from the kind if not given.
        """
        return cast("type[Self]", _of(cls, api_version, kind, plural, namespaced))


@cache
def _of(base: type[Resource], api_version: str, kind: str, plural: str | None, namespaced: bool) -> type[Resource]:
    group, _, version = api_version.rpartition("/")
    keywords = {
        "group": group,
        "version": version,
        "kind": kind,
        "plural": plural,
        "scope": "Namespaced" if namespaced else "Cluster",
        "crd": False,
    }

    def body(namespace: dict[str, Any]) -> None:
        namespace["__module__"] = __name__
        namespace["__doc__"] = f"{kind} of {api_version}, without a model."

    return cast("type[Resource]", new_class(kind, (base,), keywords, body))
