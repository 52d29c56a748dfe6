"""The environment that a target lies in, and how urgent a signal about it is."""

from __future__ import annotations

from collections.abc import Mapping

from kubernaut.remediation.execution.validation.policy import ENVIRONMENT_LABELS
from kubernaut.remediation.processing.texts import line

PRODUCTION = "production"
_NAMES = {
    PRODUCTION: ("production", "prod", "prd", "live"),
    "staging": ("staging", "stage", "stg", "preprod"),
    "testing": ("testing", "test", "qa"),
    "development": ("development", "dev"),
}
_CRITICAL = ("critical", "page", "emergency", "fatal", "p0", "p1")
_INFO = ("info", "information", "none", "low", "notice", "debug")


def environment_of(namespace: str | None, labels: Mapping[str, str]) -> str:
    """By the namespace's labels, else by its name or the name's first part; "" where neither tells.

    What a label says in a known way is told by its usual name (`prod` is `production`), anything else as it stands.
    """
    for label in ENVIRONMENT_LABELS:
        if told := labels.get(label):
            return _known(told.lower()) or line(told, 63)
    name = (namespace or "").lower()
    return _known(name) or _known(name.partition("-")[0])


def priority_of(severity: str, environment: str) -> str:
    """`p0` for what is critical in production, up to `p3` for what is only told about anywhere else."""
    told = severity.lower()
    rank = 0 if told in _CRITICAL else 2 if told in _INFO else 1
    return f"p{rank + (environment != PRODUCTION)}"


def _known(name: str) -> str:
    return next((environment for environment, names in _NAMES.items() if name in names), "")
