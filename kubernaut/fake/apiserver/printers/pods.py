"""What is shown of a pod: how many containers are ready, and the one word that says best how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.printers.text import NONE, age, condition, since, spec_of, status_of

Object = Mapping[str, Any]
_FINISHED = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}


@dataclass(slots=True)
class _Summary:
    """What is gathered container by container."""

    reason: str
    total: int
    ready: int = 0
    restarts: int = 0
    last_restart: str = ""

    def count(self, status: Object) -> None:
        self.restarts += status.get("restartCount", 0)
        ended = (status.get("lastState") or {}).get("terminated") or {}
        self.last_restart = max(self.last_restart, ended.get("finishedAt") or "")


def pod(obj: Object, now: datetime) -> list[Any]:
    """The cells of a pod."""
    spec, status = spec_of(obj), status_of(obj)
    summary = _summary(obj)
    restarts = str(summary.restarts)
    if summary.restarts and summary.last_restart:
        restarts = f"{restarts} ({since(summary.last_restart, now)} ago)"
    addresses = [item.get("ip", "") for item in status.get("podIPs") or []] or [status.get("podIP", "")]
    return [
        f"{summary.ready}/{summary.total}",
        summary.reason,
        restarts,
        age(obj, now),
        addresses[0] or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(obj),
    ]


def row_conditions(obj: Object) -> list[dict[str, str]]:
    """What a row of a pod that has ended says about it."""
    phase = status_of(obj).get("phase", "")
    if phase not in _FINISHED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _FINISHED[phase]}]


def _gates(obj: Object) -> str:
    gates = spec_of(obj).get("readinessGates") or []
    passed = sum(condition(obj, gate.get("conditionType", "")) for gate in gates)
    return f"{passed}/{len(gates)}" if gates else NONE


def _summary(obj: Object) -> _Summary:
    spec, status = spec_of(obj), status_of(obj)
    sidecars = {c.get("name") for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"}
    summary = _Summary(status.get("reason") or status.get("phase") or "", len(spec.get("containers") or []))
    summary.total += len(sidecars)
    for item in status.get("conditions") or []:
        if item.get("type") == "PodScheduled" and item.get("reason") == "SchedulingGated":
            summary.reason = "SchedulingGated"
    initializing = _look_at_init_containers(obj, summary, sidecars)
    if not initializing or condition(obj, "Initialized"):
        if initializing:  # what has ended is past; containers of the pod proper decide
            summary.restarts, summary.last_restart = 0, ""
        _look_at_containers(obj, summary)
    if obj["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            summary.reason = "Unknown"
        elif status.get("phase") not in _FINISHED:
            summary.reason = "Terminating"
    return summary


def _look_at_init_containers(obj: Object, summary: _Summary, sidecars: set[Any]) -> bool:
    """Whether one of them is not done yet."""
    count = len(spec_of(obj).get("initContainers") or [])
    restarts, last = 0, ""
    for index, status in enumerate(status_of(obj).get("initContainerStatuses") or []):
        state = status.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        summary.count(status)
        sidecar = status.get("name") in sidecars
        if sidecar:
            restarts, last = summary.restarts, summary.last_restart
        if ended is not None and ended.get("exitCode", 0) == 0:
            continue
        if sidecar and status.get("started"):
            summary.ready += bool(status.get("ready"))
            continue
        if ended is not None:
            summary.reason = f"Init:{ended.get('reason') or _ended(ended)}"
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            summary.reason = f"Init:{waiting['reason']}"
        else:
            summary.reason = f"Init:{index}/{count}"
        return True
    # Restarts of init containers that have ended are not told once the pod runs.
    summary.restarts, summary.last_restart = restarts, last
    return False


def _look_at_containers(obj: Object, summary: _Summary) -> None:
    running = False
    for status in reversed(status_of(obj).get("containerStatuses") or []):
        summary.count(status)
        state = status.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if waiting.get("reason"):
            summary.reason = waiting["reason"]
        elif ended is not None:
            summary.reason = ended.get("reason") or _ended(ended)
        elif status.get("ready") and state.get("running") is not None:
            running = True
            summary.ready += 1
    if summary.reason == "Completed" and running:
        summary.reason = "Running" if condition(obj, "Ready") else "NotReady"


def _ended(state: Object) -> str:
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode', 0)}"
