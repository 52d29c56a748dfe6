"""Jobs whose pods run a function of the scenario's: started, ended, counted and deleted in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from kubernaut.fake.apiserver.snapshot import Event
from kubernaut.testing.exploration.simulated.base import Stage
from kubernaut.timing import current_clock

__all__ = ["JobEnd", "Jobs"]

ACTOR = "job-controller"
STORE = "batch/jobs"


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How the command of a Job's pod ended, and what it wrote."""

    exit_code: int = 0
    message: str = ""


Run = Callable[[Mapping[str, Any], Stage], JobEnd]


def _succeeds(job: Mapping[str, Any], stage: Stage) -> JobEnd:
    return JobEnd()


@dataclass(frozen=True, slots=True)
class Jobs:
    """Runs each Job: its pod starts after `start` seconds, its command takes `seconds` and does what `run(job, stage)`
    does, which returns how it ended. Retries, the deadline and the time to live of a Job hold.

    One pod at a time: `parallelism` and `completions` are taken for 1.
    """

    run: Run = _succeeds
    start_up: float = 1.0
    seconds: float = 1.0

    def start(self, stage: Stage) -> None:
        """See Simulated.start."""
        _Runner(self, stage)


@dataclass(slots=True)
class _Work:
    """One Job of a run."""

    namespace: str
    name: str
    uid: str
    started: str = ""
    failed: int = 0
    pods: int = 0
    over: bool = False
    ttl: bool = False
    pod: str = ""
    ended: list[str] = field(default_factory=list)


class _Runner:
    """All Jobs of one run."""

    def __init__(self, jobs: Jobs, stage: Stage) -> None:
        self._jobs = jobs
        self._stage = stage
        self._works: dict[str, _Work] = {}
        stage.subscribe(self._changed)

    def _changed(self, kind: str, event: Event, actor: str) -> None:
        stored = event.object
        if kind == "pods" and event.type == "DELETED":
            self._pod_gone(stored.namespace, stored.name)
        if kind != STORE:
            return
        if event.type == "DELETED":
            self._works.pop(stored.uid, None)
            return
        work = self._works.get(stored.uid)
        if work is None:
            work = self._works[stored.uid] = _Work(stored.namespace, stored.name, stored.uid)
            self._stage.later(0.01, lambda: self._begin(work))
        elif work.over and not work.ttl:
            self._expire_later(work)

    def _begin(self, work: _Work) -> None:
        job = self._job(work)
        if job is None or job["metadata"].get("deletionTimestamp"):
            return
        work.started = _now()
        self._status(work, {"startTime": work.started, "active": 1})
        if (deadline := job["spec"].get("activeDeadlineSeconds")) is not None:
            told = "Job was active longer than specified deadline"
            self._stage.later(float(deadline), lambda: self._fail(work, "DeadlineExceeded", told), at_rest=True)
        self._start_pod(work, job)

    def _start_pod(self, work: _Work, job: Mapping[str, Any]) -> None:
        work.pods += 1
        name = work.pod = f"{work.name}-{work.pods}"
        template = job["spec"]["template"]
        meta = template.get("metadata") or {}
        labels = {**(meta.get("labels") or {}), "job-name": work.name, "batch.kubernetes.io/job-name": work.name}
        owner: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "name": work.name, "uid": work.uid}
        owner |= {"controller": True, "blockOwnerDeletion": True}
        metadata = {"name": name, "labels": labels, "annotations": meta.get("annotations") or {}}
        metadata |= {"namespace": work.namespace, "ownerReferences": [owner]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self._stage.put({**pod, "status": {"phase": "Pending"}}, actor=ACTOR)
        self._stage.later(self._jobs.start_up + self._stage.delay, lambda: self._run(work, name))

    def _run(self, work: _Work, pod: str) -> None:
        if not self._is_there(work, pod):
            return
        container = self._container(work, pod)
        state: dict[str, Any] = {
            "name": container,
            "image": "x",
            "imageID": "",
            "restartCount": 0,
            "ready": True,
            "started": True,
        }
        state["state"] = {"running": {"startedAt": _now()}}
        self._pod_status(work, pod, {"phase": "Running", "containerStatuses": [state]})
        self._stage.later(self._jobs.seconds, lambda: self._end(work, pod))

    def _end(self, work: _Work, pod: str) -> None:
        job = self._job(work)
        if job is None or not self._is_there(work, pod):
            return
        end = self._jobs.run(job, self._stage)
        terminated: dict[str, Any] = {
            "exitCode": end.exit_code,
            "reason": "Completed" if not end.exit_code else "Error",
        }
        terminated |= {"finishedAt": _now(), "startedAt": work.started} | (
            {"message": end.message} if end.message else {}
        )
        state: dict[str, Any] = {"name": self._container(work, pod), "image": "x", "imageID": "", "restartCount": 0}
        state["ready"] = False
        state["state"] = {"terminated": terminated}
        phase = "Failed" if end.exit_code else "Succeeded"
        self._pod_status(work, pod, {"phase": phase, "containerStatuses": [state]})
        if not end.exit_code:
            ended = _now()
            conditions = [
                _condition("SuccessCriteriaMet", "CompletionsReached"),
                _condition("Complete", "CompletionsReached"),
            ]
            status = {"startTime": work.started, "completionTime": ended, "succeeded": 1, "active": None}
            self._finish(work, {**status, "conditions": conditions})
        else:
            self._pod_failed(work, job)

    def _pod_gone(self, namespace: str, pod: str) -> None:
        found = (work for work in self._works.values() if work.namespace == namespace and work.pod == pod)
        work = next(found, None)
        job = self._job(work) if work is not None and not work.over else None
        if work is not None and job is not None and not job["metadata"].get("deletionTimestamp"):
            self._stage.later(0.01, partial(self._pod_failed, work, job))

    def _pod_failed(self, work: _Work, job: Mapping[str, Any]) -> None:
        work.failed += 1
        if work.failed > int(job["spec"].get("backoffLimit", 6)):
            self._fail(work, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
            return
        self._status(work, {"failed": work.failed})
        self._stage.later(10.0 * 2 ** (work.failed - 1), lambda: self._again(work))

    def _again(self, work: _Work) -> None:
        job = self._job(work)
        if job is not None and not work.over and not job["metadata"].get("deletionTimestamp"):
            self._start_pod(work, job)

    def _fail(self, work: _Work, reason: str, message: str) -> None:
        job = self._job(work)
        if work.over or job is None or job["metadata"].get("deletionTimestamp"):
            return
        work.over = True
        if reason == "DeadlineExceeded" and self._is_there(work, work.pod):
            self._stage.ask("DELETE", f"/api/v1/namespaces/{work.namespace}/pods/{work.pod}", actor=ACTOR)
            work.failed += 1
        conditions = [_condition("FailureTarget", reason, message), _condition("Failed", reason, message)]
        self._finish(work, {"failed": work.failed, "active": None, "conditions": conditions})

    def _finish(self, work: _Work, status: Mapping[str, Any]) -> None:
        work.over = True
        self._status(work, status)
        self._expire_later(work)

    def _expire_later(self, work: _Work) -> None:
        job = self._job(work)
        ttl = job["spec"].get("ttlSecondsAfterFinished") if job is not None else None
        if ttl is not None and not work.ttl:
            work.ttl = True
            self._stage.later(float(ttl), lambda: self._delete(work))

    def _delete(self, work: _Work) -> None:
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": work.uid}}
        path = f"/apis/batch/v1/namespaces/{work.namespace}/jobs/{work.name}"
        self._stage.ask("DELETE", path, body, actor=ACTOR)

    def _job(self, work: _Work) -> dict[str, Any] | None:
        stored = self._stage.storage.get(STORE, work.namespace, work.name)
        return stored.decode() if stored is not None and stored.uid == work.uid else None

    def _is_there(self, work: _Work, pod: str) -> bool:
        stored = self._stage.storage.get("pods", work.namespace, pod)
        return stored is not None and not work.over and b'"deletionTimestamp"' not in stored.data and work.pod == pod

    def _container(self, work: _Work, pod: str) -> str:
        stored = self._stage.storage.get("pods", work.namespace, pod)
        return str(stored.decode()["spec"]["containers"][0]["name"]) if stored is not None else ""

    def _status(self, work: _Work, status: Mapping[str, Any]) -> None:
        job = self._job(work)
        if job is not None:
            job["status"] = {
                name: value for name, value in {**job.get("status", {}), **status}.items() if value is not None
            }
            self._stage.put(job, actor=ACTOR)

    def _pod_status(self, work: _Work, pod: str, status: Mapping[str, Any]) -> None:
        stored = self._stage.storage.get("pods", work.namespace, pod)
        if stored is not None:
            self._stage.put({**stored.decode(), "status": dict(status)}, actor="kubelet")


def _condition(type: str, reason: str, message: str = "") -> dict[str, str]:
    now = _now()
    told = {"type": type, "status": "True", "reason": reason, "lastTransitionTime": now, "lastProbeTime": now}
    return told | ({"message": message} if message else {})


def _now() -> str:
    moment = current_clock().now()
    return (moment - timedelta(microseconds=moment.microsecond)).strftime("%Y-%m-%dT%H:%M:%SZ")
