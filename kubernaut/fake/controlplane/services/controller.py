"""The controllers of EndpointSlices and of Endpoints, for Services that select pods."""

from __future__ import annotations

from collections.abc import Iterable

from kubernaut.client import AlreadyExists, ApiError, Conflict, NotFound, ObjectHead
from kubernaut.fake.controlplane.claiming import controlled
from kubernaut.fake.controlplane.indexes import INDEX, OWNER_INDEXES, by_selector, labelled, selecting
from kubernaut.fake.controlplane.lulled import Lulled
from kubernaut.fake.controlplane.services.members import Member, Ports, chunks, members_of
from kubernaut.fake.controlplane.views import PodView, standing_changed
from kubernaut.reconcile import (
    Cache,
    Context,
    Controller,
    NotCached,
    Reconciler,
    Request,
    RequestReconciler,
    Result,
    Watch,
)
from kubernaut.reconcile.predicates import deleted
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Service
from kubernaut.resources.builtin.discovery_v1 import Endpoint, EndpointConditions, EndpointSlice
from kubernaut.resources.builtin.discovery_v1 import EndpointPort as SlicePort

_SERVICE, _MANAGED_BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"
_MANAGER = "endpointslice-controller.k8s.io"
_ENDPOINTS_LABEL, _ENDPOINTS_MANAGER = "endpoints.kubernetes.io/managed-by", "endpoint-controller"
_SLICE_SIZE = 100
_ENDPOINTS_SIZE = 1000


class EndpointReconciler(Reconciler[Service]):
    """Slices are matched by what is in them; a slice that fits is left alone."""

    async def reconcile(self, service: Service, ctx: Context) -> Result | None:
        """Bring slices and Endpoints up to date."""
        if service.metadata.deletion_timestamp is not None or not service.spec.selector:
            return None
        if service.spec.type == "ExternalName":
            return None
        groups = members_of(service, _pods_behind(service, ctx)) or {(): []}
        try:
            await self._slices(service, groups, ctx)
            await self._endpoints(service, groups, ctx)
        except ApiError as error:
            if not any(cause.reason == "NamespaceTerminating" for cause in error.causes):
                raise
        return None

    async def _slices(self, service: Service, groups: dict[Ports, list[Member]], ctx: Context) -> None:
        wanted = [
            _slice(service, ports, part) for ports, members in groups.items() for part in chunks(members, _SLICE_SIZE)
        ] or [_slice(service, (), ())]
        stale = [one for one in controlled(EndpointSlice, service, ctx) if one.metadata.deletion_timestamp is None]
        missing = []
        for one in wanted:
            same = next((other for other in stale if _content(other) == _content(one)), None)
            if same is None:
                missing.append(one)
            else:
                stale.remove(same)
        for one in missing:
            if not stale:
                await ctx.client.create(one)
                continue
            live = stale.pop(0)
            live.endpoints, live.ports, live.metadata.labels = one.endpoints, one.ports, one.metadata.labels
            await ctx.client.update(live)
        for one in stale:
            try:
                await ctx.client.delete(EndpointSlice, one.name, namespace=one.namespace, uid=one.uid)
            except (NotFound, Conflict):
                continue

    async def _endpoints(self, service: Service, groups: dict[Ports, list[Member]], ctx: Context) -> None:
        subsets = [_subset(ports, members[:_ENDPOINTS_SIZE]) for ports, members in groups.items() if members]
        labels = {**service.metadata.labels, _ENDPOINTS_LABEL: _ENDPOINTS_MANAGER}
        if service.spec.cluster_ip == "None":
            labels["service.kubernetes.io/headless"] = ""
        try:
            live = ctx.cache.get(Endpoints, service.name, service.namespace)
        except NotFound:
            metadata = ObjectMeta(name=service.name, namespace=service.namespace, labels=labels)
            try:
                await ctx.client.create(Endpoints(metadata=metadata, subsets=subsets))
            except AlreadyExists:
                return
            return
        if [one.to_dict() for one in live.subsets] == [one.to_dict() for one in subsets]:
            return
        live.subsets, live.metadata.labels = subsets, labels
        await ctx.client.update(live)


class LeftEndpoints(RequestReconciler):
    """Deletes the Endpoints of a Service that is gone; nothing but their name ties them to it."""

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        """Delete what the controller made, if the Service has not come back."""
        try:
            ctx.cache.head(Service, request.name, request.namespace)
        except NotFound:
            pass
        else:
            return None
        try:
            left = ctx.cache.head(Endpoints, request.name, request.namespace)
            if left.labels.get(_ENDPOINTS_LABEL) == _ENDPOINTS_MANAGER:
                await ctx.client.delete(Endpoints, left.name, namespace=left.namespace, uid=left.uid)
        except (NotFound, Conflict):
            return None
        return None


def _pods_behind(service: Service, ctx: Context) -> Iterable[PodView]:
    selector = service.spec.selector
    key = sorted(selector)[0]
    index = labelled(service.namespace, key, selector[key])
    return ctx.cache.list(PodView, namespace=service.namespace, labels=selector, index=index)


def _slice(service: Service, ports: Ports, members: Iterable[Member]) -> EndpointSlice:
    labels = {**service.metadata.labels, _SERVICE: service.name, _MANAGED_BY: _MANAGER}
    if service.spec.cluster_ip == "None":
        labels["service.kubernetes.io/headless"] = ""
    return EndpointSlice(
        metadata=ObjectMeta(
            generate_name=f"{service.name}-",
            namespace=service.namespace,
            labels=labels,
            owner_references=[service.owner_reference()],
        ),
        address_type="IPv4",
        endpoints=[
            Endpoint(
                addresses=[member.address],
                conditions=EndpointConditions(
                    ready=member.ready, serving=member.serving, terminating=member.terminating
                ),
                hostname=member.hostname,
                node_name=member.node,
                target_ref=member.pod,
            )
            for member in members
        ],
        ports=[SlicePort(name=name or "", protocol=p, port=n, app_protocol=app) for name, p, n, app in ports],
    )


def _content(one: EndpointSlice) -> tuple[object, ...]:
    endpoints = sorted((endpoint.to_dict() for endpoint in one.endpoints), key=str)
    ports = sorted(((port.name or "", port.protocol, port.port, port.app_protocol) for port in one.ports), key=str)
    return endpoints, ports, one.metadata.labels


def _subset(ports: Ports, members: Iterable[Member]) -> EndpointSubset:
    addresses: tuple[list[EndpointAddress], list[EndpointAddress]] = ([], [])
    for member in members:
        if member.terminating and not member.ready:
            continue
        address = EndpointAddress(
            ip=member.address, hostname=member.hostname, node_name=member.node, target_ref=member.pod
        )
        addresses[0 if member.ready else 1].append(address)
    return EndpointSubset(
        addresses=addresses[0],
        not_ready_addresses=addresses[1],
        ports=[EndpointPort(name=name, protocol=p, port=n, app_protocol=app) for name, p, n, app in ports],
    )


def _services_of(head: ObjectHead, cache: Cache) -> list[Request]:
    """The Services whose selector matches a pod's labels."""
    found: dict[Request, None] = {}
    labels = head.labels or {}
    try:
        for key, value in labels.items():
            for service in cache.list(Service, namespace=head.namespace, index=selecting(head.namespace, key, value)):
                if service.spec.selector.items() <= labels.items():
                    found[Request(service.namespace, service.name)] = None
    except NotCached:
        return []
    return [*found]


def _service_of_endpoints(head: ObjectHead) -> list[Request]:
    return [Request(head.namespace, head.name)]


def _index(service: Service) -> list[str]:
    return by_selector(service.namespace, service.spec.selector or None)


def endpoints() -> list[Controller]:
    """The controllers of EndpointSlices and Endpoints."""
    left = Controller(Service, LeftEndpoints(), name="endpoint-controller", predicates=[deleted])
    return [left, _endpoints()]


def _endpoints() -> Controller:
    return Controller(
        Service,
        Lulled(Service, EndpointReconciler()),
        name="endpoint-slice-controller",
        owns=[EndpointSlice],
        watches=[
            Watch(PodView, to=_services_of, predicates=[standing_changed]),
            Watch(Endpoints, to=_service_of_endpoints),
            Watch(EndpointSlice, to=lambda head: (), indexes=OWNER_INDEXES),
        ],
        indexes={INDEX: _index},
    )
