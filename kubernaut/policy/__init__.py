"""May this action be done? The policy seam and its evaluators."""

from kubernaut.policy.bundle import DEFAULT_BUNDLE, Bundle, load_bundle
from kubernaut.policy.decision import (
    Mode,
    PolicyDecision,
    PolicyInput,
    PolicyTarget,
    Requester,
    Risk,
    TargetLike,
    Violation,
)
from kubernaut.policy.evaluator import BundleError, PolicyEvaluator, PolicyUnavailable, parse_decision
from kubernaut.policy.python import PythonEvaluator, allow_all
from kubernaut.policy.rego import RegoEvaluator
from kubernaut.policy.rego_tests import RegoTest, run_rego_tests

__all__ = [
    "DEFAULT_BUNDLE",
    "Bundle",
    "BundleError",
    "Mode",
    "PolicyDecision",
    "PolicyEvaluator",
    "PolicyInput",
    "PolicyTarget",
    "PolicyUnavailable",
    "PythonEvaluator",
    "RegoEvaluator",
    "RegoTest",
    "Requester",
    "Risk",
    "TargetLike",
    "Violation",
    "allow_all",
    "load_bundle",
    "parse_decision",
    "run_rego_tests",
]
