"""What an informer watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kubernaut.reconcile.selectors import FieldSelector, LabelsArg, LabelSelector, canonical_text
from kubernaut.resources import ResourceType


@dataclass(frozen=True, slots=True)
class Scope:
    """What an informer watches; equal scopes share one informer. Selectors are in query form.

    `metadata_only`: only the metadata of objects is asked for and kept.
    """

    resource_type: ResourceType
    namespace: str | None = None
    labels: str | None = None
    fields: str | None = None
    metadata_only: bool = False

    @classmethod
    def of(
        cls,
        rt: ResourceType,
        namespace: str | None = None,
        labels: LabelsArg = None,
        fields: LabelsArg = None,
        *,
        metadata_only: bool = False,
    ) -> Scope:
        namespace = namespace if rt.namespaced else None
        return cls(rt, namespace, canonical_text(labels), canonical_text(fields), metadata_only)

    @classmethod
    def across(
        cls,
        rt: ResourceType,
        namespaces: str | Sequence[str] | None,
        labels: LabelsArg = None,
        fields: LabelsArg = None,
        *,
        metadata_only: bool = False,
    ) -> tuple[Scope, ...]:
        """One scope for each namespace of a list; one of all namespaces for None, and for cluster-scoped kinds."""
        which = (namespaces,) if namespaces is None or isinstance(namespaces, str) else tuple(namespaces)
        scopes = (cls.of(rt, namespace, labels, fields, metadata_only=metadata_only) for namespace in which)
        return tuple(dict.fromkeys(scopes))

    @property
    def selective(self) -> bool:
        return self.labels is not None or self.fields is not None

    def covers(self, rt: ResourceType, namespace: str | None) -> bool:
        """Whether objects of that kind and namespace can be in the store (the selectors aside)."""
        return rt.group_resource == self.resource_type.group_resource and self.namespace in (None, namespace)

    def selects(self, namespace: str | None, name: str, labels: Mapping[str, str] | None) -> bool | None:
        """Whether the selectors select an object; None where only the server can tell. `labels` None: not known."""
        by_labels, by_fields = _parsed(self.labels, self.fields)
        field_match = by_fields.may_match(namespace, name)
        if field_match is False:
            return False
        if self.labels is None:
            return field_match
        if labels is None or by_labels is None:
            return None
        return by_labels.matches(labels) and field_match

    def selects_all(self, labels: LabelSelector) -> bool:
        """Whether the selectors leave out nothing that `labels` selects."""
        if self.fields is not None:
            return False
        by_labels, _ = _parsed(self.labels, None)
        return by_labels is not None and labels.implies(by_labels)

    def __str__(self) -> str:
        parts = (
            self.namespace and f"in {self.namespace}",
            self.labels,
            self.fields,
            "(metadata)" if self.metadata_only else None,
        )
        return " ".join((self.resource_type.group_resource, *(part for part in parts if part)))


@lru_cache(maxsize=256)
def _parsed(labels: str | None, fields: str | None) -> tuple[LabelSelector | None, FieldSelector]:
    try:
        by_labels = LabelSelector.parse(labels)
    except ValueError:
        by_labels = None
    try:
        return by_labels, FieldSelector.parse(fields)
    except ValueError:
        return by_labels, FieldSelector((), others=True)
