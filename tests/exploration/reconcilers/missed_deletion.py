"""Missed deletion: a DnsName is an entry at the DNS provider, which is removed when the object is found to be gone."""

from typing import Protocol

from kubernaut import (
    Context,
    Controller,
    Model,
    NotFound,
    Reconciler,
    Request,
    RequestReconciler,
    Resource,
    Result,
    StatusBase,
)


class DnsNameSpec(Model):
    target: str


class DnsName(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: DnsNameSpec
    status: StatusBase = StatusBase()


class Dns(Protocol):
    """A provider; both calls can be repeated."""

    async def ensure(self, host: str, target: str) -> None: ...
    async def remove(self, host: str) -> None: ...


class DnsNameReconciler(RequestReconciler):
    def __init__(self, dns: Dns) -> None:
        self.dns = dns

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        try:
            entry = ctx.cache.get(DnsName, request.name, request.namespace)
        except NotFound:
            await self.dns.remove(host_of(request.name))
            return None
        await self.dns.ensure(host_of(entry.name), entry.spec.target)
        if not entry.status.is_true("Ready"):
            entry.status.set_condition("Ready", True, reason="Resolves", observed_generation=entry.metadata.generation)
            entry.status.conditions[-1].last_transition_time = ctx.clock.now()
            await ctx.client.update_status(entry)
        return None


class RepairedDnsNameReconciler(Reconciler[DnsName]):
    """With a finalizer the object stays until its entry is gone, whoever is running meanwhile."""

    finalizer = "example.dev/dns"

    def __init__(self, dns: Dns) -> None:
        self.dns = dns

    async def reconcile(self, entry: DnsName, ctx: Context) -> Result | None:
        await self.dns.ensure(host_of(entry.name), entry.spec.target)
        entry.status.set_condition("Ready", True, reason="Resolves")
        return None

    async def finalize(self, entry: DnsName, ctx: Context) -> Result | None:
        await self.dns.remove(host_of(entry.name))
        return None


def host_of(name: str) -> str:
    return f"{name}.example.org"


def dns_names(reconciler: Reconciler[DnsName] | RequestReconciler) -> Controller:
    return Controller(DnsName, reconciler)
