"""create and update."""

from __future__ import annotations

from typing import Any

from kubernaut.fake.apiserver import conversion
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.options import write_options
from kubernaut.fake.apiserver.status import bad_request, not_found
from kubernaut.fake.apiserver.verbs.body import check_place, read_object
from kubernaut.fake.apiserver.verbs.commit import check_version, commit_create, commit_update

Object = dict[str, Any]


def create(call: Call) -> tuple[int, Object]:
    """POST to a collection: (201, the object)."""
    options = write_options(call.request, "CreateOptions")
    obj = read_object(call, options.validation)
    check_place(call, obj)
    return 201, commit_create(call, obj, options)


def update(call: Call) -> tuple[int, Object]:
    """PUT to an object or its status: (200, the object)."""
    options = write_options(call.request, "UpdateOptions")
    new = read_object(call, options.validation)
    name, resource = call.info.name, call.resource
    check_place(call, new)
    given = new["metadata"].get("name")
    if given and given != name:
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
    new["metadata"]["name"] = name
    stored = call.stored()
    if stored is None:
        raise not_found(resource.group, resource.plural, name)
    old = conversion.read(stored, resource)
    check_version(call, old, new, required_version=not call.kind.unconditional_update)
    return 200, commit_update(call, old, new, options, subresource=call.info.subresource)
