"""How much of a node a pod asks for: cpu, memory and whatever else its containers request. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

import msgspec

from kubernaut.resources import quantity_value

Amounts = dict[str, int]
"""By resource name; in thousandths, so that `250m` of cpu is a whole number."""


class _Resources(msgspec.Struct):
    requests: dict[str, str | int | float] | None = None


class _Container(msgspec.Struct, rename="camel"):
    resources: _Resources | None = None
    restart_policy: str | None = None


class _Spec(msgspec.Struct, rename="camel"):
    containers: list[_Container] = []
    init_containers: list[_Container] | None = None
    overhead: dict[str, str | int | float] | None = None


class _Pod(msgspec.Struct):
    spec: _Spec


_decoder = msgspec.json.Decoder(_Pod)


def requests_in(raw: bytes) -> Amounts:
    """What the pod with this JSON asks for. Raises msgspec.DecodeError.

    The containers and sidecars run together; each other init container runs with the sidecars that began before it
    (KEP-753).
    """
    spec = _decoder.decode(raw).spec
    running = _total(_requests(container) for container in spec.containers)
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in spec.init_containers or ():
        if container.restart_policy == "Always":
            sidecars = _total((sidecars, _requests(container)))
            starting = _largest(starting, sidecars)
        else:
            starting = _largest(starting, _total((sidecars, _requests(container))))
    return _total((_largest(_total((running, sidecars)), starting), _amounts(spec.overhead)))


def allocatable(quantities: Mapping[str, str]) -> Amounts:
    """A node's room; what cannot be read counts as nothing."""
    return _amounts(quantities)


def lacking(wanted: Amounts, used: Amounts, room: Amounts) -> list[str]:
    """The resources of which there is too little left, in the scheduler's words."""
    return [
        f"Insufficient {name}"
        for name, amount in wanted.items()
        if amount > 0 and used.get(name, 0) + amount > room.get(name, 0)
    ]


def _requests(container: _Container) -> Amounts:
    return _amounts(container.resources.requests if container.resources else None)


def _amounts(quantities: Mapping[str, str | int | float] | None) -> Amounts:
    return {name: _amount(str(value)) for name, value in (quantities or {}).items()}


@lru_cache(1024)
def _amount(text: str) -> int:
    try:
        return int((quantity_value(text) * 1000).to_integral_value("ROUND_CEILING"))
    except (ValueError, ArithmeticError):
        return int(Decimal())


def _total(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0) + amount
    return total


def _largest(first: Amounts, second: Amounts) -> Amounts:
    return {name: max(first.get(name, 0), second.get(name, 0)) for name in {**first, **second}}
