"""An operator in about sixty lines: a FlagSet hands the flags of a team's ConfigMap to an application, as a file."""

from collections.abc import Iterable, MutableSet

from kubernaut import (
    Cache,
    Context,
    Controller,
    Model,
    NotFound,
    ObjectMeta,
    Reconciler,
    Request,
    Resource,
    StatusBase,
    TerminalError,
    Watch,
)
from kubernaut.client import ObjectHead
from kubernaut.resources.builtin.core_v1 import ConfigMap


class FlagSetSpec(Model):
    flags: str  # the name of a ConfigMap: flag -> on or off
    application: str


class FlagSetStatus(StatusBase):
    enabled: int = 0


class FlagSet(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: FlagSetSpec
    status: FlagSetStatus = FlagSetStatus()


class FlagSetReconciler(Reconciler[FlagSet]):
    finalizer = "example.dev/subscription"

    def __init__(self, subscriptions: MutableSet[str]) -> None:
        self.subscriptions = subscriptions  # the outside world: who is told when flags change

    async def reconcile(self, flag_set: FlagSet, ctx: Context) -> None:
        self.subscriptions.add(flag_set.spec.application)
        try:
            flags = ctx.cache.get(ConfigMap, flag_set.spec.flags, flag_set.namespace).data
        except NotFound:  # the watch on ConfigMaps calls again when it comes
            flag_set.status.set_condition("Ready", False, reason="NoFlags", message=f"no {flag_set.spec.flags!r}")
            return
        if wrong := [name for name, value in flags.items() if value not in ("on", "off")]:
            flag_set.status.set_condition("Ready", False, reason="BadFlag", message=f"{wrong[0]}: neither on nor off")
            raise TerminalError(f"{wrong[0]}: neither on nor off")
        text = "".join(f"{name}={value}\n" for name, value in sorted(flags.items()))
        await ctx.client.apply(
            ConfigMap(metadata=ObjectMeta(name=f"{flag_set.name}-file"), data={"flags": text}), owner=flag_set
        )
        flag_set.status.enabled = list(flags.values()).count("on")
        flag_set.status.set_condition("Ready", True, reason="Written")

    async def finalize(self, flag_set: FlagSet, ctx: Context) -> None:
        self.subscriptions.discard(flag_set.spec.application)  # the file goes by itself: the FlagSet owns it


def users_of(flags: ObjectHead, cache: Cache) -> Iterable[Request]:
    return [Request(user.namespace, user.name) for user in cache.list(FlagSet, index=("flags", flags.name))]


def flag_sets(subscriptions: MutableSet[str]) -> Controller:
    watch = Watch(ConfigMap, to=users_of)
    indexes = {"flags": lambda flag_set: [flag_set.spec.flags]}
    return Controller(FlagSet, FlagSetReconciler(subscriptions), owns=[ConfigMap], watches=[watch], indexes=indexes)
