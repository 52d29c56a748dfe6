"""All of kubernaut as a demo has it: the controllers, their configuration, and the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.client import Client
from kubernaut.policy import PolicyEvaluator, load_bundle
from kubernaut.policy.bundle import bundle_of
from kubernaut.policy.rego import RegoEvaluator
from kubernaut.reconcile import Controller
from kubernaut.remediation.analysis import AnalysisConfig, RuleAnalyzer, analyses
from kubernaut.remediation.analysis import crds as analysis_crds
from kubernaut.remediation.approval import ApprovalRequest, ApprovalRequests, approvals
from kubernaut.remediation.execution import ApprovalGate, ExecutionConfig, NoApprovals, executions
from kubernaut.remediation.execution import crds as execution_crds
from kubernaut.remediation.gateway import AlertmanagerWebhook, GatewayConfig, GatewayMetrics, Intake
from kubernaut.remediation.processing import ProcessingConfig, processings
from kubernaut.remediation.processing import crds as processing_crds
from kubernaut.remediation.request import RequestConfig, requests
from kubernaut.remediation.request import crds as request_crds
from kubernaut.remediation.workflow import WorkflowConfig, workflows
from kubernaut.remediation.workflow import crds as workflow_crds
from kubernaut.resources import crd_for

DATA = resources.files("kubernaut.cli.demo") / "data"
CAREFUL = "careful.rego"


class Machinery:
    """The controllers of a demo.

    `careful`: with a rule of policy by which whatever acts on production needs an approval. `approving`: whether there
    is a way to approve at all. `rules`: a file of `data` with rules of analysis before those that are shipped.
    """

    def __init__(self, *, careful: bool = False, approving: bool = True, rules: str | None = None) -> None:
        self._catalog = Catalog.builtin()
        self._rules = rules
        gate: ApprovalGate = NoApprovals()
        if approving:
            # No webhook says who decided: it is told by whoever plays the person.
            gate = ApprovalRequests(webhooks=False, trust_unstamped=True, catalog=self._catalog)
        self._execution = ExecutionConfig(
            catalog=self._catalog, evaluator=_policy(careful), allow_unstamped=True, approvals=gate
        )

    @property
    def executor_namespace(self) -> str:
        """Where the Jobs run."""
        return self._execution.executor_namespace

    def objects(self, *, whole: bool) -> list[dict[str, Any]]:
        """What must be in the cluster: the definitions, and each action's ServiceAccount and rights."""
        rights = [each.to_dict() for each in rbac_manifests(self._catalog, self.executor_namespace)]
        if not whole:
            return [*execution_crds(), *rights]
        home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GatewayConfig().cluster_namespace}}
        definitions = [*request_crds(), *processing_crds(), *analysis_crds(), *workflow_crds(), *execution_crds()]
        return [*definitions, crd_for(ApprovalRequest), home, *rights]

    def controllers(self, *, whole: bool) -> Sequence[Controller]:
        """All of them, or that of executions alone."""
        alone = [executions(self._execution)]
        if not whole:
            return alone
        analyzer = _analyzer(self._rules, self._catalog)
        return [
            *alone,
            approvals(),
            workflows(WorkflowConfig(execution=self._execution)),
            processings(ProcessingConfig()),
            analyses(AnalysisConfig(analyzer=analyzer, catalog=self._catalog)),
            requests(RequestConfig(allow_unstamped=True)),
        ]

    def gateway(self, client: Client) -> AlertmanagerWebhook:
        """The gateway, as an ASGI application."""
        return AlertmanagerWebhook(client, Intake(GatewayConfig()), GatewayMetrics())


def _policy(careful: bool) -> PolicyEvaluator:
    shipped = load_bundle()
    if not careful:
        return RegoEvaluator(shipped)
    modules = {**shipped.modules, CAREFUL: (DATA / CAREFUL).read_text("utf-8")}
    return RegoEvaluator(bundle_of("demo", modules, shipped.data))


def _analyzer(rules: str | None, catalog: Catalog) -> RuleAnalyzer:
    if rules is None:
        return RuleAnalyzer.shipped()
    with resources.as_file(DATA / rules) as path:
        return RuleAnalyzer.load(path, catalog=catalog)
