"""CustomResourceDefinitions made from Resource classes."""

from typing import Any

from kubernaut.resources.resource import Resource
from kubernaut.resources.schema import schema_for
from kubernaut.resources.types import PrinterColumn, ScaleSubresource


def crd_for(model: type[Resource], *older: type[Resource], validations: bool = True) -> dict[str, Any]:
    """Make the manifest (apiextensions.k8s.io/v1) that lets a server serve `model`.

    `model` is the stored version; `older` are further versions of the same kind, served as well, without conversion.
    `validations=False` leaves the CEL rules out, for servers before 1.25. Raises TypeError for what a CRD cannot
    express.
    """
    kind = model.resource_type
    for other in older:
        if (other.resource_type.group_resource, other.resource_type.kind) != (kind.group_resource, kind.kind):
            raise TypeError(f"{other.__name__} is no version of {kind.group_resource}")
    names: dict[str, Any] = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.singular,
    }
    if kind.short_names:
        names["shortNames"] = list(kind.short_names)
    if kind.categories:
        names["categories"] = list(kind.categories)
    versions = [_version(model, True, validations), *(_version(other, False, validations) for other in older)]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.group_resource},
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": versions,
        },
    }


def _version(model: type[Resource], storage: bool, validations: bool) -> dict[str, Any]:
    kind = model.resource_type
    version: dict[str, Any] = {
        "name": kind.version,
        "served": True,
        "storage": storage,
        "schema": {"openAPIV3Schema": schema_for(model, validations=validations)},
    }
    subresources: dict[str, Any] = {}
    if kind.status_subresource:
        subresources["status"] = {}
    if kind.scale_subresource is not None:
        subresources["scale"] = _scale(kind.scale_subresource)
    if subresources:
        version["subresources"] = subresources
    if model.crd_options.printer_columns:
        version["additionalPrinterColumns"] = [_column(column) for column in model.crd_options.printer_columns]
    return version


def _scale(scale: ScaleSubresource) -> dict[str, str]:
    paths = {"specReplicasPath": scale.spec_replicas_path, "statusReplicasPath": scale.status_replicas_path}
    if scale.label_selector_path:
        paths["labelSelectorPath"] = scale.label_selector_path
    return paths


def _column(column: PrinterColumn) -> dict[str, Any]:
    manifest: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.json_path}
    if column.description:
        manifest["description"] = column.description
    if column.format:
        manifest["format"] = column.format
    if column.priority:
        manifest["priority"] = column.priority
    return manifest
