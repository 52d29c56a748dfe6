"""What the cluster needs before the request controller runs: its CRD. Its rights follow from the controller."""

from __future__ import annotations

from typing import Any

from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.resources import crd_for


def crds(*, validations: bool = True) -> list[dict[str, Any]]:
    """The CRD manifests of this room; `validations=False` leaves the CEL rules out, for servers without them."""
    return [crd_for(RemediationRequest, validations=validations)]
