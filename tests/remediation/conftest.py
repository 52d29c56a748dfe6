"""A world of one execution: a minimal API server and a hand-turned reconcile, so that every step can be looked at."""

from __future__ import annotations

import copy
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
import structlog

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.client import Client, NotFound, ObjectHead, TransportRequest, TransportResponse
from kubernaut.client.frames import decode_head
from kubernaut.policy import allow_all
from kubernaut.reconcile import Context, Request, Result
from kubernaut.reconcile.reconciler import TypedReconciler
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution
from kubernaut.remediation.execution.reconciler import ExecutionReconciler
from kubernaut.resources.builtin.batch_v1 import Job

EXECUTOR = "kubernaut-executor"


def merge_patch(live: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    merged = dict(live) if isinstance(live, dict) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


class World:
    """The server's objects by path, the log of requests, a clock that stands still, and one reconciler."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Callable[[TransportRequest], tuple[int, str] | None]] = []
        self.denied: Callable[[dict[str, Any]], bool] = lambda spec: False
        self.reviews: list[dict[str, Any]] = []
        self.events: list[tuple[str, str]] = []
        self.logs = b"deployment.apps/web scaled\n"
        self.ttl_support = True
        self.time = datetime(2024, 1, 1, tzinfo=UTC)
        self.version = 0
        self.client = Client(self)
        self.configure()
        for manifest in rbac_manifests(Catalog.builtin()):
            self.put(manifest.to_dict(), manifest.resource_type.path(manifest.namespace, manifest.name))
        self.add("/api/v1/namespaces/shop", "v1", "Namespace", labels={"environment": "staging"})
        self.add(self.deployment_path, "apps/v1", "Deployment", spec={"replicas": 2})
        self.add("/api/v1/namespaces/shop/pods/web-0", "v1", "Pod")
        self.add("/api/v1/nodes/node-1", "v1", "Node", spec={})

    deployment_path = "/apis/apps/v1/namespaces/shop/deployments/web"
    execution_path = "/apis/kubernetesexecution.kubernaut.io/v1/namespaces/ops/kubernetesexecutions/fix"

    # The runtime's side.

    def now(self) -> datetime:
        return self.time

    def event(self, obj: Any, reason: str, message: str, type: str = "Normal", **other: Any) -> None:
        self.events.append((reason, message))

    def raw(self, kind: type[Any], name: str, namespace: str | None = None) -> bytes:
        found = self.objects.get(kind.resource_type.path(namespace, name))
        if found is None:
            raise NotFound({"code": 404, "reason": "NotFound"})
        return msgspec.json.encode(found)

    def head(self, kind: type[Any], name: str, namespace: str | None = None) -> ObjectHead:
        return decode_head(self.raw(kind, name, namespace))

    def heads(
        self, kind: type[Any], namespace: str | None = None, labels: dict[str, str] | None = None
    ) -> list[ObjectHead]:
        prefix = kind.resource_type.path(namespace) + "/"
        found = [
            decode_head(msgspec.json.encode(each)) for path, each in self.objects.items() if path.startswith(prefix)
        ]
        return [head for head in found if (labels or {}).items() <= head.labels.items()]

    def configure(self, **changes: Any) -> None:
        given: dict[str, Any] = {"catalog": Catalog.builtin(), "evaluator": allow_all(), "allow_unstamped": True}
        self.config = ExecutionConfig(**given | changes)
        self.typed = TypedReconciler(KubernetesExecution, ExecutionReconciler(self.config))

    # The test's side.

    def create(self, action: str = "scale-deployment", **spec: Any) -> None:
        target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
        given = {"action": action, "target": target, "parameters": {"replicas": 5}, "dryRun": "auto"} | spec
        self.add(self.execution_path, "kubernetesexecution.kubernaut.io/v1", "KubernetesExecution", spec=given)

    async def step(self) -> Result | None:
        request = Request("ops", "fix")
        log = structlog.stdlib.get_logger()
        ctx: Any = Context(self.client, self, self, log, self, Random(0), request)  # type: ignore[arg-type]
        return await self.typed.reconcile(request, ctx)

    async def settle(self) -> Result | None:
        """Reconcile until nothing is written any more."""
        for _ in range(20):
            before = self.version
            result = await self.step()
            if self.version == before:
                return result
        raise AssertionError("it does not settle")

    async def run_to_job(self) -> dict[str, Any]:
        await self.settle()
        return self.job()

    def advance(self, **span: float) -> None:
        self.time += timedelta(**span)

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.objects[self.execution_path].get("status", {})
        return status

    def condition(self, type: str) -> dict[str, Any]:
        return next((c for c in self.status.get("conditions", []) if c["type"] == type), {})

    def jobs(self) -> list[dict[str, Any]]:
        return [obj for path, obj in self.objects.items() if "/jobs/" in path]

    def job(self) -> dict[str, Any]:
        (job,) = self.jobs()
        return job

    def failed(self) -> tuple[str, str]:
        assert self.status["phase"] == "failed", self.status
        return self.status["reason"], self.status["message"]

    def finish(
        self, success: bool = True, *, reason: str = "", code: int = 0, message: str = "", dry: bool = False
    ) -> None:
        """End the newest Job as the Job controller would, with its pod."""
        job = next(job for job in reversed(self.jobs()) if ("-dry" in job["metadata"]["name"]) == dry)
        name, started = job["metadata"]["name"], self.stamp()
        self.advance(seconds=3)
        condition = {"type": "Complete" if success else "Failed", "status": "True", "reason": reason}
        job["status"] = {"startTime": started, "conditions": [{**condition, "lastTransitionTime": self.stamp()}]}
        if success:
            job["status"]["completionTime"] = self.stamp()
        terminated = {"exitCode": code, "message": message}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
        metadata = {"labels": {"job-name": name}, "ownerReferences": [owner]}
        status = {"containerStatuses": [{"name": "action", "state": {"terminated": terminated}}]}
        path = f"/api/v1/namespaces/{EXECUTOR}/pods/{name}-x"
        self.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}, path)

    def remove_job(self) -> None:
        for path in [path for path in self.objects if "/jobs/" in path]:
            del self.objects[path]

    def add(self, path: str, api_version: str, kind: str, *, labels: Any = None, **parts: Any) -> None:
        self.put({"apiVersion": api_version, "kind": kind, "metadata": {"labels": labels or {}}, **parts}, path)

    def put(self, obj: dict[str, Any], path: str) -> dict[str, Any]:
        self.version += 1
        parts = path.split("/")
        metadata = obj.setdefault("metadata", {})
        metadata["name"] = parts[-1]
        if "namespaces" in parts[:-2]:
            metadata["namespace"] = parts[parts.index("namespaces") + 1]
        metadata.setdefault("uid", str(uuid.UUID(int=self.version << 96 | self.version)))
        metadata.setdefault("generation", 1)
        metadata.setdefault("creationTimestamp", self.stamp())
        metadata["resourceVersion"] = str(self.version)
        self.objects[path] = obj
        return obj

    def stamp(self) -> str:
        return self.time.strftime("%Y-%m-%dT%H:%M:%SZ")

    # The server's side: a Transport.

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        self.requests.append((request.method, request.path))
        code, body = self._answer(request)
        if isinstance(body, str):
            reasons = {404: "NotFound", 409: "Conflict", 403: "Forbidden", 503: "ServiceUnavailable"}
            reason = "AlreadyExists" if body == "AlreadyExists" else reasons.get(code, "BadRequest")
            body = {"kind": "Status", "code": code, "reason": reason, "message": body}
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)

        async def chunks() -> AsyncIterator[bytes]:
            yield encoded

        yield TransportResponse(code, {}, chunks())

    def _answer(self, request: TransportRequest) -> tuple[int, Any]:
        for fault in self.faults:
            if (answer := fault(request)) is not None:
                return answer
        body = msgspec.json.decode(request.body) if request.body else {}
        path = request.path.removesuffix("/status")
        match request.method:
            case "POST" if path.endswith("/subjectaccessreviews"):
                self.reviews.append(body["spec"])
                return 201, {**body, "metadata": {}, "status": {"allowed": not self.denied(body["spec"])}}
            case "POST":
                path = f"{path}/{body['metadata']['name']}"
                return (409, "AlreadyExists") if path in self.objects else (201, self.put(body, path))
            case "GET" if path.endswith("/log"):
                return 200, self.logs
            case "GET" if path.endswith(("/jobs", "/pods", "/leases", "/secrets")):
                key, _, value = dict(request.query).get("labelSelector", "").partition("=")
                found = [o for p, o in self.objects.items() if p.startswith(path + "/")]
                items = [o for o in found if o["metadata"].get("labels", {}).get(key) == value]
                return 200, {"metadata": {"resourceVersion": str(self.version)}, "items": items}
        live = self.objects.get(path)
        return (404, f"{path} not found") if live is None else self._change(request.method, path, live, body)

    def _change(self, method: str, path: str, live: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        match method:
            case "PUT":
                if body["metadata"].get("resourceVersion") != live["metadata"]["resourceVersion"]:
                    return 409, "the object has been modified"
                return 200, self.put({**live, "status": body.get("status", {})}, path)
            case "PATCH":
                if not self.ttl_support:
                    body.get("spec", {}).pop("ttlSecondsAfterFinished", None)
                merged: Any = merge_patch(copy.deepcopy(live), body)
                if merged == live:
                    return 200, live
                return 200, self._reap(path, self.put(merged, path))
            case "DELETE":
                if live["metadata"].get("finalizers"):
                    live["metadata"]["deletionTimestamp"] = self.stamp()
                    return 200, self.put(live, path)
                del self.objects[path]
                self.version += 1
                return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return 200, live

    def _reap(self, path: str, obj: dict[str, Any]) -> dict[str, Any]:
        if obj["metadata"].get("deletionTimestamp") and not obj["metadata"].get("finalizers"):
            del self.objects[path]
        return obj

    def foreign_job(self, name: str) -> None:
        labels = {"kubernaut.io/execution-id": "x"}
        self.add(f"{Job.resource_type.path(EXECUTOR)}/{name}", "batch/v1", "Job", labels=labels)


@pytest.fixture
def world() -> World:
    return World()
