"""Label selectors of the API (matchLabels and matchExpressions), matched against labels. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from kubernaut.resources.builtin.meta_v1 import LabelSelector


def selects(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether the selector matches; an empty one matches everything, None nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    return all(_holds(r.key, r.operator, r.values, labels) for r in selector.match_expressions)


def is_empty(selector: LabelSelector | None) -> bool:
    """Whether it has no terms."""
    return selector is None or not (selector.match_labels or selector.match_expressions)


def _holds(key: str, operator: str, values: list[str], labels: Mapping[str, str]) -> bool:
    match operator:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
