"""Lost update by overwriting: each Route has a line in the one ConfigMap that the proxy reads."""

from collections.abc import Callable

from kubernaut import Context, Controller, MergePatch, Model, Reconciler, Request, Resource, StatusBase, Watch
from kubernaut.resources.builtin.core_v1 import ConfigMap

TABLE, FILE = "proxy", "routes.conf"


class RouteSpec(Model):
    path: str
    service: str


class Route(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: RouteSpec
    status: StatusBase = StatusBase()


class RouteReconciler(Reconciler[Route]):
    finalizer = "example.dev/route"

    async def reconcile(self, route: Route, ctx: Context) -> None:
        line = f"{route.spec.path} -> {route.spec.service}"
        await self.rewrite(route, ctx, lambda lines: [*lines, line] if line not in lines else lines)
        route.status.set_condition("Ready", True, reason="Routed")

    async def finalize(self, route: Route, ctx: Context) -> None:
        line = f"{route.spec.path} -> {route.spec.service}"
        await self.rewrite(route, ctx, lambda lines: [other for other in lines if other != line])

    async def rewrite(self, route: Route, ctx: Context, change: Callable[[list[str]], list[str]]) -> None:
        table = ctx.cache.get(ConfigMap, TABLE, route.namespace)
        lines = table.data.get(FILE, "").splitlines()
        if (new := change(lines)) != lines:
            await self.write(table, "\n".join(sorted(new)), ctx)

    async def write(self, table: ConfigMap, text: str, ctx: Context) -> None:
        await ctx.client.patch(ConfigMap, TABLE, MergePatch({"data": {FILE: text}}), namespace=table.namespace)


class RepairedRouteReconciler(RouteReconciler):
    """The whole object goes back with the version it was read at: a Conflict means that somebody was faster."""

    async def write(self, table: ConfigMap, text: str, ctx: Context) -> None:
        table.data[FILE] = text
        await ctx.client.update(table)


def routes(reconciler: Reconciler[Route]) -> Controller:
    return Controller(Route, reconciler, watches=[Watch(ConfigMap, to=lambda table: list[Request]())])
