"""apply-manifest: make one object of an allowed kind what a manifest says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from kubernaut.actions.action import DEFAULT_IMAGE, BaseAction, Invocation, Need, file_path, rule
from kubernaut.actions.builtin.workloads import kind_of
from kubernaut.actions.documents import MAX_CAPTURED, MAX_TEXT, check_length, compact, read_manifest
from kubernaut.actions.kinds import AllowedKinds, is_sensitive
from kubernaut.actions.parameters import Flag, ParameterError, Parameters
from kubernaut.actions.rollback import CaptureFailed, RollbackInformation
from kubernaut.actions.target import Target, TargetError, is_name
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

FIELD_MANAGER = "kubernaut"
_MANIFEST_FILE = "manifest.json"
_MANIFEST = "parameters.manifest"
_SHOWN = 63


class ApplyManifestParameters(Parameters):
    """The object as it shall be."""

    manifest: str = Field(
        min_length=1,
        json_schema_extra={"maxLength": MAX_TEXT},
        description="One object, as YAML or JSON.",
        examples=["{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {a: b}}"],
    )
    force: Flag = Field(default=False, description="Take over fields that others manage.")

    @field_validator("manifest")
    @classmethod
    def _well_formed(cls, text: str, info: ValidationInfo) -> str:
        check_length(text, info.context)
        read_manifest(text)
        return text

    def document(self) -> dict[str, Any]:
        """The manifest as a JSON object."""
        return read_manifest(self.manifest)


class ApplyManifest(BaseAction[ApplyManifestParameters]):
    """The target is the object of the manifest or, where that does not exist yet, its Namespace.

    An object that is there must be the target: it is applied on the server's side, under the condition that it is still
    the same. One that is not there is created, under the condition that it is still not there. The inverse applies the
    former values of the fields that the manifest names, or deletes what was created.
    """

    name = "apply-manifest"
    title = "Apply a manifest"
    parameters = ApplyManifestParameters
    risk = "high"
    undone_by = "apply-manifest or delete-resource"
    default_timeout = timedelta(seconds=60)

    def __init__(self, *, image: str = DEFAULT_IMAGE, kinds: AllowedKinds | None = None) -> None:
        super().__init__(image=image)
        self._kinds = kinds or AllowedKinds()
        places = () if Namespace.resource_type in self._kinds else (Namespace.resource_type,)
        self.targets = (*self._kinds.kinds, *places)
        self.reads = self._kinds.kinds

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        if target is None:
            return [each for kind in self._kinds for each in rule(kind.group, kind.plural, "create", "patch")]
        kind = kind_of(target, self.targets)
        patched = rule(kind.group, kind.plural, "patch", target=target) if kind in self._kinds else []
        if not _is_namespace(target):
            return patched
        within = [each for kind in self._kinds if kind.namespaced for each in rule(kind.group, kind.plural, "create")]
        return [*within, *patched]

    def needs(self, invocation: Invocation[ApplyManifestParameters]) -> Sequence[Need]:
        kind, document = self._object(invocation)
        if _is_target(invocation, document):
            return ()
        metadata = document["metadata"]
        return [Need(kind, namespace=metadata.get("namespace"), name=metadata["name"])]

    def creates(self, invocation: Invocation[ApplyManifestParameters]) -> Mapping[str, Any] | None:
        _, document = self._object(invocation)
        return document if _present(invocation) is None else None

    def command(self, invocation: Invocation[ApplyManifestParameters]) -> list[str]:
        file, manager = ["--filename", file_path(_MANIFEST_FILE)], f"--field-manager={FIELD_MANAGER}"
        self._object(invocation)
        if _present(invocation) is None:
            return ["kubectl", "create", *file, manager]
        force = ["--force-conflicts"] if invocation.parameters.force else []
        return ["kubectl", "apply", "--server-side", *file, manager, *force]

    def files(self, invocation: Invocation[ApplyManifestParameters], *, dry_run: bool = False) -> Mapping[str, str]:
        _, document = self._object(invocation)
        present = _present(invocation)
        if present is not None:
            # An apply that carries a uid is refused when the object has another one, or is gone.
            document["metadata"] = {**document["metadata"], "uid": present["metadata"]["uid"]}
        return {_MANIFEST_FILE: compact(document)}

    def capture(self, invocation: Invocation[ApplyManifestParameters]) -> RollbackInformation | None:
        kind, document = self._object(invocation)
        namespace, name = document["metadata"].get("namespace"), document["metadata"]["name"]
        target, present = Target(kind.api_version, kind.kind, namespace, name), _present(invocation)
        if present is None:
            # Nothing to hide is in it; but what the object looks like afterwards is told by a digest only.
            return RollbackInformation(action="delete-resource", target=target, sensitive=is_sensitive(kind))
        former = _overlap(present, document)
        if former == _overlap(document, document):
            return None
        manifest = compact(former)
        if len(manifest.encode()) > MAX_CAPTURED:
            raise CaptureFailed(f"what it replaces has more than {MAX_CAPTURED} bytes")
        return RollbackInformation(
            action=self.name,
            target=target,
            parameters={"manifest": manifest, "force": "true"},
            target_uid=present["metadata"]["uid"],
            sensitive=is_sensitive(kind),
        )

    def _object(self, invocation: Invocation[ApplyManifestParameters]) -> tuple[ResourceType, dict[str, Any]]:
        """The manifest's kind and the manifest, its namespace filled in. Raises ParameterError."""
        document, target = invocation.parameters.document(), invocation.target
        kind = self._kinds.find(document["apiVersion"], document["kind"])
        if kind is None:
            text = f"{document['apiVersion']} {document['kind']} is not allowed here; allowed: {self._kinds}"
            raise ParameterError(_MANIFEST, text)
        metadata = document["metadata"]
        if not is_name(metadata["name"]):
            named = metadata["name"][:_SHOWN]
            raise ParameterError(_MANIFEST, f'"{named}" is not the name of an object (a lower-case DNS name)')
        if _is_namespace(target) and not _is_target(invocation, document):
            if not kind.namespaced:
                raise ParameterError(_MANIFEST, f"a {kind.kind} lies in no namespace: it must be the target itself")
            expected = target.name
        else:
            expected = target.namespace or ""
            if (kind.api_version, kind.kind, metadata["name"]) != (target.api_version, target.kind, target.name):
                named = f"{kind.kind} {metadata['name']}"
                raise ParameterError(_MANIFEST, f"describes {named}, but the target is {target}")
        if metadata.get("namespace", expected) != expected:
            text = f"is for namespace {metadata['namespace']}, but the target's is {expected or 'none'}"
            raise ParameterError(_MANIFEST, text)
        if kind.namespaced:
            document["metadata"] = {**metadata, "namespace": expected}
        return kind, document


def _is_namespace(target: Target) -> bool:
    return (target.api_version, target.kind) == ("v1", "Namespace")


def _is_target(invocation: Invocation[ApplyManifestParameters], document: Mapping[str, Any]) -> bool:
    target = invocation.target
    named = (document["apiVersion"], document["kind"], document["metadata"]["name"])
    return named == (target.api_version, target.kind, target.name)


def _present(invocation: Invocation[ApplyManifestParameters]) -> Mapping[str, Any] | None:
    """The object as it is now, or None where there is none.

    Raises TargetError for one that is there and not the target: what policies say of an object, and who works on it,
    goes by the target.
    """
    if _is_target(invocation, invocation.parameters.document()):
        return invocation.live
    for found in invocation.related:
        raise TargetError("target", f"{Target.of(found)} exists: name it as the target")
    return None


def _overlap(live: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What `live` has of the fields that `manifest` names; a list counts as a whole, the status not at all."""
    found = {}
    for key, value in manifest.items():
        if key == "status" or key not in live:
            continue
        both = isinstance(value, Mapping) and isinstance(live[key], Mapping)
        found[key] = _overlap(live[key], value) if both else live[key]
    return found
