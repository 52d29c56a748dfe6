"""Admission of pods: ServiceAccount, priority; and of volume claims: the default storage class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio

from kubernaut.fake.apiserver.admission.attributes import Attributes, Object
from kubernaut.fake.apiserver.follow import Followed
from kubernaut.fake.apiserver.pending import Pending
from kubernaut.fake.apiserver.status import StatusError, forbidden
from kubernaut.fake.apiserver.storage import Storage

# plugin/pkg/admission/serviceaccount: the default account of a new namespace is waited for
_TRIES = 10
_PAUSE_SECONDS = 0.15
_MIRROR = "kubernetes.io/config.mirror"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def _refused(attributes: Attributes, text: str) -> StatusError:
    resource = attributes.resource
    return forbidden(resource.group, resource.plural, attributes.name, text)


def admit_service_account(attributes: Attributes, pod: Object) -> None:
    """Pods run as `default` unless they say otherwise; pull secrets are the account's. Raises StatusError, Pending."""
    if _MIRROR in (pod["metadata"].get("annotations") or {}):
        return
    spec = pod["spec"]
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = attributes.call.state.find("serviceaccounts", attributes.namespace, name)
    if account is None:
        if name == "default":
            _wait(attributes)
        where = f"{attributes.namespace}/{name}"
        raise _refused(attributes, f'error looking up service account {where}: serviceaccount "{name}" not found')
    if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]


def _wait(attributes: Attributes) -> None:
    answers = attributes.call.memory.answers
    tried = answers.get("default account", 0)
    if tried >= _TRIES:
        return

    async def pause() -> None:
        answers["default account"] = tried + 1
        await anyio.sleep(_PAUSE_SECONDS)

    raise Pending([pause])


class Priorities:
    """The priority of a pod follows from its class."""

    def __init__(self, storage: Storage) -> None:
        self._classes = Followed(storage, "scheduling.k8s.io/priorityclasses", _class)

    def admit(self, attributes: Attributes, pod: Object) -> None:
        """Raises StatusError 403 for a class that is not there, or a priority that is not its."""
        spec = pod["spec"]
        name = spec.get("priorityClassName")
        if name:
            found = self._classes.get(name)
            if found is None:
                raise _refused(attributes, f"no PriorityClass with name {name} was found")
        else:
            found = min((each for each in self._classes.all() if each["globalDefault"]), key=_value, default=_NONE)
            if found["name"]:
                spec["priorityClassName"] = found["name"]
        value, preemption = found["value"], found["preemptionPolicy"]
        if spec.get("priority") not in (None, value):
            text = f"the integer value of priority ({spec['priority']}) must not be provided in pod spec;"
            text += f" priority admission controller computed {value} from the given PriorityClass name"
            raise _refused(attributes, text)
        if spec.get("preemptionPolicy") not in (None, preemption):
            text = (
                f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec;"
            )
            text += f" priority admission controller computed {preemption} from the given PriorityClass name"
            raise _refused(attributes, text)
        spec["priority"], spec["preemptionPolicy"] = value, preemption

    def validate(self, attributes: Attributes) -> None:
        """There is one default class. Raises StatusError 403 for a second."""
        obj = attributes.obj or {}
        if not obj.get("globalDefault"):
            return
        for found in self._classes.all():
            if found["globalDefault"] and found["name"] != obj["metadata"]["name"]:
                text = f"PriorityClass {found['name']} is already marked as default. Only one default can exist"
                raise _refused(attributes, text)


_NONE: dict[str, Any] = {"name": "", "value": 0, "preemptionPolicy": "PreemptLowerPriority", "globalDefault": False}


def _class(obj: Mapping[str, Any]) -> dict[str, Any]:
    return {name: obj.get(name, value) for name, value in _NONE.items()} | {"name": obj["metadata"]["name"]}


def _value(found: Mapping[str, Any]) -> int:
    value: int = found["value"]
    return value


class StorageClasses:
    """Volume claims without a class get the default one, the newest if there are several."""

    def __init__(self, storage: Storage) -> None:
        self._classes = Followed(storage, "storage.k8s.io/storageclasses", lambda obj: obj["metadata"])

    def admit(self, claim: Object) -> None:
        if "storageClassName" in claim["spec"]:
            return
        known = [meta for meta in self._classes.all() if (meta.get("annotations") or {}).get(_DEFAULT_CLASS) == "true"]
        if known:
            newest = max(known, key=lambda meta: (meta["creationTimestamp"], meta["name"]))
            claim["spec"]["storageClassName"] = newest["name"]
