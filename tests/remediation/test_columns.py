"""What `kubectl get` shows without being asked for more: why something ended, and what it is about."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.request import RemediationRequest
from kubernaut.resources import crd_for


@pytest.mark.parametrize("kind", [KubernetesExecution, RemediationRequest])
def test_the_reason_and_the_kind_of_the_target_are_shown_by_default(kind: type[Any]) -> None:
    (version,) = crd_for(kind)["spec"]["versions"]
    shown = {each["name"]: each["jsonPath"] for each in version["additionalPrinterColumns"] if not each.get("priority")}
    assert shown["Reason"] == ".status.reason"
    assert (shown["Kind"], shown["Target"]) == (".spec.target.kind", ".spec.target.name")
