"""The behaviour of CustomResourceDefinitions themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.fake.apiserver.kinds.base import Kind, Object, ensure
from kubernaut.fake.apiserver.schema import check_structural
from kubernaut.fake.apiserver.status import CauseLike, forbidden_field, invalid_value, required

_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


class CrdKind(Kind):
    """Names are completed, schemas must be structural, deletion waits for the instances."""

    returns_deleted = True
    adds_finalizers = (_FINALIZER,)

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        spec.setdefault("conversion", {"strategy": "None"})
        names = ensure(spec, "names")
        kind = names.get("kind", "")
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", f"{kind}List")

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {"conditions": [], "acceptedNames": {"kind": "", "plural": ""}, "storedVersions": []}

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        spec, causes = obj["spec"], list[CauseLike]()
        names, group = spec["names"], spec.get("group", "")
        for field, value in (
            ("spec.group", group),
            ("spec.names.plural", names.get("plural")),
            ("spec.names.kind", names.get("kind")),
        ):
            if not value:
                causes.append(required(field))
        wanted = f"{names.get('plural')}.{group}"
        if obj["metadata"]["name"] != wanted:
            causes.append(
                invalid_value(
                    "metadata.name", f'"{obj["metadata"]["name"]}"', 'must be spec.names.plural+"."+spec.group'
                )
            )
        versions = spec.get("versions") or []
        if sum(1 for version in versions if version.get("storage")) != 1:
            causes.append(
                invalid_value("spec.versions", "null", "must have exactly one version marked as storage version")
            )
        for index, version in enumerate(versions):
            schema = (version.get("schema") or {}).get("openAPIV3Schema")
            path = f"spec.versions[{index}].schema.openAPIV3Schema"
            if schema and schema.get("x-kubernetes-preserve-unknown-fields") and len(schema) <= 2:
                continue
            causes.extend(check_structural(schema, path))
        if old is not None:
            for name in ("group", "scope"):
                if old["spec"].get(name) != spec.get(name):
                    causes.append(forbidden_field(f"spec.{name}", "field is immutable"))
        return causes
