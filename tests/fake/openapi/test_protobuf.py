"""Protobuf bodies: what typed Go clients write becomes what the same objects are in JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import Request
from kubernaut.fake.apiserver.protobuf import MEDIA_TYPE, as_json
from kubernaut.fake.apiserver.protobuf.types import message, type_name
from kubernaut.fake.apiserver.registry import recorded
from kubernaut.fake.apiserver.status import StatusError
from tests.fake.openapi.asking import ask

Value = int | str | bytes


def number(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(place: int, value: Value) -> bytes:
    if isinstance(value, int):
        return number(place << 3) + number(value)
    data = value.encode() if isinstance(value, str) else value
    return number(place << 3 | 2) + number(len(data)) + data


def entry(key: str, value: Value) -> bytes:
    return field(1, key) + field(2, value)


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + field(1, field(1, api_version) + field(2, kind)) + field(2, raw) + field(3, "") + field(4, "")


def decoded(api_version: str, kind: str, raw: bytes) -> Any:
    body = envelope(api_version, kind, raw)
    return json.loads(as_json(Request("POST", "/", {}, {"content-type": MEDIA_TYPE}, body)).body)


def test_zero_is_left_out_unless_it_was_meant() -> None:
    # minReadySeconds is a number, replicas a pointer to one: only the second can be zero on purpose.
    spec = field(1, 0) + field(5, 0) + field(7, 0) + field(9, 600)
    obj = decoded("apps/v1", "Deployment", field(1, field(1, "web") + field(2, "")) + field(2, spec) + field(3, b""))
    assert obj == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 0, "progressDeadlineSeconds": 600},
        "status": {},
    }


def test_maps_bytes_times_quantities_and_either_ports_are_read() -> None:
    secret = decoded("v1", "Secret", field(2, entry("a", b"\x00\xff")) + field(2, entry("b", b"")) + field(3, "Opaque"))
    assert (secret["data"], secret["type"]) == ({"a": "AP8=", "b": ""}, "Opaque")
    meta = field(8, field(1, 1_700_000_000)) + field(11, entry("app", "web")) + field(14, "keep")
    quota = decoded("v1", "ResourceQuota", field(1, meta) + field(2, field(1, entry("cpu", field(1, "100m")))))
    assert quota["metadata"] == {
        "creationTimestamp": "2023-11-14T22:13:20Z",
        "labels": {"app": "web"},
        "finalizers": ["keep"],
    }
    assert quota["spec"] == {"hard": {"cpu": "100m"}}
    port = field(3, 80) + field(4, field(1, 1) + field(2, 0) + field(3, "http"))
    named = field(3, 81) + field(4, field(1, 0) + field(2, 8080) + field(3, ""))
    service = decoded("v1", "Service", field(2, field(1, port) + field(1, named)))
    assert [item["targetPort"] for item in service["spec"]["ports"]] == ["http", 8080]
    lease = decoded(
        "coordination.k8s.io/v1", "Lease", field(2, field(4, field(1, 1_700_000_000) + field(2, 123456000)))
    )
    assert lease["spec"]["renewTime"] == "2023-11-14T22:13:20.123456Z"


def test_embedded_structs_stand_in_their_owners_place() -> None:
    volume = field(1, "data") + field(2, field(2, b""))
    obj = decoded("v1", "Pod", field(2, field(1, volume)))
    assert obj["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}]


def test_negative_numbers_and_fields_of_later_versions_are_no_problem() -> None:
    obj = decoded("scheduling.k8s.io/v1", "PriorityClass", field(2, -5) + field(2047, "later") + field(3, 0))
    assert obj["value"] == -5
    assert "globalDefault" not in obj


def test_delete_options_are_known_in_every_group() -> None:
    obj = decoded("apps/v1", "DeleteOptions", field(1, 0) + field(4, "Orphan"))
    assert obj == {
        "apiVersion": "apps/v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Orphan",
    }


def test_json_in_the_envelope_is_taken_as_it_is() -> None:
    body = b"k8s\x00" + field(2, b'{"a": 1}') + field(4, "application/json")
    assert as_json(Request("POST", "/", {}, {"content-type": MEDIA_TYPE}, body)).body == b'{"a": 1}'


@pytest.mark.parametrize(
    "body",
    [
        b"no magic",
        b"k8s\x00\xff",
        b"k8s\x00" + b"\x0a\x7f",
        envelope("v1", "Pod", b"\x0a\xff"),
        envelope("v1", "Pod", field(1, 5)),
        envelope("v1", "Pod", b"\x0b"),
        envelope("v1", "Pod", b"\x08" + b"\xff" * 12),
    ],
)
def test_what_cannot_be_read_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        as_json(Request("POST", "/", {}, {"content-type": MEDIA_TYPE}, body))
    assert caught.value.code == 400


def test_kinds_without_a_protobuf_form_are_unsupported() -> None:
    with pytest.raises(StatusError) as caught:
        decoded("stable.example.com/v1", "CronTab", b"")
    assert caught.value.code == 415


def test_every_built_in_kind_is_known() -> None:
    own_repositories = ("apiextensions.k8s.io/v1", "apiregistration.k8s.io/v1")
    for api_version, entries in recorded().items():
        for item in entries:
            if "create" not in item["verbs"] or api_version in own_repositories or item["name"].endswith("/proxy"):
                continue
            group, version = item.get("group"), item.get("version")
            given = f"{group}/{version}".lstrip("/") if version else api_version
            if item["kind"] in ("PodExecOptions", "PodAttachOptions", "PodPortForwardOptions"):
                continue
            name = type_name(given, item["kind"])
            assert name is not None, item
            assert message(name), item


def test_an_object_is_created_and_answered_in_json() -> None:
    server = ApiServer(seed=1)
    raw = field(1, field(1, "settings")) + field(2, entry("a", "1"))
    url = "/api/v1/namespaces/default/configmaps?fieldValidation=Strict"
    headers = {"content_type": MEDIA_TYPE, "accept": f"{MEDIA_TYPE},application/json"}
    code, obj = ask(server, "POST", url, envelope("v1", "ConfigMap", raw), **headers)
    assert (code, obj["data"]) == (201, {"a": "1"})
    code, status = ask(server, "GET", "/api/v1/namespaces/default/configmaps/settings", accept=MEDIA_TYPE)
    assert (code, status["reason"]) == (406, "NotAcceptable")
    review = field(2, field(1, field(1, "default") + field(2, "get") + field(5, "pods")))
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = envelope("authorization.k8s.io/v1", "SelfSubjectAccessReview", review)
    code, obj = ask(server, "POST", path, body, content_type=MEDIA_TYPE)
    assert (code, obj["spec"]["resourceAttributes"]["resource"], obj["status"]["allowed"]) == (201, "pods", True)
    path = "/api/v1/namespaces/default/configmaps/settings"
    code, _ = ask(server, "DELETE", path, envelope("v1", "DeleteOptions", field(1, 0)), content_type=MEDIA_TYPE)
    assert code == 200
