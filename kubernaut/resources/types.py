"""What the API calls a resource: its group, version, names, scope and paths."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

Scope = Literal["Namespaced", "Cluster"]


@dataclass(frozen=True, slots=True)
class ScaleSubresource:
    """Where the scale subresource of a custom resource finds its numbers (JSON paths)."""

    spec_replicas_path: str = ".spec.replicas"
    status_replicas_path: str = ".status.replicas"
    label_selector_path: str | None = None


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """One column of `kubectl get`: `json_path` as in `.status.phase`; `priority` > 0 shows only with `-o wide`."""

    name: str
    json_path: str
    type: Literal["string", "integer", "number", "boolean", "date"] = "string"
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule of a CRD.

    `at` names the place it is bound to by the API's field names: empty for the whole object, `spec`, `spec.items[]` for
    each item of a list, `spec.limits{}` for each value of a map. Within the rule `self` is the value at that place.
    """

    rule: str
    message: str = ""
    at: str = ""
    message_expression: str = ""
    reason: str = ""
    field_path: str = ""
    optional_old_self: bool = False


SpecRule = Rule


@dataclass(frozen=True, slots=True)
class CrdOptions:
    """What a Resource class says beyond its type, for the CRD only."""

    printer_columns: tuple[PrinterColumn, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind as the API serves it. Equality and hash look at group, version, kind and plural only."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str = field(default="", compare=False)
    namespaced: bool = field(default=True, compare=False)
    short_names: tuple[str, ...] = field(default=(), compare=False)
    categories: tuple[str, ...] = field(default=(), compare=False)
    status_subresource: bool = field(default=False, compare=False)
    scale_subresource: ScaleSubresource | None = field(default=None, compare=False)

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`deployments.apps`, or `pods` for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Give the URL path of the collection, of one object, or of its subresource.

        The namespace is ignored for cluster-scoped kinds; without one a namespaced collection means all namespaces.
        Raises ValueError for a name without the namespace it needs, and for a subresource without a name.
        """
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            path += f"/namespaces/{quote(namespace, safe='')}"
        elif self.namespaced and name:
            raise ValueError(f"{self.kind} {name!r} needs a namespace")
        path += f"/{self.plural}"
        if name:
            path += f"/{quote(name, safe=':')}"
        elif subresource:
            raise ValueError(f"subresource {subresource!r} of {self.kind} needs a name")
        return f"{path}/{subresource}" if subresource else path

    def __str__(self) -> str:
        return f"{self.api_version} {self.kind}"
