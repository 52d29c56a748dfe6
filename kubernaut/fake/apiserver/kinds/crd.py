"""The behaviour of CustomResourceDefinitions themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubernaut.fake.apiserver.kinds.base import Kind, Object, ensure
from kubernaut.fake.apiserver.kinds.registration import client_causes
from kubernaut.fake.apiserver.schema import check_structural
from kubernaut.fake.apiserver.status import CauseLike, forbidden_field, invalid_value, not_supported, required

_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


class CrdKind(Kind):
    """Names are completed, schemas must be structural, deletion waits for the instances."""

    returns_deleted = True
    adds_finalizers = (_FINALIZER,)

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        conversion = spec.setdefault("conversion", {"strategy": "None"})
        service = ((conversion.get("webhook") or {}).get("clientConfig") or {}).get("service")
        if isinstance(service, dict):
            service.setdefault("port", 443)
        names = ensure(spec, "names")
        kind = names.get("kind", "")
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", f"{kind}List")

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {"conditions": [], "acceptedNames": {"kind": "", "plural": ""}, "storedVersions": []}
        obj["status"]["storedVersions"] = [v["name"] for v in obj["spec"].get("versions") or [] if v.get("storage")]

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
        if spec.get("scope") not in ("Cluster", "Namespaced"):
            causes.append(not_supported("spec.scope", f'"{spec.get("scope") or ""}"', ["Cluster", "Namespaced"]))
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
        causes += _conversion_causes(spec["conversion"])
        if old is not None:
            for name in ("group", "scope"):
                if old["spec"].get(name) != spec.get(name):
                    causes.append(forbidden_field(f"spec.{name}", "field is immutable"))
        return causes


def _conversion_causes(conversion: Mapping[str, Any]) -> Iterator[CauseLike]:
    strategy, path = conversion.get("strategy"), "spec.conversion"
    if strategy not in ("None", "Webhook"):
        yield not_supported(f"{path}.strategy", f'"{strategy or ""}"', ["None", "Webhook"])
        return
    webhook = conversion.get("webhook")
    if strategy == "None":
        if webhook is not None:
            yield forbidden_field(f"{path}.webhook", "should not be set when strategy is not set to Webhook")
        return
    client = (webhook or {}).get("clientConfig")
    if client is None:
        yield required(f"{path}.webhook.clientConfig", "required when strategy is set to Webhook")
    else:
        yield from client_causes(client, f"{path}.webhook.clientConfig")
    if not (webhook or {}).get("conversionReviewVersions"):
        yield required(f"{path}.webhook.conversionReviewVersions")
