"""One Lease as its contenders read and write it (client-go's resourcelock)."""

from __future__ import annotations

from collections.abc import Mapping

from kubernaut.client import Client
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from kubernaut.resources.meta import ObjectMeta

__all__ = ["LeaseLock"]


class LeaseLock:
    """Reads and writes one Lease; a write succeeds only on the version that was last read or written.

    Every method raises what the client's verbs raise: ApiError, TransportError. Fields of the spec and labels that are
    none of the election's stay as they are; `labels` are set at each write.
    """

    def __init__(self, client: Client, namespace: str, name: str, labels: Mapping[str, str] | None = None) -> None:
        self._client = client
        self._labels = dict(labels or {})
        self.namespace = namespace
        self.name = name
        self.lease: Lease | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    async def get(self) -> LeaseSpec:
        """Read the record. Raises NotFound."""
        self.lease = await self._client.get(Lease, self.name, namespace=self.namespace)
        return self.lease.spec

    async def create(self, spec: LeaseSpec) -> LeaseSpec:
        """Write the first record. Raises AlreadyExists."""
        metadata = ObjectMeta(name=self.name, namespace=self.namespace, labels=dict(self._labels))
        self.lease = await self._client.create(Lease(metadata=metadata, spec=spec))
        return self.lease.spec

    async def update(self, spec: LeaseSpec) -> LeaseSpec:
        """Replace the record. Raises Conflict when it changed since; RuntimeError when it was never read."""
        if self.lease is None:
            raise RuntimeError(f"the lease {self} was neither read nor created")
        labels = {**self.lease.metadata.labels, **self._labels}
        metadata = self.lease.metadata.model_copy(update={"labels": labels})
        self.lease = await self._client.update(self.lease.model_copy(update={"metadata": metadata, "spec": spec}))
        return self.lease.spec
