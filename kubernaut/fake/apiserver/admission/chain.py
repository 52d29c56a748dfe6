"""The chain of admission plugins, in the server's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubernaut.fake.apiserver.admission.attributes import Attributes, Object, kind_of_call
from kubernaut.fake.apiserver.admission.hooks import Webhooks
from kubernaut.fake.apiserver.admission.limits import LimitRanges
from kubernaut.fake.apiserver.admission.outside import Outside
from kubernaut.fake.apiserver.admission.pods import Priorities, StorageClasses, admit_service_account
from kubernaut.fake.apiserver.admission.policies import Policies
from kubernaut.fake.apiserver.admission.quota import Quotas
from kubernaut.fake.apiserver.core import Call, State
from kubernaut.fake.apiserver.escalation import check_escalation
from kubernaut.fake.apiserver.rbac import GROUP as RBAC
from kubernaut.fake.apiserver.registry import ResourceInfo
from kubernaut.fake.apiserver.storage import Storage

Settle = Callable[[Object], None]
_OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


class Admission:
    """What decides on writes beyond their validity. `outside` knows where webhooks are."""

    def __init__(self, storage: Storage, *, service_accounts: bool, quotas: bool) -> None:
        self.outside = Outside()
        self._service_accounts = service_accounts
        self._limits = LimitRanges(storage)
        self._priorities = Priorities(storage)
        self._storage_classes = StorageClasses(storage)
        self._policies = Policies(storage)
        self._quotas = Quotas(storage, kept=quotas)
        self._mutating = Webhooks(storage, self.outside, "mutating")
        self._validating = Webhooks(storage, self.outside, "validating")

    def may_ask(self) -> bool:
        """Whether a write may have to wait for a webhook."""
        return bool(self._mutating) or bool(self._validating)

    def mutate(self, attributes: Attributes, settle: Settle) -> Object:
        """The object as the plugins want it; `settle` fills in the kind's defaults after each change.

        Returns the object itself when nothing changed. Raises StatusError, Pending.
        """
        obj = attributes.obj
        assert obj is not None
        if attributes.operation == "CREATE":
            self._complete(attributes, obj)
        if self._mutating:
            changed = self._mutating.mutate(attributes)
            if changed is not obj:
                settle(changed)
                obj = changed
        return obj

    def _complete(self, attributes: Attributes, obj: Object) -> None:
        match attributes.store:
            case "pods":
                self._limits.admit(attributes, obj)
                if self._service_accounts:
                    admit_service_account(attributes, obj)
                self._priorities.admit(attributes, obj)
            case "persistentvolumeclaims":
                self._storage_classes.admit(obj)

    def validate(self, attributes: Attributes) -> None:
        """Raises StatusError for what the plugins refuse, Pending. Writes nothing."""
        match attributes.store, attributes.operation:
            case ("pods", "CREATE") | ("persistentvolumeclaims", "CREATE" | "UPDATE"):
                self._limits.validate(attributes)
            case "scheduling.k8s.io/priorityclasses", "CREATE" | "UPDATE":
                self._priorities.validate(attributes)
        self._policies.validate(attributes)
        if self._validating:
            self._validating.validate(attributes)

    def charge(self, attributes: Attributes) -> None:
        """The last step before an object is stored: quotas count it. Raises StatusError 403."""
        self._quotas.charge(attributes)

    def settle(self, state: State, written: ResourceInfo, namespace: str) -> None:
        """What follows from a write."""
        self._quotas.settle(state, written, namespace)

    def granted(self, call: Call, obj: Object, old: Object | None) -> None:
        """Raises StatusError where a role or binding would give more than the user has."""
        if call.resource.group == RBAC and call.state.access.enforced:
            check_escalation(call.state.access, call.user, call.resource.plural, obj, old)

    def removable(self, attributes: Attributes) -> None:
        """Whether an object may be deleted. Raises StatusError, Pending."""
        if self._mutating:
            self._mutating.validate(attributes)
        self.validate(attributes)


def attributes_of(
    call: Call, operation: str, obj: Object | None, old: Object | None, *, dry_run: bool, options: Any = None
) -> Attributes:
    """The attributes of a call; its options as the review shows them."""
    kind = f"{_OPTIONS[operation]}" if not (operation == "UPDATE" and call.info.verb == "patch") else "PatchOptions"
    if call.info.verb == "patch" and operation == "CREATE":
        kind = "PatchOptions"
    shown: dict[str, Any] = {"kind": kind, "apiVersion": "meta.k8s.io/v1", **(options or {})}
    for name in ("fieldManager", "fieldValidation"):
        if call.request.parameter(name) and operation != "DELETE":
            shown[name] = call.request.parameter(name)
    if dry_run:
        shown["dryRun"] = ["All"]
    meta = (obj or old or {}).get("metadata") or {}
    name = call.info.name or meta.get("name", "")
    return Attributes(call, operation, obj, old, kind_of_call(call), shown, dry_run, name)
