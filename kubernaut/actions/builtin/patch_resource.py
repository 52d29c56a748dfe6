"""patch-resource: change some fields of one object of an allowed kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from kubernaut.actions.action import DEFAULT_IMAGE, BaseAction, Invocation, file_path, live_uid, rule
from kubernaut.actions.builtin.patching import inverse_patch, patched_fields
from kubernaut.actions.builtin.workloads import kind_of, patch_argv, test, test_uid
from kubernaut.actions.documents import MAX_CAPTURED, MAX_TEXT, check_length, compact, read_document
from kubernaut.actions.kinds import AllowedKinds, is_sensitive
from kubernaut.actions.parameters import Parameters
from kubernaut.actions.rollback import CaptureFailed, RollbackInformation, inverse
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

_PATCH_FILE = "patch.json"
_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_FIXED = ("apiVersion", "kind", "status")


class PatchResourceParameters(Parameters):
    """What to change, and in which of Kubernetes' three ways it is written."""

    type: Literal["merge", "strategic", "json"] = Field(
        default="merge",
        description="merge: JSON merge patch; strategic: lists are merged by key; json: a list of operations.",
    )
    patch: str = Field(
        min_length=1,
        json_schema_extra={"maxLength": MAX_TEXT},
        description="The patch, as YAML or JSON.",
        examples=["{spec: {a: 1}}"],
    )
    resource_version: str | None = Field(
        default=None,
        pattern=r"^[0-9]+$",
        max_length=32,
        description="Only if the object still has this resourceVersion.",
    )

    @field_validator("patch")
    @classmethod
    def _well_formed(cls, text: str, info: ValidationInfo) -> str:
        check_length(text, info.context)
        if "type" in info.data:
            check_patch(read_document(text), info.data["type"])
        return text

    def document(self) -> Any:
        """The patch as JSON values."""
        return read_document(self.patch)


class PatchResource(BaseAction[PatchResourceParameters]):
    """Holds only for the object that was read. A JSON patch, which can say so, also holds only for the generation that
    was read; of a kind without generations every patch holds for the resourceVersion that was read.
    """

    name = "patch-resource"
    title = "Patch an object"
    parameters = PatchResourceParameters
    risk = "high"
    undone_by = "patch-resource"
    default_timeout = timedelta(seconds=30)

    def __init__(self, *, image: str = DEFAULT_IMAGE, kinds: AllowedKinds | None = None) -> None:
        super().__init__(image=image)
        self.targets = (kinds or AllowedKinds()).kinds

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        kinds = self.targets if target is None else (kind_of(target, self.targets),)
        return [each for kind in kinds for each in rule(kind.group, kind.plural, "get", "patch", target=target)]

    def command(self, invocation: Invocation[PatchResourceParameters]) -> list[str]:
        argv = patch_argv(kind_of(invocation.target, self.targets), invocation.target, invocation.parameters.type)
        return [*argv, "--patch-file", file_path(_PATCH_FILE)]

    def files(self, invocation: Invocation[PatchResourceParameters], *, dry_run: bool = False) -> Mapping[str, str]:
        patch, metadata = invocation.parameters.document(), invocation.live.get("metadata") or {}
        generation = metadata.get("generation")
        version = invocation.parameters.resource_version
        if version is None and generation is None:
            version = metadata.get("resourceVersion")
        if isinstance(patch, list):
            tests = [test_uid(invocation)]
            if version is not None:
                tests.append(test("/metadata/resourceVersion", version))
            elif generation is not None:
                tests.append(test("/metadata/generation", generation))
            return {_PATCH_FILE: compact([*tests, *patch])}
        identity = {"uid": live_uid(invocation)} | ({"resourceVersion": version} if version is not None else {})
        return {_PATCH_FILE: compact({**patch, "metadata": {**(patch.get("metadata") or {}), **identity}})}

    def capture(self, invocation: Invocation[PatchResourceParameters]) -> RollbackInformation | None:
        back = inverse_patch(invocation.parameters.document(), invocation.live)
        if not back:
            return None
        patch = json.dumps(back, ensure_ascii=False)
        if len(patch.encode()) > MAX_CAPTURED:
            raise CaptureFailed(f"what it replaces has more than {MAX_CAPTURED} bytes")
        found = inverse(invocation.live, self.name, {"patch": patch, "type": "merge"})
        return replace(found, sensitive=is_sensitive(kind_of(invocation.target, self.targets)))


def check_patch(patch: Any, patch_type: str) -> None:
    """Raises ValueError for what is no patch of that type, and for fields that a patch must not touch."""
    if patch_type == "json":
        _check_operations(patch)
    elif not isinstance(patch, dict) or not patch:
        raise ValueError(f"must be an object with the fields to change, in a {patch_type} patch")
    for path in patched_fields(patch):
        if not path or path[0] in _FIXED:
            raise ValueError(f"cannot change {path[0] if path else 'the object as a whole'}")
        if path[0] == "metadata" and path[1:2] not in (("labels",), ("annotations",)):
            raise ValueError("can change only labels and annotations in metadata")


def _check_operations(patch: Any) -> None:
    if not isinstance(patch, list) or not patch:
        raise ValueError("must be a list of operations, in a json patch")
    for index, operation in enumerate(patch):
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise ValueError(f"operation {index}: op must be one of {', '.join(_OPERATIONS)}")
        for key in ("path", "from") if operation["op"] in ("move", "copy") else ("path",):
            if not isinstance(operation.get(key), str) or not operation[key].startswith("/"):
                raise ValueError(f"operation {index}: {key} must be a JSON pointer such as /spec/replicas")
