"""The kind that these tests reconcile."""

from kubernaut.resources import Model, Resource, StatusBase


class WidgetSpec(Model):
    size: int = 1


class WidgetStatus(StatusBase):
    phase: str = ""
    made: int = 0


class Widget(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: WidgetSpec = WidgetSpec()
    status: WidgetStatus = WidgetStatus()
