"""pods/eviction: a deletion that disruption budgets may refuse (registry/core/pod/storage/eviction.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubernaut.fake.apiserver import conversion, selectors
from kubernaut.fake.apiserver.admission.subresource import admit_subresource
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.decoding import decode_object
from kubernaut.fake.apiserver.messages import Request
from kubernaut.fake.apiserver.meta import stamp
from kubernaut.fake.apiserver.status import Cause, StatusError, bad_request, forbidden, too_many_requests
from kubernaut.fake.apiserver.verbs.commit import store
from kubernaut.fake.apiserver.verbs.delete import check_preconditions, delete_object, delete_options
from kubernaut.fake.apiserver.verbs.read import get

Object = dict[str, Any]
_STORE = "policy/poddisruptionbudgets"
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_DISRUPTED_LIMIT = 2000
_DONE = ("Succeeded", "Failed", "Pending")


def eviction(call: Call) -> tuple[int, Object]:
    """POST: (201, a Status). Raises StatusError 429 where a budget has nothing left."""
    pod = conversion.read(get(call), call.resource)
    body = decode_object(call.request.body, call.request.headers.get("content-type", ""), "Eviction")
    named = (body.get("metadata") or {}).get("name")
    if named and named != call.info.name:
        raise bad_request("name in URL does not match name in Eviction object")
    options = delete_options(_with_body(call, body.get("deleteOptions") or {}))
    admit_subresource(call, body, dry_run=options.dry_run)
    check_preconditions(call, pod, options)
    status = pod.get("status") or {}
    if status.get("phase") not in _DONE and not pod["metadata"].get("deletionTimestamp"):
        _spend_budget(call, pod, dry_run=options.dry_run)
        pod = _marked(call, pod)
    delete_object(call, pod, options)
    return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _with_body(call: Call, options: Object) -> Call:
    request = call.request
    body: bytes = msgspec.json.encode(options)
    changed = Request(request.method, request.path, request.query, {"content-type": "application/json"}, body)
    return Call(call.state, changed, call.info, call.resource, call.user, memory=call.memory)


def _marked(call: Call, pod: Object) -> Object:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": stamp(call.state.now()),
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    status = dict(pod.get("status") or {})
    kept = [item for item in status.get("conditions") or () if item.get("type") != condition["type"]]
    return {**pod, "status": {**status, "conditions": [*kept, condition]}}


def _spend_budget(call: Call, pod: Object, *, dry_run: bool) -> None:
    budget = _budget(call, pod["metadata"].get("labels") or {})
    if budget is None or _may_go_anyway(pod, budget):
        return
    status = budget.get("status") or {}
    name = budget["metadata"]["name"]
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        text = f"The disruption budget {name} is still being processed by the server."
        raise too_many_requests(_REFUSED, 10, [Cause("DisruptionBudget", text, "")])
    allowed = status.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise forbidden("policy", "poddisruptionbudgets", name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or {}) > _DISRUPTED_LIMIT:
        text = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden("policy", "poddisruptionbudgets", name, text)
    if allowed == 0:
        raise too_many_requests(_REFUSED, 0, [Cause("DisruptionBudget", _why(name, status), "")])
    if dry_run:
        return
    resource = call.state.registry.find("policy", "v1", "poddisruptionbudgets")
    if resource is not None:
        spent = _spent(call, budget, {**status, "disruptionsAllowed": allowed - 1})
        store(Call(call.state, call.request, call.info, resource, call.user), spent)


def _budget(call: Call, labels: Mapping[str, str]) -> Object | None:
    """The budget of a pod with these labels. Raises StatusError 500 for several."""
    found: list[Object] = []
    for stored in call.state.storage.iterate(_STORE, call.namespace):
        budget = stored.decode()
        selector = (budget.get("spec") or {}).get("selector")
        # an empty selector selects every pod, none selects no pod
        if selector is not None and selectors.matches_labels(selectors.from_label_selector(selector), labels):
            found.append(budget)
    if len(found) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise StatusError(500, "InternalError", text)
    return found[0] if found else None


def _may_go_anyway(pod: Object, budget: Object) -> bool:
    """A pod that is not ready, as far as the budget's unhealthyPodEvictionPolicy lets it go."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    if any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions):
        return False
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired: int = status.get("desiredHealthy", 0)
    return desired > 0 and bool(status.get("currentHealthy", 0) >= desired)


def _why(name: str, status: Mapping[str, Any]) -> str:
    for condition in status.get("conditions") or ():
        if (condition.get("type"), condition.get("reason")) == ("DisruptionAllowed", "SyncFailed"):
            failed = f"because it failed sync: {condition.get('message', '')}"
            return f"The disruption budget {name} does not allow evicting pods currently {failed}"
    needed, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
    return f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently"


def _spent(call: Call, budget: Object, status: Object) -> Object:
    now = stamp(call.state.now())
    status["disruptedPods"] = {**(status.get("disruptedPods") or {}), call.info.name: now}
    if not status["disruptionsAllowed"]:
        condition = {"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": ""}
        kept = [item for item in status.get("conditions") or () if item.get("type") != condition["type"]]
        seen = {"observedGeneration": budget["metadata"].get("generation", 0), "lastTransitionTime": now}
        status["conditions"] = [*kept, {**condition, **seen}]
    return {**budget, "metadata": dict(budget["metadata"]), "status": status}
