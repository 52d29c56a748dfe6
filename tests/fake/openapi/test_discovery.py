"""Discovery: the aggregated form in both versions, the old documents, and custom kinds that come and go."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.compression import compressed
from kubernaut.fake.apiserver.messages import Request, Response
from tests.fake.openapi.asking import DEFINITIONS, ask, crontabs, make, whole


def aggregated(version: str) -> str:
    return f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"


@pytest.fixture
def server() -> ApiServer:
    return ApiServer(seed=1)


def resources(document: dict[str, Any], group: str, version: str) -> dict[str, Any]:
    found = next(item for item in document["items"] if item["metadata"].get("name", "") == group)
    listed = next(item for item in found["versions"] if item["version"] == version)
    return {item["resource"]: item for item in listed["resources"]}


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        (f"{aggregated('v2')},{aggregated('v2beta1')},application/json", "v2"),
        (f"{aggregated('v2beta1')},application/json", "v2beta1"),
        (f"{aggregated('v3')},{aggregated('v2')}", "v2"),
    ],
)
def test_the_first_version_that_the_client_takes_is_answered(server: ApiServer, accept: str, version: str) -> None:
    for path in ("/api", "/apis"):
        response = whole(server, "GET", path, accept=accept)
        assert response.content_type == aggregated(version)
        _, document = ask(server, "GET", path, accept=accept)
        assert document["apiVersion"] == f"apidiscovery.k8s.io/{version}"
        assert document["kind"] == "APIGroupDiscoveryList"


def test_clients_that_know_nothing_of_it_get_the_old_documents(server: ApiServer) -> None:
    for accept in ("", "application/json", "*/*", f"application/json,{aggregated('v2')}"):
        _, document = ask(server, "GET", "/apis", accept=accept)
        assert document["kind"] == "APIGroupList"


def test_the_aggregated_form_says_what_the_old_one_says(server: ApiServer) -> None:
    _, document = ask(server, "GET", "/apis", accept=aggregated("v2"))
    found = resources(document, "apps", "v1")
    _, old = ask(server, "GET", "/apis/apps/v1")
    by_name = {item["name"]: item for item in old["resources"]}
    for name, item in found.items():
        assert sorted(item["verbs"]) == sorted(by_name[name]["verbs"])
        assert item.get("shortNames") == by_name[name].get("shortNames")
        assert item.get("categories") == by_name[name].get("categories")
        assert item["responseKind"]["kind"] == by_name[name]["kind"]
        assert [f"{name}/{sub['subresource']}" for sub in item.get("subresources", [])] == [
            entry for entry in by_name if entry.startswith(f"{name}/")
        ]
    assert found["deployments"]["shortNames"] == ["deploy"]
    assert found["deployments"]["categories"] == ["all"]
    assert found["deployments"]["scope"] == "Namespaced"


def test_what_has_not_changed_is_not_sent_again(server: ApiServer) -> None:
    first = whole(server, "GET", "/apis", accept=aggregated("v2"))
    again = whole(server, "GET", "/apis", accept=aggregated("v2"), if_none_match=first.headers["Etag"])
    assert (again.status, again.body) == (304, b"")
    make(server, DEFINITIONS, crontabs())
    assert whole(server, "GET", "/apis", accept=aggregated("v2"), if_none_match=first.headers["Etag"]).status == 200


def test_custom_kinds_appear_and_disappear(server: ApiServer) -> None:
    make(server, DEFINITIONS, crontabs())
    _, document = ask(server, "GET", "/apis", accept=aggregated("v2"))
    found = resources(document, "stable.example.com", "v1")["crontabs"]
    assert (found["singularResource"], found["shortNames"]) == ("crontab", ["ct"])
    ask(server, "DELETE", f"{DEFINITIONS}/crontabs.stable.example.com")
    _, document = ask(server, "GET", "/apis", accept=aggregated("v2"))
    assert "stable.example.com" not in [item["metadata"]["name"] for item in document["items"]]
    assert whole(server, "GET", "/apis/stable.example.com").status == 404


def test_large_answers_are_compressed_for_those_who_take_it() -> None:
    large = b"x" * 200_000
    plain = compressed(Request("GET", "/", {}, {}), Response(200, large))
    assert plain.body == large
    taken = compressed(Request("GET", "/", {}, {"accept-encoding": "br;q=1, gzip"}), Response(200, large))
    assert (gzip.decompress(taken.body), taken.headers["Content-Encoding"]) == (large, "gzip")
    small = compressed(Request("GET", "/", {}, {"accept-encoding": "gzip"}), Response(200, b"x"))
    assert small.headers == {}
