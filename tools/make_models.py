"""Makes kubernaut/resources/builtin/*_v*.py out of the kubernetes-validate package (a development tool)."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kubernaut.resources.codegen.openapi import Known, OpenApiModels, Tables, references
from kubernaut.resources.codegen.source import Call, Expression, ModuleSource, exported, import_lines, layout, text
from kubernaut.resources.naming import pluralise

ROOT = Path(__file__).parent.parent
VERSION = "1.36.0"
PACKAGE = "kubernaut.resources.builtin"
DISCOVERY = ROOT / "kubernaut/fake/apiserver/data/builtin.json"
LAZY = f"{PACKAGE}.core_v1"
MARK = "# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0)."

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_CORE = "io.k8s.api.core.v1."
_SCALARS = "kubernaut.resources.scalars"

KNOWN = {
    f"{_META}ObjectMeta": Known("ObjectMeta", "kubernaut.resources.meta", ("ObjectMeta",), scalar=False),
    f"{_META}OwnerReference": Known("OwnerReference", "kubernaut.resources.meta", ("OwnerReference",), scalar=False),
    f"{_META}Condition": Known("Condition", "kubernaut.resources.conditions", ("Condition",), scalar=False),
    f"{_META}Time": Known("Time", _SCALARS, ("Time",), maybe_null=True),
    f"{_META}MicroTime": Known("MicroTime", _SCALARS, ("MicroTime",), maybe_null=True),
    f"{_META}FieldsV1": Known("JsonObject", _SCALARS, ("JsonObject",)),
    "io.k8s.apimachinery.pkg.runtime.RawExtension": Known("JsonObject", _SCALARS, ("JsonObject",)),
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Known("Quantity", _SCALARS, ("Quantity",)),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": Known("IntOrString", _SCALARS, ("IntOrString",)),
    f"{_CRD}JSON": Known("Any", "typing", ("Any",)),
}
# The definitions of these say nothing but that they are one thing or the other.
EITHER = {
    f"{_CRD}JSONSchemaPropsOrArray": "JSONSchemaProps | list[JSONSchemaProps]",
    f"{_CRD}JSONSchemaPropsOrBool": "JSONSchemaProps | bool",
    f"{_CRD}JSONSchemaPropsOrStringArray": "JSONSchemaProps | list[str]",
}

# Kinds of the core group that are imported together; whatever several topics use is in `shared`.
TOPICS = {
    "ConfigMap": "config",
    "Secret": "config",
    "Node": "nodes",
    "PersistentVolume": "volumes",
    "PersistentVolumeClaim": "volumes",
    "Pod": "pods",
    "PodTemplate": "pods",
    "ReplicationController": "pods",
    "Endpoints": "services",
    "Service": "services",
}
OTHER_TOPIC = "cluster"
ABOUT = {
    "config": "text and secrets for programs",
    "nodes": "the machines",
    "volumes": "storage and claims to it",
    "pods": "pods, and templates of them",
    "services": "stable addresses of pods",
    "cluster": "namespaces, accounts, quotas and events",
    "shared": "what several kinds are made of",
}

# Kinds that only alpha and beta versions have, which servers do not serve by default: scope, and whether they have a
# status of its own (Kubernetes' recorded discovery documents, api/discovery/).
PREVIEW = {
    "ClusterTrustBundle": ("Cluster", False),
    "DeviceTaintRule": ("Cluster", True),
    "LeaseCandidate": ("Namespaced", False),
    "PodCertificateRequest": ("Namespaced", True),
    "PodGroup": ("Namespaced", True),
    "ResourcePoolStatusRequest": ("Cluster", True),
    "StorageVersion": ("Cluster", True),
    "StorageVersionMigration": ("Cluster", True),
    "Workload": ("Namespaced", False),
}
# Kinds that exist only as the body of a subresource.
BODIES = frozenset({"Eviction", "Scale", "TokenRequest"})

BASES = {f"{_CORE}Secret": (f"{PACKAGE}.secrets", "SecretValues")}
INHERITED = {
    "Condition": frozenset({"type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"}),
    "SecretValues": frozenset({"data", "stringData"}),
}
# The package strips every default.
DEFAULTS: dict[tuple[str, str], object] = {
    ("io.k8s.api.rbac.v1.RoleRef", "apiGroup"): "rbac.authorization.k8s.io",
    (f"{_CORE}ContainerStatus", "image"): "",
    (f"{_CORE}ContainerStatus", "imageID"): "",
}
PRESENT = frozenset(
    {
        (f"{_CORE}Container", "resources"),
        (f"{_CORE}EphemeralContainer", "resources"),
        (f"{_CORE}ContainerStatus", "state"),
        (f"{_CORE}ContainerStatus", "lastState"),
        (f"{_CORE}Event", "source"),
    }
)
GIVEN = frozenset({("io.k8s.api.rbac.v1.PolicyRule", "verbs"), (f"{_CRD}CustomResourceDefinitionSpec", "versions")})


def definitions_file(version: str = VERSION) -> Path | None:
    """The definitions of one Kubernetes version; None where kubernetes-validate is not installed."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "kubernetes-json-schema" / f"v{version}-local" / "_definitions.json"


def generate(source: Path) -> dict[str, str]:
    """Every generated file: its path below kubernaut/resources/builtin, and its text."""
    definitions: dict[str, Any] = json.loads(source.read_text())["$defs"]
    kinds = {name: gvk for name, schema in definitions.items() if (gvk := kind_of(name, schema)) is not None}
    known = {**KNOWN, **{name: Known(either, scalar=True) for name, either in EITHER.items()}}
    topics = topics_of(definitions, kinds, known)

    def module_of(name: str) -> str:
        group, version = name.split(".")[-3:-1]
        module = f"{PACKAGE}.{group}_{version}"
        return f"{LAZY}.{topics[name]}" if module == LAZY else module

    models = OpenApiModels(
        definitions,
        Tables(
            known=known,
            kinds={name: keywords(gvk) for name, gvk in kinds.items()},
            module_of=module_of,
            bases=BASES | {name: CONDITION for name, schema in definitions.items() if is_condition(name, schema)},
            inherited=INHERITED,
            defaults=DEFAULTS,
            present=PRESENT,
            given=GIVEN,
            status_only=status_only(definitions, kinds),
        ),
    )
    groups = {module_of(name): group_version(gvk) for name, gvk in kinds.items()}
    modules = models.modules(models.needed(kinds), lambda module: about(module, groups))
    for module in modules.values():
        module.comment = MARK
    files = {path_of(module): made.render() for module, made in modules.items()}
    files["core_v1/__init__.py"] = lazy({module: made for module, made in modules.items() if module.startswith(LAZY)})
    return files


CONDITION = ("kubernaut.resources.conditions", "Condition")


def is_condition(name: str, schema: Mapping[str, Any]) -> bool:
    """Whether a definition is one group's form of a condition."""
    return name.endswith("Condition") and {"type", "status"} <= schema.get("properties", {}).keys()


def kind_of(name: str, schema: Mapping[str, Any]) -> dict[str, str] | None:
    """Group, version and kind of a definition; None for lists, for parts, and for what every group has."""
    gvks: list[dict[str, str]] = schema.get("x-kubernetes-group-version-kind") or []
    is_list = name.endswith("List") and "items" in schema["properties"]
    return None if len(gvks) != 1 or is_list or name.startswith(_META) else gvks[0]


def group_version(gvk: Mapping[str, str]) -> str:
    return f"{gvk['group']}/{gvk['version']}" if gvk["group"] else gvk["version"]


def keywords(gvk: Mapping[str, str]) -> dict[str, Expression]:
    """The class keywords of a kind."""
    served = json.loads(DISCOVERY.read_text())
    kind, rows = gvk["kind"], served.get(group_version(gvk), [])
    row = next((row for row in rows if row["kind"] == kind and "/" not in row["name"]), None)
    if row is None:
        # An older or newer version of a kind has the names and the scope that its other versions have.
        for api_version, others in served.items():
            if api_version.rpartition("/")[0] == gvk["group"]:
                row = row or next((row for row in others if row["kind"] == kind and "/" not in row["name"]), None)
                rows = others if row in others else rows
    if row is None:
        row, rows = preview(kind)
    made: dict[str, Expression] = {"group": text(gvk["group"])} if gvk["group"] else {}
    made["version"] = text(gvk["version"])
    if row["name"] != pluralise(kind):
        made["plural"] = text(row["name"])
    if row["singularName"] not in ("", kind.lower()):
        made["singular"] = text(row["singularName"])
    if not row["namespaced"]:
        made["scope"] = text("Cluster")
    for key, name in (("shortNames", "short_names"), ("categories", "categories")):
        if row.get(key):
            members = tuple(text(each) for each in row[key])
            made[name] = f"({', '.join(members)}{',' if len(members) == 1 else ''})"
    subresources = {each["name"].partition("/")[2] for each in rows if each["name"].startswith(f"{row['name']}/")}
    if "status" in subresources:
        made["status_subresource"] = "True"
    if "scale" in subresources:
        made["scale_subresource"] = Call("ScaleSubresource(", (f"label_selector_path={text('.status.selector')}",))
    return made


def preview(kind: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if kind not in PREVIEW and kind not in BODIES:
        raise SystemExit(f"{kind}: neither {DISCOVERY.name} nor a table of this tool says what it is served as")
    scope, status = PREVIEW.get(kind, ("Namespaced", False))
    row = {"name": pluralise(kind), "singularName": kind.lower(), "namespaced": scope == "Namespaced", "kind": kind}
    return row, [row, *([{"name": f"{row['name']}/status"}] if status else [])]


def closure(definitions: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += references(definitions[name])
    return found


def status_only(definitions: Mapping[str, Any], kinds: Iterable[str]) -> frozenset[str]:
    """Definitions that kinds reach by their status alone."""
    told: set[str] = set()
    asked: set[str] = set()
    for kind in kinds:
        for name, schema in definitions[kind]["properties"].items():
            (told if name == "status" else asked).update(closure(definitions, references(schema)))
    return frozenset(told - asked)


def topics_of(
    definitions: Mapping[str, Any], kinds: Mapping[str, Mapping[str, str]], known: Mapping[str, Known]
) -> dict[str, str]:
    """The topic of each definition of the core group: that of the kinds which use it, `shared` if they are several."""
    users: dict[str, set[str]] = {}
    for kind, gvk in kinds.items():
        core = gvk["group"] == ""
        topic = TOPICS.get(gvk["kind"], OTHER_TOPIC) if core else ""
        for name in closure(definitions, [kind]):
            if name.startswith(_CORE) and name not in known:
                users.setdefault(name, set()).update({topic} if topic else ())
    return {name: next(iter(topics)) if len(topics) == 1 else "shared" for name, topics in users.items()}


def about(module: str, groups: Mapping[str, str]) -> str:
    """The docstring of a module."""
    name = module.removeprefix(f"{PACKAGE}.")
    if name == "meta_v1":
        return "Types of meta/v1 that kinds of several groups are made of."
    if name.startswith("core_v1."):
        return f"The core group, v1: {ABOUT[name.partition('.')[2]]}."
    return f"The kinds of {groups[module]}."


def path_of(module: str) -> str:
    return module.removeprefix(f"{PACKAGE}.").replace(".", "/") + ".py"


def lazy(modules: Mapping[str, ModuleSource]) -> str:
    """The core group's own module, which imports a topic when one of its classes is first asked for."""
    homes = {
        module.removeprefix(f"{LAZY}."): sorted(each.name for each in modules[module].classes)
        for module in sorted(modules)
    }
    facade = ModuleSource(
        "The core group, v1: what runs, where, and what it reads. A class is imported when it is first used.",
        comment=MARK,
    )
    facade.use("importlib", "import_module")
    facade.use("typing", "TYPE_CHECKING", "Any")
    body = [facade.render(), "if TYPE_CHECKING:"]
    for topic, names in homes.items():
        body += import_lines(f"{LAZY}.{topic}", names, indent=1)
    body += ["", *exported(name for names in homes.values() for name in names), "", "_HOMES = {"]
    for topic, names in homes.items():
        closing = ",)" if len(names) == 1 else ")"
        body += layout(f"{text(topic)}: ", Call("(", tuple(text(name) for name in names), closing), ",", 1)
    body += ["}", "_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}", "", "", FUNCTIONS]
    return "\n".join(body)


FUNCTIONS = """def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
"""


def main() -> None:
    """Write every file anew, and remove those that are generated no more."""
    source = definitions_file()
    if source is None:
        sys.exit("kubernetes-validate is not installed: pip install '.[dev]'")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "kubernaut/resources/builtin"
    files = generate(source)
    for old in sorted(target.rglob("*.py")):
        if old.relative_to(target).as_posix() not in files and old.read_text().startswith(MARK):
            old.unlink()
    for name, content in sorted(files.items()):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
    lines = sum(content.count("\n") for content in files.values())
    print(f"{target}: {len(files)} files, {lines} lines")


if __name__ == "__main__":
    main()
