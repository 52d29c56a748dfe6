"""Whether a decision would be stamped: one that is not counts for nothing, and cannot be taken back."""

from __future__ import annotations

from datetime import datetime

from kubernaut.client import Client, ClientError
from kubernaut.remediation.approval.webhooks import approval_webhooks
from kubernaut.remediation.execution.webhooks import RegisteredWebhooks
from kubernaut.resources.builtin.admissionregistration_v1 import MutatingWebhookConfiguration


async def unstamped(client: Client, made: datetime | None) -> str | None:
    """Why a decision about a request of that time would not count; None where it would, or where that is not known.

    The configurations may have any name: installations choose it, and who decides need not know it. Who may not read
    them decides without being told beforehand.
    """
    webhooks = approval_webhooks()
    entries = {webhook.manifest()["name"] for webhook in webhooks}
    try:
        found = await client.list(MutatingWebhookConfiguration)
        names = [each.name for each in found if entries & {entry.name for entry in each.webhooks}]
        problems = [await RegisteredWebhooks(webhooks, name).vouches(client, made) for name in names]
    except ClientError:
        return None
    if None in problems:
        return None
    return problems[0] if problems else "no webhook configuration that stamps who decides is registered"
