"""The Secret that replicas share: read, made and replaced, each write only on top of what was read."""

from __future__ import annotations

from dataclasses import dataclass

from kubernaut.client import Client, NotFound
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.webhooks.certificates.state import ROTATION, State, Unreadable
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import Secret

__all__ = ["Found", "NotOurs", "SharedSecret"]

_log = logger("kubernaut.certificates")


class NotOurs(ValueError):
    """Raised for a Secret that holds something else."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read. `secret` is None where there is none, `state` where it is empty or damaged."""

    secret: Secret | None
    state: State | None


class SharedSecret:
    """One Secret of one namespace."""

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        # what was read last: reading keys takes longer than all the rest of a step in which nothing is due
        self._known: tuple[dict[str, str], State] | None = None

    def __str__(self) -> str:
        return f"Secret {self._namespace}/{self._name}"

    async def read(self) -> Found:
        """Raises NotOurs for a Secret of somebody else's; ApiError, TransportError."""
        try:
            secret = await self._client.get(Secret, self._name, namespace=self._namespace)
        except NotFound:
            return Found(None, None)
        if not secret.data:
            return Found(secret, None)
        if ROTATION not in secret.data:
            raise NotOurs(f"{self} holds {', '.join(sorted(secret.data))}: name another for managed certificates")
        if self._known is not None and self._known[0] == secret.data:
            return Found(secret, self._known[1])
        try:
            state = State.from_data(secret.data)
            self._known = (dict(secret.data), state)
            return Found(secret, state)
        except Unreadable as error:
            _log.error("the stored certificates cannot be used and are made anew", secret=str(self), error=str(error))
            return Found(secret, None)

    async def write(self, found: Found, state: State) -> None:
        """Store `state` in place of what was found.

        Raises AlreadyExists or Conflict where another replica was first; ApiError, TransportError.
        """
        if found.secret is None:
            metadata = ObjectMeta(name=self._name, namespace=self._namespace)
            await self._client.create(Secret(metadata=metadata, type="kubernetes.io/tls", data=state.to_data()))
            return
        secret = found.secret.model_copy(deep=True)
        secret.data = state.to_data()
        await self._client.update(secret)
