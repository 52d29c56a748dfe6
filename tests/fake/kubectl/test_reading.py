"""What kubectl shows: get in all its forms, describe, explain, discovery, events, logs."""

from __future__ import annotations

from tests.fake.kubectl.running import Kubectl, Served


def make(kubectl: Kubectl, name: str, **labels: str) -> None:
    body = {"metadata": {"name": name, "labels": labels}, "data": {"a": "1", "b": "2"}}
    kubectl.server.call("POST", f"/api/v1/namespaces/{kubectl.namespace}/configmaps", body)


def test_get_prints_the_columns_of_a_kind(kubectl: Kubectl, web: None) -> None:
    header, row = kubectl("get", "deployments").rows
    assert header == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row[:4] == ["web", "2/2", "2", "2"]
    assert row[4].endswith("s")


def test_get_o_wide_adds_the_wide_columns(kubectl: Kubectl, web: None) -> None:
    header, row = kubectl("get", "deploy", "web", "-o", "wide").rows
    assert header[5:] == ["CONTAINERS", "IMAGES", "SELECTOR"]
    assert row[5:] == ["main", "nginx:1", "app=web"]
    header, *rows = kubectl("get", "pods", "-o", "wide").rows
    assert header == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert [row[1:4] for row in rows] == [["1/1", "Running", "0"]] * 2
    assert all(row[5].startswith("10.") and row[6].startswith("node-") for row in rows)


def test_get_as_yaml_json_and_jsonpath_says_the_same(kubectl: Kubectl, web: None) -> None:
    shown = kubectl("get", "deployment", "web", "-o", "yaml").out
    assert "kind: Deployment\n" in shown
    assert "  replicas: 2\n" in shown
    assert kubectl("get", "deployment", "web", "-o", "json").json["spec"]["replicas"] == 2
    path = "jsonpath={.spec.template.spec.containers[*].image}"
    assert kubectl("get", "deployment", "web", "-o", path).out == "nginx:1"
    columns = kubectl("get", "deployment", "web", "-o", "custom-columns=N:.metadata.name,R:.spec.replicas")
    assert columns.rows == [["N", "R"], ["web", "2"]]
    assert kubectl("get", "deployment", "web", "-o", "name").out == "deployment.apps/web\n"


def test_get_selects_by_label_and_field_and_sorts(kubectl: Kubectl) -> None:
    for name in ("b", "a", "c"):
        make(kubectl, name, tier="front" if name != "c" else "back")
    listed = kubectl("get", "configmaps", "-l", "tier in (front)", "--sort-by=.metadata.name", "--no-headers").rows
    assert [row[:2] for row in listed] == [["a", "2"], ["b", "2"]]
    assert kubectl("get", "cm", "--field-selector=metadata.name=c", "-o", "name").out == "configmap/c\n"
    assert kubectl("get", "cm", "-L", "tier").rows[0] == ["NAME", "DATA", "AGE", "TIER"]
    assert kubectl("get", "cm", "c", "--show-labels").rows[1][-1] == "tier=back"
    assert [
        row[1] for row in kubectl("get", "cm", "-A", "-l", "tier", "--no-headers").rows if row[0] == kubectl.namespace
    ]


def test_get_reads_a_long_list_page_by_page(kubectl: Kubectl) -> None:
    for number in range(7):
        make(kubectl, f"c{number}")
    listed = kubectl("get", "cm", "--chunk-size=3", "-o", "name").out.splitlines()
    assert [name for name in listed if name.startswith("configmap/c")] == [f"configmap/c{n}" for n in range(7)]


def test_get_of_what_is_not_there_fails_as_on_a_real_server(kubectl: Kubectl) -> None:
    missing = kubectl("get", "configmap", "none", ok=False)
    assert (missing.code, missing.err) == (1, 'Error from server (NotFound): configmaps "none" not found\n')
    unknown = kubectl("get", "nothings", ok=False)
    assert unknown.err == 'error: the server doesn\'t have a resource type "nothings"\n'
    assert kubectl("get", "cronjobs").err == f"No resources found in {kubectl.namespace} namespace.\n"


def test_get_w_prints_each_change_as_it_happens(kubectl: Kubectl) -> None:
    make(kubectl, "first")
    watching = kubectl.start("get", "configmaps", "-w")
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline().split() == ["NAME", "DATA", "AGE"]
        assert watching.stdout.readline().split()[0] == "first"
        assert watching.stdout.readline().split()[0] == "kube-root-ca.crt"  # every namespace has it
        make(kubectl, "second")
        assert watching.stdout.readline().split()[:2] == ["second", "2"]
        kubectl.server.call("DELETE", f"/api/v1/namespaces/{kubectl.namespace}/configmaps/first")
        assert watching.stdout.readline().split()[0] == "first"
    finally:
        watching.kill()
        watching.communicate()


def test_get_raw_answers_what_the_server_says(kubectl: Kubectl) -> None:
    assert kubectl("get", "--raw", "/healthz").out == "ok"
    assert kubectl("get", "--raw", "/version").json["gitVersion"].startswith("v1.")
    raw = kubectl("get", "--raw", f"/api/v1/namespaces/{kubectl.namespace}").json
    assert raw["metadata"]["name"] == kubectl.namespace


def test_get_all_shows_the_category(kubectl: Kubectl, web: None) -> None:
    kinds = {line.split("/")[0] for line in kubectl("get", "all", "-o", "name").out.splitlines()}
    assert kinds == {"pod", "deployment.apps", "replicaset.apps"}


def test_describe_tells_of_an_object_and_its_events(kubectl: Kubectl, web: None) -> None:
    told = kubectl("describe", "deployment", "web").out
    assert "2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in told
    assert "StrategyType:           RollingUpdate" in told
    assert "ScalingReplicaSet" in told
    assert "Ready" in kubectl("describe", "node", "node-1").out


def test_explain_knows_built_in_kinds(kubectl: Kubectl) -> None:
    told = kubectl("explain", "deployment.spec.replicas").out
    assert "GROUP:      apps\nKIND:       Deployment\nVERSION:    v1\n" in told
    assert "FIELD: replicas <integer>" in told
    assert "Number of desired pods." in told
    told = kubectl("explain", "pod.spec.containers").out
    assert "FIELD: containers <[]Container>" in told
    assert "image\t<string>" in told
    assert "-required-" in told
    assert "spec\t<PodSpec>" in kubectl("explain", "po", "--recursive", "--api-version=v1").out


def test_api_resources_and_versions_list_what_is_served(kubectl: Kubectl) -> None:
    listed = kubectl("api-resources").out
    assert any(
        line.split() == ["deployments", "deploy", "apps/v1", "true", "Deployment"] for line in listed.splitlines()
    )
    names = kubectl("api-resources", "--verbs=list", "--namespaced=false", "-o", "name").out.split()
    assert {"nodes", "namespaces", "clusterroles.rbac.authorization.k8s.io"} <= set(names)
    assert "pods" not in names
    versions = kubectl("api-versions").out.split()
    assert {"v1", "apps/v1", "batch/v1", "rbac.authorization.k8s.io/v1"} <= set(versions)


def test_events_tell_what_happened(kubectl: Kubectl, web: None) -> None:
    header, *rows = kubectl("events", "--for", "deployment/web").rows
    assert header == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert rows[0][1:4] == ["Normal", "ScalingReplicaSet", "Deployment/web"]
    assert kubectl("get", "events").rows[0] == header


def test_version_and_cluster_info_name_the_server(kubectl: Kubectl, server: Served) -> None:
    assert "Server Version: v1.36" in kubectl("version").out
    assert server.url in kubectl("cluster-info").out
