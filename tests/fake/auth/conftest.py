"""Fixtures of the tests of authentication and authorization."""

from __future__ import annotations

import pytest

from kubernaut.fake.apiserver import ApiServer
from tests.fake.admission.asking import Asker


@pytest.fixture
def server() -> ApiServer:
    return ApiServer(seed=1, rbac=True)


@pytest.fixture
def ask(server: ApiServer) -> Asker:
    """Asks as the administrator."""
    return Asker(server)
