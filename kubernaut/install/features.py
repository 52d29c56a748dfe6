"""What an API server knows, as far as manifests depend on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from kubernaut.client import Client, NotFound

OLDEST, NEWEST = (1, 20), (1, 36)
"""The servers that this package supports."""
RULES_ON = (1, 25)
"""From here on CEL rules are on by default; two versions before have their fields and drop what is in them."""

# Since when each part is on by default (CRD API and KEPs 2876, 3488, 3716, 3017, 4008).
_RULE_FIELDS = {
    "rule": RULES_ON,
    "message": RULES_ON,
    "messageExpression": (1, 27),
    "reason": (1, 28),
    "fieldPath": (1, 28),
    "optionalOldSelf": (1, 30),
}
_POLICY_V1, _MATCH_CONDITIONS, _UNHEALTHY = (1, 21), (1, 28), (1, 27)

_VERSION = re.compile(r"v?(\d+)\.(\d+)([.+-].*)?")
_API_EXTENSIONS = "apis/apiextensions.k8s.io/v1"
_ADMISSION = "apis/admissionregistration.k8s.io/v1"
_POLICY = "apis/policy/v1"


@dataclass(frozen=True, slots=True)
class ServerFeatures:
    """Made by `discover`, `of_version` or `newest`. `rule_fields`: what a CEL rule of a CRD may consist of."""

    version: tuple[int, int]
    rule_fields: frozenset[str]
    policy_v1: bool
    match_conditions: bool
    """Webhooks may have `matchConditions`."""
    unhealthy_eviction: bool
    """PodDisruptionBudgets may let pods that are not ready be evicted."""

    @property
    def rules(self) -> bool:
        """Whether CRDs may have CEL rules."""
        return "rule" in self.rule_fields

    @classmethod
    def of_version(cls, text: str) -> Self:
        """Those of a Kubernetes version ("1.28", "v1.28.3") with its default settings.

        Raises ValueError for what is no version, and for one older than the oldest supported. One newer than the newest
        is taken as that.
        """
        version = min(_parsed(text), NEWEST)
        if version < OLDEST:
            raise ValueError(f"Kubernetes {text} is not supported: the oldest is {_text(OLDEST)}")
        return cls(
            version=version,
            rule_fields=frozenset(field for field, since in _RULE_FIELDS.items() if version >= since),
            policy_v1=version >= _POLICY_V1,
            match_conditions=version >= _MATCH_CONDITIONS,
            unhealthy_eviction=version >= _UNHEALTHY,
        )

    @classmethod
    def newest(cls) -> Self:
        """Those of the newest server that is supported."""
        return cls.of_version(_text(NEWEST))

    @classmethod
    async def discover(cls, client: Client) -> Self:
        """Those of the server behind `client`, from what it says of itself. Raises ApiError, TransportError.

        A field that the server knows and has turned off is dropped by it: that costs nothing but an apply which is
        never "unchanged".
        """
        version = _parsed(str((await _json(client, "/version")).get("gitVersion", "")))
        schemas = await _schemas(client)
        fields = _properties(schemas, "apiextensions.v1.ValidationRule")
        budget = _properties(schemas, "policy.v1.PodDisruptionBudgetSpec")
        return cls(
            version=version,
            rule_fields=frozenset(fields) if version >= RULES_ON else frozenset(),
            policy_v1=bool(budget),
            match_conditions="matchConditions" in _properties(schemas, "admissionregistration.v1.ValidatingWebhook"),
            unhealthy_eviction="unhealthyPodEvictionPolicy" in budget,
        )


async def _schemas(client: Client) -> dict[str, Any]:
    """The schemas of the kinds that manifests depend on; v3 is in parts, where the server has it."""
    try:
        parts = (await _json(client, "/openapi/v3")).get("paths") or {}
    except NotFound:
        return dict((await _json(client, "/openapi/v2")).get("definitions") or {})
    found: dict[str, Any] = {}
    for part in (_API_EXTENSIONS, _ADMISSION, _POLICY):
        if part in parts:
            document = await _json(client, f"/openapi/v3/{part}")
            found |= (document.get("components") or {}).get("schemas") or {}
    return found


def _properties(schemas: Mapping[str, Any], kind: str) -> dict[str, Any]:
    for name, schema in schemas.items():
        if name.endswith(f".{kind}"):
            return dict(schema.get("properties") or {})
    return {}


async def _json(client: Client, path: str) -> dict[str, Any]:
    answer: Any = msgspec.json.decode((await client.request("GET", path)).body)
    return answer if isinstance(answer, dict) else {}


def _parsed(text: str) -> tuple[int, int]:
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no version of Kubernetes: write it like {_text(NEWEST)}")
    return int(match[1]), int(match[2])


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
