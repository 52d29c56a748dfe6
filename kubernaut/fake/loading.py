"""Loads documents into the fake cluster: from a file, a folder, YAML text or dicts, in an order that works."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from kubernaut.client import AlreadyExists, ApiError, Client, MergePatch, NotFound
from kubernaut.fake.apiserver import ApiServer
from kubernaut.resources import SERVER_METADATA, AnyResource, pluralise

Document = Mapping[str, Any]
Source = str | Path | Document | Iterable[Document]


class LoadError(Exception):
    """Raised for an object that the server refused; `document` is the object, the message has the server's reasons."""

    def __init__(self, document: Document, why: str) -> None:
        super().__init__(f"{document['kind']} {document['metadata'].get('name') or ''}: {why}")
        self.document = document


def _reasons(error: ApiError) -> str:
    """The server's causes, field by field, without those that only say that other checks were left out."""
    causes = [cause for cause in error.causes if cause.field and cause.field != "<nil>"]
    told = dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes)
    return "; ".join(told) or error.message


@dataclass(slots=True)
class Loaded:
    """What `load` did.

    `objects`: as stored, in the order of creation. `invented`: names of the permissive CRDs made for kinds without one.
    `dropped_owners`: `Kind namespace/name` of objects that lost references to owners that were not loaded with them.
    """

    objects: list[dict[str, Any]] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    dropped_owners: list[str] = field(default_factory=list)


def read(source: Source) -> list[dict[str, Any]]:
    """Decode the documents of a source; a List counts as its items.

    A string with a line break or a colon is YAML text, any other is a path. Raises OSError for a path that cannot be
    read, ValueError for what is no Kubernetes object.
    """
    found: list[Any] = []
    if isinstance(source, Mapping):
        found = [source]
    elif isinstance(source, (str, Path)):
        for text in _texts(source):
            found.extend(yaml.safe_load_all(text))
    else:
        found = list(source)
    documents: list[dict[str, Any]] = []
    for document in found:
        if document is None:
            continue
        if not isinstance(document, Mapping) or "kind" not in document or "apiVersion" not in document:
            raise ValueError(f"this is no Kubernetes object (no apiVersion and kind): {str(document)[:80]}")
        items = document.get("items")
        if str(document["kind"]).endswith("List") and isinstance(items, Sequence):
            documents.extend(read(items))
        else:
            documents.append(_plain(document))
    return documents


def _plain(value: Any) -> Any:
    """A private copy; YAML's timestamps become text again."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def _texts(source: str | Path) -> list[str]:
    if isinstance(source, str) and ("\n" in source or ": " in source):
        return [source]
    path = Path(source)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml", ".json"))
        return [p.read_text(encoding="utf-8") for p in files]
    return [path.read_text(encoding="utf-8")]


# what admission needs to find before pods come, and what would judge the rest of the load
_EARLY = ("ServiceAccount", "PriorityClass", "StorageClass")
_LATE = (
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ResourceQuota",
)


def _rank(document: Mapping[str, Any]) -> int:
    return 0 if document["kind"] in _EARLY else 2 if document["kind"] in _LATE else 1


class Served(Protocol):
    """A resource that a server serves."""

    @property
    def plural(self) -> str: ...
    @property
    def namespaced(self) -> bool: ...


class Kinds(Protocol):
    """Knows what a server serves."""

    async def find(self, api_version: str, kind: str) -> Served | None:
        """The resource of a kind; None if the server has none. Raises ApiError."""
        ...

    async def defined(self, definition: Document) -> None:
        """A CRD was created: return when its kind is served."""
        ...


class KindsOf:
    """What the API server in memory serves: at once what a CRD defines."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    async def find(self, api_version: str, kind: str) -> Served | None:
        """See Kinds.find."""
        return self._server.resource_for(api_version, kind)

    async def defined(self, definition: Document) -> None:
        """See Kinds.defined."""


class Loader:
    """One load into one cluster."""

    def __init__(self, kinds: Kinds, client: Client, *, strict: bool = False) -> None:
        self._query = (("fieldValidation", "Strict"),) if strict else ()
        self._kinds = kinds
        self._client = client
        self._uids: dict[str, str] = {}
        self.loaded = Loaded()

    async def load(self, documents: Sequence[dict[str, Any]]) -> Loaded:
        """Create everything: CRDs, namespaces, then the rest, owners before what they own. Raises LoadError."""
        for document in (d for d in documents if d["kind"] == "CustomResourceDefinition"):
            await self._create(document)
            await self._kinds.defined(document)
        rest = [d for d in documents if d["kind"] != "CustomResourceDefinition"]
        await self._invent_definitions(rest)
        for document in (d for d in rest if d["kind"] == "Namespace"):
            await self._create(document)
        rest = [d for d in rest if d["kind"] != "Namespace"]
        await self._create_namespaces(rest)
        for document in _owners_first(sorted(rest, key=_rank)):
            await self._create(document)
        return self.loaded

    async def _invent_definitions(self, documents: Sequence[dict[str, Any]]) -> None:
        kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for document in documents:
            api_version, kind = document["apiVersion"], document["kind"]
            if "." in api_version.partition("/")[0] and await self._kinds.find(api_version, kind) is None:
                kinds.setdefault((api_version, kind), []).append(document)
        for (api_version, kind), examples in kinds.items():
            definition = permissive_definition(api_version, kind, examples)
            await self._create(definition)
            await self._kinds.defined(definition)
            self.loaded.invented.append(definition["metadata"]["name"])

    async def _create_namespaces(self, documents: Sequence[dict[str, Any]]) -> None:
        names = dict.fromkeys(d["metadata"].get("namespace") for d in documents)
        existing = {n.name for n in await self._client.list(AnyResource.of("v1", "Namespace", "namespaces", False))}
        for name in names:
            if name and name not in existing:
                await self._create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    async def _create(self, document: dict[str, Any]) -> None:
        try:
            await self._create_or_replace(document)
        except ApiError as error:
            raise LoadError(document, _reasons(error)) from error

    async def _create_or_replace(self, document: dict[str, Any]) -> None:
        info = await self._kinds.find(document["apiVersion"], document["kind"])
        if info is None:
            raise LoadError(
                document, f"apiVersion: the server has no kind {document['kind']} in {document['apiVersion']}"
            )
        model = AnyResource.of(document["apiVersion"], document["kind"], info.plural, info.namespaced)
        rt = model.resource_type
        metadata = {k: v for k, v in document["metadata"].items() if k not in SERVER_METADATA}
        namespace = metadata.setdefault("namespace", "default") if info.namespaced else metadata.pop("namespace", None)
        references = self._references(document)
        metadata.pop("ownerReferences", None)
        body: dict[str, Any] = self._moved({**document, "metadata": metadata})
        if references:
            body["metadata"]["ownerReferences"] = references
        status = body.pop("status", None)
        uid = document["metadata"].get("uid")
        stored = await self._store(model, rt.path(namespace if info.namespaced else None), body, uid)
        if uid:
            self._uids[uid] = stored["metadata"]["uid"]
        if status:
            stored = await self._put_status(model, stored, status)
        self.loaded.objects.append(stored)

    async def _store(
        self, model: type[AnyResource], collection: str, body: dict[str, Any], uid: str | None
    ) -> dict[str, Any]:
        try:
            created = await self._client.request("POST", collection, query=self._query, body=body)
        except AlreadyExists:
            path = f"{collection}/{body['metadata']['name']}"
            live = AnyResource.from_json((await self._client.request("GET", path)).body)
            if uid and live.metadata.uid:
                self._uids[uid] = live.metadata.uid
                body = {**self._moved(body), "metadata": body["metadata"]}
            version = {"resourceVersion": live.metadata.resource_version}
            body = {**body, "metadata": {**body["metadata"], **version}}
            created = await self._client.request("PUT", path, query=self._query, body=body)
        return _decoded(created.body)

    async def _put_status(
        self, model: type[AnyResource], stored: dict[str, Any], status: dict[str, Any]
    ) -> dict[str, Any]:
        name, namespace = stored["metadata"]["name"], stored["metadata"].get("namespace")
        path = model.resource_type.path(namespace, name, "status")
        try:
            patch = MergePatch({"status": status})
            headers = {"content-type": patch.content_type}
            answer = await self._client.request("PATCH", path, body=patch.encode(), headers=headers)
        except NotFound:
            # No status subresource: the status is part of the object.
            path = model.resource_type.path(namespace, name)
            headers = {"content-type": "application/merge-patch+json"}
            answer = await self._client.request("PATCH", path, body={"status": status}, headers=headers)
        return _decoded(answer.body)

    def _moved(self, value: Any) -> Any:
        """A copy that names objects loaded before by the uids they have here; a Job's is in its pods' labels, say."""
        if isinstance(value, dict):
            return {key: self._moved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._moved(item) for item in value]
        return self._uids.get(value, value) if isinstance(value, str) else value

    def _references(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Owner references under the uids that the owners have here; those to absent owners are dropped."""
        given = document["metadata"].get("ownerReferences") or []
        kept = [{**r, "uid": self._uids[r["uid"]]} for r in given if r.get("uid") in self._uids]
        if len(kept) < len(given):
            metadata = document["metadata"]
            self.loaded.dropped_owners.append(
                f"{document['kind']} {metadata.get('namespace', '')}/{metadata.get('name')}"
            )
        return kept


def permissive_definition(api_version: str, kind: str, examples: Sequence[Document]) -> dict[str, Any]:
    """A CRD that takes everything; namespaced if any of the examples has a namespace."""
    group, _, version = api_version.partition("/")
    plural = pluralise(kind.lower())
    namespaced = any(example["metadata"].get("namespace") for example in examples)
    preserve = "x-kubernetes-preserve-unknown-fields"
    served: dict[str, Any] = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", preserve: True}},
    }
    if any("status" in example for example in examples):
        served["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [served],
        },
    }


def _owners_first(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    by_uid = {d["metadata"]["uid"]: d for d in documents if d["metadata"].get("uid")}
    ordered: dict[int, dict[str, Any]] = {}
    visiting: set[int] = set()

    def visit(document: dict[str, Any]) -> None:
        if id(document) in ordered or id(document) in visiting:
            return
        visiting.add(id(document))
        for reference in document["metadata"].get("ownerReferences") or []:
            if reference.get("uid") in by_uid:
                visit(by_uid[reference["uid"]])
        ordered[id(document)] = document

    for document in documents:
        visit(document)
    return list(ordered.values())


def _decoded(body: bytes) -> dict[str, Any]:
    decoded = json.loads(body)
    return decoded if isinstance(decoded, dict) else {}
