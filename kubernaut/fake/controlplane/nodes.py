"""The simulated nodes: how they are described, and the readiness of those that somebody else created."""

from __future__ import annotations

from kubernaut.fake.controlplane import conditions
from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import Node, NodeAddress, NodeCondition

_CAPACITY = {"cpu": "8", "memory": "32Gi", "pods": "110"}
_PRESSURES = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}


def node(number: int) -> Node:
    """The nth simulated node, counted from 1."""
    name = f"node-{number}"
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return Node(metadata=ObjectMeta(name=name, labels=labels))


class Nodes(Reconciler[Node]):
    """A node that says nothing about its readiness is given a kubelet that does; any other is left as it is."""

    async def reconcile(self, obj: Node, ctx: Context) -> Result | None:
        """Write the first status of a new node."""
        if conditions.find(obj.status.conditions, "Ready") is not None:
            return None
        now = ctx.clock.now()
        for kind, (reason, message) in _PRESSURES.items():
            conditions.put(NodeCondition, obj.status.conditions, kind, False, now, reason=reason, message=message)
        message = "kubelet is posting ready status"
        conditions.put(NodeCondition, obj.status.conditions, "Ready", True, now, reason="KubeletReady", message=message)
        obj.status.capacity = obj.status.capacity or dict(_CAPACITY)
        obj.status.allocatable = obj.status.allocatable or dict(obj.status.capacity)
        if not obj.status.addresses:
            obj.status.addresses = [
                NodeAddress(type="InternalIP", address=_address(obj)),
                NodeAddress(type="Hostname", address=obj.name),
            ]
        return None


def _address(obj: Node) -> str:
    digits = obj.name.rpartition("-")[2]
    number = int(digits) if digits.isdecimal() else sum(obj.name.encode())
    return f"172.18.{number // 250 % 256}.{number % 250 + 1}"


def nodes() -> Controller:
    """The controller that makes nodes ready."""
    return Controller(Node, Nodes(), name="node-lifecycle")
