"""The manifests that make an API server call the webhooks, and mistakes in them found early."""

import base64
from typing import Any

import pytest

from kubernaut.reconcile.webhooks import (
    AdmissionResponse,
    Conversion,
    ConversionWebhook,
    MutatingWebhook,
    RawWebhook,
    Registration,
    ServiceReference,
    ValidatingWebhook,
    conversion_stanza,
    webhook_configurations,
)
from kubernaut.resources.builtin.core_v1 import Pod
from tests.reconcile.webhooks.reviews import Gadget
from tests.reconcile.webhooks.test_conversion import SPOKES, TaskV2

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SERVICE = ServiceReference("hooks", "system")
CONVERT = ConversionWebhook(Conversion(TaskV2, *SPOKES))


def nothing(request: Any) -> None:
    """Finds nothing wrong."""


def raw(request: Any) -> AdmissionResponse:
    return AdmissionResponse(True)


CHECK, DEFAULT = ValidatingWebhook(Gadget, nothing), MutatingWebhook(Gadget, nothing)


def test_each_kind_of_webhook_has_its_configuration_with_safe_defaults() -> None:
    mutating, validating = webhook_configurations("gadgets", [CHECK, DEFAULT, CONVERT], service=SERVICE, ca_bundle=PEM)
    assert validating == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gadgets"},
        "webhooks": [
            {
                "name": "validate-v1.gadgets.example.dev",
                "admissionReviewVersions": ["v1"],
                "rules": [
                    {
                        "apiGroups": ["example.dev"],
                        "apiVersions": ["v1"],
                        "resources": ["gadgets"],
                        "operations": ["CREATE", "UPDATE"],
                        "scope": "*",
                    }
                ],
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "sideEffects": "None",
                "timeoutSeconds": 10,
                "clientConfig": {
                    "service": {
                        "namespace": "system",
                        "name": "hooks",
                        "path": "/validate-example-dev-v1-gadget",
                        "port": 443,
                    },
                    "caBundle": base64.b64encode(PEM.encode()).decode(),
                },
            }
        ],
    }
    [entry] = mutating["webhooks"]
    assert mutating["kind"] == "MutatingWebhookConfiguration"
    assert (entry["name"], entry["reinvocationPolicy"]) == ("mutate-v1.gadgets.example.dev", "Never")
    assert entry["clientConfig"]["service"]["path"] == "/mutate-example-dev-v1-gadget"


def test_a_configuration_that_would_be_empty_is_left_out() -> None:
    assert webhook_configurations("x", [CONVERT], service=SERVICE) == []
    assert [each["kind"] for each in webhook_configurations("x", [CHECK], service=SERVICE)] == [
        "ValidatingWebhookConfiguration"
    ]


def test_a_registration_says_everything_else() -> None:
    registration = Registration(
        name="guard.pods.example.dev",
        operations=("DELETE", "CONNECT"),
        resources=("pods", "pods/exec"),
        scope="Namespaced",
        failure_policy="Ignore",
        match_policy="Exact",
        side_effects="NoneOnDryRun",
        timeout=3,
        namespace_selector={"matchLabels": {"a": "b"}},
        object_selector={"matchLabels": {"c": "d"}},
        match_conditions=[{"name": "no-nodes", "expression": "!('system:nodes' in request.userInfo.groups)"}],
    )
    webhook = ValidatingWebhook(Pod, nothing, registration=registration)
    entry = webhook.manifest()
    assert entry["name"] == "guard.pods.example.dev"
    assert entry["rules"] == [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "resources": ["pods", "pods/exec"],
            "operations": ["DELETE", "CONNECT"],
            "scope": "Namespaced",
        }
    ]
    assert (entry["failurePolicy"], entry["matchPolicy"], entry["sideEffects"]) == ("Ignore", "Exact", "NoneOnDryRun")
    assert (entry["timeoutSeconds"], webhook.timeout) == (3, 3)
    assert entry["namespaceSelector"] == {"matchLabels": {"a": "b"}}
    assert entry["objectSelector"] == {"matchLabels": {"c": "d"}}
    assert entry["matchConditions"][0]["name"] == "no-nodes"
    assert "reinvocationPolicy" not in entry


def test_a_raw_webhook_says_itself_what_it_is_for() -> None:
    with pytest.raises(ValueError, match="groups: a webhook without a kind"):
        RawWebhook("/raw", raw).manifest()
    everything = Registration(groups=("*",), versions=("*",), resources=("*/*",), operations=("*",))
    entry = RawWebhook("/audit/all", raw, registration=everything).manifest()
    assert entry["name"] == "validate.audit-all.webhook"
    assert entry["rules"][0]["resources"] == ["*/*"]


def test_a_url_takes_the_path_behind_its_own() -> None:
    [configuration] = webhook_configurations("x", [CHECK], url="https://host:9443/hooks/")
    [entry] = configuration["webhooks"]
    assert entry["clientConfig"] == {"url": "https://host:9443/hooks/validate-example-dev-v1-gadget"}


def test_a_crds_conversion_names_the_webhook() -> None:
    service = ServiceReference("hooks", "system", port=9443)
    assert conversion_stanza(CONVERT, service=service, ca_bundle=PEM.encode()) == {
        "strategy": "Webhook",
        "webhook": {
            "clientConfig": {
                "service": {"namespace": "system", "name": "hooks", "path": "/convert", "port": 9443},
                "caBundle": base64.b64encode(PEM.encode()).decode(),
            },
            "conversionReviewVersions": ["v1"],
        },
    }


@pytest.mark.parametrize(
    ("reach", "message"),
    [
        ({}, "service, url: give one"),
        ({"service": SERVICE, "url": "https://host"}, "service, url: give one"),
        ({"url": "http://host"}, "url: 'http://host'"),
        ({"url": "https://user@host"}, "url: "),
        ({"url": "https://host?x=y"}, "url: "),
        ({"service": SERVICE, "ca_bundle": "MIIB"}, "ca_bundle: has no PEM"),
    ],
)
def test_an_address_that_the_server_would_refuse_is_refused(reach: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        webhook_configurations("x", [CHECK], **reach)


def test_webhooks_of_one_name_are_refused() -> None:
    twin = ValidatingWebhook(Gadget, nothing, path="/other")
    with pytest.raises(ValueError, match=r"two webhooks are called 'validate-v1.gadgets.example.dev'"):
        webhook_configurations("x", [CHECK, twin], service=SERVICE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operations": ()}, "operations: at least one"),
        ({"operations": "CREATE"}, "operations: is a string"),
        ({"operations": ("create",)}, "operations: 'create' is none of"),
        ({"resources": "pods"}, "resources: is a string"),
        ({"failure_policy": "fail"}, "failure_policy: 'fail' is none of Fail, Ignore"),
        ({"side_effects": "Some"}, "side_effects: 'Some'"),
        ({"scope": "namespaced"}, "scope: 'namespaced'"),
        ({"timeout": 31}, "timeout: 31 .*nearest is 30"),
        ({"timeout": 0}, "timeout: 0 .*nearest is 1"),
        ({"name": "gadgets"}, "name: 'gadgets'"),
    ],
)
def test_a_registration_that_the_server_would_refuse_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Registration(**arguments)
