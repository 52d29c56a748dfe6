"""What kubectl changes: apply, create, edit, patch, label, annotate, replace, delete, diff, wait."""

from __future__ import annotations

import re

import pytest

from tests.fake.kubectl.running import DEPLOYMENT, Kubectl

APPS = "/apis/apps/v1"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, labels: {app: a}}\ndata: {a: '1', b: '2'}\n"


@pytest.fixture
def settings(kubectl: Kubectl) -> str:
    """A file with a ConfigMap, which is applied."""
    name = kubectl.write("settings.yaml", CONFIG)
    assert kubectl("apply", "-f", name).out == "configmap/settings created\n"
    return name


def data(kubectl: Kubectl, name: str = "settings") -> object:
    return kubectl.object("configmaps", name).get("data")


def test_apply_creates_configures_and_leaves_alone(kubectl: Kubectl, settings: str) -> None:
    assert kubectl("apply", "-f", settings).out == "configmap/settings unchanged\n"
    kubectl.write(settings, CONFIG.replace("b: '2'", "c: '3'"))
    assert kubectl("apply", "-f", settings).out == "configmap/settings configured\n"
    assert data(kubectl) == {"a": "1", "c": "3"}


def test_apply_takes_several_documents_and_standard_input(kubectl: Kubectl) -> None:
    other = CONFIG.replace("settings", "other")
    done = kubectl("apply", "-f", "-", stdin=f"{CONFIG}---\n{other}")
    assert done.out == "configmap/settings created\nconfigmap/other created\n"
    kubectl.write("folder/one.yaml", CONFIG)
    kubectl.write("folder/two.yaml", other)
    assert kubectl("apply", "-f", "folder").out == "configmap/settings unchanged\nconfigmap/other unchanged\n"


def test_apply_merges_a_deployment_by_the_names_of_its_containers(kubectl: Kubectl) -> None:
    name = kubectl.write("web.yaml", DEPLOYMENT)
    kubectl("apply", "-f", name)
    sidecar = '[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"side","image":"side:1"}}]'
    kubectl("patch", "deployment", "web", "--type=json", "-p", sidecar)
    kubectl.write(name, DEPLOYMENT.replace("nginx:1", "nginx:2"))
    assert kubectl("apply", "-f", name).out == "deployment.apps/web configured\n"
    containers = kubectl.object("deployments", "web", APPS)["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers] == ["nginx:2", "side:1"]


def test_apply_refuses_a_field_that_the_kind_lacks(kubectl: Kubectl) -> None:
    wrong = kubectl.write("wrong.yaml", DEPLOYMENT.replace("replicas: 2", "replicsa: 2"))
    done = kubectl("apply", "-f", wrong, ok=False)
    assert done.code == 1
    assert 'strict decoding error: unknown field "spec.replicsa"' in done.err
    assert 'unknown field "spec.replicsa"' in kubectl("apply", "--validate=warn", "-f", wrong).err


def test_server_side_apply_owns_fields_and_conflicts(kubectl: Kubectl) -> None:
    name = kubectl.write("settings.yaml", CONFIG)
    assert kubectl("apply", "--server-side", "-f", name).out == "configmap/settings serverside-applied\n"
    changed = kubectl.write("changed.yaml", CONFIG.replace("'1'", "'9'"))
    refused = kubectl("apply", "--server-side", "--field-manager=other", "-f", changed, ok=False)
    assert refused.code == 1
    assert 'conflict with "kubectl": .data.a' in refused.err
    kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", changed)
    assert data(kubectl) == {"a": "9", "b": "2"}
    managers = kubectl("get", "cm", "settings", "-o", "json", "--show-managed-fields").json["metadata"]["managedFields"]
    assert [(entry["manager"], entry["operation"]) for entry in managers] == [("kubectl", "Apply"), ("other", "Apply")]


def test_apply_k_builds_and_applies_a_kustomization(kubectl: Kubectl) -> None:
    kubectl.write("base/settings.yaml", CONFIG)
    text = "resources: [settings.yaml]\nnamePrefix: my-\nconfigMapGenerator: [{name: made, literals: [k=v]}]\n"
    kubectl.write("base/kustomization.yaml", text)
    done = kubectl("apply", "-k", "base")
    assert "configmap/my-settings created" in done.out
    generated = next(line for line in done.out.splitlines() if "my-made-" in line).split()[0]
    assert kubectl("get", generated, "-o", "jsonpath={.data.k}").out == "v"
    assert "configmap/my-settings unchanged" in kubectl("apply", "-k", "base").out


def test_apply_prunes_what_is_no_longer_in_the_set(kubectl: Kubectl, settings: str) -> None:
    kubectl("apply", "-f", "-", stdin=CONFIG.replace("settings", "gone"))
    pruned = kubectl("apply", "--prune", "-l", "app=a", "--prune-allowlist=core/v1/ConfigMap", "-f", settings)
    assert pruned.out == "configmap/settings unchanged\nconfigmap/gone pruned\n"


def test_create_refuses_what_exists_and_generates_names(kubectl: Kubectl, settings: str) -> None:
    refused = kubectl("create", "-f", settings, ok=False)
    message = (
        'Error from server (AlreadyExists): error when creating "settings.yaml": configmaps "settings" already exists'
    )
    assert refused.err.strip() == message
    generated = CONFIG.replace("name: settings", "generateName: gen-")
    assert kubectl("create", "-f", "-", stdin=generated).out.startswith("configmap/gen-")


def test_a_dry_run_on_the_server_checks_and_changes_nothing(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "dry", "--from-literal=a=1", "--dry-run=server")
    assert kubectl("get", "cm", "dry", ok=False).code == 1
    shown = kubectl("create", "configmap", "dry", "--from-literal=a=1", "--dry-run=client", "-o", "yaml").out
    assert 'data:\n  a: "1"\n' in shown


def test_edit_saves_what_the_editor_leaves(kubectl: Kubectl, settings: str) -> None:
    edited = kubectl("edit", "configmap", "settings", env={"KUBE_EDITOR": "sed -i s/b:/c:/"})
    assert edited.out == "configmap/settings edited\n"
    assert data(kubectl) == {"a": "1", "c": "2"}
    same = kubectl("edit", "configmap", "settings", env={"KUBE_EDITOR": "true"})
    assert same.out + same.err == "Edit cancelled, no changes made.\n"


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("strategic", '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"nginx:2"}]}}}}'),
        ("merge", '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"nginx:2"}]}}}}'),
        ("json", '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"nginx:2"}]'),
    ],
)
def test_patch_takes_all_three_types(kubectl: Kubectl, web: None, kind: str, patch: str) -> None:
    assert kubectl("patch", "deployment", "web", f"--type={kind}", "-p", patch).out == "deployment.apps/web patched\n"
    containers = kubectl.object("deployments", "web", APPS)["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == "nginx:2"


def test_a_patch_that_changes_nothing_says_so(kubectl: Kubectl, settings: str) -> None:
    same = kubectl("patch", "configmap", "settings", "-p", '{"data":{"a":"1"}}')
    assert same.out == "configmap/settings patched (no change)\n"


def test_patch_takes_subresources(kubectl: Kubectl, web: None) -> None:
    kubectl("patch", "deploy", "web", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":0}}')
    assert kubectl.object("deployments", "web", APPS)["spec"]["replicas"] == 0


def test_label_and_annotate_add_overwrite_and_remove(kubectl: Kubectl, settings: str) -> None:
    for verb, field in (("label", "labels"), ("annotate", "annotations")):
        kubectl(verb, "configmap", "settings", "k=1")
        refused = kubectl(verb, "configmap", "settings", "k=2", ok=False)
        assert "--overwrite is false" in refused.err
        kubectl(verb, "configmap", "settings", "k=2", "--overwrite")
        assert kubectl.object("configmaps", "settings")["metadata"][field]["k"] == "2"
        kubectl(verb, "configmap", "settings", "k-")
        assert "k" not in kubectl.object("configmaps", "settings")["metadata"][field]


def test_replace_needs_the_object_and_replaces_it(kubectl: Kubectl, settings: str) -> None:
    kubectl.write(settings, CONFIG.replace("a: '1', ", ""))
    assert kubectl("replace", "-f", settings).out == "configmap/settings replaced\n"
    assert data(kubectl) == {"b": "2"}
    kubectl("delete", "-f", settings)
    assert "NotFound" in kubectl("replace", "-f", settings, ok=False).err


def test_diff_shows_what_apply_would_change(kubectl: Kubectl, settings: str) -> None:
    assert kubectl("diff", "-f", settings).out == ""
    kubectl.write(settings, CONFIG.replace("'1'", "'5'"))
    shown = kubectl("diff", "-f", settings, ok=False)
    assert shown.code == 1
    assert '-  a: "1"\n+  a: "5"\n' in shown.out
    shown = kubectl("diff", "--server-side", "--force-conflicts", "-f", settings, ok=False)
    assert '+  a: "5"\n' in shown.out
    assert data(kubectl) == {"a": "1", "b": "2"}


def deleted(text: str) -> list[str]:
    """The names that kubectl says it deleted."""
    return re.findall(r'^configmap "(\w+)" deleted', text, re.MULTILINE)


def test_delete_by_file_name_label_and_all(kubectl: Kubectl, settings: str) -> None:
    assert deleted(kubectl("delete", "-f", settings).out) == ["settings"]
    missing = kubectl("delete", "configmap", "settings", ok=False)
    assert missing.err == 'Error from server (NotFound): configmaps "settings" not found\n'
    assert kubectl("delete", "configmap", "settings", "--ignore-not-found").out == ""
    for name in ("x", "y", "z"):
        kubectl("create", "configmap", name)
    kubectl("label", "configmap", "x", "which=this")
    assert deleted(kubectl("delete", "cm", "-l", "which=this").out) == ["x"]
    assert deleted(kubectl("delete", "cm", "--all").out) == ["y", "z"]


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_delete_cascades_as_told(kubectl: Kubectl, web: None, cascade: str) -> None:
    kubectl("delete", "deployment", "web", f"--cascade={cascade}")
    if cascade == "orphan":
        assert kubectl("get", "replicasets", "-o", "jsonpath={.items[*].spec.replicas}").out == "2"
        assert kubectl("get", "replicasets", "-o", "jsonpath={.items[*].metadata.ownerReferences}").out == ""
        return
    kubectl("wait", "--for=delete", "pods", "-l", "app=web", "--timeout=10s")
    kubectl("wait", "--for=delete", "replicasets", "-l", "app=web", "--timeout=10s")
    assert kubectl("get", "all", "-o", "name").out == ""


def test_wait_returns_when_it_is_so_and_fails_when_not(kubectl: Kubectl, settings: str) -> None:
    met = kubectl("wait", "configmap/settings", "--for=jsonpath={.data.a}=1", "--timeout=5s")
    assert met.out == "configmap/settings condition met\n"
    late = kubectl("wait", "configmap/settings", "--for=jsonpath={.data.a}=2", "--timeout=100ms", ok=False)
    assert late.err == "error: timed out waiting for the condition on configmaps/settings\n"
    gone = kubectl.start("wait", "--for=delete", "configmap/settings", "--timeout=10s")
    kubectl("delete", "configmap", "settings")
    assert gone.communicate()[0] in ("configmap/settings condition met\n", "")
    assert gone.returncode == 0


def test_a_namespace_is_emptied_and_goes(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", f"{kubectl.namespace}-more")
    kubectl("create", "configmap", "inside", "-n", f"{kubectl.namespace}-more")
    kubectl("delete", "namespace", f"{kubectl.namespace}-more", "--timeout=15s")
    assert kubectl("get", "namespace", f"{kubectl.namespace}-more", ok=False).code == 1
