"""What is wrong, as a monitoring system says it: the signal that a remediation begins with."""

from typing import Annotated

from pydantic import Field

from kubernaut.resources import Model, Time

FINGERPRINT_LABEL = "remediation.kubernaut.io/fingerprint"
"""On a request made by the gateway: the fingerprint of its signal, or a digest of it, for selectors."""

LabelValue = Annotated[str, Field(max_length=1024)]


class Signal(Model):
    """One alert or event. `fingerprint` is the same for every repetition of it."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    fingerprint: Annotated[str, Field(min_length=1, max_length=128)]
    severity: Annotated[str, Field(max_length=63)] = "warning"
    """`critical`, `warning`, `info`, or what the source calls it."""
    labels: Annotated[dict[str, LabelValue], Field(max_length=64)] = Field(default_factory=dict)
    annotations: Annotated[dict[str, LabelValue], Field(max_length=64)] = Field(default_factory=dict)
    starts_at: Time | None = None
    source: Annotated[str, Field(max_length=253)] = ""
    """Who told, such as `alertmanager` or `kubernetes-events`."""
