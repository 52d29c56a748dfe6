"""Reads objects of the kinds that a workflow may look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.client import Client, NotFound
from kubernaut.remediation.execution.types import ExecutionTarget, ResolvedTarget
from kubernaut.remediation.workflow.config import WorkflowConfig
from kubernaut.resources import AnyResource, ResourceType


def known_kinds(config: WorkflowConfig) -> list[ResourceType]:
    """The kinds that actions act on and those that are monitored, each once."""
    kinds = {kind: kind for action in config.execution.catalog for kind in action.targets}
    return sorted({**kinds, **{kind: kind for kind in config.monitored}}, key=lambda kind: kind.group_resource)


def kind_of(config: WorkflowConfig, target: ExecutionTarget | ResolvedTarget) -> ResourceType | None:
    """The kind of a target, whose apiVersion may be left out; None for one that is not looked at."""
    for kind in known_kinds(config):
        if kind.kind == target.kind and target.api_version in (None, kind.api_version):
            return kind
    return None


async def read(client: Client, kind: ResourceType, namespace: str | None, name: str) -> Mapping[str, Any] | None:
    """The object as the server has it (a JSON dict); None where there is none. Raises ApiError."""
    model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
    try:
        return (await client.get(model, name, namespace=namespace if kind.namespaced else None)).to_dict()
    except NotFound:
        return None
