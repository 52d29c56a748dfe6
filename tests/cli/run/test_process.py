"""`kubernaut run` as processes against a served cluster: the work is done, once, whoever of them lives."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.run.serving import (
    Process,
    ServedCluster,
    deployment,
    running,
    scaling,
    served,
    until,
    what_executions_need,
)

# As long as a machine may be busy with other tests.
LEASE = ("--leader-elect", "--lease-duration=5s", "--renew-deadline=4s", "--retry-period=300ms")
LONG_LEASE = ("--leader-elect", "--lease-duration=15s", "--renew-deadline=12s", "--retry-period=300ms")
DONE = "rollback_ready"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ServedCluster]:
    with served(tmp_path) as cluster:
        yield cluster


def ready(process: Process) -> tuple[int, str]:
    url = process.line("started")["health"]
    try:
        with urllib.request.urlopen(f"{url}?verbose", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def give(cluster: ServedCluster, *names: str) -> None:
    cluster.load([deployment(name) for name in names])
    cluster.load([scaling(name) for name in names])


def all_done(cluster: ServedCluster, process: Process, *names: str) -> None:
    until(lambda: cluster.phases() == dict.fromkeys(names, DONE), lambda: (cluster.phases(), "".join(process.log)))


def test_an_execution_is_carried_to_its_end_and_sigterm_ends_with_code_0(
    cluster: ServedCluster, tmp_path: Path
) -> None:
    cluster.load(what_executions_need())
    with running(tmp_path, "--kubeconfig=kubeconfig", "--allow-unstamped") as process:
        give(cluster, "web")
        all_done(cluster, process, "web")
        started = process.line("started")
        assert started["controllers"] == "executions, approvals, workflows, processings, analyses, requests"
        assert started["server_version"].startswith("v1.")
        assert (started["leader_election"], started["namespaces"]) == ("off", "all")
        assert ready(process)[0] == 200
        with urllib.request.urlopen(started["metrics"], timeout=5) as answer:
            assert b'controller_runtime_reconcile_total{controller="kubernetesexecution"' in answer.read()
        assert process.stop() == 0, process.log
    assert json.loads(process.log[-1])["event"] == "stopped"
    assert not process.line("started").keys() & {"exception"}


def test_without_definitions_it_says_what_installs_them_waits_and_goes_on_when_they_are_there(
    cluster: ServedCluster, tmp_path: Path
) -> None:
    with running(tmp_path, "--kubeconfig=kubeconfig", "--allow-unstamped") as process:
        told = process.line("definitions are missing")
        assert "kubernetesexecutions.kubernetesexecution.kubernaut.io/v1" in told["definitions"]
        assert told["fix"] == "kubernaut manifests | kubectl apply -f -"
        code, text = ready(process)
        assert code == 500
        assert "[-]informers failed" in text
        cluster.load(what_executions_need())
        process.line("the kind is served again")
        until(lambda: ready(process)[0] == 200)
        assert process.stop() == 0


def test_a_server_that_cannot_be_reached_is_told_and_waited_for(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "token").write_text("not known yet")
    (tmp_path / "away").write_text(yaml.safe_dump(kubeconfig_with_token_file(port)))
    with running(tmp_path, "--kubeconfig=away") as process:
        told = process.line("the API server gives no answer")
        assert told["server"] == f"http://127.0.0.1:{port}"
        assert told["error"]
        assert ready(process)[0] == 500
        with served(tmp_path, port=port) as cluster:
            given = yaml.safe_load(cluster.kubeconfig.read_text())
            (tmp_path / "token").write_text(given["users"][0]["user"]["token"])
            assert process.line("the API server answers")["server_version"].startswith("v1.")
            assert process.stop() == 0


def test_when_the_leader_is_killed_the_other_finishes_its_work_and_nothing_is_done_twice(
    cluster: ServedCluster, tmp_path: Path
) -> None:
    cluster.load(what_executions_need())
    names = ["a", "b", "c"]
    options = ("--kubeconfig=kubeconfig", "--allow-unstamped", *LEASE)
    with running(tmp_path, *options) as first:
        first.line("acquired the lease")
        with running(tmp_path, *options) as second:
            second.line("contending for the lease")
            assert ready(second)[0] == 200
            give(cluster, *names)
            until(lambda: cluster.requests("create", "/jobs"))
            first.process.kill()
            assert first.wait() == -signal.SIGKILL
            second.line("acquired the lease")
            all_done(cluster, second, *names)
            assert second.stop() == 0
    assert len(cluster.requests("create", "/kubernaut-executor/jobs")) == len(names)


def test_replicas_share_the_leases_of_shards_and_one_that_stops_hands_its_own_over(
    cluster: ServedCluster, tmp_path: Path
) -> None:
    cluster.load(what_executions_need())
    names = ["a", "b", "c", "d"]
    options = ("--kubeconfig=kubeconfig", "--allow-unstamped", "--shards=3", *LONG_LEASE)
    with running(tmp_path, *options) as first, running(tmp_path, *options) as second:
        first.line("acquired the lease")
        second.line("acquired the lease")
        assert first.line("started")["leader_election"] == "3 shares, leases kubernaut-0 ... kubernaut-2"
        give(cluster, *names)
        assert first.stop() == 0
        all_done(cluster, second, *names)
        assert second.stop() == 0
    assert len(cluster.requests("create", "/kubernaut-executor/jobs")) == len(names)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def kubeconfig_with_token_file(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "away", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "away", "user": {"tokenFile": "token"}}],
        "contexts": [{"name": "away", "context": {"cluster": "away", "user": "away"}}],
        "current-context": "away",
    }
