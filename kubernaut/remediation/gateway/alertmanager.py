"""What Alertmanager sends to a webhook, version 4, and the signals in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from kubernaut.remediation.gateway.config import GatewayConfig
from kubernaut.remediation.gateway.intake import VALUE_BYTES, Notice
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.signals import Signal

SOURCE = "alertmanager"
MOST_ENTRIES, NAME_BYTES = 64, 253
"""What a Signal takes of labels and annotations."""
MOST_PROBLEMS = 8
UNNAMED = "alert"


def _moment(value: Any) -> Any:
    """Only RFC 3339: a number would be read as seconds of something."""
    if isinstance(value, str) and value[:1].isdigit() and "T" in value:
        return value
    raise ValueError("must be a time in RFC 3339, such as 2024-01-01T00:00:00Z")


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("must be a time in RFC 3339, with its zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time between the years 1 and 9999") from None


Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_utc)]
Text = Annotated[str, StringConstraints(strict=True)]
Texts = dict[Text, Text]
Count = Annotated[int, Field(ge=0, strict=True)]


class _Sent(BaseModel):
    """Fields of later versions are let through."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Alert(_Sent):
    """One alert of a group. `ends_at` means something only where it is resolved."""

    status: Literal["firing", "resolved"]
    labels: Texts
    annotations: Texts = Field(default_factory=dict)
    starts_at: Moment
    ends_at: Moment | None = None
    generator_url: Annotated[Text, Field(alias="generatorURL")] = ""
    fingerprint: Annotated[Text, Field(max_length=128)] = ""


class Notification(_Sent):
    """The alerts of one group; `truncated_alerts` more were left out, as the receiver's `max_alerts` wants it."""

    version: Literal["4"] = "4"
    group_key: Text = ""
    truncated_alerts: Count = 0
    status: Literal["firing", "resolved"]
    receiver: Text = ""
    group_labels: Texts = Field(default_factory=dict)
    common_labels: Texts = Field(default_factory=dict)
    common_annotations: Texts = Field(default_factory=dict)
    external_url: Annotated[Text, Field(alias="externalURL")] = ""
    alerts: list[Alert]


class Unreadable(Exception):
    """What was sent is no notification. `problems`: field -> what is wrong with it; "" is the whole."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {text}" if field else text for field, text in problems.items()))
        self.problems = dict(problems)

    @property
    def malformed(self) -> bool:
        """Whether it is not even JSON."""
        return "" in self.problems


def read(body: bytes) -> Notification:
    """Read a request's body. Raises Unreadable."""
    try:
        return Notification.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
    problems: dict[str, str] = {}
    for each in found[:MOST_PROBLEMS]:
        if each["type"] == "json_invalid":
            raise Unreadable({"": f"no JSON: {each['msg'].removeprefix('Invalid JSON: ')}"}) from None
        where = ".".join(cut(str(part), NAME_BYTES) for part in each["loc"] if part != "[key]") or "notification"
        problems.setdefault(where, each["msg"].removeprefix("Value error, "))
    if len(found) > MOST_PROBLEMS:
        problems["..."] = f"{len(found) - MOST_PROBLEMS} more"
    raise Unreadable(problems)


def notice_of(alert: Alert, config: GatewayConfig) -> Notice:
    """The alert as the gateway takes it; what a request could not hold is cut, entries beyond its limit left out."""
    signal = Signal(
        name=cut(alert.labels.get("alertname", ""), NAME_BYTES) or UNNAMED,
        fingerprint=fingerprint_of(alert),
        severity=cut(alert.labels.get(config.severity_label, ""), 63),
        labels=_bounded(alert.labels),
        annotations=_bounded(alert.annotations),
        starts_at=alert.starts_at,
        source=SOURCE,
    )
    ended = None
    if alert.status == "resolved":
        ended = alert.ends_at or alert.starts_at
    return Notice(signal, alert.labels, ended)


def fingerprint_of(alert: Alert) -> str:
    """What is the same for every repetition of an alert."""
    return alert.fingerprint or _fingerprint(alert.labels)


def _bounded(entries: Mapping[str, str]) -> dict[str, str]:
    first = list(entries.items())[:MOST_ENTRIES]
    return {cut(name, NAME_BYTES): cut(value, VALUE_BYTES) for name, value in first}


def _fingerprint(labels: Mapping[str, str]) -> str:
    """Alertmanager before 0.16 sends none: the labels are what it would be made of."""
    text = "\x00".join(f"{name}\x01{labels[name]}" for name in sorted(labels))
    return blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()
