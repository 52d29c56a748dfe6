"""Gathers all facts about one target: what depends on nothing at once, then what the rest led to."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

from kubernaut.client import NotFound
from kubernaut.remediation.execution.nearby import names_nearby, near_kinds
from kubernaut.remediation.processing.bounding import bound
from kubernaut.remediation.processing.environment import environment_of, priority_of
from kubernaut.remediation.processing.objects import object_fact
from kubernaut.remediation.processing.pods import read_logs, trouble
from kubernaut.remediation.processing.reading import Gathering, model_of
from kubernaut.remediation.processing.surroundings import (
    Named,
    autoscalers,
    events_of,
    newest,
    nodes,
    place,
)
from kubernaut.remediation.processing.texts import dig
from kubernaut.remediation.processing.types import Facts
from kubernaut.remediation.processing.workload import (
    Workload,
    controller_revisions,
    jobs,
    owners,
    pods,
    replica_sets,
)


async def gather(gathering: Gathering, within: timedelta) -> Facts:
    """All that can be read in that time, bounded and redacted. Never raises but for cancellation; see `Facts.missing`.

    Independent parts are read at the same time, at most `limits.parallel` requests at once.
    """
    facts, namespace = gathering.facts, gathering.asked.namespace
    if not gathering.may_look:
        where = f"in namespace {namespace}" if namespace else "outside of all namespaces"
        told = f"it lies {where}, and this processing in {gathering.place}, which may look only at what is beside it"
        gathering.miss("target", f"{told} (`trusted_namespaces` of the configuration)")
        return facts
    try:
        async with asyncio.timeout(within.total_seconds()):
            await _all(gathering)
    except TimeoutError:
        gathering.miss("time", f"not everything was read within {within.total_seconds():.0f} s")
    facts.environment = facts.environment or environment_of(namespace, {})
    facts.priority = priority_of(gathering.signal.severity, facts.environment)
    facts.events = newest(gathering.events, gathering.config.limits.events)
    bound(facts, gathering.config.limits.facts_bytes)
    return facts


async def _all(gathering: Gathering) -> None:
    namespace = gathering.asked.namespace
    async with asyncio.TaskGroup() as group:
        if namespace:
            group.create_task(gathering.part("namespace", partial(place, gathering, namespace)))
        workload = await _workload(gathering)
        if workload is not None:
            await _belonging(gathering, workload)
    await _around(gathering, workload)


async def _workload(gathering: Gathering) -> Workload | None:
    """The target and its owners; None without a target."""
    asked, facts = gathering.asked, gathering.facts
    kind = gathering.kind
    if kind is None:
        named = f"{asked.api_version} {asked.kind}" if asked.api_version else asked.kind
        near = near_kinds(asked.kind, (each.kind for each in gathering.config.readable))
        gathering.miss(
            "target", f"objects of kind {named} are not read{near}: name the kind in `kinds` of the configuration"
        )
        return None
    if kind.namespaced and not asked.namespace:
        gathering.miss("target", f"a {kind.kind} lives in a namespace, and none is named")
        return None
    read = partial(gathering.get, kind, asked.name, asked.namespace)

    async def of_target() -> dict[str, Any]:
        try:
            found = await read()
        except NotFound:
            # A wrong name is the likeliest cause: what is there instead tells more than the server's answer.
            where = f"{asked.namespace}/{asked.name}" if asked.namespace else asked.name
            near = await names_nearby(gathering.client, model_of(kind), asked.namespace, asked.name)
            gathering.miss("target", f"{kind.kind} {where} does not exist{near}")
            raise
        facts.target = object_fact(found)
        return found

    async def of_owners(target: dict[str, Any]) -> list[dict[str, Any]]:
        found = await owners(gathering, target)
        facts.owners = [object_fact(each) for each in found]
        return found

    target = await gathering.part("target", of_target)
    if target is None:
        return None
    found = await gathering.part("owners", partial(of_owners, target)) or []
    return Workload([target, *found])


async def _belonging(gathering: Gathering, workload: Workload) -> None:
    """Revisions, pods and autoscalers. The pods of a Deployment, and of a CronJob, are found by what is between."""
    facts = gathering.facts
    kind = workload.target.get("kind")
    if kind == "CronJob":
        await gathering.part("jobs", partial(jobs, gathering, workload))
    facts.revisions = await gathering.part("revisions", partial(replica_sets, gathering, workload)) or []

    async def of_revisions() -> None:
        if not facts.revisions:
            facts.revisions = (
                await gathering.part("revisions", partial(controller_revisions, gathering, workload)) or []
            )

    async def of_pods() -> None:
        facts.pods = await gathering.part("pods", partial(pods, gathering, workload)) or []

    async def of_autoscalers() -> None:
        if kind not in ("Node", "Job", "CronJob"):
            facts.related += await gathering.part("autoscalers", partial(autoscalers, gathering, workload)) or []

    async with asyncio.TaskGroup() as group:
        for reading in (of_revisions, of_pods, of_autoscalers):
            group.create_task(reading())


async def _around(gathering: Gathering, workload: Workload | None) -> None:
    """Logs, nodes and Events, which the pods lead to. Logs are those of the target's own namespace only."""
    facts, limits = gathering.facts, gathering.config.limits
    on = list(dict.fromkeys(pod.node for pod in facts.pods if pod.node))[: limits.nodes]

    async def of_nodes() -> None:
        if facts.target is not None and facts.target.kind == "Node":
            facts.nodes = [facts.target]
        elif on:
            facts.nodes = await gathering.part("nodes", partial(nodes, gathering, on)) or []

    async def of_events(about: Named) -> None:
        gathering.events.extend(
            await gathering.part("events", partial(events_of, gathering.client, about, limits.listed)) or []
        )

    async with asyncio.TaskGroup() as group:
        group.create_task(of_nodes())
        for pod in [pod for pod in facts.pods if trouble(pod) and pod.namespace == gathering.asked.namespace][
            : limits.logs
        ]:
            logs = partial(read_logs, gathering.client, pod, limits)
            group.create_task(gathering.part(f"log of pod {pod.name}", logs))
        for about in _told_about(gathering, workload)[: limits.event_objects]:
            group.create_task(of_events(about))


def _told_about(gathering: Gathering, workload: Workload | None) -> list[Named]:
    """The objects whose Events matter: the target even where it is gone, its pods in trouble, its owners and sets."""
    asked, facts = gathering.asked, gathering.facts
    namespace = asked.namespace
    about = [Named(asked.kind, namespace, asked.name)]
    about += [
        Named("Pod", pod.namespace, pod.name) for pod in facts.pods if trouble(pod) and pod.namespace == namespace
    ][:6]
    if workload is not None:
        chain: list[dict[str, Any]] = [*workload.chain[1:], *workload.sets]
        chain.sort(key=lambda each: str(dig(each, "metadata", "creationTimestamp")), reverse=True)
        about += [Named(str(each.get("kind")), namespace, str(dig(each, "metadata", "name"))) for each in chain]
    about += [
        Named("HorizontalPodAutoscaler", namespace, each.name) for each in facts.related if "scales" in each.summary
    ]
    return list(dict.fromkeys(about))
