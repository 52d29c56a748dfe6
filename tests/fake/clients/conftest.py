"""One fake cluster, served over HTTP, for the clients of each module; a namespace for each."""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fake.clients.running import SECONDS, Served

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The served cluster. It ends with the module, so that no other test has its thread beside it."""
    started = Served(tmp_path_factory.mktemp("served") / "kubeconfig")
    yield started
    started.stop()


@pytest.fixture
def kubeconfig(served: Served) -> Path:
    """Its kubeconfig, as `FakeCluster.kubeconfig` wrote it."""
    return served.kubeconfig


@pytest.fixture
def namespace(kubeconfig: Path) -> str:
    """A new namespace."""
    url = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    name = f"test-{next(_numbers)}"
    body = json.dumps({"metadata": {"name": name}}).encode()
    request = urllib.request.Request(f"{url}/api/v1/namespaces", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        assert answer.status == 201
    return name
