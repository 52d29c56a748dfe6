"""Gives every namespace its default ServiceAccount, and gives it back when it is deleted."""

from __future__ import annotations

from kubernaut.client import AlreadyExists, ApiError, NotFound, ObjectHead
from kubernaut.reconcile import Context, Controller, Reconciler, Request, Result, Watch
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import Namespace, ServiceAccount

_DEFAULT = "default"


class DefaultServiceAccounts(Reconciler[Namespace]):
    """The name is fixed, so that creating it twice is harmless."""

    async def reconcile(self, namespace: Namespace, ctx: Context) -> Result | None:
        """Create the ServiceAccount `default` if the namespace has none."""
        if namespace.metadata.deletion_timestamp is not None:
            return None
        try:
            ctx.cache.head(ServiceAccount, _DEFAULT, namespace.name)
        except NotFound:
            await self._create(namespace.name, ctx)
        return None

    async def _create(self, namespace: str, ctx: Context) -> None:
        account = ServiceAccount(metadata=ObjectMeta(name=_DEFAULT, namespace=namespace))
        try:
            await ctx.client.create(account)
        except (AlreadyExists, NotFound):
            return
        except ApiError as error:
            # The namespace began to go meanwhile: nothing is created in it any more.
            if not any(cause.reason == "NamespaceTerminating" for cause in error.causes):
                raise


def _namespace_of(head: ObjectHead) -> list[Request]:
    return [Request(None, head.namespace)] if head.name == _DEFAULT and head.namespace else []


def service_accounts() -> Controller:
    """The controller of default ServiceAccounts."""
    watches = [Watch(ServiceAccount, to=_namespace_of)]
    return Controller(Namespace, DefaultServiceAccounts(), name="serviceaccount", watches=watches)
