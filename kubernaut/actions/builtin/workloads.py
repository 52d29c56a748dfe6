"""What the actions on workloads share: patches with their preconditions, and their pod templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubernaut.actions.action import Invocation, live_uid
from kubernaut.actions.documents import compact
from kubernaut.actions.target import Target
from kubernaut.resources import ResourceType

Operation = dict[str, Any]


def resource_word(kind: ResourceType) -> str:
    """The kind as kubectl cannot mistake it: `pods`, `deployments.v1.apps`."""
    return f"{kind.plural}.{kind.version}.{kind.group}" if kind.group else kind.plural


def kind_of(target: Target, kinds: Sequence[ResourceType]) -> ResourceType:
    """The kind of a target that was checked against `kinds`."""
    return next(kind for kind in kinds if (kind.api_version, kind.kind) == (target.api_version, target.kind))


def patch_argv(kind: ResourceType, target: Target, patch_type: str) -> list[str]:
    """`kubectl patch` without the patch itself."""
    argv = ["kubectl", "patch", resource_word(kind), target.name]
    if target.namespace:
        argv += ["--namespace", target.namespace]
    return [*argv, f"--type={patch_type}"]


def test(path: str, value: Any) -> Operation:
    """The patch is refused unless the value is this one."""
    return {"op": "test", "path": path, "value": value}


def test_uid(invocation: Invocation[Any]) -> Operation:
    """The patch is refused unless it meets the object that was read. Raises ValueError without one."""
    return test("/metadata/uid", live_uid(invocation))


def inline(patch: Any) -> list[str]:
    """The patch as an argument, for a person to read in the Job."""
    return ["--patch", compact(patch)]


def pod_template(live: Mapping[str, Any]) -> dict[str, Any]:
    """`spec.template` as it was read."""
    template = (live.get("spec") or {}).get("template")
    return template if isinstance(template, dict) else {}
