"""Every kind that Kubernetes serves has a model, and objects of it come back as they went."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kubernaut.client import Forbidden, Invalid
from kubernaut.fake import FakeCluster
from kubernaut.resources import Condition, Resource
from kubernaut.resources.builtin import core_v1
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition, JSONSchemaProps
from kubernaut.resources.builtin.apps_v1 import Deployment, DeploymentCondition
from kubernaut.resources.builtin.core_v1 import ConfigMap, Container, ContainerStatus, Node, Pod, Secret, Service
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.resources.builtin.networking_v1 import IPBlock, NetworkPolicy
from kubernaut.resources.builtin.rbac_v1 import ClusterRole, RoleRef
from kubernaut.resources.naming import to_camel

ROOT = Path(__file__).parents[2]
BUILTIN = ROOT / "kubernaut/resources/builtin"


def load(path: Path) -> ModuleType:
    if path.stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[path.stem])
    return sys.modules[path.stem]


samples = load(Path(__file__).parent / "openapi_samples.py")
KINDS: list[tuple[str, str]] = samples.kinds()


def module_name(api_version: str) -> str:
    group, _, version = api_version.rpartition("/")
    first = {"": "core", "internal.apiserver.k8s.io": "apiserverinternal"}.get(group, group.partition(".")[0])
    return f"kubernaut.resources.builtin.{first}_{version}"


def model(api_version: str, kind: str) -> type[Resource]:
    found: type[Resource] = getattr(importlib.import_module(module_name(api_version)), kind)
    assert issubclass(found, Resource)
    return found


def test_the_files_are_what_the_generator_writes() -> None:
    tool = load(ROOT / "tools/make_models.py")
    source = tool.definitions_file()
    if source is None:
        pytest.skip("kubernetes-validate is not installed")
    generated = tool.generate(source)
    there = {
        path.relative_to(BUILTIN).as_posix(): path.read_text()
        for path in sorted(BUILTIN.rglob("*.py"))
        if path.read_text().startswith(tool.MARK)
    }
    assert there == generated, "run `make data`"


def test_no_kind_is_missing() -> None:
    assert len(KINDS) == 98
    for api_version, kind in KINDS:
        assert model(api_version, kind).resource_type.api_version == api_version


@pytest.mark.parametrize(("api_version", "kind"), KINDS)
def test_an_object_with_every_field_and_unknown_ones_comes_back_as_it_went(api_version: str, kind: str) -> None:
    data = samples.sample(api_version, kind)
    made = model(api_version, kind)
    assert made.from_dict(data).to_dict() == data
    assert made.from_json(made.from_dict(data).to_json()).to_dict() == data


@pytest.mark.parametrize(("api_version", "kind"), KINDS)
def test_every_field_of_the_api_has_a_name_in_python(api_version: str, kind: str) -> None:
    made = model(api_version, kind).from_dict(samples.sample(api_version, kind, unknown=False))
    assert unnamed(made) == []


def unnamed(value: Any) -> list[str]:
    """The fields that a model holds without knowing them."""
    if isinstance(value, list):
        return [name for item in value for name in unnamed(item)]
    if isinstance(value, dict):
        return [name for item in value.values() for name in unnamed(item)]
    if not hasattr(value, "model_extra"):
        return []
    return [
        *value.model_extra,
        *(name for field in type(value).model_fields for name in unnamed(getattr(value, field))),
    ]


@pytest.mark.parametrize("api_version", sorted(samples.discovery()))
def test_kinds_are_called_and_scoped_as_a_server_says(api_version: str) -> None:
    rows = samples.discovery()[api_version]
    for row in rows:
        if "/" in row["name"]:
            continue
        kind = model(api_version, row["kind"]).resource_type
        said = (kind.plural, kind.singular, kind.namespaced, list(kind.short_names), list(kind.categories))
        shorts, categories = row.get("shortNames", []), row.get("categories", [])
        assert said == (row["name"], row["singularName"], row["namespaced"], shorts, categories)
        below = {other["name"].partition("/")[2] for other in rows if other["name"].startswith(f"{row['name']}/")}
        assert kind.status_subresource == ("status" in below)
        assert (kind.scale_subresource is not None) == ("scale" in below)


def test_another_version_of_a_kind_has_the_names_of_the_served_one() -> None:
    for api_version, kind in (
        ("networking.k8s.io/v1beta1", "ServiceCIDR"),
        ("resource.k8s.io/v1beta2", "ResourceSlice"),
    ):
        other = model(api_version, kind).resource_type
        served = model(f"{other.group}/v1", kind).resource_type
        assert (other.plural, other.namespaced) == (served.plural, served.namespaced)
        assert other.status_subresource == served.status_subresource
    assert model("certificates.k8s.io/v1beta1", "ClusterTrustBundle").resource_type.namespaced is False


@pytest.mark.parametrize(
    ("names", "cls"),
    [
        (["host_ip", "host_ips", "pod_ip", "pod_ips", "qos_class"], core_v1.PodStatus),
        (["cluster_ip", "cluster_ips", "external_ips", "load_balancer_ip"], core_v1.ServiceSpec),
        (["host_pid", "host_ipc", "set_hostname_as_fqdn"], core_v1.PodSpec),
        (["pod_cidr", "pod_cidrs", "provider_id"], core_v1.NodeSpec),
        (["except_", "cidr"], IPBlock),
        (["ref", "schema_", "x_kubernetes_int_or_string", "not_", "default", "items"], JSONSchemaProps),
    ],
)
def test_names_are_python_s(names: list[str], cls: type[Any]) -> None:
    assert set(names) <= cls.model_fields.keys()


def test_names_travel_as_the_api_has_them() -> None:
    service = Service.from_dict({"spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}})
    assert service.spec.cluster_ip == "10.0.0.1"
    assert core_v1.NFSVolumeSource(server="s", path="p").to_dict() == {"server": "s", "path": "p"}
    assert core_v1.AzureDiskVolumeSource(disk_name="d", disk_uri="u").to_dict() == {"diskName": "d", "diskURI": "u"}
    assert to_camel("disk_uri") != "diskURI"
    policy = NetworkPolicy.from_dict({"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}})
    (peer,) = policy.spec.ingress[0].from_
    assert peer.ip_block is not None


def test_a_null_that_go_writes_for_an_empty_list_is_an_empty_list() -> None:
    role = ClusterRole.from_json('{"metadata": {"name": "r", "creationTimestamp": null}, "rules": null}')
    assert role.rules == []
    role.rules.append({})  # type: ignore[arg-type]
    assert ClusterRole.from_dict({"rules": None}).rules == []
    crd = {"group": "g", "names": {"kind": "K", "plural": "ks"}, "scope": "Cluster", "versions": []}
    status = {"conditions": None, "storedVersions": None}
    assert CustomResourceDefinition.from_dict({"spec": crd, "status": status}).status.conditions == []
    assert ConfigMap.from_dict({"data": None}).data == {}
    assert Event.from_dict({"eventTime": None}).event_time is None


def test_a_schema_may_hold_schemas() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"items": {"type": "string", "minimum": 0}}, "b": {"additionalProperties": True}},
        "x-kubernetes-validations": [{"rule": "self.a > 0"}],
        "default": {},
    }
    props = JSONSchemaProps.from_dict(schema)
    inner = props.properties["a"].items
    assert isinstance(inner, JSONSchemaProps)
    assert inner.type == "string"
    assert props.properties["b"].additional_properties is True
    assert props.to_dict() == schema


def test_an_empty_object_that_means_something_is_sent() -> None:
    data = {"spec": {"containers": [], "volumes": [{"name": "v", "emptyDir": {}}], "securityContext": {}}}
    assert Pod.from_dict(data).to_dict()["spec"] == {"volumes": [{"name": "v", "emptyDir": {}}], "securityContext": {}}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}
    spec = {"group": "g", "names": {"kind": "K", "plural": "ks"}, "scope": "Cluster", "versions": [version]}
    assert CustomResourceDefinition.from_dict({"spec": spec}).to_dict()["spec"]["versions"] == [version]


def test_what_go_always_writes_in_a_status_is_written() -> None:
    status = ContainerStatus(name="c")
    assert (status.ready, status.restart_count, status.image) == (False, 0, "")
    assert status.to_dict() == {"name": "c", "ready": False, "restartCount": 0}


def test_parts_that_are_always_wanted_are_there_to_be_filled_in() -> None:
    deployment = Deployment()
    deployment.spec.template.metadata.labels["a"] = "b"
    deployment.spec.template.spec.containers.append(Container(name="c"))
    deployment.spec.template.spec.containers[0].resources.limits["cpu"] = "1"
    deployment.status.conditions.append(DeploymentCondition(type="Available", status="True"))
    assert deployment.to_dict()["spec"]["template"]["spec"] == {
        "containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}]
    }
    assert "status" not in Node().to_dict()


def test_conditions_of_every_kind_are_conditions() -> None:
    status = {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2024-01-01T00:00:00Z"}]}
    (condition,) = Node.from_dict({"status": status}).status.conditions
    assert isinstance(condition, Condition)
    assert condition.last_heartbeat_time is not None


def test_a_secret_s_values_are_decoded_and_not_shown() -> None:
    secret = Secret(data={"a": "aGVsbG8="}, string_data={"b": "bye"})
    assert (secret.value("a"), secret.value("b")) == (b"hello", b"bye")
    assert "aGVsbG8=" not in repr(secret)
    assert "bye" not in repr(secret)


def test_defaults_that_the_api_has_and_the_definitions_do_not() -> None:
    assert RoleRef(kind="Role", name="r").api_group == "rbac.authorization.k8s.io"


def imported(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name for name in done.stdout.split() if name.startswith("kubernaut.resources")}


def test_importing_the_package_builds_no_model() -> None:
    assert imported("import kubernaut") == set()
    assert not any("builtin" in name for name in imported("import kubernaut.resources"))


def test_a_class_of_the_core_group_is_imported_when_it_is_first_used() -> None:
    base = "kubernaut.resources.builtin.core_v1"
    loaded = imported(f"from {base} import ConfigMap")
    assert {name for name in loaded if name.startswith(f"{base}.")} == {f"{base}.config"}
    assert f"{base}.pods" in imported(f"from {base} import Pod")


def test_the_core_group_lists_its_classes_and_names_what_is_missing() -> None:
    assert {"Pod", "ConfigMap", "Container"} <= set(dir(core_v1))
    assert all(getattr(core_v1, name).__name__ == name for name in core_v1.__all__)
    with pytest.raises(AttributeError, match=r"core_v1' has no attribute 'Podd'"):
        core_v1.Podd  # noqa: B018


SERVED = [
    (api_version, row["kind"])
    for api_version, rows in samples.discovery().items()
    for row in rows
    # A CRD with every field at once contradicts itself; those of test_models_of_crds.py are taken.
    if "create" in row["verbs"] and "/" not in row["name"] and row["kind"] != "CustomResourceDefinition"
]


# Kinds whose values the server checks so closely that none made of every field at once can pass. What is shown of
# these is that it knows the fields.
CHECKED = {
    *("Pod", "LocalSubjectAccessReview", "SelfSubjectAccessReview", "SubjectAccessReview"),
    *("ConfigMap", "ReplicationController", "Service", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet", "Job"),
    *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
}


@pytest.mark.virtual_time
@pytest.mark.parametrize(("api_version", "kind"), SERVED)
@pytest.mark.cluster(controlplane=False)
async def test_the_fake_server_takes_an_object_with_every_field(
    cluster: FakeCluster, api_version: str, kind: str
) -> None:
    made = model(api_version, kind)
    data = samples.sample(api_version, kind, unknown=False)
    if kind == "Job":
        data["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    obj = made.from_dict(data)
    if made.resource_type.namespaced:
        obj.metadata.namespace = "default"
    if kind in CHECKED:
        with pytest.raises((Invalid, Forbidden)) as refused:
            await cluster.client.create(obj)
        assert "unknown field" not in str(refused.value)
        return
    await cluster.client.create(obj)
