"""The Website example's own tests, run as they stand, and its sample."""

from pathlib import Path

import pytest

from examples.test_website import *  # noqa: F403
from examples.test_website import FakeDns
from examples.website import Website, local, websites
from kubernaut.resources.builtin.core_v1 import Service
from kubernaut.testing import Cluster

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_is_an_operator_of_about_100_lines() -> None:
    lines = [line for line in (EXAMPLES / "website.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= 150


@pytest.mark.cluster(crds=[Website])
async def test_its_sample_comes_up(cluster: Cluster) -> None:
    async with cluster.running(local()):
        await cluster.load(EXAMPLES / "website.yaml", strict=True)
        await cluster.settled()
        assert (await cluster.client.get(Website, "blog", namespace="default")).status.is_true("Ready")


@pytest.mark.cluster(crds=[Website], rbac=True)
async def test_two_websites_may_share_their_pages(cluster: Cluster) -> None:
    dns = FakeDns()
    async with cluster.running(websites(dns)):
        await cluster.load(EXAMPLES / "website.yaml")
        other = (EXAMPLES / "website.yaml").read_text().replace("name: blog", "name: docs").replace("www.", "docs.")
        await cluster.load(other)
        await cluster.settled()
        assert sorted(dns.records) == ["docs.example.org", "www.example.org"]
        assert len(await cluster.client.list(Service, namespace="default")) >= 2
