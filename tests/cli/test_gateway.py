"""`kubernaut gateway`: its settings, its manifests, and one process from an alert to its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import yaml
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from kubernaut.cli.gateway.plan import access_of, tls_of
from kubernaut.cli.gateway.reachable import Reachable
from kubernaut.cli.gateway.settings import FORM, read
from kubernaut.cli.gateway.show import as_yaml
from kubernaut.cli.run.show import as_table
from kubernaut.cli.run.sources import Misconfigured
from kubernaut.cli.run.sources import read as read_run
from kubernaut.client.transports.faults import Fault
from kubernaut.fake import FakeCluster
from kubernaut.remediation.gateway import PATH, GatewayConfig, gateway_permissions
from kubernaut.remediation.request.types import GROUP, RESOLVED_AT, RemediationRequest
from kubernaut.resources import crd_for
from tests.cli.run.serving import ROOT, SECONDS, ServedCluster, clean_environment, deployment, served, until
from tests.remediation.gateway.sending import alert, notification

EXAMPLE = ROOT / "examples" / "gateway.yaml"


def told(options: dict[str, Any] | None = None, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        read({"allow_anonymous": True} | (options or {}), environment or {})
    return [str(problem) for problem in caught.value.problems]


def test_options_win_over_variables_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("queue: 1\nconcurrency: 2\nmax-body: 3\nallow-anonymous: true\nrouting: {cluster-namespace: ops}")
    environment = {"KUBERNAUT_GATEWAY_QUEUE": "10", "KUBERNAUT_GATEWAY_CONCURRENCY": "20", "KUBERNAUT_SHARDS": "x"}
    configuration = read({"config": str(config), "queue": "100"}, environment)
    settings = configuration.settings
    assert (settings.queue, settings.concurrency, settings.max_body) == (100, 20, 3)
    assert settings.routing.cluster_namespace == "ops"
    again = tmp_path / "again.yaml"
    again.write_text(as_yaml(configuration))
    assert read({"config": str(again)}, {}).settings == settings


def test_variables_of_one_command_are_none_of_the_others_business() -> None:
    assert read_run({}, {"KUBERNAUT_GATEWAY_QUEUE": "10"}).origins == {}
    (text,) = told({}, {"KUBERNAUT_GATEWAY_QUEU": "1", "KUBERNAUT_GATEWAY_SERVICE_HOST": "10.0.0.1"})
    assert text == "KUBERNAUT_GATEWAY_QUEU: there is no such variable: did you mean KUBERNAUT_GATEWAY_QUEUE?"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"allow_anonymous": False}, "token-file (option --allow-anonymous): nobody could send"),
        ({"token_review": True}, "allow-anonymous (option --allow-anonymous): contradicts"),
        ({"bind": "0"}, "has to be served somewhere"),
        ({"certificate": "x"}, "needs its key"),
        ({"key": "x"}, "needs its certificate"),
        ({"client_ca": "x"}, "only over TLS"),
        ({"leader_elect": True}, "only with events"),
        ({"metrics_bind": ":9095"}, "is where alerts come in"),
        ({"queue": "0"}, "must be at least 1"),
        ({"routing": {"routes": [{"name": "a", "match": ["b"]}], "extra": 1}}, "routes.0.match.0: 'b' is no matcher"),
        ({"routing": "no/such/file"}, "cannot be read"),
        ({"routing": 5}, "neither a mapping nor"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_fix(given: dict[str, Any], said: str) -> None:
    texts = told(given)
    wanted = said.replace("token-file (option --allow-anonymous)", "token-file (default)")
    assert any(wanted in text for text in texts), texts


def test_the_example_can_be_used_and_routes_as_it_says(tmp_path: Path) -> None:
    settings = read({"config": str(EXAMPLE)}, {}).settings
    assert settings.events and settings.leader_elect
    assert [route.name for route in settings.routing.routes] == ["quiet", "nodes", "shop", "production"]
    routing = tmp_path / "routing.yaml"
    routing.write_text(yaml.safe_dump(yaml.safe_load(EXAMPLE.read_text())["routing"]))
    assert read({"routing": str(routing), "allow_anonymous": True}, {}).settings.routing == settings.routing


def test_the_example_for_alertmanager_sends_to_where_the_manifests_listen() -> None:
    example = yaml.safe_load((ROOT / "examples" / "alertmanager.yml").read_text())
    receiver = next(each for each in example["receivers"] if each["name"] == "kubernaut")
    url = httpx.URL(receiver["webhook_configs"][0]["url"])
    service = next(m for m in manifests() if m["kind"] == "Service" and "metrics" not in m["metadata"]["name"])
    meta = service["metadata"]
    assert (url.host, url.path) == (f"{meta['name']}.{meta['namespace']}.svc", PATH)
    assert url.port == service["spec"]["ports"][0]["port"]


def kubernaut(*args: str) -> Result:
    """The command within this process, which starts sooner than one of its own."""
    environment = dict.fromkeys(name for name in os.environ if name.startswith(("KUBERNAUT_", "POD_")))
    return CliRunner().invoke(app, args, env=environment)


def manifests(*args: str) -> list[dict[str, Any]]:
    done = kubernaut("manifests", "--gateway", "--kubernetes=1.30", *args)
    assert done.exit_code == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_manifests_give_two_replicas_a_service_and_the_least_rights() -> None:
    found = manifests("--image=reg/kubernaut:1", f"--config={EXAMPLE}", "--set=queue=7")
    kinds = [each["kind"] for each in found]
    assert "Namespace" not in kinds and "CustomResourceDefinition" not in kinds
    assert {"NetworkPolicy", "PodDisruptionBudget", "ConfigMap", "ServiceAccount"} <= set(kinds)
    deployment = next(each for each in found if each["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] == 2
    pod = deployment["spec"]["template"]["spec"]
    assert "gateway" in pod["containers"][0]["args"] and "--queue=7" in pod["containers"][0]["args"]
    assert {"name": "kubernaut-gateway", "mountPath": "/etc/kubernaut-gateway"} in pod["containers"][0]["volumeMounts"]
    assert {"name": "kubernaut-gateway", "secret": {"secretName": "kubernaut-gateway"}} in pod["volumes"]
    role = next(each for each in found if each["kind"] == "ClusterRole")
    assert {rule["resources"][0]: rule["verbs"] for rule in role["rules"]} == {
        "pods": ["get"],
        "replicasets": ["get"],
        "events": ["list", "watch", "create", "patch"],
        "remediationrequests": ["get", "list", "create", "patch"],
    }
    policy = next(each for each in found if each["kind"] == "NetworkPolicy")
    assert {port["port"] for port in policy["spec"]["ingress"][0]["ports"]} == {"alerts", "metrics", "health"}


async def test_a_server_takes_the_manifests_and_knows_all_their_fields() -> None:
    async with FakeCluster(controlplane=False) as fake:
        loaded = await fake.load(manifests("--set=events=true", "--set=token-review=true"), strict=True)
        assert not loaded.invented


def test_what_has_no_meaning_for_a_gateway_is_refused(tmp_path: Path) -> None:
    routing = tmp_path / "routing.yaml"
    routing.write_text("{}")
    for args, said in (
        (("--watch=shop",), "watch has no meaning"),
        (("--set=policy-mode=strict",), "policy-mode (option --set): there is no such setting"),
        ((f"--set=routing={routing}",), "is a file of this machine"),
    ):
        done = kubernaut("manifests", "--gateway", "--kubernetes=1.30", *args)
        assert (done.exit_code, said in done.stderr) == (2, True), done.stderr


def test_check_looks_at_everything_and_connects_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = {"clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "a"}]}
    config |= {"contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}], "current-context": "a"}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    options = ("gateway", "--check", "--kubeconfig=kubeconfig", "--token-file=token")
    done = kubernaut(*options, "--certificate=tls.crt", "--key=tls.key")
    assert done.exit_code == 2
    assert "kubernaut gateway: the configuration cannot be used (2 problems)" in done.stderr
    assert "token cannot be read" in done.stderr and "tls.crt" in done.stderr
    (tmp_path / "token").write_text("secret")
    done = kubernaut(*options)
    assert (done.exit_code, done.stdout) == (0, "the configuration can be used\n"), done.stderr


def test_the_documentation_has_every_setting() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    assert as_table(FORM.settings) in text, (
        "generate it: python -c 'from kubernaut.cli.run.show import as_table; "
        "from kubernaut.cli.gateway.settings import FORM; print(as_table(FORM.settings))'"
    )


async def test_who_may_send_follows_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    async with FakeCluster(controlplane=False) as fake:
        given: dict[str, Any] = {"certificate": "c", "key": "k", "client_ca": "a"}
        by_certificate = read(given, {}).settings
        assert access_of(by_certificate, fake.client) is None
        tls = tls_of(by_certificate)
        assert tls is not None and (str(tls.certificate), str(tls.client_ca)) == ("c", "a")
        either = read({"token_file": str(tmp_path / "token"), "token_review": True}, {}).settings
        authenticate = access_of(either, fake.client)
        assert authenticate is not None and tls_of(either) is None
        for token, status in ((b"secret", None), (b"unknown", 401)):
            headers = [(b"authorization", b"Bearer " + token)]
            refusal = await authenticate({"method": "POST", "path": PATH, "headers": headers})
            assert (refusal.status if refusal else None) == status


class Process:
    """One `kubernaut gateway`, whose log is read as it comes."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "kubernaut", "gateway", "--kubeconfig=kubeconfig", "--log-format=json"]
        addresses = [f"--{what}=127.0.0.1:0" for what in ("bind", "metrics-bind", "health-bind")]
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [*command, *addresses, *options],
            cwd=folder,
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="log of kubernaut gateway")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    def lines(self, event: str) -> list[dict[str, Any]]:
        read = [json.loads(line) for line in list(self.log) if line.startswith("{")]
        return [line for line in read if event in line["event"]]

    def line(self, event: str) -> dict[str, Any]:
        return until(lambda: next(iter(self.lines(event)), None), lambda: "".join(self.log))

    def wait(self) -> int:
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@contextmanager
def process(folder: Path, *options: str) -> Iterator[Process]:
    made = Process(folder, *options)
    try:
        yield made
    finally:
        if made.process.returncode is None:
            made.process.kill()
            made.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ServedCluster]:
    with served(tmp_path) as cluster:
        cluster.load([crd_for(RemediationRequest)])
        cluster.load([deployment("web")])
        yield cluster


def requests(cluster: ServedCluster) -> list[RemediationRequest]:
    async def listed(fake: FakeCluster) -> list[RemediationRequest]:
        return list(await fake.client.list(RemediationRequest))

    return cluster.do(listed)


def test_an_alert_becomes_a_request_and_sigterm_ends_with_code_0_after_what_is_in_flight(
    cluster: ServedCluster, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("first\n")
    with process(tmp_path, "--token-file=token", "--events") as gateway:
        url = gateway.line("alerts are taken")["url"]
        gateway.line("requests can be made: ready")
        with httpx.Client(headers={"authorization": "Bearer first"}, timeout=SECONDS) as http:
            assert http.post(url, json=notification(alert()), headers={"authorization": "no"}).status_code == 401
            answer = http.post(url, json=notification(alert(), alert()))
            assert answer.status_code == 200, answer.text
            assert answer.json()["outcomes"] == {"created": 1, "duplicate": 1}
            (request,) = requests(cluster)
            assert (request.namespace, request.spec.target.name) == ("shop", "web")
            assert http.post(url, json=notification(alert(status="resolved"))).json()["outcomes"] == {"resolved": 1}
            assert RESOLVED_AT in (requests(cluster)[0].metadata.annotations or {})
            gateway.line("a request was made")

            def slowly() -> Iterator[bytes]:
                body = json.dumps(notification(alert(fingerprint="late"))).encode()
                yield body[:10]
                gateway.process.send_signal(signal.SIGTERM)
                gateway.line("stopping")
                yield body[10:]

            late = http.post(url, content=slowly(), headers={"content-type": "application/json"})
            assert late.status_code == 200, late.text
        assert gateway.wait() == 0, gateway.log
    assert len(requests(cluster)) == 2


def test_an_address_that_is_taken_is_exit_code_4(cluster: ServedCluster, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with process(tmp_path, "--allow-anonymous", f"--bind=127.0.0.1:{taken.getsockname()[1]}") as gateway:
            assert gateway.wait() == 4


def grants(group: str, resource: str, *verbs: str) -> list[dict[str, Any]]:
    """What lets the user `gateway` do these."""
    api, name = "rbac.authorization.k8s.io", f"{resource}-{verbs[0]}"
    rule = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    subject = {"apiGroup": api, "kind": "User", "name": "gateway"}
    meta = {"apiVersion": f"{api}/v1", "metadata": {"name": name}}
    reference = {"apiGroup": api, "kind": "ClusterRole", "name": name}
    return [
        {**meta, "kind": "ClusterRole", "rules": [rule]},
        {**meta, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]},
    ]


@pytest.mark.virtual_time
async def test_it_is_ready_while_the_server_answers_knows_requests_and_grants_what_is_needed() -> None:
    config = GatewayConfig()
    async with FakeCluster(rbac=True) as fake, anyio.create_task_group() as group:
        reachable = Reachable(fake.client_as("gateway"), config, gateway_permissions(config))
        assert "has not been asked" in str(reachable.check())
        group.start_soon(reachable.run)
        await fake.advance(seconds=1)
        assert "cannot list resource" in str(reachable.check())
        await fake.load(grants(GROUP, "remediationrequests", "list", "get"))
        await fake.advance(seconds=3)
        assert "does not know remediationrequests.remediation.kubernaut.io" in str(reachable.check())
        await fake.load([crd_for(RemediationRequest)])
        await fake.advance(seconds=3)
        assert "permissions are missing: create, patch remediationrequests" in str(reachable.check())
        await fake.load(grants(GROUP, "remediationrequests", "create", "patch"))
        await fake.advance(seconds=3)
        assert "get pods; get replicasets.apps" in str(reachable.check())
        await fake.load([*grants("", "pods", "get"), *grants("apps", "replicasets", "get")])
        await fake.advance(seconds=3)
        assert reachable.check() is None
        rule = fake.faults.add(Fault.status(503), verb="list", resource=RemediationRequest)
        await fake.advance(seconds=16)
        assert "503" in str(reachable.check())
        fake.faults.remove(rule)
        await fake.advance(seconds=3)
        assert reachable.check() is None
        group.cancel_scope.cancel()
