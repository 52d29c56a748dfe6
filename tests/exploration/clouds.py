"""What is outside of the cluster, in memory: it outlives every crash of a manager, and forgets nothing."""

from __future__ import annotations


class Router:
    """Traffic by service, in percent, and every shift that was asked for."""

    def __init__(self) -> None:
        self.shifts: dict[str, list[int]] = {}

    async def shift(self, service: str, percent: int) -> None:
        self.shifts.setdefault(service, []).append(percent)

    def dump(self) -> dict[str, int]:
        """Where the traffic goes in the end."""
        return {service: shifts[-1] for service, shifts in self.shifts.items()}


class ObjectStorage:
    """Buckets: name and region."""

    def __init__(self) -> None:
        self.buckets: dict[str, str] = {}

    async def create_bucket(self, name: str, region: str) -> None:
        self.buckets[name] = region

    async def delete_bucket(self, name: str) -> None:
        self.buckets.pop(name, None)

    def dump(self) -> dict[str, str]:
        """What is paid for."""
        return dict(self.buckets)


class DnsProvider:
    """Entries: host and target."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    async def ensure(self, host: str, target: str) -> None:
        self.entries[host] = target

    async def remove(self, host: str) -> None:
        self.entries.pop(host, None)

    def dump(self) -> dict[str, str]:
        """What resolves."""
        return dict(self.entries)
