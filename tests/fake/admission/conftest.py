"""Fixtures of the admission tests."""

from __future__ import annotations

import pytest

from kubernaut.fake.apiserver import ApiServer
from tests.fake.admission.asking import Asker


@pytest.fixture
def server() -> ApiServer:
    return ApiServer(seed=1)


@pytest.fixture
def ask(server: ApiServer) -> Asker:
    return Asker(server)
