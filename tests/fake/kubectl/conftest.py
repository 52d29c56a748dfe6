"""The real kubectl against one `kubernaut fake serve` for all tests here; skipped where there is no kubectl."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fake.kubectl.running import DEPLOYMENT, KUBECTL, Kubectl, Served

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if KUBECTL is None:
        pytest.skip("kubectl is not installed (tools/kubectl.sh gets it)")
    served = Served(tmp_path_factory.mktemp("served"), "--rbac")
    yield served
    code, errors = served.stop()
    assert code == 0, errors


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where kubectl keeps what it has discovered."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def kubectl(server: Served, home: Path, tmp_path: Path) -> Kubectl:
    """kubectl in a new namespace."""
    namespace = f"test-{next(_numbers)}"
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    return Kubectl(server, namespace, tmp_path, home)


@pytest.fixture
def web(kubectl: Kubectl) -> None:
    """The Deployment `web` is rolled out in the namespace: two pods run."""
    path = f"/apis/apps/v1/namespaces/{kubectl.namespace}/deployments"
    kubectl.server.call("POST", path, yaml.safe_load(DEPLOYMENT))
    kubectl.server.until(path, "web", lambda found: found["status"].get("availableReplicas") == 2)
