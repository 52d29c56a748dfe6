"""What all verbs share: the server's state, and one call on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from kubernaut.fake.apiserver.authn import Authenticator
from kubernaut.fake.apiserver.kinds import Kind, kind_of
from kubernaut.fake.apiserver.messages import Request, User
from kubernaut.fake.apiserver.pending import Memory
from kubernaut.fake.apiserver.rbac import Access
from kubernaut.fake.apiserver.registry import Registry, ResourceInfo
from kubernaut.fake.apiserver.remembered import Remembered
from kubernaut.fake.apiserver.requestinfo import RequestInfo
from kubernaut.fake.apiserver.storage import Storage, Stored
from kubernaut.timing import Clock, current_clock

if TYPE_CHECKING:
    from kubernaut.fake.apiserver.admission import Admission


@dataclass(slots=True)
class State:
    """The objects, the resources that are served, who may do what, and the sources of time and chance."""

    storage: Storage
    registry: Registry
    random: Random
    access: Access
    authn: Authenticator
    admission: Admission
    clock: Clock | None = None
    logs: dict[tuple[str, str, str], str] = field(default_factory=dict)
    tracked: Remembered[bytes] = field(default_factory=Remembered)
    bodies: Remembered[tuple[bytes, list[str]]] = field(default_factory=Remembered)

    def now(self) -> Any:
        return (self.clock or current_clock()).now()

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
    memory: Memory = field(default_factory=Memory)

    @property
    def kind(self) -> Kind:
        return kind_of(self.resource)

    @property
    def namespace(self) -> str:
        return self.info.namespace if self.resource.namespaced else ""

    def stored(self) -> Stored | None:
        return self.state.storage.get(self.resource.store, self.namespace, self.info.name)
