"""`kubernaut policy check` and `test`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from tests.policy import opa

SCALE = "examples/scale-deployment.yaml"
DRAIN = """apiVersion: kubernetesexecution.kubernaut.io/v1
kind: KubernetesExecution
metadata: {name: stop, namespace: production}
spec:
  action: scale-deployment
  target: {kind: Deployment, namespace: production, name: api-server}
  parameters: {replicas: 0}
"""


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["policy", *arguments], input=stdin)


def test_what_is_allowed_ends_with_0() -> None:
    result = run("check", SCALE)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, f"scale-api-server ({SCALE}): allowed")


def test_what_needs_an_approval_ends_with_3_and_says_why() -> None:
    result = run("check", "-", "--namespace-label", "kubernaut.io/environment=production", stdin=DRAIN)
    assert result.exit_code == 3
    assert "needs an approval: scaling api-server to zero stops it in production" in result.stdout


def test_what_is_denied_ends_with_1_and_names_the_rule() -> None:
    result = run("check", "-", SCALE, stdin=DRAIN.replace("production", "kube-system"))
    assert result.exit_code == 1
    assert "denied, whoever approves: protected-namespace" in result.stdout


def test_an_execution_that_cannot_be_asked_about_ends_with_2_and_names_the_field() -> None:
    result = run("check", "-", stdin=DRAIN.replace("replicas: 0", "replicas: many"))
    assert result.exit_code == 2
    assert "cannot be asked" in result.stdout and "replicas" in result.stdout


def test_explain_shows_the_question_and_json_holds_everything() -> None:
    options = ("--time", "2024-01-06T03:00:00Z", "--user", "jane", "--group", "sre")
    assert '"weekday": "Saturday"' in run("check", SCALE, "--explain", *options).stdout
    (answer,) = json.loads(run("check", SCALE, "--json", *options).stdout)
    assert answer["decision"]["allowed"] is True
    assert answer["input"]["requester"] == {"username": "jane", "uid": "", "groups": ["sre"]}


def test_bundles_of_one_s_own_must_all_agree(tmp_path: Path) -> None:
    (tmp_path / "decision.rego").write_text(
        "package kubernaut\n\nimport rego.v1\n\ndecision := {"
        '"allowed": false, "requires_approval": false, "requires_dry_run": false, '
        '"violations": [{"rule": "never", "message": "nothing here", "hard": false}]}\n'
    )
    shipped = "kubernaut/policy/bundles/default"
    assert run("check", SCALE, "--bundle", shipped).exit_code == 0
    result = run("check", SCALE, "--bundle", shipped, "--bundle", str(tmp_path))
    assert result.exit_code == 1
    assert "denied: never: nothing here" in result.stdout


def test_a_real_opa_server_is_asked() -> None:
    if opa.program() is None:
        pytest.skip("OPA is not installed (tools/opa.sh builds it)")
    with opa.server() as url:
        result = run("check", SCALE, "--opa", url)
    assert result.exit_code == 0
    assert "decided by opa" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("check", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("check", "examples/website.yaml"), "hold no KubernetesExecution"),
        (("check", SCALE, "--bundle", "docs"), "no .rego files there"),
        (("check", SCALE, "--time", "noon"), "--time: 'noon' is no time"),
        (("check", SCALE, "--target-label", "prod"), "--target-label: 'prod' is no label"),
        (("check", SCALE, "--group", "sre"), "--group: needs --user"),
        (("check", SCALE, "--opa", "http://127.0.0.1:1"), "opa: cannot be reached"),
        (("test", "--bundle", "docs"), "no .rego files there"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_says_why(arguments: tuple[str, ...], problem: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_the_shipped_bundle_s_own_tests_pass() -> None:
    result = run("test")
    assert result.exit_code == 0
    assert " passed, 0 failed" in result.stdout
