"""The kind that these tests admit, reviews as an API server sends them, and a way to post them without a socket."""

import base64
from typing import Any

import httpx
import jsonpatch
import msgspec
from pydantic import Field

from kubernaut.reconcile.serving import App
from kubernaut.reconcile.webhooks import AdmissionWebhook
from kubernaut.resources import Model, Resource

GROUP = "admission.k8s.io"


class Part(Model):
    name: str
    size: int = 1


class GadgetSpec(Model):
    size: int = 1
    color: str | None = None
    tags: list[str] = Field(default_factory=list)
    parts: list[Part] = Field(default_factory=list)


class Gadget(Resource, group="example.dev", version="v1"):
    spec: GadgetSpec = GadgetSpec()


def gadget(name: str = "a", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    return {"apiVersion": "example.dev/v1", "kind": "Gadget", "metadata": metadata, "spec": spec}


def request(
    obj: dict[str, Any] | None = None,
    old: dict[str, Any] | None = None,
    operation: str | None = None,
    uid: str = "review-1",
    **more: Any,
) -> dict[str, Any]:
    found = obj or old or gadget()
    group, _, version = found["apiVersion"].rpartition("/")
    chosen = operation or ("UPDATE" if obj and old else "DELETE" if old else "CREATE")
    return {
        "uid": uid,
        "kind": {"group": group, "version": version, "kind": found["kind"]},
        "resource": {"group": group, "version": version, "resource": f"{found['kind'].lower()}s"},
        "name": found["metadata"].get("name", ""),
        "namespace": "shop",
        "operation": chosen,
        "userInfo": {"username": "ann", "groups": ["dev"], "extra": {"scopes": ["all"]}},
        "object": obj,
        "oldObject": old,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        **more,
    }


def review(*args: Any, version: str = "v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/{version}", "kind": "AdmissionReview", "request": request(*args, **more)}


async def ask(webhook: AdmissionWebhook, *args: Any, **more: Any) -> dict[str, Any]:
    """The ``response`` of a webhook's answer to a review of these objects."""
    answer = await webhook.review(review(*args, **more))
    assert set(answer) == {"apiVersion", "kind", "response"}
    response: dict[str, Any] = answer["response"]
    return response


def operations(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The decoded patch of a response."""
    assert response["patchType"] == "JSONPatch"
    decoded: list[dict[str, Any]] = msgspec.json.decode(base64.b64decode(response["patch"]))
    return decoded


def patched(obj: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """What the API server makes of ``obj``."""
    result: dict[str, Any] = jsonpatch.apply_patch(obj, operations(response))
    return result


async def post(app: App, path: str, body: Any = None, **options: Any) -> httpx.Response:
    """Post JSON data, or bytes as they are."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = {"content-type": "application/json", **options.pop("headers", {})}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooks") as client:
        return await client.request(options.pop("method", "POST"), path, content=content, headers=headers, **options)
