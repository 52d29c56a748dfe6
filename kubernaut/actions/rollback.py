"""What is remembered before a change so that it can be undone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubernaut.actions.target import Target

STATUS_LIMIT = 64 * 1024


class CaptureFailed(Exception):
    """The way back cannot be recorded, so the action must not be done; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackInformation:
    """The inverse of an action: which action, on what, with which parameters (JSON, camelCase).

    `target_uid` is the object it was captured from: the inverse on another object of that name is no rollback.
    `sensitive` marks what holds Secret data, or leads back from a state that does: no status may hold it, nor a plain
    digest of that state. Its inverse must bring it to the cluster by `files`, never by its command.
    """

    action: str
    target: Target
    parameters: Mapping[str, Any] = field(default_factory=dict)
    target_uid: str = ""
    sensitive: bool = False

    @property
    def fits_status(self) -> bool:
        """False when it must go into an owned Secret: Secret data, or over 64 KiB of JSON."""
        return not self.sensitive and len(json.dumps(self.to_dict()).encode()) <= STATUS_LIMIT

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as `status.rollbackInformation`."""
        return {
            "action": self.action,
            "target": self.target.to_dict(),
            "parameters": dict(self.parameters),
            "targetUid": self.target_uid,
        }


def inverse(live: Mapping[str, Any], action: str, parameters: Mapping[str, Any] | None = None) -> RollbackInformation:
    """Rollback information for the live object itself, undone by `action`.

    Raises CaptureFailed when the object carries no identity.
    """
    try:
        target = Target.of(live)
        uid = live["metadata"]["uid"]
    except KeyError as error:
        raise CaptureFailed(f"the live object has no {error.args[0]}") from error
    return RollbackInformation(action=action, target=target, parameters=as_spec(parameters), target_uid=uid)


def as_spec(parameters: Mapping[str, Any] | None) -> dict[str, int | str]:
    """Parameters as an execution's spec holds them: integers and strings; others as JSON text."""
    return {
        key: value if type(value) in (int, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        for key, value in (parameters or {}).items()
    }
