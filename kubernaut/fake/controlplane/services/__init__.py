"""Which pods stand behind a Service: EndpointSlices and Endpoints."""

from kubernaut.fake.controlplane.services.controller import endpoints

__all__ = ["endpoints"]
