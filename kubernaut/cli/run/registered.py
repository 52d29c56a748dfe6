"""Whether the API server asks this process's webhooks: a check of the readiness."""

from __future__ import annotations

from collections.abc import Iterable

import anyio

from kubernaut.cli.run.identity import OwnUser
from kubernaut.client import Client, ClientError, Forbidden
from kubernaut.reconcile.webhooks import AdmissionWebhook, Webhook
from kubernaut.remediation.execution.webhooks import RegisteredWebhooks

CHECK = "webhook-configurations"
"""Beside `webhooks`, which is about the server and its certificate."""
FRESH_SECONDS = 10.0
"""So long an answer is not asked for again."""


class Registered:
    """Looks whether the webhooks are registered as they have to be, and whether `own_user` is known.

    While the server gives no answer, its last one holds: that it is away is no reason to leave the Service.
    """

    def __init__(self, client: Client, webhooks: Iterable[Webhook], name: str, own_user: OwnUser) -> None:
        self._client = client
        self._own_user = own_user
        self._registered = RegisteredWebhooks([one for one in webhooks if isinstance(one, AdmissionWebhook)], name)
        self._asked: float | None = None
        self._answer: str | None = "the webhooks' registration has not been looked at yet"

    async def check(self) -> str | None:
        """Why stamps would not count; None when all is as it has to be."""
        now = anyio.current_time()
        if self._asked is None or now - self._asked >= FRESH_SECONDS:
            try:
                self._answer = await self._registered.vouches(self._client, None)
                self._asked = now
            except Forbidden as error:
                self._answer = f"the webhooks' registration cannot be looked at: {error}"
            except ClientError:
                pass
        return self._answer or self._own_user.problem
