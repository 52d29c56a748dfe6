"""Quantities of resources: parsed exactly, written in their canonical form (apimachinery's resource.Quantity)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

_PATTERN: Final = re.compile(
    r"^(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$", re.ASCII
)
_BINARY: Final = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL: Final = {
    **{letter: Decimal(10) ** (-3 * power) for power, letter in enumerate("mun", 1)},
    "": Decimal(1),
    **{letter: Decimal(10) ** (3 * power) for power, letter in enumerate("kMGTPE", 1)},
}
_NANO: Final = Decimal("1e-9")


class Quantity:
    """An amount, and the family of suffixes that it was written with; compares by amount."""

    __slots__ = ("amount", "binary")

    def __init__(self, amount: Decimal, *, binary: bool = False) -> None:
        self.amount, self.binary = amount, binary

    @classmethod
    def parse(cls, text: Any) -> Quantity:
        """Raises ValueError. Amounts below a billionth are rounded up, as on the server."""
        found = _PATTERN.match(str(text).strip())
        if found is None:
            raise ValueError(
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            )
        suffix = found["suffix"] or ""
        number = Decimal(found["number"])
        if suffix in _BINARY:
            return cls(number * _BINARY[suffix], binary=True)
        factor = _DECIMAL[suffix] if suffix in _DECIMAL else Decimal(10) ** int(suffix[1:])
        amount = number * factor
        if amount != amount.quantize(_NANO):
            amount = amount.quantize(_NANO, rounding=ROUND_CEILING)
        return cls(amount)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.amount + other.amount, binary=self.binary if self.amount else other.binary)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.amount - other.amount, binary=self.binary)

    def __lt__(self, other: Quantity) -> bool:
        return self.amount < other.amount

    def __gt__(self, other: Quantity) -> bool:
        return self.amount > other.amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.amount == other.amount

    def __hash__(self) -> int:
        return hash(self.amount)

    def __str__(self) -> str:
        """The largest suffix that leaves a whole number."""
        if not self.amount:
            return "0"
        whole = self.amount == self.amount.to_integral_value()
        if self.binary and whole and abs(self.amount) >= 1024:
            units = [*reversed(_BINARY.items()), ("", Decimal(1))]
        else:
            order = ("E", "P", "T", "G", "M", "k", "", "m", "u", "n")
            units = [(name, _DECIMAL[name]) for name in order]
        for suffix, factor in units:
            if self.amount % factor == 0:
                return f"{int(self.amount / factor)}{suffix}"
        return f"{int((self.amount / _NANO).to_integral_value(rounding=ROUND_CEILING))}n"


ZERO: Final = Quantity(Decimal(0))
Amounts = dict[str, Quantity]


def amounts(given: Mapping[str, Any] | None) -> Amounts:
    """The quantities of a resource list; what is no quantity is left out."""
    found: Amounts = {}
    for name, text in (given or {}).items():
        try:
            found[name] = Quantity.parse(text)
        except ValueError:
            continue
    return found


def total(parts: Iterable[Amounts]) -> Amounts:
    """The sum, name by name."""
    found: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            found[name] = found[name] + amount if name in found else amount
    return found
