"""Tables: the rows and columns of built-in and custom kinds on get, list and watch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import Stream
from kubernaut.fake.apiserver.printers import PRINTERS, columns_of, human_duration
from tests.fake.openapi.asking import DEFINITIONS, TABLE, answer, ask, crontabs, make

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
AGO = (NOW - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")


def cells(store: str, obj: dict[str, Any]) -> dict[str, Any]:
    """What is shown of an object, by column; the name is left out where it comes first."""
    obj = {"metadata": {"name": "x", "creationTimestamp": AGO}, **obj}
    names = [column["name"] for column in columns_of(store)]
    row = PRINTERS[store](obj, NOW)
    if names[0] == "Name":
        names = names[1:]
    assert len(names) == len(row), store
    return dict(zip(names, row, strict=True))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (600, "10m"),
        (3600, "60m"), (10800, "3h"), (10860, "3h1m"), (86400, "24h"), (172800, "2d"), (180000, "2d2h"),
        (86400 * 8, "8d"), (86400 * 729, "729d"), (86400 * 731, "2y1d"), (86400 * 365 * 8, "8y"),
    ],
)  # fmt: skip
def test_ages_are_shortened_as_kubectl_does(seconds: int, shown: str) -> None:
    assert human_duration(seconds) == shown


def test_every_kind_with_columns_has_cells_and_prints_an_empty_object() -> None:
    for store in PRINTERS:
        shown = cells(store, {})
        assert all(value is None or isinstance(value, str | int | bool) for value in shown.values()), store


def container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "c", "restartCount": 0, "state": state, **more}


RUNNING = {"running": {"startedAt": AGO}}


@pytest.mark.parametrize(
    ("status", "ready", "word", "restarts"),
    [
        ({"phase": "Pending"}, "0/1", "Pending", "0"),
        ({"phase": "Running", "containerStatuses": [container(RUNNING, ready=True)]}, "1/1", "Running", "0"),
        (
            {"phase": "Pending", "containerStatuses": [container({"waiting": {"reason": "ContainerCreating"}})]},
            "0/1", "ContainerCreating", "0",
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [
                    container(
                        {"waiting": {"reason": "CrashLoopBackOff"}},
                        restartCount=3,
                        lastState={"terminated": {"finishedAt": AGO}},
                    )
                ],
            },
            "0/1", "CrashLoopBackOff", "3 (5m ago)",
        ),
        (
            {"phase": "Succeeded", "containerStatuses": [container({"terminated": {"reason": "Completed"}})]},
            "0/1", "Completed", "0",
        ),
        (
            {"phase": "Failed", "containerStatuses": [container({"terminated": {"exitCode": 2}})]},
            "0/1", "ExitCode:2", "0",
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [container({"running": {}})]},
            "0/1", "Init:0/1", "0",
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [container({"waiting": {"reason": "ImagePullBackOff"}})]},
            "0/1", "Init:ImagePullBackOff", "0",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "0/1", "Evicted", "0"),
        (
            {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]},
            "0/1", "SchedulingGated", "0",
        ),
    ],
)  # fmt: skip
def test_a_pod_is_summed_up_in_one_word(status: dict[str, Any], ready: str, word: str, restarts: str) -> None:
    spec = {
        "containers": [{"name": "c"}],
        "initContainers": [{"name": "i"}] if "initContainerStatuses" in status else [],
    }
    shown = cells("pods", {"spec": spec, "status": status})
    assert (shown["Ready"], shown["Status"], shown["Restarts"]) == (ready, word, restarts)
    assert (shown["Age"], shown["IP"], shown["Node"], shown["Readiness Gates"]) == ("5m", "<none>", "<none>", "<none>")


def test_a_pod_with_a_sidecar_counts_it() -> None:
    spec = {"containers": [{"name": "c"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}]}
    status = {
        "phase": "Running",
        "initContainerStatuses": [container(RUNNING, ready=True, started=True) | {"name": "s"}],
        "containerStatuses": [container(RUNNING, ready=True)],
    }
    shown = cells("pods", {"spec": spec, "status": status})
    assert (shown["Ready"], shown["Status"]) == ("2/2", "Running")


def test_a_pod_that_is_being_deleted_is_terminating() -> None:
    metadata = {"name": "x", "creationTimestamp": AGO, "deletionTimestamp": AGO}
    obj = {"metadata": metadata, "spec": {"containers": [{}]}, "status": {"phase": "Running"}}
    assert cells("pods", obj)["Status"] == "Terminating"


def test_services_show_how_they_are_reached() -> None:
    ports = [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP", "nodePort": 30053}]
    shown = cells("services", {"spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "ports": ports}})
    assert (shown["Port(s)"], shown["External-IP"], shown["Selector"]) == ("80/TCP,53:30053/UDP", "<none>", "<none>")
    balanced: dict[str, Any] = {"spec": {"type": "LoadBalancer"}}
    assert cells("services", balanced)["External-IP"] == "<pending>"
    balanced["status"] = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "lb"}]}}
    assert cells("services", balanced)["External-IP"] == "1.2.3.4,lb"
    assert cells("services", {"spec": {"type": "ExternalName", "externalName": "e.org"}})["External-IP"] == "e.org"


def test_jobs_show_their_state_and_how_long_they_took() -> None:
    spec = {"completions": 3, "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}
    status = {"startTime": AGO, "succeeded": 1}
    shown = cells("batch/jobs", {"spec": spec, "status": status})
    assert (shown["Status"], shown["Completions"], shown["Duration"]) == ("Running", "1/3", "5m")
    for kind, word in (("Failed", "Failed"), ("Complete", "Complete"), ("Suspended", "Suspended")):
        status["conditions"] = [{"type": kind, "status": "True"}]
        assert cells("batch/jobs", {"spec": spec, "status": status})["Status"] == word
    assert cells("batch/jobs", {"spec": {"parallelism": 2}})["Completions"] == "0/1 of 2"


def test_nodes_show_readiness_roles_and_addresses() -> None:
    obj = {
        "metadata": {
            "name": "n",
            "creationTimestamp": AGO,
            "labels": {"node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "worker"},
        },
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0"},
        },
    }
    shown = cells("nodes", obj)
    assert (shown["Status"], shown["Roles"]) == ("Ready,SchedulingDisabled", "control-plane,worker")
    assert (shown["Internal-IP"], shown["External-IP"], shown["Version"]) == ("10.0.0.2", "<none>", "v1.36.0")


def test_volumes_claims_and_quotas_show_sizes() -> None:
    claim = {
        "spec": {"volumeName": "v", "storageClassName": "fast"},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]},
    }
    shown = cells("persistentvolumeclaims", claim)
    assert [shown[name] for name in ("Status", "Capacity", "Access Modes", "StorageClass")] == [
        "Bound",
        "1Gi",
        "RWO",
        "fast",
    ]
    status = {"hard": {"pods": "3", "limits.cpu": "2"}, "used": {"pods": "1"}}
    shown = cells("resourcequotas", {"status": status})
    assert (shown["Request"], shown["Limit"]) == ("pods: 1/3", "limits.cpu: 0/2")


def test_events_of_both_groups_are_shown_alike() -> None:
    old = {
        "involvedObject": {"kind": "Pod", "name": "p"}, "type": "Normal", "reason": "Started", "message": "m\n",
        "firstTimestamp": AGO, "lastTimestamp": AGO, "count": 2, "source": {"component": "kubelet", "host": "n"},
    }  # fmt: skip
    new = {
        "regarding": {"kind": "Pod", "name": "p"}, "type": "Normal", "reason": "Started", "note": "m",
        "eventTime": AGO, "reportingController": "kubelet", "reportingInstance": "n",
        "series": {"count": 2, "lastObservedTime": AGO},
    }  # fmt: skip
    expected = {
        "Last Seen": "5m", "Type": "Normal", "Reason": "Started", "Object": "pod/p", "Subobject": "",
        "Source": "kubelet, n", "Message": "m", "First Seen": "5m", "Count": 2, "Name": "x",
    }  # fmt: skip
    assert cells("events", old) == cells("events", new) == expected


def test_bindings_selectors_and_autoscalers_are_spelt_out() -> None:
    subjects = [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "namespace": "n", "name": "s"}]
    bound = {"roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects}
    shown = cells("rbac.authorization.k8s.io/rolebindings", bound)
    assert (shown["Role"], shown["Users"], shown["Groups"], shown["ServiceAccounts"]) == ("Role/r", "u", "", "n/s")
    selector = {"matchLabels": {"b": "1"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]}]}
    policy = {"spec": {"podSelector": selector}}
    assert cells("networking.k8s.io/networkpolicies", policy)["Pod-Selector"] == "a in (x,y),b=1"
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3, "metrics": [metric]}
    shown = cells("autoscaling/horizontalpodautoscalers", {"spec": spec})
    assert (shown["Reference"], shown["Targets"], shown["MinPods"]) == ("Deployment/d", "cpu: <unknown>/80%", "<unset>")


def test_storage_and_autoscalers_say_what_they_want_by_default() -> None:
    server = ApiServer(seed=1)
    claim = {"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    made = make(server, "/api/v1/namespaces/default/persistentvolumeclaims", claim)
    assert (made["spec"]["volumeMode"], made["status"]) == ("Filesystem", {"phase": "Pending"})
    made = make(server, "/apis/storage.k8s.io/v1/storageclasses", {"metadata": {"name": "s"}, "provisioner": "p"})
    assert (made["reclaimPolicy"], made["volumeBindingMode"]) == ("Delete", "Immediate")
    spec = {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}
    for version in ("v1", "v2"):
        url = f"/apis/autoscaling/{version}/namespaces/default/horizontalpodautoscalers"
        make(server, url, {"metadata": {"name": version}, "spec": spec})
        _, obj = ask(server, "GET", f"/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/{version}")
        target = obj["spec"]["metrics"][0]["resource"]["target"]
        assert (obj["spec"]["minReplicas"], target["averageUtilization"]) == (1, 80)


def test_a_custom_kind_without_columns_shows_its_age() -> None:
    server = ApiServer(seed=1)
    make(server, DEFINITIONS, crontabs())
    make(
        server,
        "/apis/stable.example.com/v1/namespaces/default/crontabs",
        {"kind": "CronTab", "metadata": {"name": "a"}},
    )
    _, table = ask(server, "GET", "/apis/stable.example.com/v1/namespaces/default/crontabs", accept=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Age"]
    assert table["rows"][0]["cells"][0] == "a"


async def test_a_watch_sends_the_columns_once() -> None:
    server = ApiServer(seed=1)
    for name in ("a", "b"):
        make(server, "/api/v1/namespaces/default/configmaps", {"metadata": {"name": name}})
    url = (
        "/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true"
    )
    stream = answer(server, "GET", f"{url}&resourceVersionMatch=NotOlderThan", accept=TABLE)
    assert isinstance(stream, Stream)
    events: list[dict[str, Any]] = []
    with anyio.fail_after(5):
        async for chunk in stream.chunks:
            events += [json.loads(line) for line in chunk.splitlines()]
    told = [(event["type"], bool(event["object"]["columnDefinitions"])) for event in events]
    assert told == [("ADDED", True), ("ADDED", False), ("BOOKMARK", False)]
    assert events[0]["object"]["rows"][0]["cells"][:2] == ["a", 0]
    assert events[2]["object"]["rows"][0]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_include_object_says_how_much_of_objects_comes_along() -> None:
    server = ApiServer(seed=1)
    make(server, "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}, "data": {"k": "v"}})
    url = "/api/v1/namespaces/default/configmaps/a"
    objects = {
        include: ask(server, "GET", f"{url}?includeObject={include}", accept=TABLE)[1]["rows"][0].get("object")
        for include in ("None", "Metadata", "Object")
    }
    assert objects["None"] is None
    assert objects["Metadata"]["kind"] == "PartialObjectMetadata"
    assert objects["Object"]["data"] == {"k": "v"}
