"""CEL expressions over admission requests: match conditions of webhooks, and policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.fake.apiserver.admission.attributes import Attributes
from kubernaut.fake.apiserver.admission.review import request_of
from kubernaut.fake.apiserver.schema.celengine import REQUEST_VARIABLES, load_engine


def values_of(attributes: Attributes) -> dict[str, Any]:
    """The variables of a request; `request` as in an AdmissionReview, without the objects."""
    request = request_of(attributes, attributes.resource)
    for name in ("object", "oldObject"):
        request.pop(name)
    request["options"] = request["options"] or {}
    namespace = attributes.call.state.find("namespaces", "", attributes.namespace) if attributes.namespace else None
    return {
        "object": attributes.obj,
        "oldObject": attributes.old,
        "request": request,
        "params": None,
        "namespaceObject": namespace,
        "variables": {},
    }


def evaluate(expression: str, values: Mapping[str, Any], result: str) -> Any:
    """The value of an expression. Raises CelCompileError, CelEvalError, CelUnavailable."""
    return load_engine().compile(expression, REQUEST_VARIABLES, result)(values)
