"""The configuration of `kubernaut run`: where it comes from, what wins, and what is said of what cannot be used."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubernaut.cli.run.settings import RunSettings, described
from kubernaut.cli.run.show import as_table, as_yaml, exit_codes, plain
from kubernaut.cli.run.sources import Misconfigured, read
from kubernaut.reconcile.process import ExitCode
from kubernaut.remediation.execution import Limits

ROOT = Path(__file__).parents[3]


def told(options: dict[str, Any] | None = None, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        read(options or {}, environment or {})
    return [str(problem) for problem in caught.value.problems]


def file(folder: Path, text: str, name: str = "run.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_options_win_over_variables_over_the_file_over_the_defaults(tmp_path: Path) -> None:
    config = file(tmp_path, "shards: 2\nlease-duration: 20s\nqps: 5\nleader-elect: true\n")
    environment = {"KUBERNAUT_SHARDS": "3", "KUBERNAUT_LEASE_DURATION": "30s"}
    configuration = read({"config": config, "shards": "4"}, environment)
    settings = configuration.settings
    assert (settings.shards, settings.lease_duration, settings.qps) == (4, timedelta(seconds=30), 5.0)
    assert settings.max_connections == 100
    assert configuration.origins == {
        "shards": "option --shards",
        "lease_duration": "variable KUBERNAUT_LEASE_DURATION",
        "qps": f"file {config}",
        "leader_elect": f"file {config}",
    }


def test_a_variable_names_the_file_and_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    environment = {"KUBERNAUT_CONFIG": file(tmp_path, "name: shop"), "KUBERNAUT_NAME": " "}
    assert read({}, environment).settings.name == "shop"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.yaml", "namespace: [a, b]\nleader-elect: true\nqps: 2.5"),
        ("run.json", '{"namespace": ["a", "b"], "leader-elect": true, "qps": 2.5}'),
        ("run.toml", 'namespace = ["a", "b"]\nleader-elect = true\nqps = 2.5'),
    ],
)
def test_files_are_yaml_json_or_toml(tmp_path: Path, name: str, text: str) -> None:
    settings = read({"config": file(tmp_path, text, name)}, {}).settings
    assert (settings.namespace, settings.leader_elect, settings.qps) == (("a", "b"), True, 2.5)


@pytest.mark.parametrize(
    ("field", "given", "read_as"),
    [
        ("namespace", ["a,b", "c", "a"], ("a", "b", "c")),
        ("controllers", ["*", "-executions"], ("*", "-executions")),
        ("graceful_timeout", "1m30s", timedelta(seconds=90)),
        ("graceful_timeout", "500ms", timedelta(milliseconds=500)),
        ("metrics_bind", "0", "0"),
        ("metrics_bind", "[::1]:80", "[::1]:80"),
        ("max_connections", "7", 7),
        ("allow_unstamped", "yes", True),
        ("allow_unstamped", False, False),
        ("policy_mode", "Audit", "audit"),
        ("kubeconfig", "some/file", Path("some/file")),
        ("limits", ["validation=1m,dry-run=3m"], Limits(validation=timedelta(minutes=1), dry_run=timedelta(minutes=3))),
        ("limits", {"rollback-bytes": 1024}, Limits(rollback_bytes=1024)),
    ],
)
def test_values_are_read(field: str, given: Any, read_as: Any) -> None:
    assert getattr(read({field: given}, {}).settings, field) == read_as


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("graceful_timeout", "15", "'15' is no duration: write it as 30s, 1m30s or 500ms"),
        ("graceful_timeout", 15, "15 has no unit: write it as 30s, 1m30s or 500ms"),
        ("graceful_timeout", "0s", "'0s' must be longer than 0s"),
        ("shards", "many", "'many' is no whole number"),
        ("shards", "0", "0 must be at least 1"),
        ("max_concurrent", "101", "101 must be at most 100: one process has one processor"),
        ("qps", "fast", "'fast' is no number"),
        ("qps", "-1", "'-1' must be above 0"),
        ("metrics_bind", "8080", """'8080' is no address: write "host:port" or ":port", or "0" for none"""),
        ("metrics_bind", ":99999", "':99999': the port is a number from 0 to 65535"),
        ("leader_elect", "maybe", "'maybe' is neither true nor false"),
        ("namespace", ["Shop"], "'Shop' is no name of a namespace: lower-case letters, digits and '-', at most 63"),
        ("log_format", "xml", "'xml' is not one of auto, console, json"),
        ("context", 5, "5 is no text; put it in quotes"),
        ("name", "My", "'My' must be at most 52 lower-case letters, digits and '-'"),
        ("limits", "dry-run", "'dry-run' must be name=value"),
        ("limits", "dry_run=1s", "there is no limit 'dry_run': did you mean dry-run?"),
        ("limits", "validaton=1m,poll=3", "did you mean validation?; poll: '3' is no duration"),
        ("limits", {"log-tail-bytes": 10**9}, "log-tail-bytes: Input should be less than or equal to"),
        ("policy_opa", "opa", "'opa' is no URL: write it as https://opa.example:8181"),
        ("policy_opa", "https://me:secret@opa", "holds credentials, which would be shown by --print-config"),
        ("dead_after", "2s", "at least 4 seconds"),
        ("lease_name", "No!", "'No!': it names a Lease"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_its_name_its_origin_and_the_fix(
    field: str, given: Any, said: str
) -> None:
    [problem] = told({field: given})
    key = field.replace("_", "-")
    assert problem.startswith(f"{key} (option --{key}): ")
    assert said in problem


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"shards": "3"}, "shards", "3 shares of the keys need leader election: set leader-elect to true"),
        ({"lease_duration": "5s"}, "lease-duration", "must be longer than renew-deadline (10 s)"),
        ({"renew_deadline": "20s"}, "renew-deadline", "raise lease-duration or lower renew-deadline"),
        ({"retry_period": "9s"}, "retry-period", "must be longer than 1.2 x retry-period (10.8 s)"),
        ({"lease_duration": "15500ms"}, "lease-duration", "must be whole seconds"),
        ({"burst": "5"}, "burst", "give qps too"),
        ({"metrics_certificate": "a"}, "metrics-certificate", "give metrics-key too"),
        ({"metrics_key": "a"}, "metrics-key", "give metrics-certificate too"),
        ({"webhook_key": "a"}, "webhook-key", "give webhook-certificate too"),
        ({"metrics_client_ca": "a"}, "metrics-client-ca", "only over TLS"),
        ({"metrics_secure": True, "metrics_bind": "0"}, "metrics-secure", "give metrics-bind an address"),
        ({"webhooks": True, "webhook_bind": "0"}, "webhook-bind", "leave webhooks out"),
        ({"webhooks": True, "webhook_bind": ":8080"}, "webhook-bind", ":8080 is metrics-bind too"),
        (
            {"metrics_certificate": "a", "metrics_key": "b", "metrics_bind": ":8081"},
            "metrics-bind",
            ":8081 is health-bind too, with another certificate: give it another port",
        ),
        ({"webhooks": True, "target": "a:b"}, "webhooks", "belong to a Manager"),
    ],
)
def test_settings_that_contradict_each_other_are_told(given: dict[str, Any], field: str, said: str) -> None:
    [problem] = told(given)
    assert problem.startswith(f"{field} (option --{field}): ")
    assert said in problem


def test_all_problems_are_told_at_once_whatever_their_origin(tmp_path: Path) -> None:
    config = file(tmp_path, "leader-elct: true\nqps: none\nmetrics-bind: 127.0.0.1:0\n")
    environment = {"KUBERNAUT_LEASE_DURATION": "5s", "KUBERNAUT_LEADER_ELEC": "1"}
    assert told({"config": config, "log_level": "loud"}, environment) == [
        "KUBERNAUT_LEADER_ELEC: there is no such variable: did you mean KUBERNAUT_LEADER_ELECT?",
        f"leader-elct ({config}): there is no such key: did you mean leader-elect?",
        f"qps (file {config}): 'none' is no number",
        "log-level (option --log-level): 'loud' is not one of debug, info, warning, error",
        "lease-duration (variable KUBERNAUT_LEASE_DURATION): lease-duration (5 s) must be longer than renew-deadline "
        "(10 s): raise lease-duration or lower renew-deadline",
    ]


def test_what_kubernetes_says_of_a_service_named_kubernaut_is_no_setting() -> None:
    links = {
        "KUBERNAUT_SERVICE_HOST": "10.0.0.1",
        "KUBERNAUT_SERVICE_PORT_HTTPS": "443",
        "KUBERNAUT_PORT": "tcp://10.0.0.1:443",
        "KUBERNAUT_PORT_443_TCP_ADDR": "10.0.0.1",
        "KUBERNAUT_WEBHOOKS_SERVICE_HOST": "10.0.0.1",
    }
    assert read({}, links).origins == {}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("run.yaml", "shards: 1\nshards: 2", "line 2, column 1: is no valid YAML: the key 'shards' is given twice"),
        ("run.yaml", "shards: [", "is no valid YAML"),
        ("run.yaml", "- shards", "must hold settings by name"),
        ("run.json", '{"qps": 1, "qps": 2}', "the key 'qps' is given twice"),
        ("run.json", "{", "line 1 column 2"),
        ("run.toml", "qps = x", "line 1, column 7"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    [problem] = told({"config": file(tmp_path, text, name)})
    assert problem.startswith(str(tmp_path / name))
    assert said in problem


def test_a_file_that_is_missing_is_told() -> None:
    assert told({"config": "/nowhere/run.yaml"}) == ["/nowhere/run.yaml: cannot be read: No such file or directory"]


def test_what_is_in_effect_is_printed_as_a_file_that_gives_the_same_again(tmp_path: Path) -> None:
    given = {
        "namespace": ["a", "b"],
        "limits": "poll=3s",
        "leader_elect": True,
        "qps": "2.5",
        "kubeconfig": "some: 'file' # odd",
        "graceful_timeout": "1m30s",
    }
    first = read(given, {"KUBERNAUT_SHARDS": "2"})
    text = as_yaml(first)
    assert "shards: 2  # variable KUBERNAUT_SHARDS\n" in text
    assert "max-concurrent: 4  # default\n" in text
    assert read({"config": file(tmp_path, text)}, {}).settings == first.settings


def test_every_setting_has_an_option_a_variable_a_section_and_a_help_that_is_a_sentence() -> None:
    settings = list(described())
    assert [known.field for known in settings] == list(RunSettings.model_fields)
    for known in settings:
        assert known.setting.section, known.field
        assert known.help.endswith("."), known.field
        assert known.variable == f"KUBERNAUT_{known.field.upper()}"


def test_the_default_of_every_setting_can_be_written_in_a_file(tmp_path: Path) -> None:
    defaults = {known.key: plain(known.default) for known in described()}
    config = file(tmp_path, yaml.safe_dump(defaults))
    assert read({"config": config}, {}).settings == RunSettings()
    assert json.loads(json.dumps(defaults)) == defaults


def test_the_documentation_has_the_table_of_settings_and_every_exit_code() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    assert as_table() in text, "generate it: python -c 'from kubernaut.cli.run.show import as_table; print(as_table())'"
    for code, meaning in exit_codes():
        assert f"| {code} | {meaning} |" in text
    assert {code for code, _ in exit_codes()} >= {int(code) for code in ExitCode}


def test_the_example_of_a_file_can_be_used_and_shows_what_operators_change() -> None:
    configuration = read({"config": str(ROOT / "examples" / "run.yaml")}, {})
    assert configuration.settings.leader_elect
    assert {"controllers", "policy_mode", "limits", "log_format"} <= configuration.origins.keys()
