"""The same on a real API server: what it knows is found out, and it takes what is rendered for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubernaut.testing import EnvTest
from tests.fake.kubectl.running import KUBECTL
from tests.install.conftest import Applier, kubernaut
from tests.install.test_applying import WAYS, check_applied

pytestmark = pytest.mark.skipif(
    not os.environ.get("KUBEBUILDER_ASSETS") or KUBECTL is None,
    reason="KUBEBUILDER_ASSETS names no folder with a real API server, or kubectl is not installed",
)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applier]:
    home = tmp_path_factory.mktemp("home")
    with EnvTest(controller_manager=False) as env:
        path = home / "kubeconfig"
        path.write_text(json.dumps(env.kubeconfig()))
        yield Applier(path, home)


@pytest.mark.parametrize("way", WAYS)
def test_a_real_server_takes_everything_in_one_go_and_again(real: Applier, way: str) -> None:
    check_applied(real, way, f"all-{way}")


def test_what_a_real_server_tells_of_itself_is_what_its_version_says(real: Applier, tmp_path: Path) -> None:
    minor = yaml.safe_load(real("version", "-o", "yaml").out)["serverVersion"]["minor"].rstrip("+")
    of_version = kubernaut("manifests", "--kubernetes", f"1.{minor}")
    assert real.rendered("manifests") == of_version.stdout
