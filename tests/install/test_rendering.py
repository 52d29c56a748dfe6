"""What is rendered: everything that is needed, in order, for the server that it is for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.install import CONFIG_FILE, Installation, ServerFeatures, definitions, render
from kubernaut.install.definitions import dropped_conditions
from kubernaut.reconcile import Context, Controller, LeaderElection, Reconciler
from kubernaut.reconcile.webhooks import (
    AdmissionRequest,
    Conversion,
    ConversionWebhook,
    MutatingWebhook,
    Registration,
    Spoke,
    ValidatingWebhook,
)
from kubernaut.resources import Model, Resource, Rule, StatusBase
from kubernaut.resources.builtin.core_v1 import ConfigMap

NEWEST = ServerFeatures.newest()


class GearSpec(Model):
    size: int = 1


class Gear(
    Resource,
    group="example.dev",
    version="v2",
    status_subresource=True,
    rules=[
        Rule("self.spec.size > 0", message="too small", message_expression="'too small'", reason="FieldValueInvalid"),
        Rule("!oldSelf.hasValue() || self == oldSelf.value()", at="spec", optional_old_self=True),
    ],
):
    spec: GearSpec
    status: StatusBase = StatusBase()


class GearV1(Resource, group="example.dev", version="v1", kind="Gear", plural="gears"):
    size: int = 1


class Foreign(Resource, group="others.example.dev", version="v1", crd=False):
    """A kind of somebody else's."""


class Turning(Reconciler[Gear]):
    async def reconcile(self, obj: Gear, ctx: Context) -> None:
        return None


def look(request: AdmissionRequest[Gear]) -> None:
    return None


def installation(**changes: Any) -> Installation:
    given: dict[str, Any] = {
        "name": "gears",
        "namespace": "gears-system",
        "image": "gears:1",
        "args": ["run", "gears:controllers"],
        "controllers": [Controller(Gear, Turning(), owns=[ConfigMap])],
        "leader_election": LeaderElection("gears"),
    }
    return Installation(**given | changes)


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def one(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = of_kind(manifests, kind)
    return found


def test_everything_is_there_in_an_order_in_which_it_can_be_applied() -> None:
    hooks = [MutatingWebhook(Gear, look), ValidatingWebhook(Gear, look)]
    kinds = [manifest["kind"] for manifest in render(installation(webhooks=hooks), NEWEST)]
    assert kinds == [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "Service",
        "Service",
        "NetworkPolicy",
        "Deployment",
        "PodDisruptionBudget",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ]


def test_the_same_input_gives_the_same_output() -> None:
    assert render(installation(), NEWEST) == render(installation(), NEWEST)


def test_every_object_has_the_labels_and_one_name_once() -> None:
    manifests = render(installation(webhooks=[ValidatingWebhook(Gear, look)]), NEWEST)
    keys = [(m["kind"], m["metadata"].get("namespace"), m["metadata"]["name"]) for m in manifests]
    assert len(set(keys)) == len(keys)
    for manifest in manifests:
        if manifest["kind"] != "CustomResourceDefinition":
            assert manifest["metadata"]["labels"].items() >= {"app.kubernetes.io/name": "gears"}.items()


def test_the_pods_meet_the_restricted_pod_security_standard() -> None:
    manifests = render(installation(), NEWEST)
    assert one(manifests, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = one(manifests, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True and context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {key for volume in pod["volumes"] for key in volume} <= {"name", "emptyDir", "configMap"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "priorityClassName"} & set(pod)


def test_two_replicas_on_different_nodes_of_which_one_stays() -> None:
    manifests = render(installation(), NEWEST)
    deployment = one(manifests, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    selector = deployment["selector"]["matchLabels"]
    assert selector.items() <= deployment["template"]["metadata"]["labels"].items()
    spread = deployment["template"]["spec"]["topologySpreadConstraints"][0]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    budget = one(manifests, "PodDisruptionBudget")["spec"]
    assert (budget["minAvailable"], budget["selector"]["matchLabels"]) == (1, selector)
    assert not of_kind(render(installation(replicas=1), NEWEST), "PodDisruptionBudget")


def test_it_has_longer_to_stop_than_its_reconciles() -> None:
    pod = one(render(installation(graceful_timeout=timedelta(minutes=2)), NEWEST), "Deployment")
    assert pod["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 120


def test_probes_and_ports_are_those_that_are_served() -> None:
    manifests = render(installation(health_port=8083, metrics_port=None), NEWEST)
    (container,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"health": 8083}
    assert not of_kind(manifests, "Service")
    assert one(manifests, "NetworkPolicy")["spec"]["ingress"] == [{"ports": [{"port": "health", "protocol": "TCP"}]}]
    blind = render(installation(health_port=None, metrics_port=None), NEWEST)
    (container,) = one(blind, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert not {"ports", "livenessProbe", "readinessProbe"} & set(container)
    assert "ingress" not in one(blind, "NetworkPolicy")["spec"]


def test_a_configuration_file_is_mounted_and_a_new_one_starts_new_pods() -> None:
    manifests = render(installation(config="log-level: debug\n"), NEWEST)
    config = one(manifests, "ConfigMap")
    pod = one(manifests, "Deployment")["spec"]["template"]["spec"]
    folder, _, key = CONFIG_FILE.rpartition("/")
    assert config["data"] == {key: "log-level: debug\n"}
    assert {"name": "config", "mountPath": folder} in pod["containers"][0]["volumeMounts"]
    assert {"name": "config", "configMap": {"name": config["metadata"]["name"]}} in pod["volumes"]
    other = one(render(installation(config="log-level: info\n"), NEWEST), "ConfigMap")
    assert other["metadata"]["name"] != config["metadata"]["name"]


def test_a_namespace_that_every_cluster_has_is_left_as_it_is() -> None:
    assert not of_kind(render(installation(namespace="kube-system"), NEWEST), "Namespace")


def test_rights_in_namespaces_are_roles_there() -> None:
    controllers = [Controller(Gear, Turning(), namespace=["a", "b"])]
    manifests = render(installation(controllers=controllers), NEWEST)
    assert not of_kind(manifests, "ClusterRole")
    assert [role["metadata"]["namespace"] for role in of_kind(manifests, "Role")] == ["a", "b", "gears-system"]
    for binding in of_kind(manifests, "RoleBinding"):
        assert binding["roleRef"]["name"] == "gears"
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "gears", "namespace": "gears-system"}]


def test_protected_metrics_come_with_a_role_to_read_them() -> None:
    manifests = render(installation(protected_metrics=True), NEWEST)
    reader = of_kind(manifests, "ClusterRole")[1]
    assert reader["metadata"]["name"] == "gears-metrics-reader"
    assert reader["rules"] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]


# By server.


def test_a_server_of_1_20_gets_what_it_knows() -> None:
    old = render(installation(), ServerFeatures.of_version("1.20"))
    budget = one(old, "PodDisruptionBudget")
    assert budget["apiVersion"] == "policy/v1beta1" and "unhealthyPodEvictionPolicy" not in budget["spec"]
    assert "x-kubernetes-validations" not in str(one(old, "CustomResourceDefinition"))
    assert one(render(installation(), NEWEST), "PodDisruptionBudget")["apiVersion"] == "policy/v1"


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("1.25", [{"rule", "message"}]),
        ("1.27", [{"rule", "message", "messageExpression"}]),
        ("1.28", [{"rule", "message", "messageExpression", "reason"}]),
        ("1.30", [{"rule", "message", "messageExpression", "reason"}, {"rule", "optionalOldSelf"}]),
    ],
)
def test_rules_consist_of_what_the_server_knows(version: str, fields: list[set[str]]) -> None:
    (definition,) = definitions([Gear], ServerFeatures.of_version(version))
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    rules = [*schema["x-kubernetes-validations"], *schema["properties"]["spec"].get("x-kubernetes-validations", [])]
    assert [set(rule) for rule in rules] == fields


def test_conditions_of_webhooks_are_left_out_where_they_are_not_known_and_that_is_told() -> None:
    condition = {"name": "small", "expression": "object.spec.size < 3"}
    hook = ValidatingWebhook(Gear, look, registration=Registration(match_conditions=[condition]))
    with_hook = installation(webhooks=[hook])
    (entry,) = one(render(with_hook, NEWEST), "ValidatingWebhookConfiguration")["webhooks"]
    assert entry["matchConditions"] == [condition]
    old = ServerFeatures.of_version("1.26")
    (entry,) = one(render(with_hook, old), "ValidatingWebhookConfiguration")["webhooks"]
    assert "matchConditions" not in entry
    assert dropped_conditions(with_hook, old) == ["validate-v2.gears.example.dev"]
    assert dropped_conditions(with_hook, NEWEST) == []


# Kinds and webhooks.


def test_only_kinds_that_are_described_here_are_defined() -> None:
    controllers = [
        Controller(Gear, Turning(), owns=[ConfigMap, Foreign]),
        Controller(Foreign, Idle(), name="foreign"),
    ]
    manifests = render(installation(controllers=controllers), NEWEST)
    assert [m["metadata"]["name"] for m in of_kind(manifests, "CustomResourceDefinition")] == ["gears.example.dev"]


class Idle(Reconciler[Any]):
    async def reconcile(self, obj: Any, ctx: Context) -> None:
        return None


def test_webhooks_are_reached_by_their_service_and_certified_by_the_process() -> None:
    wanted = installation(webhooks=[MutatingWebhook(Gear, look), ValidatingWebhook(Gear, look)])
    manifests = render(wanted, NEWEST)
    (_, service) = of_kind(manifests, "Service")
    assert (service["metadata"]["name"], service["spec"]["ports"][0]["port"]) == ("gears-webhooks", 443)
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        (entry,) = one(manifests, kind)["webhooks"]
        reach = entry["clientConfig"]
        assert "caBundle" not in reach
        assert {key: reach["service"][key] for key in ("name", "namespace", "port")} == {
            "name": "gears-webhooks",
            "namespace": "gears-system",
            "port": 443,
        }
    certificates = wanted.certificates
    assert certificates is not None
    assert certificates.dns_names == ("gears-webhooks.gears-system.svc",)
    assert certificates.configurations == ("gears",)


def test_a_kind_with_several_versions_names_the_webhook_that_converts_them() -> None:
    conversion = Conversion(
        Gear,
        Spoke(GearV1, to_hub=lambda old: Gear(spec=GearSpec(size=old.size)), from_hub=lambda new: GearV1(size=1)),
    )
    wanted = installation(webhooks=[ConversionWebhook(conversion)])
    definition = one(render(wanted, NEWEST), "CustomResourceDefinition")
    assert [version["name"] for version in definition["spec"]["versions"]] == ["v2", "v1"]
    assert definition["spec"]["conversion"]["webhook"]["clientConfig"]["service"]["name"] == "gears-webhooks"
    assert wanted.certificates is not None and wanted.certificates.crds == ("gears.example.dev",)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"name": "Gears"}, "name is 'Gears'"),
        ({"name": "a" * 53}, "at most 52"),
        ({"namespace": "a.b"}, "namespace is 'a.b'"),
        ({"image": ""}, "name an image"),
        ({"replicas": -1}, "cannot be negative"),
        ({"leader_election": None}, "they need leader election"),
    ],
)
def test_what_cannot_be_installed_is_one_sentence(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        installation(**wrong)
