"""LimitRanges and ResourceQuotas: defaults and status."""

from __future__ import annotations

from kubernaut.fake.apiserver.kinds.base import Kind, Object
from kubernaut.fake.apiserver.kinds.core import ReturnedKind


class LimitRangeKind(Kind):
    """The defaults of containers follow from what is said of them (core/v1 SetDefaults_LimitRangeItem)."""

    def default(self, obj: Object) -> None:
        for item in (obj.get("spec") or {}).get("limits") or ():
            if item.get("type") != "Container":
                continue
            limits, requests = dict(item.get("default") or {}), dict(item.get("defaultRequest") or {})
            for name, value in (item.get("max") or {}).items():
                limits.setdefault(name, value)
            for name, value in [*limits.items(), *(item.get("min") or {}).items()]:
                requests.setdefault(name, value)
            for name, values in (("default", limits), ("defaultRequest", requests)):
                if values:
                    item[name] = values


class ResourceQuotaKind(ReturnedKind):
    """A quota starts with an empty status."""

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {}
