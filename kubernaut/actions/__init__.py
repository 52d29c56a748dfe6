"""The action catalog: what kubernaut can do to a cluster, and the Jobs that do it."""

from kubernaut.actions.action import DEFAULT_IMAGE, Action, BaseAction, Invocation, Risk, service_account_name
from kubernaut.actions.catalog import Catalog, UnknownAction
from kubernaut.actions.jobs import (
    ANNOTATION_EXECUTION_NAME,
    ANNOTATION_EXECUTION_NAMESPACE,
    LABEL_ACTION,
    LABEL_DRY_RUN,
    LABEL_EXECUTION_ID,
    JobPlan,
    build_job,
    job_manifest,
    job_name,
)
from kubernaut.actions.manifests import DEFAULT_NAMESPACE, rbac_manifests
from kubernaut.actions.parameters import NoParameters, ParameterError, Parameters, parse_parameters
from kubernaut.actions.rollback import CaptureFailed, RollbackInformation, inverse
from kubernaut.actions.target import Target, TargetError, resolve_target

__all__ = [
    "ANNOTATION_EXECUTION_NAME",
    "ANNOTATION_EXECUTION_NAMESPACE",
    "DEFAULT_IMAGE",
    "DEFAULT_NAMESPACE",
    "LABEL_ACTION",
    "LABEL_DRY_RUN",
    "LABEL_EXECUTION_ID",
    "Action",
    "BaseAction",
    "CaptureFailed",
    "Catalog",
    "Invocation",
    "JobPlan",
    "NoParameters",
    "ParameterError",
    "Parameters",
    "Risk",
    "RollbackInformation",
    "Target",
    "TargetError",
    "UnknownAction",
    "build_job",
    "inverse",
    "job_manifest",
    "job_name",
    "parse_parameters",
    "rbac_manifests",
    "resolve_target",
    "service_account_name",
]
