"""The scale subresource: replicas of a workload, whatever its kind."""

from __future__ import annotations

from typing import Any

from kubernaut.fake.apiserver import conversion, decoding
from kubernaut.fake.apiserver.admission.subresource import admit_subresource
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.options import write_options
from kubernaut.fake.apiserver.selectors import from_label_selector
from kubernaut.fake.apiserver.status import bad_request, invalid, invalid_value, not_found
from kubernaut.fake.apiserver.verbs.commit import check_version, commit_update
from kubernaut.fake.apiserver.verbs.patching import STRATEGIC, patched
from kubernaut.fake.apiserver.verbs.read import get

Object = dict[str, Any]


def _paths(call: Call) -> tuple[str, str, str]:
    custom = call.resource.custom
    if custom is None:
        return ".spec.replicas", ".status.replicas", ""
    paths: tuple[str, str, str] = custom.scale_paths
    return paths


def dig(obj: Object, path: str) -> Any:
    value: Any = obj
    for part in path.strip(".").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _set(obj: Object, path: str, value: Any) -> Object:
    head, _, rest = path.strip(".").partition(".")
    child = obj.get(head)
    return {**obj, head: _set(child if isinstance(child, dict) else {}, rest, value) if rest else value}


def _selector_text(obj: Object) -> str:
    selector = dig(obj, "spec.selector")
    if isinstance(selector, dict) and not {"matchLabels", "matchExpressions"} & set(selector):
        return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    words = {"in": "in", "notin": "notin"}
    terms = []
    for requirement in from_label_selector(selector if isinstance(selector, dict) else {}):
        if requirement.operator in words and len(requirement.values) == 1 and requirement.operator == "in":
            terms.append((requirement.key, f"{requirement.key}={next(iter(requirement.values))}"))
        elif requirement.operator in words:
            terms.append(
                (requirement.key, f"{requirement.key} {requirement.operator} ({','.join(sorted(requirement.values))})")
            )
        else:
            terms.append(
                (requirement.key, requirement.key if requirement.operator == "exists" else f"!{requirement.key}")
            )
    return ",".join(text for _, text in sorted(terms))


def scale_of(call: Call, obj: Object) -> Object:
    """The Scale that stands for an object."""
    spec_path, status_path, selector_path = _paths(call)
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata = {name: obj["metadata"][name] for name in kept if name in obj["metadata"]}
    replicas = dig(obj, spec_path) or 0
    status: Object = {"replicas": dig(obj, status_path) or 0}
    selector = (
        (dig(obj, selector_path) or "")
        if selector_path
        else ("" if call.resource.custom is not None else _selector_text(obj))
    )
    if selector:
        status["selector"] = selector
    spec = {"replicas": replicas} if replicas else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def scale(call: Call) -> tuple[int, Object]:
    """get, update and patch of a Scale: (200, the Scale). Raises StatusError."""
    resource = call.resource
    if call.info.verb == "get" and resource.custom is None and call.stored() is None:
        raise not_found(resource.group, f"{resource.plural}/scale", call.info.name)
    old = conversion.read(get(call), resource)
    before = scale_of(call, old)
    if call.info.verb == "get":
        return 200, before
    if call.info.verb == "update":
        options = write_options(call.request, "UpdateOptions")
        wanted = decoding.decode_object(call.request.body, call.request.headers.get("content-type", ""), "Scale")
    else:
        options = write_options(call.request, "PatchOptions")
        media = decoding.media_type(call.request.headers.get("content-type", ""))
        wanted = patched(call, before, "application/merge-patch+json" if media == STRATEGIC else media)
    metadata = wanted.get("metadata") or {}
    if metadata.get("name") and metadata["name"] != call.info.name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({call.info.name})"
        )
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal'
            " into Go struct field ScaleSpec.spec.replicas"
        )
    if replicas < 0:
        cause = invalid_value("spec.replicas", str(replicas), "must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", call.info.name, [cause])
    check_version(
        call, old, {"metadata": {"resourceVersion": metadata.get("resourceVersion", "")}}, required_version=False
    )
    wanted = {**before, "spec": {"replicas": replicas}}
    replicas = admit_subresource(call, wanted, before, dry_run=options.dry_run)["spec"].get("replicas", 0)
    new = _set(old, _paths(call)[0], replicas)
    return 200, scale_of(call, commit_update(call, old, new, options, subresource="scale"))
