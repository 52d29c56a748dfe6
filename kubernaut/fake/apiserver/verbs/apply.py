"""Server-side apply."""

from __future__ import annotations

from typing import Any

from kubernaut.fake.apiserver import decoding, managed
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.options import write_options
from kubernaut.fake.apiserver.patch import PatchError
from kubernaut.fake.apiserver.patch.apply import server_side_apply
from kubernaut.fake.apiserver.status import (
    StatusError,
    bad_request,
    conflict,
    internal,
    invalid_options,
    not_found,
    required,
)
from kubernaut.fake.apiserver.verbs.body import check_place
from kubernaut.fake.apiserver.verbs.commit import check_version, commit_create, commit_update

Object = dict[str, Any]


def apply(call: Call, live: Object | None) -> tuple[int, Object]:
    """PATCH with a configuration: (201 if it was created, else 200; the object). Raises StatusError."""
    request, resource, subresource = call.request, call.resource, call.info.subresource
    options = write_options(request, "PatchOptions")
    if not request.parameter("fieldManager"):
        raise invalid_options("PatchOptions", [required("fieldManager", "is required for apply patch")])
    if live is None and subresource:
        raise not_found(resource.group, resource.plural, call.info.name)
    config = _configuration(call)
    if not config.get("kind"):
        shown = f"{call.namespace}/{call.info.name}; {resource.group}/{resource.version}, Kind="
        raise internal(f"failed to create typed patch object ({shown}): no corresponding type")
    call.kind.read(config, call.warnings, options.validation)
    try:
        new, entries = server_side_apply(
            live,
            config,
            manager=options.manager,
            now=call.state.now(),
            schema=managed.type_of(call),
            force=options.force,
            subresource=subresource,
            reset=managed.reset_paths(call, subresource),
            api_version=resource.api_version,
        )
    except PatchError as error:
        raise from_patch_error(error) from error
    except ValueError as error:
        raise StatusError(500, None, f"failed to create typed patch object: {error}") from error
    new["metadata"]["managedFields"] = entries
    check_place(call, new)
    if live is None:
        if uid := config["metadata"].get("uid"):
            text = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            raise conflict(resource.group, resource.plural, call.info.name, text)
        return 201, commit_create(call, new, options, ownership=False)
    check_version(call, live, {"metadata": config["metadata"]}, required_version=False)
    return 200, commit_update(call, live, new, options, subresource=subresource, ownership=False)


def _configuration(call: Call) -> Object:
    try:
        config = decoding.decode_value(call.request.body, "application/yaml")
    except ValueError as error:
        raise bad_request(f"error decoding YAML: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("metadata", {}), dict):
        raise bad_request("the configuration is no object")
    name = config.setdefault("metadata", {}).setdefault("name", call.info.name)
    if name != call.info.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.info.name})")
    check_place(call, config)
    config["metadata"].pop("namespace", None)  # given by the path
    return config


def from_patch_error(error: PatchError) -> StatusError:
    """The Status that answers a patch which cannot be applied."""
    details: Object | None = dict(error.details)
    causes = [cause.to_dict() for cause in error.causes]
    if causes and details is not None:
        details["causes"] = causes
    if not details and error.code != 422:
        details = None
    return StatusError(error.code, error.reason or None, error.message, details)
