"""Models written for a CRD are clean Python, and a CRD made from them says what the CRD said."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
import yaml
from pydantic import ValidationError

from kubernaut.fake import FakeCluster
from kubernaut.resources import Resource, crd_for
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.resources.codegen.crd import CrdModels, models_for
from kubernaut.resources.codegen.crdinput import CrdError, read_crd
from kubernaut.resources.scalars import DURATION_PATTERN

CRDS = Path(__file__).parent / "crds"
ROOT = Path(__file__).parents[2]
PRESERVE = "x-kubernetes-preserve-unknown-fields"
ANY_OF = {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((CRDS / f"{name}.yaml").read_text()))


def written(name: str) -> CrdModels:
    return models_for([read_crd(name, document) for document in documents(name)])


def load(name: str, text: str, folder: Path) -> ModuleType:
    path = folder / f"models_of_{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kinds(module: ModuleType) -> dict[str, type[Resource]]:
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Resource)]
    return {each.resource_type.kind: each for each in found if each is not Resource}


def effective(schema: dict[str, Any], value: Any) -> Any:
    """A default with the defaults within it filled in, as a server does."""
    if isinstance(value, dict):
        value = dict(value)
        for name, part in schema.get("properties", {}).items():
            if name in value or part.get("default") is not None:
                value[name] = effective(part, value.get(name, part.get("default")))
        return value
    if isinstance(value, list):
        return [effective(schema.get("items", {}), item) for item in value]
    return value


def essence(schema: dict[str, Any], *, root: bool = False) -> dict[str, Any]:
    """What a schema demands, without its words, and without the differences that no server sees."""
    out = {key: value for key, value in schema.items() if key not in ("description", "title", "default")}
    identity = ("apiVersion", "kind", "metadata") if root else ()
    properties = {name: part for name, part in schema.get("properties", {}).items() if name not in identity}
    optional = {name for name, part in properties.items() if "default" in part or part.get("nullable")}
    optional |= {"status"} if root else set()
    out["required"] = sorted(name for name in schema.get("required", ()) if name not in optional)
    out["properties"] = {name: essence(part) for name, part in properties.items()}
    if "items" in schema:
        out["items"] = essence(schema["items"])
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        out["additionalProperties"] = essence(values)
    default = effective(schema, schema.get("default"))
    if default not in (None, "", [], {}):
        out["default"] = default
    if schema.get("x-kubernetes-int-or-string"):
        out |= ANY_OF
    if schema.get("format") == "duration":
        out |= {"format": None, "pattern": DURATION_PATTERN}
    return {key: value for key, value in out.items() if value not in (None, [], {})}


NAMES = sorted(path.stem for path in CRDS.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_crd_made_from_the_models_says_what_the_crd_said(name: str, tmp_path: Path) -> None:
    made = kinds(load(name, written(name).text, tmp_path))
    for document in documents(name):
        spec = document["spec"]
        again = crd_for(made[spec["names"]["kind"]])["spec"]
        stored = next(version for version in spec["versions"] if version["storage"])
        (version,) = again["versions"]
        before, after = (each["schema"]["openAPIV3Schema"] for each in (stored, version))
        assert essence(after, root=True) == essence(before, root=True)
        assert version.get("subresources") == stored.get("subresources")
        columns = [
            {key: value for key, value in column.items() if value}
            for column in version.get("additionalPrinterColumns", ())
        ]
        assert columns == stored.get("additionalPrinterColumns", [])
        assert (again["group"], again["scope"], version["name"]) == (spec["group"], spec["scope"], stored["name"])
        names = {"listKind": f"{spec['names']['kind']}List", "singular": spec["names"]["kind"].lower()}
        assert again["names"] == names | spec["names"]


@pytest.mark.parametrize("name", NAMES)
def test_the_module_is_formatted_and_the_linter_finds_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / "models.py"
    path.write_text(written(name).text)
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    # Out of the checkout the linter cannot tell that kubernaut is the project's own, which only the order shows.
    for command in (["format", "--diff"], ["check", "--ignore", "I001"]):
        done = subprocess.run([*ruff, *command, *config, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_type_checker_accepts_the_modules_and_what_is_done_with_them(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / f"models_of_{name}.py").write_text(written(name).text)
    (tmp_path / "use.py").write_text(USE)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    command += [str(path) for path in sorted(tmp_path.glob("*.py"))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={"MYPYPATH": f"{tmp_path}:{ROOT}"}
    )
    assert done.returncode == 0, done.stdout + done.stderr


USE = '''"""Uses the written models as a person would."""

from models_of_certificate import Certificate, CertificateIssuerRef, CertificateSpec
from models_of_odd import ModelObject, ModelObjectSpec
from models_of_rollout import Rollout

certificate = Certificate(spec=CertificateSpec(issuer_ref=CertificateIssuerRef(name="ca"), secret_name="tls"))
ready = [condition.status for condition in certificate.status.conditions or ()]
odd = ModelObject(spec=ModelObjectSpec(from_="a", class_=1, list_=[2], foo_bar="x", cluster_ip="10.0.0.1"))


def replicas(rollout: Rollout) -> int:
    return rollout.spec.replicas or 0
'''


CERTIFICATE = {
    "apiVersion": "certs.example.dev/v1",
    "kind": "Certificate",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "secretName": "web-tls",
        "issuerRef": {"name": "ca", "kind": "Issuer", "group": "certs.example.dev"},
        "dnsNames": ["example.dev"],
        "usages": ["server auth"],
        "ipAddresses": [],
        "privateKey": {"algorithm": "ECDSA", "size": 256},
        "keystores": {"jks": {"create": True, "passwordSecretRef": {"name": "s", "key": "k"}}},
        "newer": {"a": [1]},
    },
    "status": {
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"}],
        "revision": 1,
    },
}


def test_objects_come_back_as_they_went_unknown_fields_and_empty_lists_included(tmp_path: Path) -> None:
    certificate = kinds(load("certificate", written("certificate").text, tmp_path))["Certificate"]
    assert certificate.from_dict(CERTIFICATE).to_dict() == CERTIFICATE


def test_awkward_names_come_back_as_they_went(tmp_path: Path) -> None:
    odd = kinds(load("odd", written("odd").text, tmp_path))["Model"]
    spec: dict[str, Any] = {
        "from": "a", "class": 1, "list": [2], "dict": {"a": {"b": True}}, "schema": "s", "copy": True, "$ref": "r",
        "x-some-thing": "x", "2fa": True, "fooBar": "1", "foo_bar": "2", "clusterIP": "i", "podIPs": ["p"], "None": "n",
        "_hidden": "h", "": "e", "anything": {"a": None}, "empty": {}, "wide": "w", "ratio": 0.25, "span": "1h0m0s",
        "amount": "5%", "nested": {"one": {"a": 2}}, "byName": {"x": {"spec": {"one": {"a": "b"}}}},
        "model_config": "m",
    }  # fmt: skip
    data: dict[str, Any] = {
        "apiVersion": "odd.example.dev/v1beta1",
        "kind": "Model",
        "metadata": {"name": "m"},
        "name": "n",
        "spec": spec,
    }
    made = odd.from_dict(data)
    assert made.to_dict() == data
    assert made.name == "m"
    assert odd.from_dict({"spec": {}}).to_dict()["spec"]["nested"] == {"one": {"a": 1}, "many": [{"b": "x", "c": "d"}]}


def test_constraints_are_checked_when_objects_are_made(tmp_path: Path) -> None:
    certificate = kinds(load("certificate", written("certificate").text, tmp_path))["Certificate"]
    bad: list[dict[str, Any]] = [
        {"secretName": ""},
        {"dnsNames": []},
        {"usages": ["x"]},
        {"renewBeforePercentage": 100},
    ]
    for spec in bad:
        with pytest.raises(ValidationError):
            certificate.from_dict({"spec": {"issuerRef": {"name": "ca"}, "secretName": "s"} | spec})


def test_long_choices_have_a_name_of_their_own(tmp_path: Path) -> None:
    module = load("certificate", written("certificate").text, tmp_path)
    assert "s/mime" in get_args(module.CertificateUsage)


def test_classes_are_named_as_shortly_as_they_can_be() -> None:
    text = written("rollout").text
    # `canary` is in spec.strategy and in status; `match` only once; the root's spec keeps the short name.
    for name in ("RolloutStrategyCanary", "RolloutStatusCanary", "RolloutMatch", "RolloutSpec", "RolloutTemplateSpec"):
        assert f"class {name}(" in text
    # The same object in two places is one class.
    assert text.count("class RolloutAntiAffinity") == 1


def test_a_kind_called_like_a_name_of_ours_is_still_that_kind(tmp_path: Path) -> None:
    module = load("servicemonitor", written("servicemonitor").text, tmp_path)
    assert module.RuleObject.resource_type.kind == "Rule"
    assert module.RuleObject.crd_options.rules[0].at == "spec.groups[].rules[]"


def test_what_a_model_cannot_say_is_told() -> None:
    document = documents("servicemonitor")[0]
    version = document["spec"]["versions"][0]
    version["selectableFields"] = [{"jsonPath": ".spec.jobLabel"}]
    endpoint = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["endpoints"]["items"]
    endpoint["oneOf"] = [{"required": ["port"]}, {"required": ["targetPort"]}]
    notes = models_for([read_crd("f.yaml", document)]).notes
    assert notes == (
        "f.yaml: spec.versions[0].selectableFields: has no place in a model",
        "f.yaml: spec.endpoints[]: oneOf is left out; the server checks it",
    )
    assert [note.partition(": ")[2] for note in written("rollout").notes] == [
        "spec.strategy.canary.steps[].setHeaderRoute.match[].headerValue.regex: "
        "the model does not check the pattern, which Python's engine cannot read"
    ]


def test_the_version_can_be_chosen_and_is_the_stored_one_by_default() -> None:
    (document,) = documents("certificate")
    assert read_crd("f", document).version == "v1"
    assert 'version="v1alpha1"' in models_for([read_crd("f", document, "v1alpha1")]).text
    with pytest.raises(CrdError, match=r"f: spec\.versions: has no 'v2', only v1alpha1, v1"):
        read_crd("f", document, "v2")


def test_the_same_kind_twice_is_refused() -> None:
    (document,) = documents("certificate")
    with pytest.raises(CrdError, match=r"b: Certificate of certs\.example\.dev/v1 is in a already"):
        models_for([read_crd("a", document), read_crd("b", document)])


@pytest.mark.virtual_time
@pytest.mark.parametrize("name", NAMES)
async def test_the_server_takes_the_crd_made_from_the_models(cluster: FakeCluster, name: str, tmp_path: Path) -> None:
    for model in kinds(load(name, written(name).text, tmp_path)).values():
        await cluster.client.create(CustomResourceDefinition.from_dict(crd_for(model)))
        listed = await cluster.client.list(model)
        assert list(listed) == []
