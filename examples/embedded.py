"""A web service with controllers in it: one process, one event loop, the service's own start, signals and log.

    uvicorn --factory examples.embedded:make_app

`beside` is all there is to it, for any asyncio program; the rest shows it in a FastAPI application's lifespan.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import fastapi

from kubernaut import (
    Client,
    Context,
    Controller,
    LeaderElection,
    Manager,
    Model,
    ObjectMeta,
    Reconciler,
    Resource,
    StatusBase,
    connect,
)
from kubernaut.resources.builtin.core_v1 import ConfigMap

NAMESPACE = "default"


class GreetingSpec(Model):
    who: str


class Greeting(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: GreetingSpec
    status: StatusBase = StatusBase()


class GreetingReconciler(Reconciler[Greeting]):
    async def reconcile(self, greeting: Greeting, ctx: Context) -> None:
        text = ConfigMap(metadata=ObjectMeta(name=greeting.name), data={"text": f"Hello, {greeting.spec.who}!"})
        await ctx.client.apply(text, owner=greeting)
        greeting.status.set_condition("Ready", True, reason="Applied")


def make_manager(client: Client) -> Manager:
    # Each replica of the service has one; the leader's controllers work, all of them have a cache to answer from.
    manager = Manager(client, name="greetings", leader_election=LeaderElection("greetings", namespace=NAMESPACE))
    manager.add(Controller(Greeting, GreetingReconciler(), owns=[ConfigMap]))
    return manager


@asynccontextmanager
async def beside(manager: Manager, failed: Callable[[Exception], None]) -> AsyncIterator[None]:
    """Run a manager for as long as the body runs, then stop it in order.

    `failed` is told when it ends before that: it lost its lease, or a service of it kept crashing. It has stopped then,
    and its process should: what starts it again makes a new one, which contends for the lease anew.
    """

    async def run() -> None:
        try:
            await manager.run()
        except Exception as error:
            failed(error)

    running = asyncio.create_task(run())
    try:
        yield
    finally:
        manager.stop()
        await running


def end_the_service(error: Exception) -> None:
    """uvicorn ends in order on SIGTERM: requests are answered, and the lifespan is left."""
    print(f"the manager ended: {error}")
    os.kill(os.getpid(), signal.SIGTERM)


routes = fastapi.APIRouter()


@routes.get("/greetings")
async def greetings(request: fastapi.Request) -> dict[str, str]:
    """What the cache holds: no request reaches the API server."""
    manager: Manager = request.app.state.manager
    return {text.name: text.data["text"] for text in manager.cache.list(ConfigMap) if "text" in text.data}


@routes.put("/greetings/{name}")
async def greet(name: str, who: str, request: fastapi.Request) -> dict[str, str]:
    """Ask for a greeting; a controller, here or in another replica, does the rest."""
    client: Client = request.app.state.manager.client
    greeting = Greeting(metadata=ObjectMeta(name=name, namespace=NAMESPACE), spec=GreetingSpec(who=who))
    await client.apply(greeting)
    return {"greeting": name}


@routes.get("/readyz")
async def ready(response: fastapi.Response, request: fastapi.Request) -> dict[str, str]:
    """The service's own readiness, with the manager's in it: no second port."""
    manager: Manager = request.app.state.manager
    failing = {name: reason for name, reason in (await manager.readyz.run()).items() if reason is not None}
    if failing:
        response.status_code = 503
    return failing


def make_app(
    connection: Callable[[], AbstractAsyncContextManager[Client]] = connect,
    failed: Callable[[Exception], None] = end_the_service,
) -> fastapi.FastAPI:
    @asynccontextmanager
    async def lifespan(app: fastapi.FastAPI) -> AsyncIterator[None]:
        async with connection() as client:
            app.state.manager = make_manager(client)
            async with beside(app.state.manager, failed):
                yield

    app = fastapi.FastAPI(lifespan=lifespan)
    app.include_router(routes)
    return app


async def main() -> None:
    """The same without a web framework: a program of your own that does something beside its controllers."""
    async with connect() as client:
        ended = asyncio.Event()
        async with beside(make_manager(client), lambda error: ended.set()):
            await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
