"""Subresources that are more than a part of their object: scale, log, eviction, binding, finalize, token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from kubernaut.fake.apiserver import conversion
from kubernaut.fake.apiserver.admission.subresource import admit_subresource
from kubernaut.fake.apiserver.authn import ISSUER, Bound
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.decoding import decode_object
from kubernaut.fake.apiserver.eviction import eviction
from kubernaut.fake.apiserver.messages import Response, Stream
from kubernaut.fake.apiserver.meta import new_uid, stamp
from kubernaut.fake.apiserver.options import write_options
from kubernaut.fake.apiserver.podlogs import log
from kubernaut.fake.apiserver.scale import scale
from kubernaut.fake.apiserver.status import (
    bad_request,
    conflict,
    invalid,
    invalid_value,
    not_found,
)
from kubernaut.fake.apiserver.verbs.commit import check_version, remove, store
from kubernaut.fake.apiserver.verbs.read import get

Object = dict[str, Any]
Answer = Response | Stream | tuple[int, Object]
_SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def binding(call: Call) -> Answer:
    """POST pods/binding: what a scheduler writes."""
    pod = conversion.read(get(call), call.resource)
    body = decode_object(call.request.body, call.request.headers.get("content-type", ""), "Binding")
    options = write_options(call.request, "CreateOptions")
    body = admit_subresource(call, body, dry_run=options.dry_run)
    node = (body.get("target") or {}).get("name", "")
    if pod["spec"].get("nodeName"):
        text = f'pod {call.info.name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise conflict("", "pods/binding", call.info.name, text)
    pod["spec"]["nodeName"] = node
    conditions = [
        item for item in pod.setdefault("status", {}).get("conditions") or [] if item.get("type") != "PodScheduled"
    ]
    from_now = call.state.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": from_now}
    pod["status"]["conditions"] = [*conditions, scheduled]
    pod["metadata"]["annotations"] = {
        **(pod["metadata"].get("annotations") or {}),
        **((body.get("metadata") or {}).get("annotations") or {}),
    }
    if not pod["metadata"]["annotations"]:
        del pod["metadata"]["annotations"]
    if not options.dry_run:
        store(call, pod)
    return 201, dict(_SUCCESS)


def finalize(call: Call) -> Answer:
    """PUT namespaces/finalize: sets spec.finalizers; the last one takes the namespace with it."""
    old = conversion.read(get(call), call.resource)
    options = write_options(call.request, "UpdateOptions")
    body = decode_object(call.request.body, call.request.headers.get("content-type", ""), "Namespace")
    check_version(call, old, {"metadata": body.get("metadata") or {}}, required_version=False)
    new = {**old, "spec": {**old.get("spec", {}), "finalizers": (body.get("spec") or {}).get("finalizers") or []}}
    if not new["spec"]["finalizers"]:
        del new["spec"]["finalizers"]
    if (
        old["metadata"].get("deletionTimestamp")
        and not new["spec"].get("finalizers")
        and not old["metadata"].get("finalizers")
    ):
        return 200, (new if options.dry_run else remove(call, new))
    if not options.dry_run:
        store(call, new)
    return 200, new


def token(call: Call) -> Answer:
    """POST serviceaccounts/token: a token that this server knows until it expires."""
    account = conversion.read(get(call), call.resource)
    body = decode_object(call.request.body, call.request.headers.get("content-type", ""), "TokenRequest")
    body = admit_subresource(call, body, dry_run=write_options(call.request, "CreateOptions").dry_run)
    asked = body.get("spec") or {}
    seconds, reference = asked.get("expirationSeconds") or 3600, asked.get("boundObjectRef")
    bound = _bound(call, reference) if reference else None
    limit = "less than 10 minutes" if seconds < 600 else "larger than 2^32 seconds" if seconds > 2**32 else ""
    if limit:
        cause = invalid_value("spec.expirationSeconds", str(seconds), f"may not specify a duration {limit}")
        raise invalid("authentication.k8s.io", "TokenRequest", "", [cause])
    now, audiences = call.state.now(), asked.get("audiences") or [ISSUER]
    value = call.state.authn.issue(
        call.namespace,
        call.info.name,
        account["metadata"]["uid"],
        identity=new_uid(call.state.random),
        now=now,
        seconds=seconds,
        audiences=audiences,
        bound=bound,
    )
    return 201, {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": call.info.name, "namespace": call.namespace, "creationTimestamp": stamp(now)},
        "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": reference},
        "status": {"token": value, "expirationTimestamp": stamp(now + timedelta(seconds=seconds))},
    }


def _bound(call: Call, reference: Object) -> Bound:
    """The object that a token is to end with. Raises StatusError 400, 404, 409."""
    version, kind, name = (reference.get(part) or "" for part in ("apiVersion", "kind", "name"))
    plural = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}.get(kind) if version in ("", "v1") else None
    if plural is None:
        group, _, bare = version.rpartition("/")
        raise bad_request(f"cannot bind token to object of type {group}/{bare}, Kind={kind}")
    found = call.state.find(plural, "" if kind == "Node" else call.namespace, name)
    if found is None:
        raise not_found("", plural, name)
    uid = found["metadata"]["uid"]
    if reference.get("uid") and reference["uid"] != uid:
        text = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. "
        raise conflict("", plural, name, text + "The object might have been deleted and then recreated")
    account = (found.get("spec") or {}).get("serviceAccountName", "default")
    if kind == "Pod" and account != call.info.name:
        text = f'cannot bind token for serviceaccount "{call.info.name}" to pod running with'
        raise bad_request(f"{text} different serviceaccount name.")
    return Bound(kind, name, uid)


def pod_part(call: Call) -> Answer:
    """pods/ephemeralcontainers and pods/resize: the pod itself."""
    from kubernaut.fake.apiserver.verbs import patching, write

    if call.info.verb == "get":
        return 200, conversion.read(get(call), call.resource)
    return patching.patch(call) if call.info.verb == "patch" else write.update(call)


SUBRESOURCES: dict[str, Callable[[Call], Answer]] = {
    "scale": scale,
    "log": log,
    "eviction": eviction,
    "binding": binding,
    "finalize": finalize,
    "token": token,
    "ephemeralcontainers": pod_part,
    "resize": pod_part,
}
