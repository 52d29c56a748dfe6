"""Objects keep what they do not know, leave out what is only a default, and apply what was meant."""

from typing import Any

import pytest
from pydantic import Field, ValidationError

from kubernaut.resources import (
    AnyResource,
    JsonObject,
    Model,
    ObjectMeta,
    OwnerReference,
    Resource,
    StatusBase,
    to_camel,
)
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import ConfigMap, Pod
from kubernaut.resources.builtin.pods import Container


class Limits(Model):
    retries: int = 3
    zones: list[str] = Field(default_factory=lambda: ["a"])


class WidgetSpec(Model):
    size: int
    cluster_ip: str | None
    limits: Limits = Limits()
    labels: dict[str, str] = Field(default_factory=dict)
    free: JsonObject | None = None


class WidgetStatus(StatusBase):
    phase: str = "Pending"


class Widget(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: WidgetSpec
    status: WidgetStatus = WidgetStatus()


def widget(**spec: Any) -> Widget:
    return Widget(
        metadata=ObjectMeta(name="w", namespace="n"), spec=WidgetSpec(**({"size": 1, "cluster_ip": None} | spec))
    )


@pytest.mark.parametrize(
    ("python", "wire"),
    [
        ("api_version", "apiVersion"),
        ("cluster_ip", "clusterIP"),
        ("pod_ip", "podIP"),
        ("pod_ips", "podIPs"),
        ("host_ip", "hostIP"),
        ("pod_cidr", "podCIDR"),
        ("external_ips", "externalIPs"),
        ("container_id", "containerID"),
        ("non_resource_urls", "nonResourceURLs"),
        ("ip", "ip"),
        ("qos_class", "qosClass"),
        ("from_", "from"),
        ("data_id", "dataId"),
        ("run_as_non_root", "runAsNonRoot"),
    ],
)
def test_names_are_the_api_s_names(python: str, wire: str) -> None:
    assert to_camel(python) == wire


def test_unknown_fields_survive_at_every_depth() -> None:
    data = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "newThing": {"a": [1, None]}},
        "spec": {
            "containers": [{"name": "c", "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}],
            "hostUsers": False,
        },
        "future": [],
    }
    assert Pod.from_dict(data).to_dict() == data


def test_nulls_and_empty_defaults_are_left_out_but_empty_values_that_say_something_stay() -> None:
    made = widget(limits=Limits(zones=[]), free={})
    assert made.to_dict() == {
        "apiVersion": "example.dev/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "namespace": "n"},
        "spec": {"size": 1, "limits": {"retries": 3, "zones": []}, "free": {}},
        "status": {"phase": "Pending"},
    }


def test_nulls_inside_free_json_are_data() -> None:
    assert widget(free={"a": None}).to_dict()["spec"]["free"] == {"a": None}


def test_json_comes_back_as_it_went() -> None:
    made = widget(labels={"a": "b"})
    made.status.set_condition("Ready", False, reason="Waiting")
    assert Widget.from_json(made.to_json()) == made


def test_a_field_that_may_be_none_may_be_missing_on_the_wire() -> None:
    assert WidgetSpec.from_dict({"size": 1}).cluster_ip is None


def test_defaults_are_not_shared_between_objects() -> None:
    one, two = widget(), widget()
    one.status.set_condition("Ready", True, reason="Done")
    one.spec.limits.zones.append("b")
    assert two.status.conditions == []
    assert two.spec.limits.zones == ["a"]
    assert widget().spec.limits.zones == ["a"]


def test_apply_sends_what_was_set_and_never_status() -> None:
    made = widget()
    made.status.phase = "Done"
    assert made.to_apply() == {
        "apiVersion": "example.dev/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "namespace": "n"},
        "spec": {"size": 1},
    }


def test_apply_sends_what_was_changed_in_place() -> None:
    deployment = Deployment(metadata=ObjectMeta(name="d"))
    deployment.metadata.labels["team"] = "a"
    deployment.spec.template.spec.containers.append(Container(name="c", image="i"))
    assert deployment.to_apply() == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "labels": {"team": "a"}},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
    }


def test_apply_sends_a_default_that_was_set_on_purpose() -> None:
    assert widget(limits=Limits(retries=3)).to_apply()["spec"]["limits"] == {"retries": 3}


def test_apply_leaves_out_the_server_s_metadata_and_keeps_ours() -> None:
    made = widget()
    made.metadata.uid, made.metadata.resource_version, made.metadata.generation = "u", "5", 2
    made.metadata.finalizers.append("example.dev/f")
    made.metadata.owner_references.append(OwnerReference(api_version="v1", kind="Pod", name="p", uid="x"))
    assert made.to_apply()["metadata"] == {
        "name": "w",
        "namespace": "n",
        "finalizers": ["example.dev/f"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "x"}],
    }


def test_apply_refuses_what_was_read_from_the_server_and_what_has_no_name() -> None:
    read = widget()
    read.metadata.managed_fields = [{"manager": "kubectl"}]
    with pytest.raises(ValueError, match="managedFields"):
        read.to_apply()
    with pytest.raises(ValueError, match="without a name"):
        ConfigMap().to_apply()


def test_status_dict_is_the_status_alone() -> None:
    assert widget().status_dict() == {"phase": "Pending"}
    assert ConfigMap().status_dict() == {}


def test_the_identity_is_filled_in_and_a_wrong_one_refused() -> None:
    assert ConfigMap.from_dict({"metadata": {"name": "c"}}).to_dict()["kind"] == "ConfigMap"
    with pytest.raises(ValidationError, match="ConfigMap"):
        ConfigMap.from_dict({"apiVersion": "v1", "kind": "Secret"})
    with pytest.raises(ValidationError, match="apps/v1"):
        Deployment.from_dict({"apiVersion": "extensions/v1beta1", "kind": "Deployment"})


def test_kinds_without_a_model_are_plain_dicts_of_one_class() -> None:
    rollout = AnyResource.of("argoproj.io/v1alpha1", "Rollout")
    assert rollout is AnyResource.of("argoproj.io/v1alpha1", "Rollout")
    assert rollout.resource_type.path("n", "r") == "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/r"
    data = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "r"},
        "spec": {"a": {}},
        "other": {"x": [{}]},
    }
    assert rollout.from_dict(data).to_dict() == data
    assert AnyResource.of("v1", "Thing", plural="thingies", namespaced=False).resource_type.path(None, "t") == (
        "/api/v1/thingies/t"
    )


def test_an_empty_string_is_left_out_where_it_is_the_default_and_sent_where_it_is_not() -> None:
    class Texts(Model):
        message: str = ""
        word: str = "x"
        maybe: str | None = None

    assert Texts().to_dict() == {"word": "x"}
    assert Texts(word="", maybe="").to_dict() == {"word": "", "maybe": ""}


def test_sets_are_written_in_order() -> None:
    class Tags(Model):
        tags: set[str]

    assert Tags(tags={"b", "c", "a"}).to_dict() == {"tags": ["a", "b", "c"]}
