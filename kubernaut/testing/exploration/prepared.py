"""The API server that runs begin with: made once in a process, taken back to its beginning before each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubernaut.client import TransportRequest
from kubernaut.client.requestinfo import classify
from kubernaut.fake import FakeCluster
from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.snapshot import Snapshot
from kubernaut.fake.controlplane.nodes import node
from kubernaut.resources import Resource, crd_for
from kubernaut.testing.exploration.remembered import Answers
from kubernaut.testing.exploration.scenario import Scenario
from kubernaut.testing.exploration.schedule import Injection
from kubernaut.testing.virtualtime import run_virtual

__all__ = ["Prepared"]


class Prepared:
    """A server with a scenario's CRDs and objects."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.decoded: dict[tuple[type[Resource], bytes], Any] = {}
        """Objects that views of earlier runs have decoded."""
        self._server, self._snapshot = self._make()
        self.answers = Answers(self._server)
        """What the server answered in earlier runs."""
        self.own = [_reference(obj) for obj in scenario.objects]
        """The scenario's objects: apiVersion and kind, namespace, name."""

    def has_own(self, injections: Iterable[Injection]) -> bool:
        """Whether one of these is done to an object that was there from the start."""
        ends = [(own["metadata"].get("namespace", ""), own["metadata"]["name"]) for own in self.own]
        for injection in injections:
            info = classify(TransportRequest("GET", injection.text("path")))
            if (info.namespace, info.name) in ends:
                return True
        return False

    def ready(self) -> tuple[ApiServer, Snapshot]:
        """The server as it was at the beginning. Raises what loading the scenario's objects raises."""
        if not self._snapshot.restore():  # CRDs changed: what they serve cannot be taken back
            self._server, self._snapshot = self._make()
            self.answers = Answers(self._server)
        return self._server, self._snapshot

    def _make(self) -> tuple[ApiServer, Snapshot]:
        scenario = self.scenario

        async def load() -> ApiServer:
            cluster = FakeCluster(controlplane=scenario.controlplane is True)
            await cluster.load([crd_for(crd) if isinstance(crd, type) else crd for crd in scenario.crds])
            if scenario.controlplane is True:
                await cluster.load([node(number).to_dict() for number in (1, 2)])
            await cluster.load([obj.to_dict() if isinstance(obj, Resource) else obj for obj in scenario.objects])
            return cluster.server

        server = run_virtual(load)
        return server, Snapshot(server)


def _reference(obj: Resource | Mapping[str, Any]) -> dict[str, Any]:
    data = obj.to_dict() if isinstance(obj, Resource) else obj
    metadata = {key: data["metadata"][key] for key in ("namespace", "name") if data["metadata"].get(key)}
    return {"apiVersion": data["apiVersion"], "kind": data["kind"], "metadata": metadata}
