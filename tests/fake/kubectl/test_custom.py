"""Custom kinds through kubectl: they appear with their CRD, explain themselves, print their columns, and go with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake.kubectl.running import Kubectl

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Spec, type: string, description: When it runs, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Image, type: string, priority: 1, jsonPath: .spec.image}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: A CronTab runs something now and then.
        properties:
          spec:
            type: object
            required: [cronSpec]
            properties:
              cronSpec: {type: string, description: When it runs., pattern: '^(\\S+ ){4}\\S+$'}
              image: {type: string}
              replicas: {type: integer, minimum: 0, default: 1}
          status: {type: object, properties: {replicas: {type: integer}}}
"""
CRONTAB = """
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: mine}
spec: {cronSpec: "* * * * 5", image: awesome}
"""


@pytest.fixture
def crontab(kubectl: Kubectl) -> Iterator[str]:
    """A file with a CronTab; its definition is there and the object is applied."""
    kubectl("apply", "-f", kubectl.write("definition.yaml", DEFINITION))
    kubectl("wait", "crd/crontabs.stable.example.com", "--for=condition=Established", "--timeout=5s")
    name = kubectl.write("crontab.yaml", CRONTAB)
    assert kubectl("apply", "-f", name).out == "crontab.stable.example.com/mine created\n"
    yield name
    kubectl("delete", "crd", "crontabs.stable.example.com", "--ignore-not-found")


def test_a_custom_kind_prints_its_columns(kubectl: Kubectl, crontab: str) -> None:
    header, row = kubectl("get", "ct").rows
    assert header == ["NAME", "SPEC", "REPLICAS", "AGE"]
    assert row[:3] == ["mine", "* * * * 5", "1"]
    assert kubectl("get", "crontabs.stable.example.com", "-o", "wide").rows[1][3] == "awesome"
    assert "crontab.stable.example.com/mine" in kubectl("get", "all", "-o", "name").out


def test_a_custom_kind_is_found_by_discovery_and_explains_itself(kubectl: Kubectl, crontab: str) -> None:
    listed = kubectl("api-resources", "--api-group=stable.example.com").rows
    assert listed[1] == ["crontabs", "ct", "stable.example.com/v1", "true", "CronTab"]
    told = kubectl("explain", "crontab").out
    assert "A CronTab runs something now and then." in told
    told = kubectl("explain", "crontab.spec.cronSpec").out
    assert "FIELD: cronSpec <string>" in told
    assert "When it runs." in told
    assert "cronSpec\t<string> -required-" in kubectl("explain", "ct.spec").out


def test_a_custom_object_is_applied_patched_scaled_and_edited(kubectl: Kubectl, crontab: str) -> None:
    kubectl.write(crontab, CRONTAB.replace("awesome", "better"))
    assert kubectl("apply", "-f", crontab).out == "crontab.stable.example.com/mine configured\n"
    kubectl("patch", "crontab", "mine", "--type=merge", "-p", '{"metadata":{"labels":{"a":"b"}}}')
    assert kubectl("scale", "crontab", "mine", "--replicas=3").out == "crontab.stable.example.com/mine scaled\n"
    shown = kubectl("get", "crontab", "mine", "-o", "jsonpath={.spec.replicas} {.spec.image} {.metadata.labels.a}")
    assert shown.out == "3 better b"
    kubectl("apply", "--server-side", "--force-conflicts", "-f", crontab)


def test_a_custom_object_that_is_wrong_is_refused_with_the_reasons(kubectl: Kubectl, crontab: str) -> None:
    wrong = CRONTAB.replace("* * * * 5", "never").replace("image: awesome", "replicas: -1, imgae: x")
    refused = kubectl("apply", "-f", "-", stdin=wrong, ok=False)
    assert 'unknown field "spec.imgae"' in refused.err
    refused = kubectl("apply", "--validate=ignore", "-f", "-", stdin=wrong, ok=False)
    assert "spec.cronSpec: Invalid value" in refused.err
    assert "spec.replicas: Invalid value: -1" in refused.err


def test_a_custom_kind_goes_with_its_definition(kubectl: Kubectl, crontab: str) -> None:
    kubectl("delete", "-f", "definition.yaml")
    assert kubectl("api-resources", "--api-group=stable.example.com", "--no-headers").out == ""
    gone = kubectl("get", "crontabs", ok=False)
    assert gone.err == 'error: the server doesn\'t have a resource type "crontabs"\n'
