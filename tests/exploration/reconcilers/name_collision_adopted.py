"""Name collision adopted: an IPClaim takes a free address by creating an IPAddress of that name."""

from ipaddress import ip_network

from kubernaut import (
    AlreadyExists,
    Context,
    Controller,
    Model,
    ObjectMeta,
    Reconciler,
    RequeueError,
    Resource,
    StatusBase,
    set_controller_reference,
)

POOL = [str(address) for address in ip_network("10.0.0.0/29").hosts()]


class IPAddressSpec(Model):
    claim: str


class IPAddress(Resource, group="ipam.example.dev", version="v1", plural="ipaddresses"):
    spec: IPAddressSpec


class IPClaimStatus(StatusBase):
    address: str = ""


class IPClaim(Resource, group="ipam.example.dev", version="v1", status_subresource=True):
    status: IPClaimStatus = IPClaimStatus()


class IPClaimReconciler(Reconciler[IPClaim]):
    async def reconcile(self, claim: IPClaim, ctx: Context) -> None:
        if claim.status.address:
            return
        wanted = address_for(claim, ctx)
        try:
            await ctx.client.create(wanted)
        except AlreadyExists:
            ctx.log.info("the address is there from an earlier try", address=wanted.name)
        claim.status.address = wanted.name


class RepairedIPClaimReconciler(Reconciler[IPClaim]):
    """An address that is there already is looked at: only one of this very claim's counts."""

    async def reconcile(self, claim: IPClaim, ctx: Context) -> None:
        if claim.status.address:
            return
        wanted = address_for(claim, ctx)
        try:
            await ctx.client.create(wanted)
        except AlreadyExists:
            found = await ctx.client.get(IPAddress, wanted.name, namespace=claim.namespace)
            holder = found.metadata.controller_reference()
            if holder is None or holder.uid != claim.uid:
                raise RequeueError(f"{wanted.name} was taken by {found.spec.claim}") from None
        claim.status.address = wanted.name


def address_for(claim: IPClaim, ctx: Context) -> IPAddress:
    """The one that is there for the claim already, or else the first that is free."""
    addresses = ctx.cache.list(IPAddress, claim.namespace)
    mine = [address.name for address in addresses if address.spec.claim == claim.name]
    taken = [address.name for address in addresses]
    name = next(name for name in [*mine, *POOL] if name in mine or name not in taken)
    address = IPAddress(metadata=ObjectMeta(name=name, namespace=claim.namespace), spec=IPAddressSpec(claim=claim.name))
    set_controller_reference(address, claim)
    return address


def claims(reconciler: Reconciler[IPClaim]) -> Controller:
    return Controller(IPClaim, reconciler, owns=[IPAddress])
