"""Who asked: `spec.requestedBy` is what the API server says of the requester, not what the requester says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from kubernaut.client import StatusCause
from kubernaut.reconcile.webhooks import AdmissionRequest, Denied, UserInfo
from kubernaut.remediation.execution.types import RequestedBy
from kubernaut.remediation.execution.webhooks.status import StatusWriters

FIELD = "spec.requestedBy"


class Requesters:
    """Stamps creations and checks the stamps, of every kind with `spec.requestedBy`.

    `trusted`: usernames that may pass on another's stamp. So may `own`, the controllers' accounts: what they create is
    for whoever asked for its parent. Until those are known, a stamp that is not the requester's is neither kept nor
    replaced: the creation is to be tried again.
    """

    def __init__(self, trusted: Iterable[str], own: StatusWriters | None = None) -> None:
        self._trusted = frozenset(trusted)
        self._own = own

    def stamp(self, request: AdmissionRequest[Any]) -> None:
        """Write who asks, over whatever is there; a trusted requester's own entry stays. Raises Denied."""
        spec = request.target.spec
        if spec.requested_by is None or not self._trusts(request.user.username):
            if spec.requested_by is not None and self._own is not None and not self._own.known:
                raise _unknown()
            spec.requested_by = stamp_of(request.user)

    def check(self, request: AdmissionRequest[Any]) -> None:
        """Refuse a creation that does not say who asks: a webhook after ours may have changed it. Raises Denied."""
        if request.operation != "CREATE":
            return
        found = ((request.raw_object or {}).get("spec") or {}).get("requestedBy")
        if not found:
            raise _denied(f"{FIELD} is missing: the mutating webhook that writes it was not called")
        user = request.user
        if not self._trusts(user.username) and _fields(found) != _fields(stamp_of(user).to_dict()):
            raise _denied(
                f"{FIELD} is not who asks, {user.username!r}: it was changed after admission had written it; "
                f"only kubernaut itself may create objects for others"
            )

    def _trusts(self, username: str) -> bool:
        return username in self._trusted or (self._own is not None and self._own.includes(username))


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


def _unknown() -> Denied:
    message = f"{FIELD}: the controllers do not know yet by which username they work; leave it out, or try again"
    return Denied(
        message, reason="ServiceUnavailable", code=503, causes=[StatusCause("FieldValueForbidden", message, FIELD)]
    )


def _denied(message: str) -> Denied:
    return Denied(message, causes=[StatusCause("FieldValueForbidden", message, FIELD)])
