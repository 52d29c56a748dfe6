"""The example package's own test, run as it stands; and its entry point, which brings it into the catalog."""

import tomllib
from pathlib import Path

import pytest

from examples.action_package.test_suspend_cronjob import *  # noqa: F403
from kubernaut.actions import Catalog, describe

PACKAGE = Path(__file__).parents[2] / "examples" / "action_package"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What an installer would have written for the package's entry points."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    folder = tmp_path / "suspend_cronjob-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(PACKAGE))
    return folder


def test_a_package_that_is_installed_is_in_the_catalog(installed: Path) -> None:
    catalog = Catalog.installed()
    assert len(catalog) == len(Catalog.builtin()) + 1
    info = describe(catalog.get("suspend-cronjob"))
    assert info.service_account == "action-suspend-cronjob"
    assert info.command[:4] == ("kubectl", "patch", "cronjob", "web")


def test_an_entry_point_that_is_no_action_is_named(installed: Path) -> None:
    (installed / "entry_points.txt").write_text("[kubernaut.actions]\nbad = suspend_cronjob:timedelta\n")
    with pytest.raises(TypeError, match=r"suspend_cronjob:timedelta .* is no Action"):
        Catalog.installed()
