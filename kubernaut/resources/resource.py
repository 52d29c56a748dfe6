"""Resource: the base class of every kind, which knows its type and how to write itself to the server."""

import difflib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Literal, cast

from pydantic import Field

from kubernaut.resources.meta import SERVER_METADATA, ObjectMeta, OwnerReference
from kubernaut.resources.model import Model, applied
from kubernaut.resources.naming import pluralise
from kubernaut.resources.types import CrdOptions, PrinterColumn, ResourceType, Rule, ScaleSubresource, Scope

_KEYWORDS = (
    "group",
    "version",
    "kind",
    "plural",
    "singular",
    "scope",
    "short_names",
    "categories",
    "status_subresource",
    "scale_subresource",
    "printer_columns",
    "rules",
    "crd",
)


class OwnershipError(ValueError):
    """An object cannot be owned as asked: another controls it, or scopes and namespaces forbid it."""


class Resource(Model):
    """An object of one kind.

    A class is bound to its kind by keywords::

        class Widget(Resource, group="example.dev", version="v1", status_subresource=True):
            spec: WidgetSpec
            status: WidgetStatus = WidgetStatus()

    `kind` defaults to the class name, `plural` to its plural, `scope` to Namespaced. A class without keywords whose
    bases have none is abstract: it has no `resource_type`. A class of an own group is checked when it is made: what a
    CRD cannot express raises TypeError naming the field. `crd=False` leaves that out, for kinds whose CRD somebody
    else wrote; it is the default for Kubernetes' own groups (no dot, or `*.k8s.io`).
    """

    resource_type: ClassVar[ResourceType]
    crd_options: ClassVar[CrdOptions] = CrdOptions()
    _check_crd: ClassVar[bool] = False

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)

    def __init_subclass__(
        cls,
        *,
        group: str | None = None,
        version: str | None = None,
        kind: str | None = None,
        plural: str | None = None,
        singular: str | None = None,
        scope: Scope | None = None,
        short_names: Iterable[str] | None = None,
        categories: Iterable[str] | None = None,
        status_subresource: bool | None = None,
        scale_subresource: ScaleSubresource | bool | None = None,
        printer_columns: Iterable[PrinterColumn] | None = None,
        rules: Iterable[Rule] | None = None,
        crd: bool | None = None,
        **unknown: Any,
    ) -> None:
        _refuse_unknown(cls.__name__, unknown)
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, **keywords: Any) -> None:
        super().__pydantic_init_subclass__()
        given = {key: value for key, value in keywords.items() if value is not None}
        crd = given.pop("crd", None)
        options = {key: tuple(given.pop(key)) for key in ("printer_columns", "rules") if key in given}
        if options:
            cls.crd_options = replace(cls.crd_options, **options)
        inherited: ResourceType | None = getattr(cls, "resource_type", None)
        if given:
            cls.resource_type = _resource_type(cls.__name__, inherited, given)
        elif inherited is None:
            return
        _bind(cls)
        if crd is None:
            crd = not _is_builtin_group(cls.resource_type.group)
        cls._check_crd = bool(crd and given)
        if cls._check_crd:
            cls.model_rebuild(raise_errors=False)

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        # Runs at class creation, or once the forward references of the fields can be resolved.
        super().__pydantic_on_complete__()
        if cls._check_crd:
            from kubernaut.resources.schema import schema_for

            schema_for(cls)

    @property
    def name(self) -> str:
        """The object's name, empty if it has none yet."""
        return self.metadata.name or ""

    @property
    def namespace(self) -> str | None:
        """The object's namespace; None for cluster-scoped objects."""
        return self.metadata.namespace

    @property
    def uid(self) -> str | None:
        """The identity the server gave; None before it is created."""
        return self.metadata.uid

    def to_apply(self) -> dict[str, Any]:
        """Encode for server-side apply: apiVersion, kind, name, and every field set or different from its default.

        Never status, never what only the server writes. Raises ValueError for an object that carries managedFields (it
        was read from the server, so all its fields would count as ours) or has no name.
        """
        if self.metadata.managed_fields:
            raise ValueError(
                f"{self.kind} {self.name!r} was read from the server (it carries managedFields): apply an object of "
                "your own that holds only the fields you mean to own"
            )
        if not self.metadata.name:
            raise ValueError(f"{self.kind} without a name cannot be applied")
        body = applied(self)
        body.pop("status", None)
        metadata = {key: value for key, value in body.get("metadata", {}).items() if key not in SERVER_METADATA}
        return {"apiVersion": self.api_version, "kind": self.kind} | body | {"metadata": metadata}

    def status_dict(self) -> dict[str, Any]:
        """Encode the status alone; empty if the object has none."""
        status = getattr(self, "status", None)
        if isinstance(status, Model):
            return status.to_dict()
        return cast("dict[str, Any]", self.to_dict().get("status") or {})

    def owner_reference(self, controller: bool = True, block: bool = True) -> OwnerReference:
        """Make the reference that a child carries. Raises OwnershipError while the object has no uid."""
        if not self.metadata.uid or not self.metadata.name:
            raise OwnershipError(f"{self.kind} {self.name!r} has no uid yet, so nothing can refer to it as its owner")
        return OwnerReference(
            api_version=self.api_version,
            kind=self.kind,
            name=self.metadata.name,
            uid=self.metadata.uid,
            controller=controller,
            block_owner_deletion=block,
        )


def set_controller_reference(child: Resource, owner: Resource, *, block: bool = True) -> None:
    """Make `owner` the controller of `child`, in place; no change if it is already.

    Raises OwnershipError if another object controls the child, if the owner has no uid, or if the owner is namespaced
    and the child is not in its namespace.
    """
    if owner.resource_type.namespaced and (
        not child.resource_type.namespaced or (child.namespace or owner.namespace) != owner.namespace
    ):
        raise OwnershipError(
            f"{owner.kind} {owner.namespace}/{owner.name} cannot own {child.kind} {child.name!r} outside its namespace"
        )
    reference = owner.owner_reference(block=block)
    current = child.metadata.controller_reference()
    if current is not None and current.uid != reference.uid:
        raise OwnershipError(f"{child.kind} {child.name!r} is controlled by {current.kind} {current.name!r} already")
    others = child.metadata.owner_references
    for index, other in enumerate(others):
        if other.uid == reference.uid:
            others[index] = reference
            return
    others.append(reference)


def _refuse_unknown(name: str, unknown: dict[str, Any]) -> None:
    for key in unknown:
        near = difflib.get_close_matches(key, _KEYWORDS, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(_KEYWORDS)}"
        raise TypeError(f"class {name}: unknown keyword {key!r}{hint}")


def _resource_type(name: str, inherited: ResourceType | None, given: dict[str, Any]) -> ResourceType:
    changes: dict[str, Any] = dict(given)
    scope = changes.pop("scope", None)
    if scope is not None:
        if scope not in ("Namespaced", "Cluster"):
            raise TypeError(f"class {name}: scope is {scope!r}, it must be 'Namespaced' or 'Cluster'")
        changes["namespaced"] = scope == "Namespaced"
    for key in ("short_names", "categories"):
        if isinstance(changes.get(key), str):
            raise TypeError(f"class {name}: {key} is a string, it must be a tuple of strings")
        if key in changes:
            changes[key] = tuple(changes[key])
    scale = changes.get("scale_subresource")
    if isinstance(scale, bool):
        changes["scale_subresource"] = ScaleSubresource() if scale else None
    if inherited is not None:
        return replace(inherited, **changes)
    if "version" not in changes:
        raise TypeError(f"class {name}: the keyword 'version' is missing")
    kind = changes.setdefault("kind", name)
    changes.setdefault("plural", pluralise(kind))
    changes.setdefault("singular", kind.lower())
    changes.setdefault("group", "")
    return ResourceType(**changes)


def _bind(cls: type[Resource]) -> None:
    # The class is not built yet (defer_build), so its two identifying fields can still be narrowed to their one value.
    kind = cls.resource_type
    for name, value in (("api_version", kind.api_version), ("kind", kind.kind)):
        field = cls.model_fields[name]
        field.default = value
        field.annotation = cast("type[Any]", Literal[value])


def _is_builtin_group(group: str) -> bool:
    return "." not in group or group.endswith(".k8s.io")
