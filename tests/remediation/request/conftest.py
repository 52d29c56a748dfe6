"""The world of the tests of requests."""

from __future__ import annotations

import pytest

from kubernaut.testing import Cluster
from tests.remediation.request.world import World


@pytest.fixture
async def world(cluster: Cluster) -> World:
    return await World(cluster).prepare()
