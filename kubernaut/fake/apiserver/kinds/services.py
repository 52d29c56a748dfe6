"""What a Service must be like, and what of it does not change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.fake.apiserver.status import CauseLike, invalid_value, not_supported, required

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_RANGE = "must be between 1 and 65535, inclusive"


def service_causes(obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
    """The causes that make a Service invalid."""
    spec, causes = obj["spec"], list[CauseLike]()
    kind, ports = spec["type"], spec.get("ports") or []
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    if kind not in _TYPES:
        causes.append(not_supported("spec.type", f'"{kind}"', _TYPES))
    if kind == "ExternalName" and not spec.get("externalName"):
        causes.append(required("spec.externalName"))
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        if len(ports) > 1 and not port.get("name"):
            causes.append(required(f"{path}.name"))
        for name in ("port", "targetPort"):
            number = port.get(name)
            if isinstance(number, int) and not 1 <= number <= 65535:
                causes.append(invalid_value(f"{path}.{name}", str(number), _RANGE))
    return causes + _fixed(spec, old["spec"] if old is not None else {})


def _fixed(spec: Mapping[str, Any], before: Mapping[str, Any]) -> list[CauseLike]:
    """The address stays for as long as the type has one."""
    address, known = spec.get("clusterIP"), before.get("clusterIP")
    if not known or address == known or "ExternalName" in (spec["type"], before["type"]):
        return []
    shown = "null" if address is None else f'"{address}"'
    text = "may not change once set"
    return [
        invalid_value("spec.clusterIPs[0]", f'["{address or ""}"]', text),
        invalid_value("spec.clusterIP", shown, "field is immutable"),
    ]
