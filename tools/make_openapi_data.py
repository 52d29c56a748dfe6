"""Makes the data files of built-in kinds out of the kubernetes-validate package (a development tool).

`openapi.json.gz`: types, merge keys, list types; read with the first write. `descriptions.json.gz`: what types and
fields mean; read when somebody asks for OpenAPI documents or tables.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

KEPT: tuple[str, ...] = ("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type")
KEPT += ("x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key")
# The package strips every default; list keys need these (the API server's OpenAPI document has them).
DEFAULTS = {"ContainerPort": {"protocol": "TCP"}, "ServicePort": {"protocol": "TCP"}}
FORMATS = ("int32", "int64", "double", "byte")
DATA = Path(__file__).parent.parent / "kubernaut/fake/apiserver/data"


def node(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with only what decides how values merge."""
    out: dict[str, Any] = {key: schema[key] for key in KEPT if key in schema}
    if "$ref" in schema:
        out["$ref"] = schema["$ref"].rpartition("/")[2]
        return out
    kinds = [kind for kind in (schema.get("type"),) if isinstance(kind, str)] or [
        kind for kind in schema.get("type") or () if kind != "null"
    ]
    if len(kinds) == 1:
        out["type"] = kinds[0]
    if schema.get("format") == "int-or-string" or "oneOf" in schema or len(kinds) > 1:
        out.pop("type", None)
        out["x-kubernetes-int-or-string"] = True
    elif schema.get("format") in FORMATS:
        out["format"] = schema["format"]
    if "properties" in schema:
        out["properties"] = {name: node(below) for name, below in schema["properties"].items()}
        if required := schema.get("required"):
            out["required"] = required
    if isinstance(schema.get("items"), dict):
        out["items"] = node(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = node(schema["additionalProperties"])
    return out


def descriptions(definitions: dict[str, Any]) -> dict[str, Any]:
    """Each text once; of each type its own text, under "", and those of its fields, as places among the texts."""
    texts: dict[str, int] = {}
    types: dict[str, dict[str, int]] = {}
    for name, schema in sorted(definitions.items()):
        described = {"": schema, **(schema.get("properties") or {})}
        types[name] = {
            field: texts.setdefault(below["description"], len(texts))
            for field, below in described.items()
            if below.get("description")
        }
    return {"texts": list(texts), "types": types}


def write(name: str, content: dict[str, Any]) -> None:
    """Write one compressed data file."""
    target = DATA / f"{name}.json.gz"
    target.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{target}: {target.stat().st_size} bytes")


def main(version: str = "1.36.0") -> None:
    """Write the data files for one Kubernetes version."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        sys.exit("kubernetes-validate is not installed: pip install '.[dev]'")
    source = Path(spec.origin).parent / "kubernetes-json-schema" / f"v{version}-local" / "_definitions.json"
    definitions: dict[str, Any] = json.loads(source.read_text())["$defs"]
    nodes: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for name, schema in sorted(definitions.items()):
        nodes[name] = node(schema)
        if name.endswith(".Quantity"):
            nodes[name]["format"] = "quantity"
        for member, value in DEFAULTS.get(name.rpartition(".")[2], {}).items():
            nodes[name]["properties"][member]["default"] = value
        for gvk in schema.get("x-kubernetes-group-version-kind") or ():
            api_version = f"{gvk['group']}/{gvk['version']}" if gvk["group"] else gvk["version"]
            kinds.setdefault(f"{api_version}/{gvk['kind']}", name)
    write("openapi", {"version": version, "kinds": kinds, "definitions": nodes})
    write("descriptions", descriptions(definitions))


if __name__ == "__main__":
    main(*sys.argv[1:])
