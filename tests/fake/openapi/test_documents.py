"""OpenAPI v3 and v2: the index, documents of built-in and custom kinds, and when clients may keep them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kubernaut.fake.apiserver import ApiServer
from tests.fake.openapi.asking import DEFINITIONS, ask, crontabs, make, whole

DEPLOYMENT = "io.k8s.api.apps.v1.Deployment"


@pytest.fixture(scope="module")
def server() -> ApiServer:
    """Nothing here writes to it."""
    return ApiServer(seed=1)


def documents(server: ApiServer) -> dict[str, str]:
    _, index = ask(server, "GET", "/openapi/v3")
    return {place: link["serverRelativeURL"] for place, link in index["paths"].items()}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for below in value.values():
            yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


def test_the_index_links_every_group_version_with_its_hash(server: ApiServer) -> None:
    links = documents(server)
    assert {"api/v1", "apis/apps/v1", "apis/batch/v1", "apis/apiextensions.k8s.io/v1"} <= set(links)
    assert all(re.fullmatch(rf"/openapi/v3/{place}\?hash=[0-9A-F]{{128}}", link) for place, link in links.items())
    _, groups = ask(server, "GET", "/apis")
    versions = [f"apis/{version['groupVersion']}" for group in groups["groups"] for version in group["versions"]]
    assert sorted(links) == sorted(["api/v1", *versions])


def test_every_document_is_whole(server: ApiServer) -> None:
    for link in documents(server).values():
        code, document = ask(server, "GET", link)
        schemas = document["components"]["schemas"]
        missing = {ref for ref in references(document) if ref.rpartition("/")[2] not in schemas}
        assert (code, document["openapi"], missing) == (200, "3.0.0", set()), link


def test_schemas_name_their_kinds_and_say_what_fields_mean(server: ApiServer) -> None:
    _, document = ask(server, "GET", "/openapi/v3/apis/apps/v1")
    schema = document["components"]["schemas"][DEPLOYMENT]
    assert schema["x-kubernetes-group-version-kind"] == [{"group": "apps", "version": "v1", "kind": "Deployment"}]
    spec = document["components"]["schemas"][f"{DEPLOYMENT}Spec"]
    assert spec["properties"]["replicas"]["type"] == "integer"
    assert spec["properties"]["replicas"]["format"] == "int32"
    assert spec["properties"]["replicas"]["description"].startswith("Number of desired pods.")
    assert spec["properties"]["template"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec"}
    ]
    ports = document["components"]["schemas"]["io.k8s.api.core.v1.Container"]["properties"]["ports"]
    assert ports["x-kubernetes-list-map-keys"] == ["containerPort", "protocol"]
    either = document["components"]["schemas"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]
    assert either["oneOf"] == [{"type": "integer"}, {"type": "string"}]


def test_writes_take_field_validation_and_dry_run(server: ApiServer) -> None:
    _, document = ask(server, "GET", "/openapi/v3/apis/apps/v1")
    path = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    for method in ("put", "patch"):
        names = [parameter["name"] for parameter in path[method]["parameters"]]
        assert {"dryRun", "fieldManager", "fieldValidation"} <= set(names)
        assert path[method]["x-kubernetes-group-version-kind"]["kind"] == "Deployment"
    assert "application/strategic-merge-patch+json" in path["patch"]["requestBody"]["content"]
    scale = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]
    assert scale["patch"]["x-kubernetes-group-version-kind"] == {
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
    }


def test_a_document_may_be_kept_under_its_hash(server: ApiServer) -> None:
    link = documents(server)["apis/apps/v1"]
    kept = whole(server, "GET", link)
    assert kept.headers["Cache-Control"] == "public, immutable"
    assert kept.headers["Etag"].strip('"') == link.partition("hash=")[2]
    again = whole(server, "GET", link, if_none_match=kept.headers["Etag"])
    assert (again.status, again.body) == (304, b"")
    moved = whole(server, "GET", "/openapi/v3/apis/apps/v1?hash=OLD")
    assert (moved.status, moved.headers["Location"]) == (301, link)
    assert "no-cache" in whole(server, "GET", "/openapi/v3/apis/apps/v1").headers["Cache-Control"]


def test_clients_that_take_no_json_get_406(server: ApiServer) -> None:
    accept = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"
    assert whole(server, "GET", "/openapi/v3", accept=accept).status == 406
    assert whole(server, "GET", "/openapi/v3", accept=f"{accept}, application/json").status == 200
    assert whole(server, "GET", "/openapi/v3/apis/nothing/v1").status == 404
    assert whole(server, "GET", "/openapi/v1").status == 404


def test_a_custom_kind_has_a_document_while_it_is_served() -> None:
    server = ApiServer(seed=1)
    spec = {"type": "object", "properties": {"image": {"type": "string", "description": "What runs."}}}
    schema = {"type": "object", "properties": {"spec": spec}}
    made = make(server, DEFINITIONS, crontabs(schema))
    link = documents(server)["apis/stable.example.com/v1"]
    _, document = ask(server, "GET", link)
    own = document["components"]["schemas"]["com.example.stable.v1.CronTab"]
    assert own["properties"]["spec"] == spec
    assert own["properties"]["metadata"]["allOf"][0]["$ref"].endswith("ObjectMeta")
    gvk = {"group": "stable.example.com", "version": "v1", "kind": "CronTab"}
    assert own["x-kubernetes-group-version-kind"] == [gvk]
    path = document["paths"]["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}"]
    assert "application/strategic-merge-patch+json" not in path["patch"]["requestBody"]["content"]
    spec["properties"] = {"other": {"type": "string"}}
    code, _ = ask(server, "PUT", f"{DEFINITIONS}/{made['metadata']['name']}", crontabs(schema))
    changed = documents(server)["apis/stable.example.com/v1"]
    assert (code, changed != link) == (200, True)
    assert whole(server, "GET", link).status == 301
    ask(server, "DELETE", f"{DEFINITIONS}/{made['metadata']['name']}")
    assert "apis/stable.example.com/v1" not in documents(server)


def test_the_v2_document_has_everything_in_one() -> None:
    server = ApiServer(seed=1)
    make(server, DEFINITIONS, crontabs())
    code, document = ask(server, "GET", "/openapi/v2")
    definitions = document["definitions"]
    assert (code, document["swagger"]) == (200, "2.0")
    assert {DEPLOYMENT, "io.k8s.api.core.v1.Pod", "com.example.stable.v1.CronTab"} <= set(definitions)
    assert definitions[DEPLOYMENT]["properties"]["spec"]["$ref"] == f"#/definitions/{DEPLOYMENT}Spec"
    assert definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["type"] == "string"
    assert all(ref.removeprefix("#/definitions/") in definitions for ref in references(document))
    created = document["paths"]["/api/v1/namespaces/{namespace}/pods"]["post"]["parameters"]
    assert created[-1]["schema"] == {"$ref": "#/definitions/io.k8s.api.core.v1.Pod"}


def test_no_data_is_read_before_somebody_asks() -> None:
    program = """
import json
from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.openapi import descriptions
from kubernaut.fake.apiserver.protobuf import types
ApiServer()
print(json.dumps([descriptions._data.cache_info().misses, types._data.cache_info().misses]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [0, 0]
