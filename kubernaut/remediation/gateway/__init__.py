"""Turns alerts and Kubernetes Events into RemediationRequests: one for each firing, whoever tells of it how often.

intake = Intake(GatewayConfig())
app = AlertmanagerWebhook(client, intake, GatewayMetrics(), authenticate=BearerTokens("/etc/kubernaut-gateway/token"))
"""

from kubernaut.remediation.gateway.access import BearerTokens, any_of
from kubernaut.remediation.gateway.app import PATH, AlertmanagerWebhook, Bounds
from kubernaut.remediation.gateway.config import EventRule, EventSource, GatewayConfig, Route, TargetRule
from kubernaut.remediation.gateway.events import events, gateway_permissions
from kubernaut.remediation.gateway.intake import Intake, Notice
from kubernaut.remediation.gateway.metrics import GatewayMetrics
from kubernaut.remediation.gateway.results import Outcome

__all__ = [
    "PATH",
    "AlertmanagerWebhook",
    "BearerTokens",
    "Bounds",
    "EventRule",
    "EventSource",
    "GatewayConfig",
    "GatewayMetrics",
    "Intake",
    "Notice",
    "Outcome",
    "Route",
    "TargetRule",
    "any_of",
    "events",
    "gateway_permissions",
]
