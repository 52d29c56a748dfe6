"""Typed rules in YAML: what must hold, and what is proposed then."""

from kubernaut.remediation.analysis.rules.analyzer import RuleAnalyzer
from kubernaut.remediation.analysis.rules.loading import (
    RuleError,
    RuleSet,
    check_actions,
    load_rules,
    parse_rules,
    shipped_rules,
)
from kubernaut.remediation.analysis.rules.model import Rule

__all__ = [
    "Rule",
    "RuleAnalyzer",
    "RuleError",
    "RuleSet",
    "check_actions",
    "load_rules",
    "parse_rules",
    "shipped_rules",
]
