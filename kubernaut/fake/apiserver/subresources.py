"""Subresources that are more than a part of their object: scale, log, eviction, binding, finalize, token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kubernaut.fake.apiserver import conversion, selectors
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.decoding import decode_object
from kubernaut.fake.apiserver.messages import Response, text_response
from kubernaut.fake.apiserver.options import write_options
from kubernaut.fake.apiserver.scale import scale
from kubernaut.fake.apiserver.status import Cause, StatusError, bad_request, conflict, too_many_requests
from kubernaut.fake.apiserver.verbs.commit import check_version, remove, store
from kubernaut.fake.apiserver.verbs.delete import delete_object, delete_options
from kubernaut.fake.apiserver.verbs.read import get

Object = dict[str, Any]
Answer = Response | tuple[int, Object]
_SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def log(call: Call) -> Answer:
    """GET pods/log: the text that the server was given for a container."""
    pod = conversion.read(get(call), call.resource)
    names = [item["name"] for item in pod["spec"].get("containers", [])]
    wanted = call.request.parameter("container")
    every = names + [item["name"] for item in pod["spec"].get("initContainers", [])]
    if not wanted:
        if len(names) != 1:
            text = f"a container name must be specified for pod {call.info.name}, choose one of: [{' '.join(every)}]"
            raise bad_request(text)
        wanted = names[0]
    elif wanted not in every:
        raise bad_request(f"container {wanted} is not valid for pod {call.info.name}")
    text = call.state.logs.get((call.namespace, call.info.name, wanted), "")
    tail = call.request.parameter("tailLines")
    if tail.isdigit():
        lines = text.splitlines(keepends=True)
        text = "".join(lines[max(0, len(lines) - int(tail)) :])
    limit = call.request.parameter("limitBytes")
    return text_response(200, text[: int(limit)] if limit.isdigit() else text)


def eviction(call: Call) -> Answer:
    """POST pods/eviction: a deletion that disruption budgets may refuse."""
    pod = conversion.read(get(call), call.resource)
    body = decode_object(call.request.body, call.request.headers.get("content-type", ""), "Eviction")
    phase = pod.get("status", {}).get("phase")
    if phase not in ("Succeeded", "Failed", "Pending") and not pod["metadata"].get("deletionTimestamp"):
        _spend_budget(call, pod)
    options = delete_options(_with_body(call, body.get("deleteOptions") or {}))
    delete_object(call, pod, options)
    return 201, dict(_SUCCESS)


def _with_body(call: Call, options: Object) -> Call:
    from_body = call.request.__class__(
        call.request.method, call.request.path, call.request.query, call.request.headers, _json(options)
    )
    return Call(call.state, from_body, call.info, call.resource, call.user)


def _json(value: Object) -> bytes:

    data: bytes = msgspec.json.encode(value)
    return data


def _spend_budget(call: Call, pod: Object) -> None:
    labels = pod["metadata"].get("labels") or {}
    storage = call.state.storage
    kept = []
    for stored in storage.iterate("policy/poddisruptionbudgets", call.namespace):
        budget = stored.decode()
        requirements = selectors.from_label_selector(budget.get("spec", {}).get("selector") or {})
        if requirements and selectors.matches_labels(requirements, labels):
            kept.append(budget)
    if len(kept) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise StatusError(500, "InternalError", text)
    for budget in kept:
        name, status = budget["metadata"]["name"], budget.get("status") or {}
        message = "Cannot evict pod as it would violate the pod's disruption budget."
        if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
            text = f"The disruption budget {name} is still being processed by the server."
            raise too_many_requests(message, 10, [Cause("DisruptionBudget", text, "")])
        if status.get("disruptionsAllowed", 0) <= 0:
            healthy = (
                f"needs {status.get('desiredHealthy', 0)} healthy pods and has"
                f" {status.get('currentHealthy', 0)} currently"
            )
            raise too_many_requests(
                message, 0, [Cause("DisruptionBudget", f"The disruption budget {name} {healthy}", "")]
            )
        status["disruptionsAllowed"] -= 1
        status.setdefault("disruptedPods", {})[call.info.name] = pod["metadata"]["creationTimestamp"]
        resource = call.state.registry.find("policy", "v1", "poddisruptionbudgets")
        if resource is not None:
            store(Call(call.state, call.request, call.info, resource, call.user), {**budget, "status": status})


def binding(call: Call) -> Answer:
    """POST pods/binding: what a scheduler writes."""
    pod = conversion.read(get(call), call.resource)
    body = decode_object(call.request.body, call.request.headers.get("content-type", ""), "Binding")
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
    """POST serviceaccounts/token: a bearer token that this server knows."""
    account = conversion.read(get(call), call.resource)
    body = decode_object(call.request.body, call.request.headers.get("content-type", ""), "TokenRequest")
    value = f"fake.{call.namespace}.{call.info.name}.{call.state.random.getrandbits(64):016x}"
    call.state.issue_token(value, call.namespace, call.info.name, account["metadata"].get("uid", ""))
    spec = {"expirationSeconds": 3600, **(body.get("spec") or {})}
    expires = call.state.now().timestamp() + spec["expirationSeconds"]
    stamp = call.state.now().fromtimestamp(expires, call.state.now().tzinfo).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"name": call.info.name, "namespace": call.namespace}
    status = {"token": value, "expirationTimestamp": stamp}
    return 201, {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


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
