"""What people do in the steps of a scenario: one thing, and then they wait until the cluster is at rest."""

from __future__ import annotations

from kubernaut import ObjectMeta, Resource
from kubernaut.testing.exploration import World


def named(name: str) -> ObjectMeta:
    """The metadata of an object in the namespace default."""
    return ObjectMeta(name=name, namespace="default")


async def create(world: World, obj: Resource) -> None:
    """Create an object."""
    await world.client.create(obj)
    await world.settled()


async def delete(world: World, kind: type[Resource], name: str) -> None:
    """Delete an object."""
    await world.client.delete(kind, name, namespace="default")
    await world.settled()
