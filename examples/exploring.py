"""A Database in a cloud: as it is first written, and after `kubernaut explore` has been at it, twice."""

from kubernaut import Context, Controller, Model, ObjectMeta, Reconciler, Resource, StatusBase
from kubernaut.testing.exploration import Scenario, View, World, always


class DatabaseSpec(Model):
    size: str


class DatabaseStatus(StatusBase):
    instance: str = ""


class Database(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: DatabaseSpec
    status: DatabaseStatus = DatabaseStatus()


class Cloud:
    """Stands in for a cloud. What runs there costs money, whether anybody knows of it or not."""

    def __init__(self) -> None:
        self.instances: dict[str, str] = {}
        self.made = 0

    async def create(self, size: str, token: str = "") -> str:
        """Start an instance, or find the one that was started with this token."""
        found = await self.find(token) if token else None
        if found is not None:
            return found
        self.made += 1
        instance = f"{size}-{self.made}"
        self.instances[instance] = token
        return instance

    async def find(self, token: str) -> str | None:
        """The instance that was started with this token."""
        return next((instance for instance, made_with in self.instances.items() if made_with == token), None)

    async def delete(self, instance: str) -> None:
        self.instances.pop(instance, None)

    def dump(self) -> list[str]:
        """What runs, for comparison between runs."""
        return list(self.instances)


class DatabaseReconciler(Reconciler[Database]):
    finalizer = "example.dev/instance"

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    async def reconcile(self, database: Database, ctx: Context) -> None:
        if not database.status.instance:
            database.status.instance = await self.cloud.create(database.spec.size)
        database.status.set_condition("Ready", True, reason="Created")

    async def finalize(self, database: Database, ctx: Context) -> None:
        if database.status.instance:
            await self.cloud.delete(database.status.instance)


def databases(reconciler: Reconciler[Database]) -> Controller:
    return Controller(Database, reconciler)


def orders() -> Database:
    return Database(metadata=ObjectMeta(name="orders", namespace="default"), spec=DatabaseSpec(size="small"))


async def steps(world: World) -> None:
    await world.client.create(orders())
    await world.settled()


first = Scenario(
    name="databases",
    controllers=lambda world: [databases(DatabaseReconciler(world.outside.cloud))],
    crds=[Database],
    outside=lambda: {"cloud": Cloud()},
    steps=steps,
)


class TokenReconciler(DatabaseReconciler):
    async def reconcile(self, database: Database, ctx: Context) -> None:
        if not database.status.instance:
            token = database.uid or ""
            database.status.instance = await self.cloud.create(database.spec.size, token=token)
        database.status.set_condition("Ready", True, reason="Created")


second = Scenario(
    name="databases, with a token",
    controllers=lambda world: [databases(TokenReconciler(world.outside.cloud))],
    crds=[Database],
    outside=lambda: {"cloud": Cloud()},
    steps=steps,
)


class RepairedReconciler(TokenReconciler):
    async def finalize(self, database: Database, ctx: Context) -> None:
        # The cloud is asked, not the status: that may never have come to name the instance.
        instance = await self.cloud.find(database.uid or "")
        if instance is not None:
            await self.cloud.delete(instance)


def one_instance_for_each_database(view: View) -> str | None:
    running, wanted = view.outside.cloud.instances, view.all(Database)
    return f"{len(running)} instances for {len(wanted)} databases" if len(running) > len(wanted) else None


repaired = Scenario(
    name="databases, repaired",
    controllers=lambda world: [databases(RepairedReconciler(world.outside.cloud))],
    crds=[Database],
    outside=lambda: {"cloud": Cloud()},
    steps=steps,
    invariants=[always(one_instance_for_each_database)],
)
