"""`kubernaut crds` and `kubernaut manifests`: what they print, for whom, and what they say when they cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app

ROOT = Path(__file__).parents[2]

OPERATOR = """
from kubernaut import Client, Controller, LeaderElection, Manager, Model, Reconciler, Resource
from kubernaut.resources.builtin.core_v1 import ConfigMap

class SiteSpec(Model):
    host: str = "a"

class Site(Resource, group="web.example.dev", version="v1"):
    spec: SiteSpec

class Sites(Reconciler[Site]):
    async def reconcile(self, obj, ctx):
        return None

def controllers():
    return [Controller(Site, Sites(), owns=[ConfigMap]), Controller(ConfigMap, Configs(), name="other")]

class Configs(Reconciler[ConfigMap]):
    async def reconcile(self, obj, ctx):
        return None

def manager(client: Client) -> Manager:
    made = Manager(client, metrics_bind=":9000", health_bind=":9001", leader_election=LeaderElection("sites"))
    made.add(*controllers())
    return made

def with_webhooks(client: Client) -> Manager:
    from kubernaut.reconcile.webhooks import ValidatingWebhook
    from kubernaut.reconcile.webhooks.certificates import ManagedCertificates

    made = manager(client)
    tls = ManagedCertificates(
        secret="web-webhooks", namespace="web", dns_names=["web-webhooks.web.svc"], configurations=["web"]
    )
    made.add_webhooks(ValidatingWebhook(Site, lambda request: None), tls=tls)
    return made

def broken():
    raise RuntimeError("no database")

nothing = 7
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def manifests(*arguments: str) -> list[dict[str, Any]]:
    done = run("manifests", "--kubernetes", "1.36", *arguments)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return list(yaml.safe_load_all(done.stdout))


def one(found: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (only,) = [each for each in found if each["kind"] == kind]
    return only


def container(found: list[dict[str, Any]]) -> dict[str, Any]:
    (only,) = one(found, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(only)


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the current folder, new for each test."""
    name = f"web_operator_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OPERATOR)
    monkeypatch.chdir(tmp_path)
    return name


# This package's own.


def test_crds_prints_the_definitions_of_this_package() -> None:
    done = run("crds", "--kubernetes", "1.36")
    assert (done.exit_code, done.stderr) == (0, "")
    found = list(yaml.safe_load_all(done.stdout))
    assert {each["kind"] for each in found} == {"CustomResourceDefinition"}
    assert "KubernetesExecution" in {each["spec"]["names"]["kind"] for each in found}
    assert "x-kubernetes-validations" in done.stdout
    assert "x-kubernetes-validations" not in run("crds", "--kubernetes", "1.20").stdout


def test_manifests_has_all_it_takes_to_run_and_the_accounts_of_the_actions() -> None:
    found = manifests()
    assert [each["metadata"]["name"] for each in found if each["kind"] == "Namespace"] == [
        "kubernaut-system",
        "kubernaut-executor",
    ]
    accounts = [each["metadata"]["name"] for each in found if each["kind"] == "ServiceAccount"]
    assert {"kubernaut", "action-scale-deployment", "action-restart-pod"} <= set(accounts)
    definitions = [each for each in found if each["kind"] == "CustomResourceDefinition"]
    assert definitions == list(yaml.safe_load_all(run("crds", "--kubernetes", "1.36").stdout))
    assert one(found, "Deployment")["metadata"] | {"labels": {}} == {
        "name": "kubernaut",
        "namespace": "kubernaut-system",
        "labels": {},
    }
    assert {each["kind"] for each in found} >= {
        "CustomResourceDefinition",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    }


WAYS: dict[str, list[str]] = {
    "default": [],
    "much": ["--shards", "4", "--watch", "shop,other", "--metrics", "protected", "--set", "policy-mode=audit"],
    "no metrics": ["--metrics", "none"],
    "one replica": ["--replicas", "1", "--set", "leader-elect=false", "--set", "webhooks=false"],
    "other ports": ["--set", "health-bind=:9091", "--set", "metrics-bind=:9090", "--set", "webhook-bind=:9444"],
}


@pytest.mark.parametrize("way", WAYS)
def test_the_arguments_are_those_that_kubernaut_run_takes(way: str) -> None:
    made = container(manifests(*WAYS[way]))
    done = run(*made["args"], "--print-config")
    assert done.exit_code == 0, done.output
    settings = {key.strip("# "): value for key, value in yaml.safe_load(done.stdout).items()}
    ports = {port["name"]: f":{port['containerPort']}" for port in made["ports"]}
    assert ports["health"] == settings["health-bind"]
    assert ports.get("metrics", "0") == settings["metrics-bind"]
    assert ports.get("webhooks", settings["webhook-bind"]) == settings["webhook-bind"]
    assert ("webhooks" in ports) is settings["webhooks"]


def test_names_image_and_replicas_are_chosen() -> None:
    found = manifests("--name", "fixer", "--namespace", "ops", "--image", "registry.example/k:2", "--replicas", "3")
    deployment = one(found, "Deployment")
    assert (deployment["metadata"]["name"], deployment["metadata"]["namespace"]) == ("fixer", "ops")
    assert deployment["spec"]["replicas"] == 3
    assert container(found)["image"] == "registry.example/k:2"
    assert "--name=fixer" in container(found)["args"]


def test_a_configuration_file_becomes_a_config_map_and_counts_for_what_is_rendered(tmp_path: Path) -> None:
    for name, text in (
        ("config.yaml", "executor-namespace: jobs\nhealth-bind: ':9999'\n"),
        ("config.toml", 'executor-namespace = "jobs"\nhealth-bind = ":9999"\n'),
    ):
        path = tmp_path / name
        path.write_text(text)
        found = manifests("--config", str(path))
        made = container(found)
        assert "--config=/etc/kubernaut/config.yaml" in made["args"]
        assert not [argument for argument in made["args"] if argument.startswith("--health-bind")]
        assert {"name": "health", "containerPort": 9999, "protocol": "TCP"} in made["ports"]
        assert "jobs" in [each["metadata"]["name"] for each in found if each["kind"] == "Namespace"]
        data = one(found, "ConfigMap")["data"]["config.yaml"]
        assert yaml.safe_load(data) == {"executor-namespace": "jobs", "health-bind": ":9999"}


def test_the_output_is_the_same_in_every_process() -> None:
    arguments = ["manifests", "--kubernetes", "1.36", "--watch", "b,a"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-m", "kubernaut", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == run(*arguments).stdout
    assert "&id" not in done.stdout


# The user's own.


def test_the_users_controllers_are_installed_with_their_rights_and_kinds(operator: str) -> None:
    found = manifests(f"{operator}:controllers", "--image", "web:1")
    assert one(found, "CustomResourceDefinition")["metadata"]["name"] == "sites.web.example.dev"
    assert container(found)["args"][:2] == ["run", f"{operator}:controllers"]
    assert "--leader-elect" in container(found)["args"]
    rules = one(found, "ClusterRole")["rules"]
    assert {"apiGroups": ["web.example.dev"], "resources": ["sites"], "verbs": ["list", "watch"]} in rules
    name = operator.replace("_", "-")
    assert one(found, "Deployment")["metadata"]["namespace"] == name
    assert one(found, "Namespace")["metadata"]["name"] == name


def test_some_of_the_users_controllers_need_fewer_rights(operator: str) -> None:
    found = manifests(f"{operator}:controllers", "--set", "controllers=other", "--name", "web")
    assert not [each for each in found if each["kind"] == "CustomResourceDefinition"]
    groups = {group for rule in one(found, "ClusterRole")["rules"] for group in rule["apiGroups"]}
    assert groups == {"", "events.k8s.io"}


def test_a_manager_says_itself_how_it_runs(operator: str) -> None:
    found = manifests(f"{operator}:manager", "--name", "web")
    assert container(found)["args"] == ["run", f"{operator}:manager"]
    ports = {port["name"]: port["containerPort"] for port in container(found)["ports"]}
    assert ports == {"metrics": 9000, "health": 9001}
    done = run("manifests", f"{operator}:manager", "--shards", "2")
    assert (done.exit_code, "leave the settings out" in done.stderr) == (2, True)


def test_webhooks_of_a_manager_are_registered_if_their_certificates_fit(operator: str) -> None:
    found = manifests(f"{operator}:with_webhooks", "--name", "web")
    (entry,) = one(found, "ValidatingWebhookConfiguration")["webhooks"]
    assert entry["clientConfig"]["service"]["name"] == "web-webhooks"
    assert {"name": "webhooks", "containerPort": 9443, "protocol": "TCP"} in container(found)["ports"]
    done = run("manifests", f"{operator}:with_webhooks", "--name", "other", "--kubernetes", "1.36")
    assert done.exit_code == 2
    assert "secret='other-webhooks', namespace='other', dns_names=['other-webhooks.other.svc']" in done.stderr


def test_crds_of_the_users_kinds(operator: str) -> None:
    for target in (f"{operator}:controllers", f"{operator}:manager"):
        done = run("crds", target, "--kubernetes", "1.36")
        assert done.exit_code == 0, done.output
        assert [each["spec"]["names"]["kind"] for each in yaml.safe_load_all(done.stdout)] == ["Site"]


# Servers, and what cannot be used.


def test_without_a_server_it_is_rendered_for_the_newest_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for command in ("crds", "manifests"):
        done = run(command)
        assert done.exit_code == 0
        assert done.stderr.startswith("kubernaut: rendered for Kubernetes 1.36: no server can be asked")
        assert "--kubernetes VERSION" in done.stderr
        assert done.stdout == run(command, "--kubernetes", "1.36").stdout


def test_a_server_that_was_named_has_to_answer(tmp_path: Path) -> None:
    for arguments in (["--kubeconfig", str(tmp_path / "none")], ["--context", "nowhere"]):
        done = run("manifests", *arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("kubernaut: the server cannot be asked")


def test_the_policy_may_be_where_the_process_will_run() -> None:
    assert "--policy-bundle=/etc/policy" in container(manifests("--set", "policy-bundle=/etc/policy"))["args"]


def test_secret_settings_come_from_a_secret() -> None:
    found = container(manifests("--secret", "kubernaut-settings"))
    assert found["envFrom"] == [{"secretRef": {"name": "kubernaut-settings"}}]


UNUSABLE = {
    "a version that is none": (["--kubernetes", "new"], "is no version of Kubernetes"),
    "a version that is too old": (["--kubernetes", "1.19"], "the oldest is 1.20"),
    "a setting that is none": (["--set", "policy-mod=audit"], "did you mean policy-mode?"),
    "a setting without a value": (["--set", "policy-mode"], "write --set KEY=VALUE"),
    "a value that is none": (["--set", "policy-mode=lax"], "policy-mode"),
    "a name that is none": (["--name", "Fixer"], "lower-case"),
    "a namespace that is none": (["--namespace", "a.b"], "namespace is 'a.b'"),
    "a configuration that is not there": (["--config", "none.yaml"], "none.yaml"),
    "a secret among the arguments": (
        ["--set", "audit-store=postgresql://u:pw@db/x"],
        "KUBERNAUT_AUDIT_STORE into a Secret",
    ),
    "replicas without an election": (["--set", "leader-elect=false"], "they need leader election"),
    "a module that is not there": (["nowhere:controllers"], "there is no module 'nowhere'"),
    "no MODULE:ATTR": (["nowhere"], "give MODULE:ATTR"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_is_a_sentence_and_exit_code_2(case: str) -> None:
    arguments, why = UNUSABLE[case]
    done = run("manifests", *(["--kubernetes", "1.36"] if "--kubernetes" not in arguments else []), *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert why in done.stderr and "Traceback" not in done.stderr


def test_code_that_raises_is_shown_with_its_place(operator: str) -> None:
    done = run("manifests", f"{operator}:broken", "--kubernetes", "1.36")
    assert done.exit_code == 2
    assert "no database" in done.stderr and f"{operator}.py" in done.stderr
    assert run("crds", f"{operator}:nothing").exit_code == 2
