"""Each known spelling of a secret, in each place where one could come to be seen: logs, parameters, snapshots."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from kubernaut.actions import Catalog
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.auditing.entries import entries_of
from kubernaut.remediation.execution.capture import Captured, capture
from kubernaut.remediation.execution.config import Limits
from kubernaut.remediation.execution.described import described_parameters, parameters_line
from kubernaut.remediation.execution.redact import log_tail
from kubernaut.remediation.execution.run import Order
from kubernaut.timing import SystemClock
from tests.remediation.test_redaction import ENCODED, FIELDS, HIDDEN, IN_LOGS, JSON_SECRETS, YAML_SECRETS

CREDENTIALS = [
    f"Authorization: Bearer {HIDDEN}",
    f"authorization: Basic {HIDDEN}",
    f"GET /x Proxy-Authorization: Digest {HIDDEN}",
    f"curl -H 'Authorization: Bearer {HIDDEN}' https://api",
    f"mysql --password {HIDDEN} --host db",
    f"mysql --password={HIDDEN}",
    f"postgresql://app:{HIDDEN}@db:5432/app",
    f"redis://:{HIDDEN}@cache",
    f"DB_PASSWORD={HIDDEN}",
    f"export AWS_SECRET_ACCESS_KEY={HIDDEN}",
    f"api_key: {HIDDEN}",
    f'{{"client_secret": "{HIDDEN}"}}',
    f"token = '{HIDDEN}'",
    f"-----BEGIN RSA PRIVATE KEY-----\n{ENCODED}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----\n{ENCODED}",
]
CORPUS = [*YAML_SECRETS, *JSON_SECRETS, *IN_LOGS, *FIELDS, *CREDENTIALS]
CATALOG = Catalog.builtin()


def hidden(shown: Any) -> bool:
    text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, default=str)
    return HIDDEN not in text and ENCODED not in text


def test_there_are_at_least_fifty_examples() -> None:
    assert len(set(CORPUS)) == len(CORPUS) >= 50


@pytest.mark.parametrize("text", CORPUS)
def test_in_a_log(text: str) -> None:
    assert hidden(log_tail(text))


@pytest.mark.parametrize("text", [text for text in CORPUS if not text.startswith(("?", "#"))])
def test_in_a_log_among_other_lines(text: str) -> None:
    """Nobody's program prints keys with a question mark, nor comments above a Secret."""
    assert hidden(log_tail(f"12:00 starting\n{text}\n12:01 done\n"))


@pytest.mark.parametrize("name", ["note", "manifest", "patch", "content"])
@pytest.mark.parametrize("text", CORPUS)
def test_in_a_parameter(text: str, name: str) -> None:
    assert hidden(described_parameters({name: text}))
    assert hidden(parameters_line({name: text}))


@pytest.mark.parametrize("text", CORPUS)
def test_in_the_audit_log(text: str) -> None:
    target = {"kind": "ConfigMap", "namespace": "shop", "name": "settings"}
    parameters = {"patch": text, "note": text}
    step = {"phase": "failed", "time": "2024-01-01T00:00:00Z", "reason": "ActionFailed", "message": text[:1024]}
    violation = {"rule": "r", "message": text, "hard": True}
    policy = {"allowed": False, "violations": [violation], "mode": "strict"}
    execution = KubernetesExecution.from_dict(
        {
            "metadata": {"name": "fix", "namespace": "shop", "uid": "u1"},
            "spec": {"action": "patch-resource", "target": target, "parameters": parameters},
            "status": {
                "phase": "failed",
                "transitions": [{"phase": "validating", "time": "2024-01-01T00:00:00Z"}, step],
                "validationResults": {"policyValidation": policy},
            },
        }
    )
    for action in (None, CATALOG.get("patch-resource")):
        assert all(hidden(entry.to_dict()) for entry in entries_of(execution, action))


def snapshot(action: str, live: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """What the status tells of the way back."""
    invocation = CATALOG.invocation(action, {"kind": live["kind"], "namespace": "shop", "name": "x"}, parameters, live)
    kinds = CATALOG.get(action).targets
    kind = next(each for each in kinds if each.kind == live["kind"])
    order = Order(
        CATALOG.get(action), invocation.parameters, invocation.target, kind, CATALOG.get(action).default_timeout
    )
    run: Any = SimpleNamespace(now=SystemClock().now(), config=SimpleNamespace(limits=Limits()))
    captured = capture(run, order, invocation)
    assert isinstance(captured, Captured)
    assert captured.status.available
    return captured.status.to_dict()


def live(kind: str, **parts: Any) -> dict[str, Any]:
    api_version = "v1" if kind == "ConfigMap" else "apps/v1"
    metadata = {"name": "x", "namespace": "shop", "uid": "u1", "resourceVersion": "1"}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


@pytest.mark.parametrize("text", CORPUS)
def test_in_a_snapshot_of_an_object(text: str) -> None:
    """Of a ConfigMap that is deleted, one whose value is patched, and a workload with the text in an annotation."""
    settings = live("ConfigMap", data={"app.conf": text, "kept": "yes"})
    assert hidden(snapshot("delete-resource", settings, {}))
    assert hidden(snapshot("patch-resource", settings, {"patch": json.dumps({"data": {"app.conf": "new"}})}))
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"app.conf": "new"}}
    assert hidden(snapshot("apply-manifest", settings, {"manifest": json.dumps(manifest)}))
    container = {"name": "main", "image": "web:1", "command": ["sh", "-c", text]}
    web = live("Deployment", spec={"template": {"spec": {"containers": [container]}}})
    web["metadata"]["annotations"] = {"note": text}
    assert hidden(snapshot("delete-resource", web, {}))
