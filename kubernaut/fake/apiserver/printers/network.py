"""What is shown of Services, Ingresses, endpoints and network policies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.printers.text import NONE, UNSET, age, first_few, labels, selector, spec_of, status_of

Object = Mapping[str, Any]
_SHOWN = 3


def service(obj: Object, now: datetime) -> list[Any]:
    spec = spec_of(obj)
    return [
        spec.get("type", ""),
        spec.get("clusterIP") or NONE,
        _external(obj),
        ",".join(_port(item) for item in spec.get("ports") or []) or NONE,
        age(obj, now),
        labels(spec.get("selector")),
    ]


def _external(obj: Object) -> str:
    spec = spec_of(obj)
    given = spec.get("externalIPs") or []
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") == "LoadBalancer":
        return ",".join([*filter(None, [_addresses(obj)]), *given]) or "<pending>"
    return ",".join(given) or NONE


def _addresses(obj: Object) -> str:
    """The addresses that a load balancer has given, sorted, each once."""
    given = (status_of(obj).get("loadBalancer") or {}).get("ingress") or []
    return ",".join(sorted({item.get("ip") or item.get("hostname") or "" for item in given} - {""}))


def _port(item: Object) -> str:
    protocol = item.get("protocol", "TCP")
    return f"{item['port']}:{item['nodePort']}/{protocol}" if item.get("nodePort") else f"{item['port']}/{protocol}"


def ingress(obj: Object, now: datetime) -> list[Any]:
    spec = spec_of(obj)
    hosts = [rule["host"] for rule in spec.get("rules") or [] if rule.get("host")]
    ports = "80, 443" if spec.get("tls") else "80"
    return [
        spec.get("ingressClassName") or obj["metadata"].get("annotations", {}).get("kubernetes.io/ingress.class", NONE),
        first_few(hosts, _SHOWN, "*"),
        _addresses(obj),
        ports,
        age(obj, now),
    ]


def ingress_class(obj: Object, now: datetime) -> list[Any]:
    spec = spec_of(obj)
    given, shown = spec.get("parameters"), NONE
    if given:
        group = f".{given['apiGroup']}" if given.get("apiGroup") else ""
        shown = f"{given['kind']}{group}/{given['name']}"
    return [spec.get("controller", ""), shown, age(obj, now)]


def network_policy(obj: Object, now: datetime) -> list[Any]:
    return [selector(spec_of(obj).get("podSelector")), age(obj, now)]


def endpoints(obj: Object, now: datetime) -> list[Any]:
    found = [
        f"[{address['ip']}]:{port['port']}" if ":" in address["ip"] else f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or []
        for port in subset.get("ports") or []
        for address in subset.get("addresses") or []
    ]
    found += [
        address["ip"]
        for subset in obj.get("subsets") or []
        if not subset.get("ports")
        for address in subset.get("addresses") or []
    ]
    return [first_few(found, _SHOWN), age(obj, now)]


def endpoint_slice(obj: Object, now: datetime) -> list[Any]:
    ports = [str(item.get("port", "*")) for item in obj.get("ports") or []]
    addresses = [address for item in obj.get("endpoints") or [] for address in item.get("addresses") or []]
    return [
        obj.get("addressType", ""),
        first_few(ports, _SHOWN, UNSET),
        first_few(addresses, _SHOWN, UNSET),
        age(obj, now),
    ]


def service_cidr(obj: Object, now: datetime) -> list[Any]:
    return [",".join(spec_of(obj).get("cidrs") or []), age(obj, now)]


def ip_address(obj: Object, now: datetime) -> list[Any]:
    parent = spec_of(obj).get("parentRef")
    if not parent:
        return [NONE]
    group = f".{parent['group']}" if parent.get("group") else ""
    where = f"{parent['namespace']}/" if parent.get("namespace") else ""
    return [f"{parent.get('resource', '')}{group}/{where}{parent.get('name', '')}"]
