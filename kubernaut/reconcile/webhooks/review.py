"""The envelope that admission and conversion reviews share."""

from __future__ import annotations

from typing import Any

from kubernaut.reconcile.webhooks.request import BadReview

__all__ = ["MIB", "open_review"]

MIB = 1024 * 1024
VERSIONS = ("v1", "v1beta1")


def open_review(review: Any, group: str, kind: str) -> tuple[str, Any]:
    """The apiVersion of a review, to be echoed, and its request. Raises BadReview.

    v1beta1 has the same fields. A review without apiVersion is taken for v1, as in controller-runtime.
    """
    if not isinstance(review, dict):
        raise BadReview(f"the body is no {kind}: it is no JSON object")
    found = review.get("kind", kind)
    version = review.get("apiVersion", f"{group}/v1")
    if found != kind or version not in [f"{group}/{each}" for each in VERSIONS]:
        raise BadReview(f"the body is no {kind} of {group}/v1: it says {version!r}, {found!r}")
    if not isinstance(review.get("request"), dict):
        raise BadReview(f"the {kind} has no request")
    return version, review["request"]
