"""update-image: change the image of one container of a workload."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field, field_validator

from kubernaut.actions.action import BaseAction, Invocation, rule
from kubernaut.actions.builtin.workloads import inline, kind_of, patch_argv, pod_template, test, test_uid
from kubernaut.actions.parameters import ParameterError, Parameters
from kubernaut.actions.rollback import RollbackInformation, inverse
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.apps_v1 import DaemonSet, Deployment, StatefulSet
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

# host.example:5000/team/name:tag@sha256:...: nothing that could be an option, and no space.
_IMAGE = re.compile(
    r"([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})?"
    r"(@[a-z0-9]+:[a-fA-F0-9]{32,128})?"
)


class UpdateImageParameters(Parameters):
    """Which container, and what it shall run."""

    container: str = Field(
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="Name of the container, or init container.",
        examples=["main"],
    )
    image: str = Field(
        min_length=1, max_length=512, description="The image, with its tag or digest.", examples=["web:2"]
    )

    @field_validator("image")
    @classmethod
    def _named(cls, image: str) -> str:
        if not _IMAGE.fullmatch(image):
            raise ValueError(f'is not the name of an image, got the string "{image[:60]}"')
        return image


class UpdateImage(BaseAction[UpdateImageParameters]):
    """Not idempotent: the precondition on the old image makes a second run fail rather than undo somebody's change."""

    name = "update-image"
    title = "Update the image of a container"
    parameters = UpdateImageParameters
    risk = "medium"
    undone_by = "update-image"
    default_timeout = timedelta(seconds=30)
    targets = (Deployment.resource_type, StatefulSet.resource_type, DaemonSet.resource_type)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        kinds = self.targets if target is None else (kind_of(target, self.targets),)
        return [each for kind in kinds for each in rule("apps", kind.plural, "get", "patch", target=target)]

    def command(self, invocation: Invocation[UpdateImageParameters]) -> list[str]:
        path, container = _find(invocation)
        patch = [
            test_uid(invocation),
            test(f"{path}/name", container["name"]),
            test(f"{path}/image", container["image"]),
            {"op": "replace", "path": f"{path}/image", "value": invocation.parameters.image},
        ]
        kind = kind_of(invocation.target, self.targets)
        return [*patch_argv(kind, invocation.target, "json"), *inline(patch)]

    def capture(self, invocation: Invocation[UpdateImageParameters]) -> RollbackInformation | None:
        _, container = _find(invocation)
        if container["image"] == invocation.parameters.image:
            return None
        former = {"container": container["name"], "image": container["image"]}
        return inverse(invocation.live, self.name, former)


def _find(invocation: Invocation[UpdateImageParameters]) -> tuple[str, Mapping[str, Any]]:
    """The container and its JSON pointer. Raises ParameterError that names those there are."""
    wanted = invocation.parameters.container
    found = dict(_containers(invocation.live))
    for path, container in found.items():
        if container.get("name") == wanted:
            return path, container
    names = ", ".join(str(container.get("name")) for container in found.values()) or "none"
    text = f'{invocation.target} has no container "{wanted}"; it has: {names}'
    raise ParameterError("parameters.container", text)


def _containers(live: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    spec = pod_template(live).get("spec") or {}
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or []):
            yield f"/spec/template/spec/{field}/{index}", container
