"""`kubernaut new`: what it writes works as it stands, and what it refuses leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubernaut.cli import DISTRIBUTION
from kubernaut.cli.app import app
from kubernaut.cli.new.names import BadName, Names
from kubernaut.cli.new.project import render

ROOT = Path(__file__).parents[2]


def new(*args: str) -> Result:
    return CliRunner().invoke(app, ["new", *args])


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a tool in a generated project, with the runtime of this checkout."""
    return subprocess.run(
        [sys.executable, "-m", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a place") / "website-operator"
    done = new("website-operator", "--group", "web.example.dev", "--dir", str(folder))
    assert done.exit_code == 0, done.output
    return folder


def test_its_own_tests_pass(project: Path) -> None:
    done = run(project, "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_it_is_clean_for_ruff(project: Path) -> None:
    for args in (("check", "."), ("format", "--check", ".")):
        done = run(project, "ruff", args[0], "--no-cache", *args[1:])
        assert done.returncode == 0, done.stdout


def test_it_is_clean_for_mypy_strict(project: Path) -> None:
    # The runtime's own modules are followed but not reported on: their checks are elsewhere.
    done = run(project, "mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "new"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_prints_its_definition(project: Path) -> None:
    done = run(project, "kubernaut", "crds", "website_operator.reconciler:controllers", "--kubernetes", "1.36")
    assert done.returncode == 0, done.stderr
    definition = yaml.safe_load(done.stdout)
    assert definition["metadata"]["name"] == "websites.web.example.dev"


def test_its_makefile_prints_all_it_takes_to_run_it(project: Path) -> None:
    (line,) = [line for line in (project / "Makefile").read_text().splitlines() if "kubernaut manifests" in line]
    words = line.partition("-m ")[2].replace("$(RUNS)", "website_operator.reconciler:controllers")
    done = run(project, *words.replace("$(IMAGE)", "web:1").split(), "--kubernetes", "1.36")
    assert done.returncode == 0, done.stderr
    found = {manifest["kind"]: manifest for manifest in yaml.safe_load_all(done.stdout)}
    (container,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][:2] == ["run", "website_operator.reconciler:controllers"]
    assert found["Deployment"]["metadata"]["name"] == "website-operator"
    rules = [rule for rule in found["ClusterRole"]["rules"] if rule["resources"] == ["configmaps"]]
    assert rules == [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch", "create", "patch"]}]


def test_its_sample_is_of_its_kind(project: Path) -> None:
    sample = yaml.safe_load((project / "config" / "sample.yaml").read_text())
    assert (sample["apiVersion"], sample["kind"]) == ("web.example.dev/v1alpha1", "Website")


def test_it_has_everything_a_project_needs(project: Path) -> None:
    written = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert written >= {
        ".dockerignore",
        ".gitignore",
        "Dockerfile",
        "Makefile",
        "README.md",
        "config/sample.yaml",
        "pyproject.toml",
        "tests/test_reconciler.py",
        "website_operator/__init__.py",
        "website_operator/reconciler.py",
        "website_operator/types.py",
    }


def test_it_depends_on_the_distribution_by_its_one_name() -> None:
    text = render(Names.of("thing"))["pyproject.toml"]
    assert f'dependencies = ["{DISTRIBUTION}[cli]>=' in text


def test_nothing_is_left_to_fill_in() -> None:
    for path, text in render(Names.of("thing")).items():
        assert "{{" not in text and "{{" not in path and "template" not in path, path


@pytest.mark.parametrize(("name", "kind"), [("a" * 30, "B" * 30), ("a", "B")])
def test_the_longest_and_the_shortest_names_are_as_clean(tmp_path: Path, name: str, kind: str) -> None:
    assert new(name, "--kind", kind, "--dir", str(tmp_path / "made")).exit_code == 0
    for args in (("check", "."), ("format", "--check", ".")):
        done = run(tmp_path / "made", "ruff", args[0], "--no-cache", *args[1:])
        assert done.returncode == 0, done.stdout


def test_it_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = new("website-operator")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "website-operator" / "Makefile").exists()
    for word in ("cd website-operator", "make test", "make dev", "website_operator/types.py", "Website"):
        assert word in done.output


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    assert new("thing", "--dir", str(tmp_path / "here")).exit_code == 0
    assert (tmp_path / "here" / "thing" / "types.py").exists()
    assert os.listdir(tmp_path) == ["here"]


REFUSED = {
    "capitals": (["WebsiteOperator"], "for example 'website-operator'"),
    "an underscore": (["website_operator"], "for example 'website-operator'"),
    "a digit first": (["3d"], "must be lower-case"),
    "a path": (["../evil"], "must be lower-case"),
    "nothing": ([""], "NAME ''"),
    "a keyword": (["class"], "for example 'class-operator'"),
    "a module of Python's": (["json"], "for example 'json-operator'"),
    "our own name": (["kubernaut"], "already has a meaning"),
    "a name that is too long": (["a" * 31], "at most 30"),
    "a kind in lower case": (["thing", "--kind", "thing"], "for example 'Thing'"),
    "a kind with a dash": (["thing", "--kind", "My-Thing"], "for example 'MyThing'"),
    "a kind that is no word": (["thing", "--kind", "!"], "for example 'Widget'"),
    "a kind that reads as a list": (["thing", "--kind", "ThingList"], "for lists"),
    "a kind that the code imports": (["thing", "--kind", "Controller"], "uses that name already"),
    "a kind that NAME makes": (["model-operator"], "uses that name already"),
    "a kind that Python keeps": (["thing", "--kind", "None"], "uses that name already"),
    "a kind that is too long": (["thing", "--kind", "T" * 31], "at most 30"),
    "a group without a dot": (["thing", "--group", "example"], "for example 'example.dev'"),
    "a group in capitals": (["thing", "--group", "Example.dev"], "must be a lower-case domain name"),
    "a group of Kubernetes' own": (["thing", "--group", "apps.k8s.io"], "belongs to Kubernetes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_name_that_cannot_be_used_is_one_sentence_and_writes_nothing(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    args, expected = REFUSED[case]
    done = new(*args)
    assert done.exit_code == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert os.listdir(tmp_path) == []


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "precious.txt").write_text("mine")
    done = new("thing", "--dir", str(tmp_path / "thing"))
    assert (done.exit_code, "is not empty; choose another folder" in done.stderr) == (2, True)
    assert os.listdir(tmp_path / "thing") == ["precious.txt"]


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing").write_text("mine")
    done = new("thing", "--dir", str(tmp_path / "thing"))
    assert (done.exit_code, "is no folder" in done.stderr) == (2, True)
    assert (tmp_path / "thing").read_text() == "mine"


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    original = Path.write_text

    def failing(self: Path, *args: object, **kwargs: object) -> int:
        if len(written) == 3:
            raise OSError(28, "No space left on device", str(self))
        written.append(self)
        return original(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", failing)
    done = new("thing", "--dir", str(tmp_path / "thing"))
    assert (done.exit_code, "No space left on device" in done.stderr) == (2, True)
    assert len(written) == 3
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [("website-operator", "Website"), ("widget", "Widget"), ("cert-renewal-controller", "CertRenewal")],
)
def test_the_kind_follows_from_the_name(name: str, kind: str) -> None:
    assert Names.of(name).kind == kind


def test_names_are_checked_before_anything_is_derived() -> None:
    with pytest.raises(BadName, match="NAME"):
        Names.of("Bad Name", group="x", kind="y")
