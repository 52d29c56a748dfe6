"""What a person, or a program, may want to know of an action: its parameters, rights, and the command it would run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubernaut.actions.action import Action, Invocation
from kubernaut.actions.parameters import Parameters
from kubernaut.actions.target import Target
from kubernaut.resources import ResourceType, format_duration
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

_UID = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
_NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_NAMES = {"Node": "node-1", "Namespace": "shop"}


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """One parameter as it is written in a spec. `default` is None where it is required or may be left out."""

    name: str
    type: str
    required: bool
    default: Any
    description: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        shown = {"name": self.name, "type": self.type, "required": self.required, "description": self.description}
        return shown if self.default is None else {**shown, "default": self.default}


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """An action, described. `rules` are those of its ClusterRole; `command` an example, empty where there is none."""

    name: str
    title: str
    about: str
    risk: str
    idempotent: bool
    default_timeout: str
    undone_by: str | None
    targets: tuple[str, ...]
    parameters: tuple[ParameterInfo, ...]
    schema: Mapping[str, Any]
    rules: tuple[PolicyRule, ...]
    service_account: str
    image: str
    command: tuple[str, ...]
    files: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, camelCase."""
        return {
            "name": self.name,
            "title": self.title,
            "about": self.about,
            "risk": self.risk,
            "idempotent": self.idempotent,
            "defaultTimeout": self.default_timeout,
            "undoneBy": self.undone_by,
            "targets": list(self.targets),
            "parameters": [parameter.to_dict() for parameter in self.parameters],
            "parametersSchema": dict(self.schema),
            "rules": [rule.to_dict() for rule in self.rules],
            "serviceAccount": self.service_account,
            "image": self.image,
            "command": list(self.command),
            "files": list(self.files),
        }


def describe(action: Action) -> ActionInfo:
    """Everything about one action. Its schema is that of the parameters, as JSON Schema."""
    schema = action.parameters.model_json_schema(by_alias=True)
    required = schema.get("required", [])
    command, files = _example(action)
    about = " ".join((type(action).__doc__ or "").split())
    return ActionInfo(
        name=action.name,
        title=action.title,
        about=about,
        risk=action.risk,
        idempotent=action.idempotent,
        default_timeout=format_duration(action.default_timeout),
        undone_by=action.undone_by,
        targets=tuple(str(kind) for kind in action.targets),
        parameters=tuple(
            ParameterInfo(name, _type(field), name in required, field.get("default"), field.get("description", ""))
            for name, field in schema.get("properties", {}).items()
        ),
        schema=schema,
        rules=tuple(action.rbac()),
        service_account=f"action-{action.name}",
        image=action.image,
        command=command,
        files=files,
    )


def _type(field: Mapping[str, Any]) -> str:
    """`integer 0..100`, `string`, `background | foreground`, `boolean`."""
    options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
    chosen = options[0]
    if "enum" in chosen and len(options) == 1:
        return " | ".join(str(value) for value in chosen["enum"])
    low, high = chosen.get("minimum"), chosen.get("maximum")
    bounds = f" {low}..{high}" if low is not None and high is not None else ""
    return f"{chosen.get('type', 'any')}{bounds}"


def _example(action: Action) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command on a made-up object, from the examples that the parameters' fields carry."""
    kind = next((each for each in action.targets if each.kind == "Namespace"), action.targets[0])
    try:
        parameters = action.parameters.model_validate(_example_parameters(action.parameters))
        live, related = _example_objects(kind)
        target = Target.of(live)
        invocation = Invocation(target, parameters, live, related, now=_NOW)
        return tuple(action.command(invocation)), tuple(action.files(invocation))
    except (ValueError, LookupError, TypeError):
        # Somebody else's action may need more of its object than can be made up here.
        return (), ()


def _example_parameters(model: type[Parameters]) -> dict[str, Any]:
    return {
        field.alias or name: field.examples[0]
        for name, field in model.model_fields.items()
        if field.is_required() and field.examples
    }


def _example_objects(kind: ResourceType) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    metadata = {"name": _NAMES.get(kind.kind, "web"), "uid": _UID, "resourceVersion": "7", "generation": 2}
    if kind.namespaced:
        metadata["namespace"] = "shop"
    template = {"metadata": {}, "spec": {"containers": [{"name": "main", "image": "web:1"}]}}
    live = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
    live["spec"] = {"replicas": 2, "template": template}
    related = []
    for revision in ("1", "2"):
        annotations = {"deployment.kubernetes.io/revision": revision}
        owner = {"uid": _UID, "controller": True}
        related.append(
            {"metadata": {"annotations": annotations, "ownerReferences": [owner]}, "spec": {"template": template}}
        )
    return live, related if kind.kind == "Deployment" else []
