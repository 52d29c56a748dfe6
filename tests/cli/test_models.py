"""`kubernaut models`: a module on standard output or in a file; bad input is one sentence and exit code 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app

CRDS = Path(__file__).parents[1] / "resources/crds"
CERTIFICATE = str(CRDS / "certificate.yaml")


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["models", *args], input=stdin)


def crd(**changes: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "example.dev", "names": {"kind": "Widget", "plural": "widgets"}, "scope": "Namespaced"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.dev"},
        "spec": {**spec, "versions": [version]} | changes,
    }


def with_schema(schema: Any) -> dict[str, Any]:
    made = crd()
    made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = schema
    return made


def test_the_module_goes_to_standard_output() -> None:
    done = run(CERTIFICATE)
    assert done.exit_code == 0
    assert done.stdout.startswith('"""Models of Certificate (certs.example.dev/v1)')
    assert done.stdout.endswith("default_factory=CertificateStatus)\n")
    assert done.stderr == ""


def test_the_module_goes_to_the_file_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "models.py"
    done = run(CERTIFICATE, "-o", str(target))
    assert (done.exit_code, done.stdout) == (0, "")
    assert target.read_text() == run(CERTIFICATE).stdout


def test_the_version_can_be_chosen() -> None:
    assert 'version="v1alpha1"' in run(CERTIFICATE, "--version", "v1alpha1").stdout


def test_several_files_and_standard_input_make_one_module() -> None:
    done = run(CERTIFICATE, "-", stdin=yaml.safe_dump(crd()))
    assert done.exit_code == 0
    assert "class Certificate(" in done.stdout
    assert "class Widget(" in done.stdout


def test_other_objects_beside_a_crd_are_passed_over(tmp_path: Path) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    path = tmp_path / "install.yaml"
    path.write_text(yaml.safe_dump_all([namespace, crd()]))
    done = run(str(path))
    assert done.exit_code == 0
    assert "class Widget(" in done.stdout


def test_what_is_left_out_is_told_beside_the_module() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}]}
    done = run("-", stdin=yaml.safe_dump(with_schema(schema)))
    assert done.exit_code == 0
    assert done.stderr == "note: standard input: spec: oneOf is left out; the server checks it\n"


BAD: list[tuple[str, Any, str]] = [
    ("another kind", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}, "{f}: kind: is Pod, must be Cust"),
    (
        "an old version of CRDs",
        crd() | {"apiVersion": "apiextensions.k8s.io/v1beta1"},
        "{f}: apiVersion: is 'apiextensions.k8s.io/v1beta1', must be apiextensions.k8s.io/v1",
    ),
    ("no group", crd(group=None), "{f}: spec.group: is missing"),
    ("no names", crd(names=3), "{f}: spec.names: must be a mapping"),
    ("no plural", crd(names={"kind": "Widget"}), "{f}: spec.names.plural: is missing"),
    ("a wrong scope", crd(scope="Galaxy"), "{f}: spec.scope: is 'Galaxy', must be Namespaced or Cluster"),
    ("no versions", crd(versions=[]), "{f}: spec.versions: is missing or empty"),
    ("no schema", crd(versions=[{"name": "v1"}]), "{f}: spec.versions[0].schema: is missing"),
    (
        "a root that is no object",
        crd(versions=[{"name": "v1", "schema": {"openAPIV3Schema": {"type": "string"}}}]),
        "{f}: spec.versions[0].schema.openAPIV3Schema.type: must be object",
    ),
    (
        "a type that is none",
        with_schema({"type": "map"}),
        "{f}: Widget v1, schema of spec.type: is 'map', must be one of",
    ),
    (
        "a property that is no schema",
        with_schema({"type": "object", "properties": {"a": "string"}}),
        "{f}: Widget v1, schema of spec.a: must be a schema (a mapping), got 'string'",
    ),
    (
        "an item that is no schema",
        with_schema({"type": "array", "items": {"type": "object", "properties": {"b": {"minLength": "1"}}}}),
        "{f}: Widget v1, schema of spec[].b.minLength: must be a number, got '1'",
    ),
    ("a reference", with_schema({"$ref": "#/x"}), "{f}: Widget v1, schema of spec.$ref: a CRD has no references"),
    (
        "a rule without a rule",
        with_schema({"type": "object", "x-kubernetes-validations": [{"message": "m"}]}),
        "{f}: Widget v1, schema of spec.x-kubernetes-validations: each must be a mapping with a rule",
    ),
]


@pytest.mark.parametrize(("document", "message"), [(bad[1], bad[2]) for bad in BAD], ids=[bad[0] for bad in BAD])
def test_bad_input_names_the_file_and_the_field(document: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(document))
    done = run(str(path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"kubernaut: {message.format(f=path)}")
    assert done.stderr.count("\n") == 1


def test_bad_input_names_the_document(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump_all([crd(), crd(scope=None)]))
    assert run(str(path)).stderr == f"kubernaut: {path} (document 2): spec.scope: is missing\n"


def test_a_version_that_is_not_there_is_named() -> None:
    done = run(CERTIFICATE, "--version", "v9")
    assert done.exit_code == 2
    assert done.stderr == f"kubernaut: {CERTIFICATE}: spec.versions: has no 'v9', only v1alpha1, v1\n"


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    missing = run(str(tmp_path / "no.yaml"))
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "no.yaml: cannot be read: No such file" in missing.stderr
    unwritable = run(CERTIFICATE, "-o", str(tmp_path / "no" / "models.py"))
    assert (unwritable.exit_code, unwritable.stdout) == (2, "")
    assert "models.py: cannot be written: No such file" in unwritable.stderr
