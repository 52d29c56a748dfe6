"""A kind that uses everything a CRD can express; the tests of schemas and of real servers share it."""

from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import Field

from kubernaut.resources import (
    Duration,
    IntOrString,
    JsonObject,
    MicroTime,
    Model,
    PrinterColumn,
    Quantity,
    Resource,
    Rule,
    StatusBase,
    Time,
)
from kubernaut.resources.builtin.pods import LabelSelector, PodTemplateSpec


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Limits(Model):
    """Bounds."""

    retries: int = Field(default=3, ge=0, le=10)
    ratio: float = Field(default=0.5, gt=0, lt=1)


class Step(Model):
    """One step."""

    name: str = Field(min_length=1, max_length=63, pattern="^[a-z]+$")
    limits: Limits = Limits()
    color: Color = Color.RED


class WidgetSpec(Model):
    """What a widget is."""

    size: int = Field(gt=0, description="How large.")
    note: str | None
    mode: Literal["auto", "manual"] = "auto"
    only: Literal["this"] = "this"
    level: Literal[1, 2] | None = None
    color: Color | None = None
    flag: bool = False
    zero: int = 0
    none: float = 0.0
    empty: str = ""
    timeout: Duration = timedelta(minutes=5)
    deadline: Time | None = None
    exact: MicroTime | None = None
    amount: Quantity = "1"
    port: IntOrString = 80
    either: int | str | None = None
    limits: Limits = Limits()
    strict: Limits = Field(default_factory=lambda: Limits(retries=0))
    steps: list[Step] = Field(
        default_factory=list,
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    tags: set[str] = Field(default_factory=set)
    labels: dict[str, str] = Field(default_factory=dict)
    by_name: dict[str, Step] = Field(default_factory=dict)
    nested: dict[str, list[dict[str, int]]] = Field(default_factory=dict)
    free: JsonObject | None = None
    loose: dict[str, Any] = Field(default_factory=dict)
    anything: Any = None
    percent: Annotated[float, Field(multiple_of=0.5)] | None = None
    selector: LabelSelector | None = None
    template: PodTemplateSpec | None = None
    cluster_ip: str | None = None


class WidgetStatus(StatusBase):
    """How a widget is."""

    phase: Literal["Pending", "Ready"] = "Pending"


class Widget(
    Resource,
    group="example.dev",
    version="v1",
    short_names=("wd",),
    categories=("all",),
    status_subresource=True,
    printer_columns=(
        PrinterColumn("Phase", ".status.phase", description="How far it is"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date", priority=1),
    ),
    rules=(
        Rule("self == oldSelf", message="spec is immutable", at="spec"),
        Rule("self.limits.retries < 5", at="spec.steps[]"),
        Rule("size(self.name) > 1", at="spec.byName{}", field_path=".name"),
        Rule("self.metadata.name.size() < 40"),
    ),
):
    """A widget, for tests."""

    spec: WidgetSpec
    status: WidgetStatus = WidgetStatus()
