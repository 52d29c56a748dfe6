"""Warns, once, of a process whose requests and executions must all fail: nothing says who asked for them."""

from __future__ import annotations

from kubernaut.cli.run.plan import Plan
from kubernaut.client import Client, ClientError
from kubernaut.install.names import webhook_configuration
from kubernaut.reconcile.webhooks import AdmissionWebhook
from kubernaut.remediation.execution.webhooks import RegisteredWebhooks
from kubernaut.remediation.execution.webhooks.vouching import FIX


async def unstamped(plan: Plan, client: Client) -> str | None:
    """The warning; None where stamps are written, are not asked for, or that cannot be found out."""
    settings = plan.settings
    stamps = [one for one in plan.webhooks if isinstance(one, AdmissionWebhook) and one.mutating]
    # A process that serves them itself is not ready until they are registered, and says so there.
    if settings.webhooks or settings.allow_unstamped or not stamps:
        return None
    try:
        why = await RegisteredWebhooks(stamps, webhook_configuration(plan.name)).vouches(client, None)
    except ClientError:
        return None
    if why is None:
        return None
    return f"no request and no execution can succeed, for nobody is stamped as who asked ({why}): {FIX}"
