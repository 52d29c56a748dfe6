"""Conditions: what a controller says about an object, and since when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from kubernaut.resources.model import Model
from kubernaut.resources.scalars import Time

ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Model):
    """One observation about an object; a list of them is keyed by `type`."""

    type: str
    status: ConditionStatus
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None
    observed_generation: int | None = None


class StatusBase(Model):
    """A status with conditions. The runtime stamps their times and `observed_generation`."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(
        default_factory=list,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )

    def condition(self, type: str) -> Condition | None:
        """Give the condition of this type, or None."""
        return next((condition for condition in self.conditions if condition.type == type), None)

    def is_true(self, type: str) -> bool:
        """Say whether the condition of this type is there and has status `True`."""
        found = self.condition(type)
        return found is not None and found.status == "True"

    def set_condition(
        self,
        type: str,
        status: bool | ConditionStatus,
        *,
        reason: str,
        message: str = "",
        observed_generation: int | None = None,
    ) -> Condition:
        """Set or replace the condition of this type.

        Its transition time is kept while the status stays the same; when the status changes the time is left empty for
        the runtime to stamp. Returns the condition as it stands in the list.
        """
        value: ConditionStatus = status if isinstance(status, str) else ("True" if status else "False")
        found = self.condition(type)
        if found is None:
            found = Condition(type=type, status=value)
            self.conditions.append(found)
        elif found.status != value:
            found.status = value
            found.last_transition_time = None
        found.reason = reason
        found.message = message
        found.observed_generation = observed_generation
        return found

    def remove_condition(self, type: str) -> None:
        """Remove the condition of this type; no error if there is none."""
        self.conditions = [condition for condition in self.conditions if condition.type != type]


def stamp_conditions(
    before: Sequence[Condition], after: Sequence[Condition], now: datetime, generation: int | None = None
) -> None:
    """Fill in, in place, what `set_condition` left open in `after`.

    A condition whose status is that of `before` keeps that transition time; any other without a time gets `now`
    (aware). `generation`, if given, becomes the observed generation of conditions that name none.
    """
    known = {condition.type: condition for condition in before}
    for condition in after:
        if condition.last_transition_time is None:
            old = known.get(condition.type)
            same = old is not None and old.status == condition.status
            condition.last_transition_time = (old.last_transition_time if old and same else None) or now
        if condition.observed_generation is None:
            condition.observed_generation = generation
