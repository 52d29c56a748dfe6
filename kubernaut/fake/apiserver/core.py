"""What all verbs share: the server's state, and one call on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from kubernaut.fake.apiserver.authn import service_account
from kubernaut.fake.apiserver.kinds import Kind, kind_of
from kubernaut.fake.apiserver.messages import Request, User
from kubernaut.fake.apiserver.registry import Registry, ResourceInfo
from kubernaut.fake.apiserver.requestinfo import RequestInfo
from kubernaut.fake.apiserver.storage import Storage, Stored
from kubernaut.timing import Clock, current_clock


@dataclass(slots=True)
class State:
    """The objects, the resources that are served, and the sources of time and chance."""

    storage: Storage
    registry: Registry
    random: Random
    clock: Clock | None = None
    logs: dict[tuple[str, str, str], str] = field(default_factory=dict)
    tokens: dict[str, User] = field(default_factory=dict)

    def now(self) -> Any:
        return (self.clock or current_clock()).now()

    def issue_token(self, token: str, namespace: str, account: str, uid: str) -> None:
        """Makes a bearer token known as that ServiceAccount's."""
        self.tokens[token] = service_account(namespace, account, uid)

    def find(self, store: str, namespace: str, name: str) -> dict[str, Any] | None:
        """A private copy of a stored object."""
        stored = self.storage.get(store, namespace, name)
        return stored.decode() if stored else None


@dataclass(slots=True)
class Call:
    """One request on one resource by one user. Warnings gather here on the way."""

    state: State
    request: Request
    info: RequestInfo
    resource: ResourceInfo
    user: User
    warnings: list[str] = field(default_factory=list)
    new_name: str = ""  # of the object being created, for messages

    @property
    def kind(self) -> Kind:
        return kind_of(self.resource)

    @property
    def namespace(self) -> str:
        return self.info.namespace if self.resource.namespaced else ""

    def stored(self) -> Stored | None:
        return self.state.storage.get(self.resource.store, self.namespace, self.info.name)
