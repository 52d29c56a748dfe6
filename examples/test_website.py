"""The tests of the Website operator: no cluster, no waiting. Copy it beside your own operator."""

from __future__ import annotations

import pytest

from examples.website import Website, WebsiteSpec, websites
from kubernaut import MergePatch, NotFound, ObjectMeta
from kubernaut.client import Invalid
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import ConfigMap, Service
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.testing import Cluster

pytestmark = pytest.mark.cluster(crds=[Website])


class FakeDns:
    """Records in memory; `down` makes the provider fail."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.down = False

    async def ensure(self, host: str, target: str) -> None:
        if self.down:
            raise ConnectionError("the DNS provider does not answer")
        self.records[host] = target

    async def remove(self, host: str) -> None:
        if self.down:
            raise ConnectionError("the DNS provider does not answer")
        self.records.pop(host, None)


@pytest.fixture
def dns() -> FakeDns:
    return FakeDns()


async def create_pages(cluster: Cluster, **files: str) -> None:
    data = {name.replace("_", "."): text for name, text in files.items()}
    await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="pages", namespace="default"), data=data))


async def create_website(cluster: Cluster) -> None:
    spec = WebsiteSpec(host="www.example.org", pages="pages")
    await cluster.client.create(Website(metadata=ObjectMeta(name="blog", namespace="default"), spec=spec))


async def ready(cluster: Cluster) -> tuple[str, str]:
    """Status and reason of the condition `Ready`."""
    site = await cluster.client.get(Website, "blog", namespace="default")
    condition = site.status.condition("Ready")
    assert condition is not None
    return condition.status, condition.reason


async def test_a_website_is_served(cluster: Cluster, dns: FakeDns) -> None:
    async with cluster.running(websites(dns)):
        await create_pages(cluster, index_html="<h1>hello</h1>")
        await create_website(cluster)
        await cluster.settled()

        assert await ready(cluster) == ("True", "Serving")
        assert dns.records == {"www.example.org": "blog.default.svc"}
        assert (await cluster.client.get(Service, "blog", namespace="default")).metadata.controller_reference()
        events = await cluster.client.list(Event, namespace="default")
        assert [event.reason for event in events if event.reporting_controller == "website"] == ["Serving"]


async def test_it_waits_for_its_pages(cluster: Cluster, dns: FakeDns) -> None:
    async with cluster.running(websites(dns)):
        await create_website(cluster)
        await cluster.settled()
        assert await ready(cluster) == ("False", "NoPages")

        await create_pages(cluster, index_html="<h1>hello</h1>")
        await cluster.settled()
        assert await ready(cluster) == ("True", "Serving")


async def test_pages_without_an_index_are_not_retried_until_they_change(cluster: Cluster, dns: FakeDns) -> None:
    async with cluster.running(websites(dns)):
        await create_pages(cluster, about_html="<h1>about</h1>")
        await create_website(cluster)
        await cluster.settled()
        assert await ready(cluster) == ("False", "NoIndex")

        before = len(cluster.requests)
        await cluster.advance(hours=1)
        assert not [r for r in cluster.requests[before:] if "websites" in r.path and r.verb not in ("list", "watch")]

        patch = MergePatch({"data": {"index.html": "<h1>hello</h1>"}})
        await cluster.client.patch(ConfigMap, "pages", patch, namespace="default")
        await cluster.settled()
        assert await ready(cluster) == ("True", "Serving")


async def test_new_pages_roll_out(cluster: Cluster, dns: FakeDns) -> None:
    async with cluster.running(websites(dns)):
        await create_pages(cluster, index_html="<h1>hello</h1>")
        await create_website(cluster)
        await cluster.settled()
        before = await cluster.client.get(Deployment, "blog", namespace="default")

        patch = MergePatch({"data": {"index.html": "<h1>goodbye</h1>"}})
        await cluster.client.patch(ConfigMap, "pages", patch, namespace="default")
        await cluster.settled()

        after = await cluster.client.get(Deployment, "blog", namespace="default")
        assert after.spec.template.to_dict()["metadata"] != before.spec.template.to_dict()["metadata"]
        assert await ready(cluster) == ("True", "Serving")


async def test_a_deleted_deployment_comes_back(cluster: Cluster, dns: FakeDns) -> None:
    async with cluster.running(websites(dns)):
        await create_pages(cluster, index_html="<h1>hello</h1>")
        await create_website(cluster)
        await cluster.settled()

        await cluster.client.delete(Deployment, "blog", namespace="default")
        await cluster.settled()

        assert (await cluster.client.get(Deployment, "blog", namespace="default")).status.ready_replicas == 2


async def test_a_record_changed_by_hand_is_mended_within_ten_minutes(cluster: Cluster, dns: FakeDns) -> None:
    async with cluster.running(websites(dns)):
        await create_pages(cluster, index_html="<h1>hello</h1>")
        await create_website(cluster)
        await cluster.settled()

        dns.records.clear()
        await cluster.advance(minutes=10)
        assert dns.records == {"www.example.org": "blog.default.svc"}


async def test_the_website_goes_only_after_its_record(cluster: Cluster, dns: FakeDns) -> None:
    async with cluster.running(websites(dns)):
        await create_pages(cluster, index_html="<h1>hello</h1>")
        await create_website(cluster)
        await cluster.settled()

        dns.down = True
        await cluster.client.delete(Website, "blog", namespace="default")
        await cluster.advance(minutes=1)
        assert (await cluster.client.get(Website, "blog", namespace="default")).metadata.finalizers == [
            "example.dev/dns"
        ]

        dns.down = False
        await cluster.advance(minutes=30)
        assert dns.records == {}
        for kind in (Website, Deployment, Service):
            with pytest.raises(NotFound):
                await cluster.client.get(kind, "blog", namespace="default")


@pytest.mark.parametrize("host", ["", "UPPER", "-a"])
async def test_a_bad_host_is_refused_by_the_api_server(cluster: Cluster, host: str) -> None:
    website = Website.model_construct(
        metadata=ObjectMeta(name="blog", namespace="default"), spec=WebsiteSpec.model_construct(host=host, pages="p")
    )
    with pytest.raises(Invalid, match=r"spec\.host"):
        await cluster.client.create(website)
