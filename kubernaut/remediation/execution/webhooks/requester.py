"""Who asked: `spec.requestedBy` is what the API server says of the requester, not what the requester says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from kubernaut.client import StatusCause
from kubernaut.reconcile.webhooks import AdmissionRequest, Denied, UserInfo
from kubernaut.remediation.execution.types import KubernetesExecution, RequestedBy

FIELD = "spec.requestedBy"


class Requesters:
    """Stamps creations and checks the stamps. `trusted`: usernames that may pass on another's stamp."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = frozenset(trusted)

    def stamp(self, request: AdmissionRequest[KubernetesExecution]) -> None:
        """Write who asks, over whatever is there; a trusted requester's own entry stays. Raises Denied."""
        spec = request.target.spec
        if spec.requested_by is None or request.user.username not in self._trusted:
            spec.requested_by = stamp_of(request.user)

    def check(self, request: AdmissionRequest[KubernetesExecution]) -> None:
        """Refuse a creation that does not say who asks: a webhook after ours may have changed it. Raises Denied."""
        if request.operation != "CREATE":
            return
        found = ((request.raw_object or {}).get("spec") or {}).get("requestedBy")
        if not found:
            raise _denied(f"{FIELD} is missing: the mutating webhook that writes it was not called")
        user = request.user
        if user.username not in self._trusted and _fields(found) != _fields(stamp_of(user).to_dict()):
            raise _denied(
                f"{FIELD} is not who asks, {user.username!r}: it was changed after admission had written it; "
                f"only kubernaut itself may create executions for others"
            )


def stamp_of(user: UserInfo) -> RequestedBy:
    """The stamp of a requester.

    Raises Denied where it does not fit: a user of whom a part is left out is another user, to policies above all.
    """
    try:
        return RequestedBy(username=user.username, uid=user.uid or None, groups=list(user.groups))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _denied(f"{FIELD}: the requester cannot be recorded in full: {where}: {first['msg']}") from None


def _fields(stamp: Any) -> tuple[Any, ...]:
    """What a stamp says, however empty fields are written."""
    if not isinstance(stamp, dict):
        return (stamp,)
    known = (stamp.get("username"), stamp.get("uid") or None, list(stamp.get("groups") or ()))
    return (*known, {key: value for key, value in stamp.items() if key not in ("username", "uid", "groups")})


def _denied(message: str) -> Denied:
    return Denied(message, causes=[StatusCause("FieldValueForbidden", message, FIELD)])
