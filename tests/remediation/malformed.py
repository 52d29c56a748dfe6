"""Malformed executions: drawn from the CRD's own schema, and valid ones of each action with one thing wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from kubernaut.remediation.execution import crds
from tests.actions.cases import CASES, CATALOG, Case
from tests.remediation.malformed_samples import (
    INT64,
    LONGEST,
    MANIFESTS,
    NAME,
    NAMES,
    OPTIONS,
    PATCHES,
    REFERENCES,
    TEXTS,
    TIMEOUTS,
)

Document = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

(_CRD,) = crds()
SPEC: Document = _CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
ODD = ("\u0000", "\ufeff", "\u202e", "\u2028", "\N{ROCKET}", "e\u0301", "\uffff", "\t", "\n", "'", '"', "`$(reboot)`")

# Texts of every kind of character, and some that programs have stumbled over.
texts = st.one_of(st.text(max_size=80), st.builds("".join, st.lists(st.sampled_from(ODD), min_size=1, max_size=6)))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-INT64, INT64 - 1), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3))
)


# What the schema allows.


def conforming(schema: Document) -> st.SearchStrategy[Any]:
    """Values that the schema takes."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.one_of(st.integers(-INT64, INT64 - 1), texts)
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", -INT64), schema.get("maximum", INT64 - 1))
        case "array":
            return st.lists(conforming(schema["items"]), max_size=min(schema.get("maxItems", 3), 3))
        case "object":
            return _object(schema)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    short = texts.map(lambda text: text[: schema.get("maxLength", LONGEST)])
    return short.filter(lambda text: len(text) >= schema.get("minLength", 0))


def _object(schema: Document) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        names = texts.map(lambda text: text[:63])
        return st.dictionaries(names, conforming(schema["additionalProperties"]), max_size=4)
    fields = {name: conforming(each) for name, each in schema["properties"].items()}
    required = schema.get("required", [])
    optional = {name: each for name, each in fields.items() if name not in required}
    return st.fixed_dictionaries({name: fields[name] for name in required}, optional=optional)


@st.composite
def nonsense(draw: Draw) -> Document:
    """A spec that the schema takes: known actions and kinds now and then, never a target that is there."""
    spec: Document = draw(conforming(SPEC))
    if draw(st.booleans()):
        spec["action"] = draw(st.sampled_from(CATALOG.names()))
        kind = draw(st.sampled_from(CATALOG.get(spec["action"]).targets))
        spec["target"] |= {"kind": kind.kind, "apiVersion": kind.api_version}
    return spec


# What it does not.


@st.composite
def violating(draw: Draw) -> Document:
    """A valid spec with one field that the schema does not take."""
    spec = valid(draw)
    path, schema = draw(st.sampled_from(list(_fields(SPEC, ()))))
    return _with(spec, path, draw(_wrong(schema)))


def _fields(schema: Document, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Document]]:
    for name, each in schema.get("properties", {}).items():
        yield (*above, name), each
        yield from _fields(each, (*above, name))
    if isinstance(schema.get("additionalProperties"), dict):
        yield (*above, "anything"), schema["additionalProperties"]


def _wrong(schema: Document) -> st.SearchStrategy[Any]:
    """Values that the schema refuses. Null is none of them: in place of a default it counts as left out."""
    if schema.get("x-kubernetes-int-or-string"):
        return st.one_of(st.booleans(), st.just(1.5), st.just([]), st.just({}), st.just("x" * (LONGEST + 1)))
    kinds = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}
    others = values.filter(lambda value: value is not None and not _is(value, kinds[schema["type"]]))
    wrong = [others]
    if "enum" in schema or "pattern" in schema:
        wrong.append(texts.map(lambda text: f"!{text}"))
    if "maxLength" in schema:
        wrong.append(st.integers(1, 40).map(lambda more: "x" * (schema["maxLength"] + more)))
    if schema.get("minLength"):
        wrong.append(st.just(""))
    if "maximum" in schema:
        wrong.append(st.integers(schema["maximum"] + 1, INT64 - 1))
        wrong.append(st.integers(-INT64, schema["minimum"] - 1))
    if "maxItems" in schema:
        wrong.append(st.just(["x"] * (schema["maxItems"] + 1)))
    if "maxProperties" in schema:
        wrong.append(st.just({f"p{number}": 1 for number in range(schema["maxProperties"] + 1)}))
    if required := schema.get("required"):
        wrong.append(st.sampled_from(required).map(lambda name: {each: "x" for each in required if each != name}))
    return st.one_of(wrong)


def _is(value: Any, kind: type) -> bool:
    # A float without a fraction is an integer to a server.
    if kind is int:
        return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value % 1 == 0))
    return isinstance(value, kind)


# What only the checks can know.


def valid(draw: Draw) -> Document:
    """A spec that would run."""
    case = CASES[draw(st.sampled_from(sorted(CASES)))]
    return _asked(case, case.parameters)


@st.composite
def mistaken(draw: Draw) -> Document:
    """A valid spec with one mistake that a schema may or may not see."""
    mistake: Callable[[Draw, Document], Document] = draw(st.sampled_from(MISTAKES))
    return mistake(draw, valid(draw))


def unknown_action(draw: Draw, spec: Document) -> Document:
    name: str = spec["action"]
    near = [name.upper(), f"{name}s", name[:-1], f" {name}", f"{name}\n", name.replace("-", "_"), f"../{name}"]
    return spec | {"action": draw(st.one_of(st.sampled_from(near), texts.map(lambda text: f"no{text}")))[:63]}


def extra_parameter(draw: Draw, spec: Document) -> Document:
    name = draw(st.one_of(st.sampled_from(["dryRun", "Replicas", "__class__", "self", ""]), texts))[:63]
    return _with(
        spec,
        ("parameters", f"x{name}"[:63]),
        draw(st.one_of(st.integers(-INT64, INT64 - 1), texts, st.sampled_from(TEXTS))),
    )


def wrong_parameter(draw: Draw, spec: Document) -> Document:
    """A parameter that the action takes, of another type or out of its range."""
    schema = CATALOG.get(spec["action"]).parameters.model_json_schema()["properties"]
    if not schema:
        return extra_parameter(draw, spec)
    name = draw(st.sampled_from(sorted(schema)))
    kinds = {each.get("type") for each in (schema[name], *schema[name].get("anyOf", ()))}
    if "integer" in kinds:
        wrong = st.one_of(st.integers(-INT64, -1), st.integers(100_000, INT64 - 1), texts, st.just("5"), st.booleans())
    elif "boolean" in kinds:
        wrong = st.one_of(st.integers(-1, 1), st.sampled_from(["True", "yes", "1", "", "true "]))
    else:
        wrong = st.one_of(st.integers(), st.just(""), st.just([]), texts.map(lambda text: f"\u0000{text}"))
    return _with(spec, ("parameters", name), draw(wrong))


def required_parameter_missing(draw: Draw, spec: Document) -> Document:
    case = CASES[draw(st.sampled_from(["apply-manifest", "patch-resource", "scale-deployment", "update-image"]))]
    return _asked(case, {})


def broken_document(draw: Draw, spec: Document) -> Document:
    """A manifest or a patch that is none."""
    made: Document = draw(st.sampled_from(list(documents())))
    return made


def documents() -> Iterator[Document]:
    for name, field, found in (
        ("apply-manifest", "manifest", [*MANIFESTS, *TEXTS]),
        ("apply-manifest-new", "manifest", MANIFESTS),
        ("patch-resource", "patch", [*PATCHES, *TEXTS]),
        ("patch-resource-json", "patch", PATCHES),
    ):
        case = CASES[name]
        for text in found:
            yield _asked(case, {**case.parameters, field: text})


def wrong_target(draw: Draw, spec: Document) -> Document:
    made: Document = draw(st.sampled_from(list(targets(spec, draw(texts)))))
    return made


def targets(spec: Document, text: str = "") -> Iterator[Document]:
    target = spec["target"]
    placed = "namespace" in target
    changes: list[Document] = [
        {"kind": "Widget"},
        {"kind": target["kind"].lower()},
        {"kind": "Secret"},
        {"kind": "Service" if target["kind"] != "Service" else "Pod", "name": "gone"},
        {"apiVersion": "example.com/v9"},
        {"apiVersion": "///"},
        {"name": "gone"},
        {"name": "--all"},
        {"name": target["name"].upper()},
        {"name": f"{target['name']}/status"},
        {"name": "../../nodes"},
        {"name": "w" * 253},
        {"name": f"{text}_"},
        {"kind": None},
        {"name": None},
        {"namespace": None if placed else "default"},
        {"namespace": "gone" if placed else "kube-system"},
        {"namespace": "Default!"},
    ]
    for change in changes:
        yield spec | {"target": {key: value for key, value in {**target, **change}.items() if value is not None}}
    yield {key: value for key, value in spec.items() if key != "target"}


def wrong_timeout(draw: Draw, spec: Document) -> Document:
    numbers = st.integers(301, 10**30).map(lambda number: f"{number}s")
    return spec | {"timeout": draw(st.one_of(st.sampled_from(TIMEOUTS), numbers, st.just(30), st.just(-1)))}


def wrong_option(draw: Draw, spec: Document) -> Document:
    option: Document = draw(st.sampled_from(OPTIONS))
    return spec | option


def wrong_rollback(draw: Draw, spec: Document) -> Document:
    return spec | {"rollbackOf": draw(st.sampled_from(REFERENCES))}


MISTAKES: list[Callable[[Draw, Document], Document]] = [
    unknown_action,
    extra_parameter,
    wrong_parameter,
    required_parameter_missing,
    broken_document,
    wrong_target,
    wrong_timeout,
    wrong_option,
    wrong_rollback,
]


def _with(spec: Document, path: tuple[str, ...], value: Any) -> Document:
    made = copy.deepcopy(spec)
    place = made
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value
    return made


def _drawn(strategy: st.SearchStrategy[Document], count: int) -> list[Document]:
    """So many different ones, the same in every run."""
    found: dict[str, Document] = {}

    @settings(
        derandomize=True,
        # What is drawn depends on the modules that are loaded: some of it may be the same.
        max_examples=5 * count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(document: Document) -> None:
        if len(found) < count:
            found.setdefault(json.dumps(document, sort_keys=True), document)

    collect()
    assert len(found) == count
    return list(found.values())


def known() -> Iterator[Document]:
    """What has made programs stumble, each once."""
    yield from documents()
    for name in ("scale-deployment", "drain-node"):
        yield from targets(_asked(CASES[name], CASES[name].parameters))
    spec = _asked(CASES["scale-deployment"], CASES["scale-deployment"].parameters)
    yield from ({**spec, "timeout": timeout} for timeout in TIMEOUTS)
    yield from ({**spec, **option} for option in OPTIONS)
    yield from ({**spec, "rollbackOf": copy.deepcopy(reference)} for reference in REFERENCES)
    # Seen by what tells of an execution, though it fails.
    yield from (_with(spec, ("parameters", "note"), text) for text in TEXTS)


def malformed(every: int = 1, **drawn: int) -> list[Document]:
    """Executions: all that are known (or one in `every`), so many of each kind, and one with each of the names that no
    object can have."""
    kinds = {"nonsense": nonsense(), "violating": violating(), "mistaken": mistaken()}
    specs = [*list(known())[::every], *(spec for kind, count in drawn.items() for spec in _drawn(kinds[kind], count))]
    made = []
    for number, spec in enumerate(specs):
        # Every third has a name that is too long for a label.
        name = f"try-{number}" if number % 3 else f"{'long.' * 45}try-{number}"
        if isinstance(spec.get("rollbackOf"), dict) and spec["rollbackOf"].get("name") == NAME:
            spec["rollbackOf"]["name"] = name
        made.append(_execution(name, spec))
    return made + [_execution(name, _asked(CASES["cordon-node"], {})) for name in NAMES]


def _asked(case: Case, parameters: Mapping[str, Any]) -> Document:
    return {"action": case.action, "target": dict(case.target), "parameters": dict(parameters)}


def _execution(name: Any, spec: Document) -> Document:
    api_version = f"{_CRD['spec']['group']}/v1"
    return {"apiVersion": api_version, "kind": "KubernetesExecution", "metadata": {"name": name}, "spec": spec}
