"""The simulated nodes: how they are described, and what follows from a node's standing: taints, unready pods."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubernaut.client import Conflict, JsonPatch, NotFound, StrategicMergePatch
from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.indexes import on_node
from kubernaut.fake.controlplane.pods import is_ready
from kubernaut.fake.controlplane.views import PodView
from kubernaut.reconcile import Change, ChangeType, Context, Controller, Reconciler, Result
from kubernaut.resources import ObjectMeta, format_time
from kubernaut.resources.builtin.core_v1 import Node, NodeAddress, NodeCondition, NodeSystemInfo, Taint

_CAPACITY = {"cpu": "8", "ephemeral-storage": "100Gi", "memory": "32Gi", "pods": "110"}
_PRESSURES = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}
_VERSION = "v1.36.0"
_PREFIX = "node.kubernetes.io/"
_OURS = ("not-ready", "unreachable", "unschedulable")


def node(number: int) -> Node:
    """The nth simulated node, counted from 1."""
    name = f"node-{number}"
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return Node(metadata=ObjectMeta(name=name, labels=labels))


def standing_changed(change: Change) -> bool:
    """A node came, went, or changed in what decides about pods: a heartbeat is no such change."""
    if change.type is not ChangeType.MODIFIED or change.old is None:
        return True
    return _standing(change.old.raw) != _standing(change.new.raw)


def _standing(raw: bytes) -> tuple[object, ...]:
    seen = Node.from_json(raw)
    states = [(condition.type, condition.status) for condition in seen.status.conditions]
    return seen.spec, seen.metadata.labels, seen.metadata.deletion_timestamp, seen.status.allocatable, states


class Nodes(Reconciler[Node]):
    """A node that says nothing about its readiness is given a kubelet that does; any other is taken at its word.

    Patch condition Ready to False or Unknown to play a node that is not well: it gets the taints of the node lifecycle
    controller, its pods are marked unready, and with Unknown nothing on it moves any more.
    """

    async def reconcile(self, obj: Node, ctx: Context) -> Result | None:
        """Write the first status of a new node, and the taints that its standing calls for."""
        now = ctx.clock.now()
        if conditions.find(obj.status.conditions, "Ready") is None:
            _begin(obj, now)
            words = f"Node {obj.name} event: Registered Node {obj.name} in Controller"
            ctx.events.event(obj, "RegisteredNode", words, action="Register")
        await self._taint(obj, now, ctx)
        if not conditions.is_true(obj.status.conditions, "Ready"):
            await self._mark_pods(obj, now, ctx)
        return None

    async def _taint(self, obj: Node, now: datetime, ctx: Context) -> None:
        known = {(taint.key, taint.effect): taint for taint in obj.spec.taints}
        wanted = dict.fromkeys(_wanted_taints(obj))
        ours = {key for key in known if key[0].removeprefix(_PREFIX) in _OURS and key[0].startswith(_PREFIX)}
        if ours == {*wanted}:
            return
        kept = [taint for key, taint in known.items() if key not in ours or key in wanted]
        kept += [Taint(key=key, effect=effect, time_added=now) for key, effect in wanted if (key, effect) not in known]
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": obj.metadata.resource_version},
            {"op": "add", "path": "/spec/taints", "value": [taint.to_dict() for taint in kept]},
        ]
        if not kept:
            operations[1] = {"op": "remove", "path": "/spec/taints"}
        try:
            await ctx.client.patch(Node, obj.name, JsonPatch(operations))
        except NotFound:
            return
        _tell(obj, ours, {*wanted}, ctx)

    async def _mark_pods(self, obj: Node, now: datetime, ctx: Context) -> None:
        for pod in ctx.cache.list(PodView, index=on_node(obj.name)):
            if not is_ready(pod):
                continue
            condition = {"type": "Ready", "status": "False", "lastTransitionTime": format_time(now)}
            patch = StrategicMergePatch({"metadata": {"uid": pod.uid}, "status": {"conditions": [condition]}})
            try:
                await ctx.client.patch(PodView, pod.name, patch, namespace=pod.namespace, subresource="status")
            except (NotFound, Conflict):
                continue
            ctx.events.event(pod, "NodeNotReady", "Node is not ready", type="Warning", action="Mark")


def _begin(obj: Node, now: datetime) -> None:
    for kind, (reason, message) in _PRESSURES.items():
        conditions.put(NodeCondition, obj.status.conditions, kind, False, now, reason=reason, message=message)
    message = "kubelet is posting ready status"
    conditions.put(NodeCondition, obj.status.conditions, "Ready", True, now, reason="KubeletReady", message=message)
    for condition in obj.status.conditions:
        condition.last_heartbeat_time = now
    obj.status.capacity = obj.status.capacity or dict(_CAPACITY)
    obj.status.allocatable = obj.status.allocatable or dict(obj.status.capacity)
    if obj.status.node_info is None:
        obj.status.node_info = _system(obj)
    if not obj.status.addresses:
        obj.status.addresses = [
            NodeAddress(type="InternalIP", address=_address(obj)),
            NodeAddress(type="Hostname", address=obj.name),
        ]


def _wanted_taints(obj: Node) -> list[tuple[str, str]]:
    ready = conditions.find(obj.status.conditions, "Ready")
    wanted = []
    if ready is not None and ready.status != "True":
        key = "unreachable" if ready.status == "Unknown" else "not-ready"
        wanted += [(_PREFIX + key, "NoSchedule"), (_PREFIX + key, "NoExecute")]
    if obj.spec.unschedulable:
        wanted.append((_PREFIX + "unschedulable", "NoSchedule"))
    return wanted


def _tell(obj: Node, before: set[tuple[str, str]], after: set[tuple[str, str]], ctx: Context) -> None:
    def among(keys: set[tuple[str, str]], *names: str) -> bool:
        return any(key.removeprefix(_PREFIX) in names for key, _ in keys)

    for names, lost, won in (
        (("not-ready", "unreachable"), "NodeNotReady", "NodeReady"),
        (("unschedulable",), "NodeNotSchedulable", "NodeSchedulable"),
    ):
        if among(before, *names) != among(after, *names):
            reason = lost if among(after, *names) else won
            ctx.events.event(obj, reason, f"Node {obj.name} status is now: {reason}", action="Mark")


def _system(obj: Node) -> NodeSystemInfo:
    identity = obj.uid or obj.name
    return NodeSystemInfo(
        architecture="amd64",
        boot_id=identity,
        container_runtime_version="containerd://2.1.0",
        kernel_version="6.1.0",
        kube_proxy_version="",
        kubelet_version=_VERSION,
        machine_id=identity.replace("-", ""),
        operating_system="linux",
        os_image="simulated",
        system_uuid=identity,
    )


def _address(obj: Node) -> str:
    digits = obj.name.rpartition("-")[2]
    number = int(digits) if digits.isdecimal() else sum(obj.name.encode())
    return f"172.18.{number // 250 % 256}.{number % 250 + 1}"


def nodes() -> Controller:
    """The controller that makes nodes ready, and taints those that are not."""
    return Controller(Node, Nodes(), name="node-controller")
