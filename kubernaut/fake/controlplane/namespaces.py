"""Empties namespaces that are being deleted, and lets them go."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.client import ApiError, Conflict, NotFound
from kubernaut.fake.controlplane.discovery import deletable_kinds
from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources import AnyResource
from kubernaut.resources.builtin.core_v1 import Namespace

_FINALIZER = "kubernetes"
_AGAIN = timedelta(seconds=1)


class Namespaces(Reconciler[Namespace]):
    """Deletes until a pass finds nothing; only then the namespace's own finalizer goes."""

    async def reconcile(self, namespace: Namespace, ctx: Context) -> Result | None:
        """Delete what is in a namespace that is going, then finalize it."""
        if namespace.metadata.deletion_timestamp is None or _FINALIZER not in namespace.spec.finalizers:
            return None
        namespace.status.phase = "Terminating"
        if await self._empty(namespace.name, ctx):
            await self._finalize(namespace, ctx)
            return None
        return Result(requeue_after=_AGAIN)

    async def _empty(self, namespace: str, ctx: Context) -> bool:
        """Delete everything there is; whether there was nothing."""
        nothing = True
        for rt in await deletable_kinds(ctx.client):
            if not rt.namespaced:
                continue
            kind = AnyResource.of(rt.api_version, rt.kind, rt.plural, True)
            try:
                items = await ctx.client.list(kind, namespace=namespace)
            except ApiError as error:
                if error.code == 404:
                    continue
                raise
            for item in items:
                nothing = False
                if item.metadata.deletion_timestamp is None:
                    await _delete(kind, item, ctx)
        return nothing

    async def _finalize(self, namespace: Namespace, ctx: Context) -> None:
        live = (await ctx.client.get(Namespace, namespace.name)).to_dict()
        spec = live.setdefault("spec", {})
        spec["finalizers"] = [name for name in namespace.spec.finalizers if name != _FINALIZER]
        path = Namespace.resource_type.path(None, namespace.name, "finalize")
        try:
            await ctx.client.request("PUT", path, body=live)
        except NotFound:
            return


async def _delete(kind: type[AnyResource], item: AnyResource, ctx: Context) -> None:
    try:
        await ctx.client.delete(kind, item.name, namespace=item.namespace, uid=item.uid, propagation="Background")
    except (NotFound, Conflict):
        return


def namespaces() -> Controller:
    """The controller that ends namespaces."""
    return Controller(Namespace, Namespaces())
