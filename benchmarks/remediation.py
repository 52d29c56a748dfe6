"""`python -m benchmarks.remediation [COUNT]`: what remediations cost, by API requests and CPU; one, and many at once.

All five controllers, on the cluster in memory and in virtual time: bad rollouts are reported, analyzed by the shipped
rules, rolled back by Jobs, and verified. The CPU is that of the whole process, so it includes the cluster's.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import anyio
import msgspec
from prometheus_client import CollectorRegistry

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.client import Client, MergePatch
from kubernaut.client.transport import TransportRequest, TransportResponse
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake import FakeCluster
from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.requestinfo import parse
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.policy import allow_all
from kubernaut.reconcile import Controller, Manager
from kubernaut.reconcile.permissions import declared, manager_permissions
from kubernaut.remediation.analysis import AnalysisConfig, RuleAnalyzer, analyses
from kubernaut.remediation.analysis import crds as analysis_crds
from kubernaut.remediation.execution import ExecutionConfig, executions
from kubernaut.remediation.execution import crds as execution_crds
from kubernaut.remediation.processing import ProcessingConfig, processings
from kubernaut.remediation.processing import crds as processing_crds
from kubernaut.remediation.request import Limits, RemediationRequest, RequestConfig, requests
from kubernaut.remediation.request import crds as request_crds
from kubernaut.remediation.workflow import WorkflowConfig, workflows
from kubernaut.remediation.workflow import crds as workflow_crds
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Namespace, Pod
from kubernaut.resources.builtin.pods import Container
from kubernaut.testing import run_virtual

GOOD, BROKEN = "web:1", "web:broken"
PER_NAMESPACE = 5
PER_NODE = 30
"""Targets: each has a pod, another while it rolls out, and a Job's."""
WRITES = ("create", "update", "patch", "delete")
RESTING = ("completed", "failed", "manual_review")
MANY = 200
BETWEEN = 0.05
"""Virtual seconds between two alerts: of hundreds in one instant the CPU's work takes too long for a virtual clock."""


@dataclass
class Traffic:
    """A transport that counts what its users ask for: (verb, resource, code) -> how often, streams apart.

    `noops` are the accepted writes that changed nothing, `refused` what was answered with an error; `watching` are
    called with each object that a write returned.
    """

    server: ApiServer
    asked: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    noops: list[str] = field(default_factory=list)
    watching: list[Callable[[str, dict[str, Any]], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._inner = InProcessTransport(self.server)

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        query: dict[str, list[str]] = {}
        for name, value in request.query:
            query.setdefault(name, []).append(value)
        info = parse(request.method, request.path, query)
        what = "/".join(part for part in (info.resource or info.path, info.subresource) if part)
        before = self.server.version
        async with self._inner.open(request) as response:
            self.asked[info.verb, what, response.status] += 1
            if request.method not in ("POST", "PUT", "PATCH") or response.status >= 300 or "dryRun" in query:
                yield response
                return
            body = b"".join([chunk async for chunk in response.chunks])
            self._note(f"{info.verb} {request.path}", what, body, before)
            yield replace(response, chunks=_once(body))

    def _note(self, title: str, what: str, body: bytes, before: int) -> None:
        written = msgspec.json.decode(body)
        version = written.get("metadata", {}).get("resourceVersion")
        # What is answered and kept nowhere (a review, say) has no version.
        if version is not None and int(version) <= before:
            self.noops.append(title)
        for watcher in self.watching:
            watcher(what, written)

    def total(self, verbs: Iterable[str]) -> int:
        """How many requests of these verbs there were."""
        wanted = tuple(verbs)
        return sum(count for (verb, _, _), count in self.asked.items() if verb in wanted)

    async def refresh(self) -> bool:
        return await self._inner.refresh()

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


@dataclass(frozen=True)
class Place:
    """A Deployment whose last rollout does not work."""

    namespace: str
    name: str

    @property
    def target(self) -> dict[str, Any]:
        return {"kind": "Deployment", "namespace": self.namespace, "name": self.name}


def places(count: int) -> list[Place]:
    """Targets, a few in each namespace."""
    return [Place(f"shop-{number // PER_NAMESPACE}", f"web-{number % PER_NAMESPACE}") for number in range(count)]


def behave(pod: Pod, container: Container, restarts: int) -> PodScript | None:
    """The broken image cannot be pulled."""
    return PodScript(waiting="ImagePullBackOff") if container.image == BROKEN else None


def controllers(limits: Limits) -> Sequence[Controller]:
    """All five, with the shipped rules and every action; nothing needs an approval."""
    catalog = Catalog.builtin()
    execution = ExecutionConfig(catalog=catalog, evaluator=allow_all(), allow_unstamped=True)
    return [
        executions(execution),
        workflows(WorkflowConfig(execution=execution)),
        processings(ProcessingConfig()),
        analyses(AnalysisConfig(analyzer=RuleAnalyzer.shipped(), catalog=catalog)),
        requests(RequestConfig(limits=limits, allow_unstamped=True)),
    ]


async def prepare(cluster: FakeCluster, targets: Sequence[Place]) -> None:
    """The definitions, and Deployments that went well until their last rollout, a minute ago."""
    cluster.behaviour = behave
    groups = (request_crds, processing_crds, analysis_crds, workflow_crds, execution_crds)
    await cluster.load([crd for crds in groups for crd in crds()])
    for manifest in rbac_manifests(Catalog.builtin()):
        await cluster.client.create(manifest)
    for namespace in dict.fromkeys(place.namespace for place in targets):
        await cluster.client.create(Namespace.from_dict({"metadata": {"name": namespace}}))
    for place in targets:
        await cluster.client.create(_deployment(place, GOOD))
    await cluster.settled()
    for place in targets:
        patch = MergePatch({"spec": _deployment(place, BROKEN).to_dict()["spec"]})
        await cluster.client.patch(Deployment, place.name, patch, namespace=place.namespace)
    await cluster.advance(minutes=1)


def _deployment(place: Place, image: str) -> Deployment:
    labels = {"app": place.name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": place.name, "namespace": place.namespace}
    return Deployment.from_dict({"metadata": metadata, "spec": spec})


async def report(client: Client, place: Place, name: str, fingerprint: str) -> None:
    """What the gateway does when an alert comes."""
    signal = {"name": "KubeDeploymentRolloutStuck", "fingerprint": fingerprint, "severity": "critical"}
    metadata = {"name": name, "namespace": place.namespace}
    spec = {"signal": signal, "target": place.target}
    await client.create(RemediationRequest.from_dict({"metadata": metadata, "spec": spec}))


@asynccontextmanager
async def running(
    cluster: FakeCluster, limits: Limits, *, registry: CollectorRegistry | None = None, limited: bool = False
) -> AsyncIterator[Traffic]:
    """All five controllers, `limited` to exactly the permissions that they declare; and what they ask for."""
    traffic, all_five = Traffic(cluster.server), controllers(limits)
    async with Client(traffic) as client:
        with declared(client, manager_permissions(all_five)) if limited else nullcontext(client) as allowed:
            manager = Manager(allowed, name="remediation", seed=1, registry=registry)
            manager.add(*all_five)
            async with manager.running():
                yield traffic


async def rested(cluster: FakeCluster, within: float = 7200) -> list[RemediationRequest]:
    """The requests, once nothing more will happen to any of them without a person. Raises TimeoutError."""
    with anyio.fail_after(within):
        while True:
            found = list(await cluster.client.list(RemediationRequest))
            if all(each.status.overall_phase in RESTING for each in found):
                return found
            await cluster.advance(seconds=5)


@dataclass(frozen=True)
class Figures:
    """What some remediations cost together."""

    count: int
    traffic: Traffic
    cpu: float
    elapsed: float

    def text(self) -> str:
        """A table, per remediation."""
        each = self.count
        lines = [f"{each} at once: {self.cpu / each * 1000:.1f} ms CPU each, {self.elapsed:.0f} s until all had ended"]
        for title, verbs in (("writes", WRITES), ("reads", ("get", "list"))):
            lines.append(f"  {title}: {self.traffic.total(verbs) / each:.1f} each")
            kinds: Counter[tuple[str, str]] = Counter()
            for (verb, what, code), count in self.traffic.asked.items():
                if verb in verbs:
                    kinds[verb, what if code < 400 else f"{what} -> {code}"] += count
            lines += [f"    {verb:7} {what:45} {count / each:6.2f}" for (verb, what), count in kinds.most_common()]
        lines.append(f"  writes that changed nothing: {len(self.traffic.noops)}")
        return "\n".join(lines)


async def measured(count: int) -> Figures:
    """Remediate so many targets at once, each reported once; everything is of the remediations alone."""
    targets = places(count)
    async with FakeCluster(nodes=2 + count // PER_NODE) as cluster:
        await prepare(cluster, targets)
        async with running(cluster, Limits(max_executing=count)) as traffic:
            await cluster.settled()
            traffic.asked.clear()
            loop_time = anyio.current_time()
            began = time.process_time()
            for place in targets:
                await report(cluster.client, place, f"{place.name}-down", f"{place.namespace}-{place.name}")
                await anyio.sleep(BETWEEN)
            ended = await rested(cluster)
            cpu, elapsed = time.process_time() - began, anyio.current_time() - loop_time
            unlike = Counter(each.status.reason for each in ended if each.status.reason != "Remediated")
            assert not unlike, unlike
            figures = Figures(count, replace(traffic, asked=Counter(traffic.asked)), cpu, elapsed)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.remediation", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=MANY, help="how many at once, beside one alone")
    given = parser.parse_args()
    for count in (1, given.count):
        print(run_virtual(partial(measured, count)).text(), flush=True)


if __name__ == "__main__":
    main()
