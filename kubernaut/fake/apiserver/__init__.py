"""A Kubernetes API server in memory, as an ASGI application."""

from kubernaut.fake.apiserver.app import ApiServer, LoggedRequest
from kubernaut.fake.apiserver.messages import User
from kubernaut.fake.apiserver.registry import ResourceInfo

__all__ = ["ApiServer", "LoggedRequest", "ResourceInfo", "User"]
