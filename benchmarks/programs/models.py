"""The typed resource of kubernaut's programs."""

from pydantic import Field

from kubernaut.resources import Model, Resource, StatusBase


class ItemRule(Model):
    name: str
    host: str
    paths: list[str]
    weight: int
    enabled: bool


class ItemSpec(Model):
    size: int
    description: str = ""
    rules: list[ItemRule] = Field(default_factory=list)


class ItemStatus(StatusBase):
    phase: str = ""
    observed_size: int = 0


class Item(Resource, group="bench.kubernaut.io", version="v1", status_subresource=True):
    spec: ItemSpec
    status: ItemStatus = Field(default_factory=ItemStatus)
