"""Who writes a status: kubernaut's own accounts, and nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubernaut.client import StatusCause
from kubernaut.reconcile.webhooks import AdmissionRequest, Denied

FIELD = "status"


class StatusWriters:
    """The usernames that may write `status`; while none is known, nobody may.

    The status says which checks have passed and who approved: whoever writes it decides what runs, with the rights of
    the actions' accounts.
    """

    def __init__(self, usernames: Iterable[str] = ()) -> None:
        self._usernames = frozenset(usernames)

    @property
    def known(self) -> bool:
        """Whether there is anybody who may."""
        return bool(self._usernames)

    def includes(self, username: str) -> bool:
        """Whether this is one of them."""
        return username in self._usernames

    def learn(self, usernames: Iterable[str]) -> None:
        """These may, from now on, and no others."""
        self._usernames = frozenset(usernames)

    def check(self, request: AdmissionRequest[Any]) -> None:
        """Refuse everybody else's update, whatever it changes. Raises Denied."""
        username = request.user.username
        if username in self._usernames:
            return
        if not self.known:
            message = "the controllers do not know yet by which username they write it; see --own-user"
        else:
            message = f"is written by kubernaut's own accounts alone, and {username!r} is none of them"
        raise Denied(f"{FIELD}: {message}", causes=[StatusCause("FieldValueForbidden", message, FIELD)])
