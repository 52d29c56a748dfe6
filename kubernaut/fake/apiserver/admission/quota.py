"""ResourceQuotas: what would exceed them is refused, what is admitted is charged, and their status is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.fake.apiserver.admission.attributes import Attributes, Object
from kubernaut.fake.apiserver.admission.usage import counted_name, in_scopes, unspecified, usage
from kubernaut.fake.apiserver.core import State
from kubernaut.fake.apiserver.follow import Followed
from kubernaut.fake.apiserver.quantity import ZERO, Amounts, amounts, total
from kubernaut.fake.apiserver.registry import ResourceInfo
from kubernaut.fake.apiserver.status import StatusError, forbidden
from kubernaut.fake.apiserver.storage import Storage

STORE = "resourcequotas"


class Quotas:
    """The quotas of each namespace.

    `kept` stands for the controller that a control plane has: it makes `status` true after each write. Without it a
    quota has no status, and refuses what it counts, as on a server whose controllers do not run.
    """

    def __init__(self, storage: Storage, *, kept: bool) -> None:
        self._quotas: Followed[Object] = Followed(storage, STORE, lambda obj: obj)
        self._kept = kept

    def charge(self, attributes: Attributes) -> None:
        """Adds what is created (or grows) to the quotas that count it. Raises StatusError 403. A dry run only looks."""
        quotas = self._quotas.within(attributes.namespace) if attributes.namespace else []
        if not quotas or attributes.subresource or attributes.operation == "DELETE" or attributes.obj is None:
            return
        resource, obj = attributes.resource, attributes.obj
        more = _growth(resource, obj, attributes.old)
        if not more:
            return
        changed: list[Object] = []
        for quota in quotas:
            hard = (quota.get("spec") or {}).get("hard") or {}
            counted = {name: amount for name, amount in more.items() if name in hard}
            if not in_scopes(quota, resource, obj):
                continue
            if resource.store == "pods" and attributes.old is None:
                problems = list(unspecified(obj["spec"], [name for name in hard if name != "pods"]))
                if problems:
                    name = quota["metadata"]["name"]
                    raise _refused(attributes, f"failed quota: {name}: must specify {'; '.join(problems)}")
            if counted:
                changed.append(_charged(attributes, quota, counted))
        for quota in changed if not attributes.dry_run else ():
            _put(attributes.call.state, quota)

    def settle(self, state: State, written: ResourceInfo, namespace: str) -> None:
        """Counts anew after a write in a namespace that has quotas."""
        if not self._kept or not namespace:
            return
        for quota in self._quotas.within(namespace):
            hard = (quota.get("spec") or {}).get("hard") or {}
            if written.store != STORE and not _counts(hard, written):
                continue
            used = _count(state, quota, namespace, hard)
            status = {"hard": dict(hard), "used": {name: str(used.get(name, ZERO)) for name in hard}}
            if quota.get("status") != status:
                _put(state, {**quota, "metadata": dict(quota["metadata"]), "status": status})


def _growth(resource: ResourceInfo, obj: Object, old: Object | None) -> Amounts:
    more = usage(resource, obj)
    if old is None:
        return more
    before = usage(resource, old)
    grown = {name: amount - before.get(name, ZERO) for name, amount in more.items()}
    return {name: amount for name, amount in grown.items() if amount > ZERO}


def _refused(attributes: Attributes, text: str) -> StatusError:
    resource = attributes.resource
    return forbidden(resource.group, resource.plural, attributes.name, text)


def _charged(attributes: Attributes, quota: Object, more: Amounts) -> Object:
    name, status = quota["metadata"]["name"], quota.get("status") or {}
    hard, used = amounts(status.get("hard")), amounts(status.get("used"))
    unknown = sorted(each for each in more if each not in hard or each not in used)
    if unknown:
        raise _refused(attributes, f"status unknown for quota: {name}, resources: {','.join(unknown)}")
    after = {each: used[each] + amount for each, amount in more.items()}
    over = sorted(each for each in more if after[each] > hard[each])
    if over:
        parts = (
            ("requested", more),
            ("used", used),
            ("limited", hard),
        )
        shown = ", ".join(f"{word}: {','.join(f'{each}={of[each]}' for each in over)}" for word, of in parts)
        raise _refused(attributes, f"exceeded quota: {name}, {shown}")
    kept = {**status.get("used", {}), **{each: str(amount) for each, amount in after.items()}}
    return {**quota, "metadata": dict(quota["metadata"]), "status": {**status, "used": kept}}


def _put(state: State, quota: Object) -> None:
    resource = state.registry.find("", "v1", STORE)
    assert resource is not None
    quota["metadata"]["resourceVersion"] = str(state.storage.next_version())
    state.storage.put(STORE, quota, resource.fields)


_OF_STORE = {"pods": ("cpu", "memory", "requests.", "limits.", "ephemeral-storage"), "services": ("services.",)}


def _counts(hard: Mapping[str, Any], resource: ResourceInfo) -> bool:
    starts = _OF_STORE.get(resource.store, ())
    if resource.store == "persistentvolumeclaims":
        return any("storage" in name or "persistentvolumeclaims" in name for name in hard)
    return counted_name(resource) in hard or resource.store in hard or any(name.startswith(starts) for name in hard)


def _count(state: State, quota: Object, namespace: str, hard: Mapping[str, Any]) -> Amounts:
    parts: list[Amounts] = []
    for store, resource in state.registry.stores().items():
        if resource.namespaced and _counts(hard, resource):
            for stored in state.storage.iterate(store, namespace):
                obj = stored.decode()
                if in_scopes(quota, resource, obj):
                    parts.append(usage(resource, obj))
    return total(parts)
