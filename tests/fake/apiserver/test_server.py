"""The API server as its clients see it: requests in, answers out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import Request, Response, Stream, parse_query

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def server() -> ApiServer:
    return ApiServer(seed=1)


def ask(server: ApiServer, method: str, url: str, body: Any = None, **headers: str) -> Response | Stream:
    parts = urlsplit(url)
    data = b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.handle(Request(method, parts.path, parse_query(parts.query.encode()), named, data))


def call(server: ApiServer, method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    answer = ask(server, method, url, body, **headers)
    assert isinstance(answer, Response)
    return answer.status, json.loads(answer.body)


def make(server: ApiServer, name: str, **metadata: Any) -> dict[str, Any]:
    code, obj = call(server, "POST", CONFIGMAPS, {"metadata": {"name": name, **metadata}})
    assert code == 201, obj
    made: dict[str, Any] = obj
    return made


async def frames(server: ApiServer, url: str) -> AsyncIterator[dict[str, Any]]:
    answer = ask(server, "GET", url)
    assert isinstance(answer, Stream)
    async for chunk in answer.chunks:
        for line in chunk.splitlines():
            yield json.loads(line)


async def collect(server: ApiServer, url: str) -> list[tuple[str, str]]:
    with anyio.fail_after(5):
        return [
            (event["type"], event["object"].get("metadata", {}).get("name", "")) async for event in frames(server, url)
        ]


def test_the_same_seed_gives_the_same_uids_and_names() -> None:
    first, second = ApiServer(seed=7), ApiServer(seed=7)
    made = [call(server, "POST", CONFIGMAPS, {"metadata": {"generateName": "x-"}})[1] for server in (first, second)]
    assert made[0]["metadata"]["uid"] == made[1]["metadata"]["uid"]
    assert made[0]["metadata"]["name"] == made[1]["metadata"]["name"]


def test_an_update_from_a_stale_version_conflicts(server: ApiServer) -> None:
    seen = make(server, "a")
    call(server, "PATCH", f"{CONFIGMAPS}/a", {"data": {"k": "v"}}, **MERGE_HEADERS)
    code, status = call(server, "PUT", f"{CONFIGMAPS}/a", seen)
    assert (code, status["reason"]) == (409, "Conflict")


MERGE_HEADERS = {"content_type": "application/merge-patch+json"}


def test_a_write_that_changes_nothing_keeps_the_version(server: ApiServer) -> None:
    make(server, "a", labels={"k": "v"})
    before = server.version
    call(server, "PATCH", f"{CONFIGMAPS}/a", {"metadata": {"labels": {"k": "v"}}}, **MERGE_HEADERS)
    assert server.version == before


def test_a_dry_run_stores_nothing(server: ApiServer) -> None:
    before = server.dump()
    code, _ = call(server, "POST", f"{CONFIGMAPS}?dryRun=All", {"metadata": {"name": "dry"}})
    assert (code, server.dump()) == (201, before)


def test_finalizers_hold_an_object_until_the_last_is_gone(server: ApiServer) -> None:
    make(server, "f", finalizers=["example.dev/one"])
    code, going = call(server, "DELETE", f"{CONFIGMAPS}/f")
    assert (code, going["kind"]) == (200, "ConfigMap")
    assert going["metadata"]["deletionTimestamp"]
    call(server, "PATCH", f"{CONFIGMAPS}/f", {"metadata": {"finalizers": None}}, **MERGE_HEADERS)
    assert call(server, "GET", f"{CONFIGMAPS}/f")[0] == 404


def test_pages_show_one_snapshot(server: ApiServer) -> None:
    for name in "abc":
        make(server, name)
    _, first = call(server, "GET", f"{CONFIGMAPS}?limit=2")
    assert first["metadata"]["remainingItemCount"] == 1
    make(server, "bb")
    call(server, "DELETE", f"{CONFIGMAPS}/c")
    _, second = call(server, "GET", f"{CONFIGMAPS}?limit=2&continue={first['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in first["items"] + second["items"]] == ["a", "b", "c"]


def test_a_continued_list_expires_with_its_history(server: ApiServer) -> None:
    for name in "ab":
        make(server, name)
    _, first = call(server, "GET", f"{CONFIGMAPS}?limit=1")
    make(server, "c")
    server.compact()
    code, status = call(server, "GET", f"{CONFIGMAPS}?limit=1&continue={first['metadata']['continue']}")
    assert (code, status["reason"]) == (410, "Expired")


async def test_a_watch_replays_what_happened_since_a_version(server: ApiServer) -> None:
    since = server.version
    make(server, "a")
    call(server, "PATCH", f"{CONFIGMAPS}/a", {"data": {"k": "v"}}, **MERGE_HEADERS)
    call(server, "DELETE", f"{CONFIGMAPS}/a")
    url = f"{CONFIGMAPS}?watch=true&resourceVersion={since}&timeoutSeconds=1"
    assert await collect(server, url) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_watch_from_before_the_history_gets_410(server: ApiServer) -> None:
    since = server.version
    make(server, "a")
    server.compact()
    events = [event async for event in frames(server, f"{CONFIGMAPS}?watch=true&resourceVersion={since}")]
    assert [event["type"] for event in events] == ["ERROR"]
    assert (events[0]["object"]["code"], events[0]["object"]["reason"]) == (410, "Expired")


async def test_a_watch_sees_objects_enter_and_leave_its_selector(server: ApiServer) -> None:
    since = server.version
    make(server, "a", labels={"app": "x"})
    for value in ("y", "x"):
        call(server, "PATCH", f"{CONFIGMAPS}/a", {"metadata": {"labels": {"app": value}}}, **MERGE_HEADERS)
    url = f"{CONFIGMAPS}?watch=true&resourceVersion={since}&timeoutSeconds=1&labelSelector=app=x"
    assert await collect(server, url) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


async def test_the_end_of_the_initial_events_stands_before_what_was_written_since_the_list(server: ApiServer) -> None:
    """Else a reader takes the event, which is older than that bookmark, for one that it has seen."""
    query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    answer = ask(server, "GET", f"{CONFIGMAPS}?{query}&timeoutSeconds=1")
    assert isinstance(answer, Stream)
    make(server, "first"), make(server, "second")
    seen = [json.loads(line) async for chunk in answer.chunks for line in chunk.splitlines()]
    assert [event["type"] for event in seen[:3]] == ["BOOKMARK", "ADDED", "ADDED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen[:3]]
    assert versions == sorted(set(versions))


async def test_a_watch_goes_on_with_what_happens_and_ends_when_the_server_closes(server: ApiServer) -> None:
    seen: list[str] = []
    ready = anyio.Event()

    async def watch() -> None:
        make(server, "before")
        async for event in frames(server, f"{CONFIGMAPS}?watch=true"):
            seen.append(event["object"]["metadata"]["name"])
            ready.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await ready.wait()
            make(server, "after")
            await anyio.wait_all_tasks_blocked()
            server.close()
    assert seen == ["before", "after"]


CRD: dict[str, Any] = {
    "metadata": {"name": "things.example.dev"},
    "spec": {
        "group": "example.dev",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"size": {"type": "integer", "maximum": 3, "default": 1}},
                            },
                            "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
                        },
                    }
                },
            }
        ],
    },
}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.dev/v1/namespaces/default/things"


def thing(name: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"name": name}, **rest}


def test_a_crd_brings_its_resource_and_takes_it_away(server: ApiServer) -> None:
    call(server, "POST", CRDS, CRD)
    _, crd = call(server, "GET", f"{CRDS}/things.example.dev")
    assert {item["type"]: item["status"] for item in crd["status"]["conditions"]}["Established"] == "True"
    assert server.resource_for("example.dev/v1", "Thing") is not None
    assert call(server, "POST", THINGS, thing("a", spec={}))[1]["spec"] == {"size": 1}
    call(server, "DELETE", f"{CRDS}/things.example.dev")
    assert server.resource_for("example.dev/v1", "Thing") is None
    assert not [obj for obj in server.dump() if obj["kind"] == "Thing"]


def test_status_and_spec_of_a_custom_resource_are_written_apart(server: ApiServer) -> None:
    call(server, "POST", CRDS, CRD)
    call(server, "POST", THINGS, thing("a", spec={}, status={"phase": "No"}))
    both = {"spec": {"size": 2}, "status": {"phase": "Yes"}}
    _, after = call(server, "PATCH", f"{THINGS}/a/status", both, **MERGE_HEADERS)
    assert (after["spec"], after["status"], after["metadata"]["generation"]) == ({"size": 1}, {"phase": "Yes"}, 1)
    _, after = call(server, "PATCH", f"{THINGS}/a", {"spec": {"size": 2}, "status": {"phase": "No"}}, **MERGE_HEADERS)
    assert (after["spec"], after["status"], after["metadata"]["generation"]) == ({"size": 2}, {"phase": "Yes"}, 2)


def test_a_custom_resource_that_breaks_its_schema_is_refused(server: ApiServer) -> None:
    call(server, "POST", CRDS, CRD)
    code, status = call(server, "POST", THINGS, thing("a", spec={"size": 4}))
    assert (code, status["details"]["causes"][0]["field"]) == (422, "spec.size")


def test_rbac_lets_through_only_what_a_role_grants() -> None:
    server = ApiServer(seed=1, rbac=True)
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    subjects = [{"kind": "ServiceAccount", "name": "sa", "namespace": "default"}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    call(server, "POST", f"{rbac}/roles", {"metadata": {"name": "r"}, "rules": rules})
    call(
        server, "POST", f"{rbac}/rolebindings", {"metadata": {"name": "r"}, "roleRef": reference, "subjects": subjects}
    )
    make(server, "a")
    user = {"impersonate_user": "system:serviceaccount:default:sa"}
    assert call(server, "GET", f"{CONFIGMAPS}/a", **user)[0] == 200
    assert call(server, "DELETE", f"{CONFIGMAPS}/a", **user)[0] == 403
    assert [(entry.verb, entry.code) for entry in server.requests][-2:] == [("get", 200), ("delete", 403)]


def test_a_namespace_takes_nothing_new_while_it_goes_and_leaves_when_finalized(server: ApiServer) -> None:
    call(server, "POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
    _, going = call(server, "DELETE", "/api/v1/namespaces/n")
    assert going["status"]["phase"] == "Terminating"
    assert call(server, "POST", "/api/v1/namespaces/n/configmaps", {"metadata": {"name": "late"}})[0] == 403
    going["spec"]["finalizers"] = []
    assert call(server, "PUT", "/api/v1/namespaces/n/finalize", going)[0] == 200
    assert call(server, "GET", "/api/v1/namespaces/n")[0] == 404


def test_a_pod_log_is_what_the_server_was_given(server: ApiServer) -> None:
    spec = {"containers": [{"name": "c", "image": "i"}]}
    call(server, "POST", "/api/v1/namespaces/default/pods", {"metadata": {"name": "p"}, "spec": spec})
    server.set_pod_log("default", "p", "c", "one\ntwo\n")
    answer = ask(server, "GET", "/api/v1/namespaces/default/pods/p/log?tailLines=1")
    assert isinstance(answer, Response)
    assert answer.body == b"two\n"
