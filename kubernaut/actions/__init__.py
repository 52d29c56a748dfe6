"""The action catalog: what kubernaut can do to a cluster, and the Jobs that do it."""

from kubernaut.actions.action import (
    DEFAULT_IMAGE,
    FILES_PATH,
    Action,
    BaseAction,
    Invocation,
    Need,
    Risk,
    file_path,
    live_uid,
    rule,
    service_account_name,
)
from kubernaut.actions.catalog import Catalog, UnknownAction
from kubernaut.actions.describing import ActionInfo, ParameterInfo, describe
from kubernaut.actions.jobs import (
    ANNOTATION_EXECUTION_NAME,
    ANNOTATION_EXECUTION_NAMESPACE,
    LABEL_ACTION,
    LABEL_DRY_RUN,
    LABEL_EXECUTION_ID,
    JobPlan,
    build_job,
    build_secret,
    job_manifest,
    job_name,
    secret_name,
)
from kubernaut.actions.kinds import DEFAULT_KINDS, AllowedKinds, is_sensitive, parse_kind
from kubernaut.actions.manifests import DEFAULT_NAMESPACE, rbac_manifests
from kubernaut.actions.parameters import Flag, NoParameters, ParameterError, Parameters, parse_parameters
from kubernaut.actions.reference import reference, rule_text
from kubernaut.actions.rollback import CaptureFailed, RollbackInformation, inverse
from kubernaut.actions.target import Target, TargetError, resolve_target

__all__ = [
    "ANNOTATION_EXECUTION_NAME",
    "ANNOTATION_EXECUTION_NAMESPACE",
    "DEFAULT_IMAGE",
    "DEFAULT_KINDS",
    "DEFAULT_NAMESPACE",
    "FILES_PATH",
    "LABEL_ACTION",
    "LABEL_DRY_RUN",
    "LABEL_EXECUTION_ID",
    "Action",
    "ActionInfo",
    "AllowedKinds",
    "BaseAction",
    "CaptureFailed",
    "Catalog",
    "Flag",
    "Invocation",
    "JobPlan",
    "Need",
    "NoParameters",
    "ParameterError",
    "ParameterInfo",
    "Parameters",
    "Risk",
    "RollbackInformation",
    "Target",
    "TargetError",
    "UnknownAction",
    "build_job",
    "build_secret",
    "describe",
    "file_path",
    "inverse",
    "is_sensitive",
    "job_manifest",
    "job_name",
    "live_uid",
    "parse_kind",
    "parse_parameters",
    "rbac_manifests",
    "reference",
    "resolve_target",
    "rule",
    "rule_text",
    "secret_name",
    "service_account_name",
]
