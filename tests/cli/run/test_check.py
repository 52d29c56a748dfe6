"""What `kubernaut run` finds out before it starts, and what `--check` finds out instead of starting."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from kubernaut.cli.run.namespaces import restricted
from kubernaut.cli.run.parts import execution_config
from kubernaut.cli.run.plan import Plan, prepare
from kubernaut.cli.run.show import as_yaml
from kubernaut.cli.run.sources import Configuration, Misconfigured, read
from kubernaut.policy import DEFAULT_BUNDLE, PolicyInput, PolicyTarget
from kubernaut.reconcile import Controller, Permission, Reconciler, Watch
from kubernaut.remediation.approval import ApprovalRequests
from kubernaut.remediation.execution import NoApprovals
from kubernaut.resources.builtin.core_v1 import ConfigMap, Node, Secret
from tests.cli.run.serving import clean_environment

OPERATOR = """
from kubernaut import Controller, LeaderElection, Manager, Reconciler
from kubernaut.resources.builtin.core_v1 import ConfigMap, Secret


class Nothing(Reconciler[ConfigMap]):
    async def reconcile(self, obj, ctx):
        return None


def controllers():
    return [Controller(ConfigMap, Nothing(), name="one"), Controller(ConfigMap, Nothing(), name="two")]


def bound():
    return Controller(ConfigMap, Nothing(), namespace="elsewhere")


async def asks(client):
    await client.list(Secret)


def manager(client):
    made = Manager(client, name="mine")
    made.add(*controllers())
    return made


def with_settings(settings):
    return controllers()
"""
STORY = ("workflows", "processings", "analyses", "requests")
NOON = datetime(2024, 1, 3, 12, tzinfo=UTC)
KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "far", "cluster": {"server": "https://far.example:6443"}}],
    "users": [{"name": "me", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such",
                                              "interactiveMode": "Never"}}}],
    "contexts": [{"name": "far", "context": {"cluster": "far", "user": "me"}}],
    "current-context": "far",
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of the user's, and a kubeconfig for a cluster that is not there."""
    (tmp_path / "checked_operator.py").write_text(OPERATOR)
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("KUBERNAUT_", "POD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield tmp_path
    sys.modules.pop("checked_operator", None)


def check(*options: str) -> Result:
    return CliRunner().invoke(app, ["run", "--check", *options])


def test_check_ends_with_0_where_everything_can_be_used_and_connects_nowhere(folder: Path) -> None:
    result = check("--leader-elect", "--shards=3", "--webhooks", "--namespace=shop")
    assert (result.exit_code, result.output) == (0, "the configuration can be used\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--controllers=execution"], "there is no controller 'execution': did you mean executions?"),
        (
            ["--controllers=-executions,-approvals,-workflows,-processings,-analyses,-requests"],
            "leaves nothing to run: there is executions, approvals, workflows, processings, analyses, requests",
        ),
        (["--kubeconfig=other"], "kubeconfig (option --kubeconfig): other: there is no such file"),
        (["--context=near"], "context (option --context): "),
        (["--context=near"], "there is no context 'near'. There is 'far'"),
        (["--policy-bundle=rules"], "policy-bundle (option --policy-bundle): rules: there is no such folder"),
        (["--policy-bundle=broken"], "broken.rego:3"),
        (
            ["--metrics-certificate=a.crt", "--metrics-key=a.key"],
            "metrics-certificate (option --metrics-certificate): ",
        ),
        (["--metrics-certificate=a.crt", "--metrics-key=a.key"], "a.crt: No such file or directory"),
        (["--webhooks", "--webhook-certificate=a.crt", "--webhook-key=a.key"], "a.crt: No such file or directory"),
        (["checked_operator:controller"], "has no 'controller'; did you mean 'controllers'"),
        (["checked_operato:controllers"], "there is no module 'checked_operato'"),
        (["checked_operator"], "give MODULE:ATTR"),
        (["checked_operator:with_settings"], "needs 'settings': give a function without parameters"),
        (["checked_operator:Nothing"], "it must be a Controller"),
        (["checked_operator:controllers", "--controllers=tow"], "there is no controller 'tow': did you mean two?"),
        (["checked_operator:bound", "--namespace=here"], "works in elsewhere only, which is none of these"),
        (["checked_operator:asks"], "controllers are only looked at here, without a cluster"),
        (
            ["checked_operator:manager", "--leader-elect"],
            "leader-elect (option --leader-elect): checked_operator:manager",
        ),
    ],
)
def test_check_ends_with_2_and_says_what_cannot_be_used(folder: Path, options: list[str], said: str) -> None:
    (folder / "broken").mkdir()
    (folder / "broken" / "broken.rego").write_text("package kubernaut\n\ndecision := {\n")
    result = check(*options)
    assert result.exit_code == 2
    assert said in result.output, result.output


def test_check_makes_the_users_controllers(folder: Path) -> None:
    assert check("checked_operator:controllers", "--controllers=two").exit_code == 0
    assert check("checked_operator:manager").exit_code == 0


def test_an_address_that_is_taken_ends_with_4_before_anything_else_happens(folder: Path) -> None:
    near = {**KUBECONFIG, "users": [{"name": "me", "user": {}}]}
    (folder / "kubeconfig").write_text(yaml.safe_dump(near))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        result = CliRunner().invoke(app, ["run", f"--metrics-bind={bind}", "--health-bind=0"])
    assert result.exit_code == 4
    assert f"metrics_bind: cannot listen on {bind}" in result.output
    assert "another process listens there; choose another address (--metrics-bind of the command)" in result.output


def test_credentials_that_cannot_be_had_end_with_2(folder: Path) -> None:
    result = CliRunner().invoke(app, ["run", "--metrics-bind=0", "--health-bind=0", "--log-format=json"])
    assert result.exit_code == 2
    last = json.loads(result.output.splitlines()[-1])
    assert last["event"] == "could not be started"
    assert "no-such" in last["error"]


def test_print_config_shows_what_is_in_effect(folder: Path) -> None:
    result = CliRunner().invoke(app, ["run", "--print-config", "--shards=2", "--leader-elect"])
    assert result.exit_code == 0
    assert yaml.safe_load(result.output)["shards"] == 2
    assert "shards: 2  # option --shards" in result.output


def test_a_wrong_configuration_starts_nothing_and_says_everything_that_is_wrong(folder: Path) -> None:
    command = [sys.executable, "-m", "kubernaut", "run", "--shards=3", "--context=near", "--lease-duration=5"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("kubernaut run: the configuration cannot be used (2 problems); nothing was started")
    assert "lease-duration (option --lease-duration): '5' is no duration: write it as 30s" in done.stderr
    assert "shards (option --shards): 3 shares of the keys need leader election" in done.stderr
    assert done.stdout == ""


def test_an_unknown_option_ends_with_2_and_names_the_nearest(folder: Path) -> None:
    result = CliRunner().invoke(app, ["run", "--leader-elec"])
    assert result.exit_code == 2
    assert "--leader-elect" in result.output


def test_help_names_every_setting_and_exit_code(folder: Path) -> None:
    result = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert result.exit_code == 0
    for text in (
        "--lease-duration",
        "--policy-bundle",
        "--no-leader-elect",
        "Exit codes: 0 asked to stop",
        "143 forced",
    ):
        assert text in result.output


def planned(**given: Any) -> Plan:
    return prepare(read(given, {}))


def test_the_installation_names_the_lease_unless_the_lease_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def lease(**given: Any) -> tuple[str, str | None]:
        election = planned(leader_elect=True, **given).election()
        assert election is not None
        return election.name, election.namespace

    assert lease() == ("kubernaut", None)
    assert lease(name="shop", namespace=["a"]) == ("shop", "a")
    assert lease(name="shop", lease_name="other", lease_namespace="there", namespace=["a"]) == ("other", "there")
    assert lease(target="checked_operator:controllers") == ("checked-operator", None)
    monkeypatch.setenv("POD_NAMESPACE", "mine")
    assert lease(namespace=["a"]) == ("kubernaut", "mine")


def test_who_holds_the_lease_is_the_pod_and_different_in_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "kubernaut-7d9")
    plan = planned(leader_elect=True)
    one, other = plan.election(), plan.election()
    assert one is not None and other is not None
    assert str(one.identity).startswith("kubernaut-7d9_")
    assert one.identity != other.identity
    named = planned(leader_elect=True, identity="me").election()
    assert named is not None and named.identity == "me"


async def test_rules_of_several_folders_must_all_agree(folder: Path) -> None:
    (folder / "site").mkdir()
    (folder / "site" / "frozen.rego").write_text(
        'package kubernaut\n\nimport rego.v1\n\nviolations contains v if {\n\tinput.target.namespace == "frozen"\n'
        '\tv := {"rule": "frozen", "message": "nothing is done there", "hard": true}\n}\n\n'
        'decision := {"allowed": count(violations) == 0, "requires_approval": false, "requires_dry_run": false, '
        '"violations": [v | some v in violations]}\n'
    )

    async def rules(*folders: str) -> list[str]:
        evaluator = execution_config(read({"policy_bundle": list(folders)}, {})).evaluator
        target = PolicyTarget("v1", "Pod", "frozen", "web")
        decision = await evaluator.evaluate(PolicyInput(action="restart-pod", target=target, risk="low", time=NOON))
        return [violation.rule for violation in decision.violations]

    assert await rules("default") == []
    assert await rules("default", "site") == ["frozen"]
    assert await rules(str(DEFAULT_BUNDLE), "site") == ["frozen"]


async def test_a_policy_server_must_agree_too_or_decides_alone_and_is_closed_at_the_end() -> None:
    both = planned(policy_opa="https://opa.example:8181")
    part = both.parts[0]
    assert execution_config(both.configuration).evaluator.name == "rego+opa"
    assert part.aclose is not None
    await part.aclose()
    alone = read({"config": None, "policy_opa": "https://opa.example"}, {"KUBERNAUT_POLICY_BUNDLE": ","})
    assert execution_config(alone).evaluator.name == "opa"
    with pytest.raises(Misconfigured, match="no rules are given"):
        prepare(read({}, {"KUBERNAUT_POLICY_BUNDLE": ","}))


class Nothing(Reconciler[ConfigMap]):
    async def reconcile(self, obj: ConfigMap, ctx: Any) -> None:
        return None


def nobody(head: Any) -> list[Any]:
    return []


def test_namespaces_restrict_what_is_watched_and_leave_what_names_its_own() -> None:
    watches = [Watch(Secret, to=nobody), Watch(Secret, to=nobody, namespace="jobs"), Watch(Node, to=nobody)]
    whole = Controller(ConfigMap, Nothing(), watches=watches)
    within = restricted(whole, ["a", "b"])
    assert within.namespace == ["a", "b"]
    assert [watch.namespace for watch in within.watches] == [["a", "b"], "jobs", None]
    assert (whole.namespace, restricted(whole, [])) == (None, whole)
    assert restricted(Controller(ConfigMap, Nothing(), namespace=["b", "c"]), ["a", "b"]).namespace == ["b"]


def test_within_namespaces_the_rights_to_what_is_owned_are_too() -> None:
    rights = [Permission(["create"], Secret), Permission(["get"], ConfigMap), Permission(["get"], Node)]
    within = restricted(Controller(ConfigMap, Nothing(), owns=[Secret], permissions=rights), ["a", "b"])
    told = [(each.plural, each.namespace) for each in within.permissions]
    assert told == [("secrets", "a"), ("secrets", "b"), ("configmaps", None), ("nodes", None)]


def test_approvals_are_asked_for_where_their_controller_runs_and_count_where_webhooks_say_who_decided() -> None:
    def gate(**given: Any) -> Any:
        return execution_config(read(given, {})).approvals

    assert isinstance(gate(), ApprovalRequests)
    assert isinstance(gate(controllers=["executions"]), NoApprovals)
    webhooks = [webhook.path for part in planned(webhooks=True).parts for webhook in part.webhooks]
    assert len(webhooks) == len(set(webhooks)) == 15


def test_requests_that_ended_go_where_the_operator_says_so_and_only_what_lies_beside_kubernaut_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def requests(**given: Any) -> Any:
        (part,) = [part for part in planned(**given).parts if part.name == "requests"]
        return part.controller

    def deletes(controller: Any) -> bool:
        return any(
            "delete" in right.verbs and right.plural == "remediationrequests" for right in controller.permissions
        )

    assert not deletes(requests()) and deletes(requests(request_ttl="720h"))
    monkeypatch.setenv("POD_NAMESPACE", "ours")
    given = {"request_ttl": "720h", "audit_store": "sqlite:///audit.db"}
    config = requests(**given).reconciler._config
    assert (config.trusted_namespaces, config.audited) == ({"ours"}, True)
    assert config.ttl_after_end == timedelta(hours=720)
    assert not requests(request_ttl="720h").reconciler._config.audited


def test_with_a_store_executions_are_audited_and_its_password_is_not_printed() -> None:
    given = {"audit_store": "postgresql://audit:hunter2@db/kubernaut", "audit_token": "word"}
    plan = planned(**given)
    assert [part.name for part in plan.parts] == ["executions", "approvals", "audit", *STORY]
    assert execution_config(plan.configuration).audited
    shown = as_yaml(plan.configuration)
    assert 'audit-store: "postgresql://audit:***@db/kubernaut"' in shown
    assert 'audit-token: "***"' in shown
    assert "hunter2" not in shown
    assert [part.name for part in planned().parts] == ["executions", "approvals", *STORY]
    with pytest.raises(Misconfigured, match=r"audit-store .*'mysql' is not known"):
        planned(audit_store="mysql://db/kubernaut")
    with pytest.raises(Misconfigured, match="there is no controller 'audit'"):
        planned(controllers=["audit"])


def test_settings_of_a_controller_that_does_not_run_have_no_effect() -> None:
    plan = planned(target="checked_operator:controllers", policy_mode="audit", max_concurrent="3")
    assert plan.without_effect() == ["policy-mode", "max-concurrent"]


def test_problems_carry_where_the_value_came_from(folder: Path) -> None:
    (folder / "run.yaml").write_text("controllers: [nobody]\n")
    with pytest.raises(Misconfigured) as caught:
        prepare(read({"config": "run.yaml"}, {}))
    [problem] = caught.value.problems
    assert (
        str(problem) == "controllers (file run.yaml): there is no controller 'nobody': "
        "there is executions, approvals, workflows, processings, analyses, requests"
    )
    assert isinstance(read({}, {}), Configuration)


def test_rules_that_cannot_be_used_are_told_before_anything_starts(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\nrules: [{name: x, about: y, match: {}, propose: {rootCause: z, confidence: 7}}]\n")
    given = {"analysis_rules": str(rules)}
    with pytest.raises(Misconfigured) as raised:
        prepare(read(given, {}))
    (problem,) = raised.value.problems
    assert problem.key == "analysis-rules" and "rules.yaml" in problem.text


def test_an_analysis_asks_somebody() -> None:
    given = {"shipped_rules": False}
    with pytest.raises(Misconfigured, match="no analyzer"):
        prepare(read(given, {}))


def test_limits_of_remediations_are_read_by_name() -> None:
    settings = read(
        {"remediation_limits": ["cooldown=10m,failed-rate=0.3", "executing=20m,max-executing=3"]}, {}
    ).settings
    limits = settings.remediation_limits
    assert (limits.cooldown, limits.executing) == (timedelta(minutes=10), timedelta(minutes=20))
    assert (limits.failed_rate, limits.max_executing) == (0.3, 3)
    with pytest.raises(Misconfigured, match="did you mean cooldown"):
        read({"remediation_limits": "coldown=10m"}, {})
