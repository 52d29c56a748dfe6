"""Admission of what is posted or put to a subresource with a body of its own: Eviction, Binding, Scale."""

from __future__ import annotations

from kubernaut.fake.apiserver.admission.attributes import Object
from kubernaut.fake.apiserver.admission.chain import attributes_of
from kubernaut.fake.apiserver.core import Call


def admit_subresource(call: Call, obj: Object, old: Object | None = None, *, dry_run: bool) -> Object:
    """The body as admission wants it. Raises StatusError, Pending."""
    operation = "CREATE" if old is None else "UPDATE"
    admitted = call.state.admission.mutate(attributes_of(call, operation, obj, old, dry_run=dry_run), lambda _: None)
    call.state.admission.validate(attributes_of(call, operation, admitted, old, dry_run=dry_run))
    return admitted
