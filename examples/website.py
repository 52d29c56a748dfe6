"""A complete operator: a Website serves the pages of a ConfigMap from a Deployment and a Service under a DNS name."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Protocol

from pydantic import Field

from kubernaut import (
    Cache,
    Context,
    Controller,
    Model,
    NotFound,
    PrinterColumn,
    Reconciler,
    Request,
    Resource,
    Result,
    StatusBase,
    TerminalError,
    Watch,
)
from kubernaut.client import ObjectHead
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import ConfigMap, Service

log = logging.getLogger(__name__)


class WebsiteSpec(Model):
    host: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    pages: str  # the name of a ConfigMap: file name -> content
    replicas: int = Field(default=2, ge=1, le=20)


class WebsiteStatus(StatusBase):
    ready_replicas: int = 0


class Website(
    Resource,
    group="example.dev",
    version="v1",
    status_subresource=True,
    printer_columns=[PrinterColumn("Host", ".spec.host"), PrinterColumn("Ready", ".status.readyReplicas", "integer")],
):
    spec: WebsiteSpec
    status: WebsiteStatus = WebsiteStatus()


class Dns(Protocol):
    """The outside world: a DNS provider, which sends no events."""

    async def ensure(self, host: str, target: str) -> None: ...
    async def remove(self, host: str) -> None: ...


class LoggedDns:
    """Stands in for a provider: says what it would do."""

    async def ensure(self, host: str, target: str) -> None:
        log.info("%s points to %s", host, target)

    async def remove(self, host: str) -> None:
        log.info("%s is removed", host)


class WebsiteReconciler(Reconciler[Website]):
    finalizer = "example.dev/dns"

    def __init__(self, dns: Dns) -> None:
        self.dns = dns

    async def reconcile(self, site: Website, ctx: Context) -> Result | None:
        try:
            pages = ctx.cache.get(ConfigMap, site.spec.pages, site.namespace)
        except NotFound:
            # The watch on ConfigMaps calls again once it is there: nothing to poll for.
            site.status.set_condition("Ready", False, reason="NoPages", message=f"no ConfigMap {site.spec.pages!r}")
            return None
        if "index.html" not in pages.data:
            site.status.set_condition("Ready", False, reason="NoIndex", message="the pages have no index.html")
            raise TerminalError(f"ConfigMap {site.spec.pages!r} has no index.html")
        deployment = await ctx.client.apply(deployment_for(site, pages), owner=site)
        await ctx.client.apply(service_for(site), owner=site)
        site.status.ready_replicas = deployment.status.ready_replicas or 0
        if not is_rolled_out(deployment, site.spec.replicas):
            told = f"{site.status.ready_replicas} of {site.spec.replicas} replicas are ready"
            site.status.set_condition("Ready", False, reason="RollingOut", message=told)
            return None
        await self.dns.ensure(site.spec.host, f"{site.name}.{site.namespace}.svc")
        if not site.status.is_true("Ready"):
            ctx.events.event(site, "Serving", f"{site.spec.host} is being served")
        site.status.set_condition("Ready", True, reason="Serving")
        return Result(requeue_after=timedelta(minutes=10))  # somebody may have changed the record by hand

    async def finalize(self, site: Website, ctx: Context) -> Result | None:
        await self.dns.remove(site.spec.host)  # Deployment and Service go by themselves: the Website owns them
        return None


def deployment_for(site: Website, pages: ConfigMap) -> Deployment:
    labels = {"app.kubernetes.io/name": "website", "app.kubernetes.io/instance": site.name}
    # New pages change the pod template, and so roll out.
    checksum = hashlib.sha256(json.dumps(pages.data, sort_keys=True).encode()).hexdigest()[:16]
    container: dict[str, Any] = {
        "name": "web",
        "image": "docker.io/nginxinc/nginx-unprivileged:1.29-alpine",
        "ports": [{"containerPort": 8080, "name": "http"}],
        "volumeMounts": [{"name": "pages", "mountPath": "/usr/share/nginx/html", "readOnly": True}],
    }
    spec = {"containers": [container], "volumes": [{"name": "pages", "configMap": {"name": site.spec.pages}}]}
    template = {"metadata": {"labels": labels, "annotations": {"example.dev/pages": checksum}}, "spec": spec}
    body = {"replicas": site.spec.replicas, "selector": {"matchLabels": labels}, "template": template}
    return Deployment.from_dict({"metadata": {"name": site.name}, "spec": body})


def is_rolled_out(deployment: Deployment, replicas: int) -> bool:
    status = deployment.status
    counts = (status.replicas, status.updated_replicas, status.available_replicas)
    return status.observed_generation == deployment.metadata.generation and counts == (replicas,) * 3


def service_for(site: Website) -> Service:
    selector = {"app.kubernetes.io/name": "website", "app.kubernetes.io/instance": site.name}
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]
    return Service.from_dict({"metadata": {"name": site.name}, "spec": {"selector": selector, "ports": ports}})


def websites_using(pages: ObjectHead, cache: Cache) -> Iterable[Request]:
    for site in cache.list(Website, pages.namespace, index=("pages", pages.name)):
        yield Request(site.namespace, site.name)


def websites(dns: Dns) -> Controller:
    """The wiring, for production and for tests."""
    return Controller(
        Website,
        WebsiteReconciler(dns),
        owns=[Deployment, Service],
        watches=[Watch(ConfigMap, to=websites_using)],
        indexes={"pages": lambda site: [site.spec.pages]},
        max_concurrent=4,
        reconcile_timeout=timedelta(minutes=1),
    )


def local() -> Controller:
    """For `kubernaut dev examples.website:local -f examples/website.yaml`."""
    return websites(LoggedDns())
