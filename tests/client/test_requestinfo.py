"""What a request asks for is read from it as kube-apiserver reads it."""

import pytest

from kubernaut.client import ApplyPatch, MergePatch, TransportRequest
from kubernaut.client.requestinfo import RequestInfo, classify

APPS = "/apis/apps/v1"


@pytest.mark.parametrize(
    ("method", "path", "query", "verb", "resource", "namespace", "name", "subresource"),
    [
        ("GET", "/api/v1/namespaces/a/pods/x", (), "get", "pods", "a", "x", ""),
        ("HEAD", "/api/v1/namespaces/a/pods/x", (), "get", "pods", "a", "x", ""),
        ("GET", "/api/v1/namespaces/a/pods", (), "list", "pods", "a", "", ""),
        ("GET", "/api/v1/pods", (("limit", "5"),), "list", "pods", "", "", ""),
        ("GET", "/api/v1/pods", (("watch", "true"),), "watch", "pods", "", "", ""),
        ("GET", "/api/v1/pods", (("watch", "1"),), "watch", "pods", "", "", ""),
        ("GET", "/api/v1/pods", (("watch", "false"),), "list", "pods", "", "", ""),
        ("GET", "/api/v1/pods", (("watch", "0"),), "list", "pods", "", "", ""),
        ("POST", f"{APPS}/namespaces/a/deployments", (), "create", "deployments", "a", "", ""),
        ("PUT", f"{APPS}/namespaces/a/deployments/x", (), "update", "deployments", "a", "x", ""),
        ("PUT", f"{APPS}/namespaces/a/deployments/x/status", (), "update", "deployments", "a", "x", "status"),
        ("PATCH", f"{APPS}/namespaces/a/deployments/x/scale", (), "patch", "deployments", "a", "x", "scale"),
        ("DELETE", f"{APPS}/namespaces/a/deployments/x", (), "delete", "deployments", "a", "x", ""),
        ("DELETE", f"{APPS}/namespaces/a/deployments", (), "deletecollection", "deployments", "a", "", ""),
        ("POST", "/api/v1/namespaces/a/pods/x/eviction", (), "create", "pods", "a", "x", "eviction"),
        ("GET", "/api/v1/namespaces", (), "list", "namespaces", "", "", ""),
        ("GET", "/api/v1/namespaces/a", (), "get", "namespaces", "a", "a", ""),
        ("PUT", "/api/v1/namespaces/a/finalize", (), "update", "namespaces", "a", "a", "finalize"),
        ("PUT", "/api/v1/namespaces/a/status", (), "update", "namespaces", "a", "a", "status"),
        ("GET", "/api/v1/nodes/n%3A1", (), "get", "nodes", "", "n:1", ""),
        ("GET", "/version", (), "get", "", "", "", ""),
        ("GET", "/apis/apps/v1", (), "get", "", "", "", ""),
        ("POST", "/healthz", (), "post", "", "", "", ""),
    ],
)
def test_a_path_says_what_is_asked(
    method: str,
    path: str,
    query: tuple[tuple[str, str], ...],
    verb: str,
    resource: str,
    namespace: str,
    name: str,
    subresource: str,
) -> None:
    info = classify(TransportRequest(method, path, query))
    assert (info.verb, info.resource, info.namespace) == (verb, resource, namespace)
    assert (info.name, info.subresource, info.path) == (name, subresource, path)


def test_group_and_version_are_told_apart() -> None:
    info = classify(TransportRequest("GET", "/apis/example.dev/v1beta1/widgets"))
    assert (info.group, info.version) == ("example.dev", "v1beta1")
    info = classify(TransportRequest("GET", "/api/v1/pods"))
    assert (info.group, info.version) == ("", "v1")


def test_a_create_has_the_name_that_its_body_gives() -> None:
    path = "/api/v1/namespaces/a/configmaps"
    assert classify(TransportRequest("POST", path, body=b'{"metadata":{"name":"x"}}')).name == "x"
    assert classify(TransportRequest("POST", path, body=b'{"metadata":{"generateName":"x-"}}')).name == ""
    assert classify(TransportRequest("POST", path, body=b"what")).name == ""
    assert classify(TransportRequest("POST", path)).name == ""


def test_an_apply_is_a_patch_of_its_own_kind() -> None:
    path = "/api/v1/namespaces/a/configmaps/x"
    apply = classify(TransportRequest("PATCH", path, headers={"content-type": ApplyPatch.content_type}))
    merge = classify(TransportRequest("PATCH", path, headers={"content-type": MergePatch.content_type}))
    assert (apply.verb, apply.apply) == ("patch", True)
    assert (merge.verb, merge.apply) == ("patch", False)


def test_a_request_reads_well() -> None:
    assert str(RequestInfo("update", "/p", "apps", "v1", "deployments", "a", "x", "status")) == (
        "update deployments.apps/status a/x"
    )
    assert str(RequestInfo("list", "/p", "", "v1", "pods")) == "list pods"
    assert str(RequestInfo("get", "/version")) == "get /version"
