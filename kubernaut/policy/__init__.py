"""May this action be done? The policy seam and its evaluators."""

from kubernaut.policy.admission import AdmissionEvaluator
from kubernaut.policy.bundle import DEFAULT_BUNDLE, Bundle, load_bundle
from kubernaut.policy.combined import CombinedEvaluator
from kubernaut.policy.decision import (
    PolicyDecision,
    PolicyInput,
    PolicyTarget,
    Requester,
    Risk,
    TargetLike,
    Violation,
)
from kubernaut.policy.evaluator import BundleError, PolicyEvaluator, PolicyUnavailable, parse_decision
from kubernaut.policy.opa import OpaEvaluator
from kubernaut.policy.python import PythonEvaluator, allow_all
from kubernaut.policy.rego import RegoEvaluator
from kubernaut.policy.rego_tests import RegoTest, run_rego_tests
from kubernaut.policy.reloading import ReloadingEvaluator, config_map, folder

__all__ = [
    "DEFAULT_BUNDLE",
    "AdmissionEvaluator",
    "Bundle",
    "BundleError",
    "CombinedEvaluator",
    "OpaEvaluator",
    "PolicyDecision",
    "PolicyEvaluator",
    "PolicyInput",
    "PolicyTarget",
    "PolicyUnavailable",
    "PythonEvaluator",
    "RegoEvaluator",
    "RegoTest",
    "ReloadingEvaluator",
    "Requester",
    "Risk",
    "TargetLike",
    "Violation",
    "allow_all",
    "config_map",
    "folder",
    "load_bundle",
    "parse_decision",
    "run_rego_tests",
]
