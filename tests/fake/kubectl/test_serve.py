"""`kubernaut fake serve` itself: what it loads, prints and writes, and how it ends."""

from __future__ import annotations

import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from tests.fake.kubectl.running import Served

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: shop}\n"
Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers without a control plane; they end with the test."""
    running: list[Served] = []

    def start(*options: str, stdin: str | None = None) -> Served:
        served = Served(tmp_path, "--no-controlplane", *options, stdin=stdin)
        running.append(served)
        return served

    yield start
    for served in running:
        if served.process.returncode is None:
            served.stop()


def names(served: Served, path: str) -> list[str]:
    return [item["metadata"]["name"] for item in served.call("GET", path)["items"]]


def test_it_prints_the_address_and_writes_a_kubeconfig_of_an_administrator(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "new/kubeconfig"
    served = serve("--kubeconfig", str(path))
    assert served.kubeconfig == path
    assert served.told == f"serving a fake cluster at {served.url}\nexport KUBECONFIG={served.kubeconfig}\n"
    assert served.kubeconfig.stat().st_mode & 0o777 == 0o600
    config = yaml.safe_load(served.kubeconfig.read_text())
    assert config["clusters"][0]["cluster"] == {"server": served.url}
    token = config["users"][0]["user"]["token"]
    reviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    who = served.call("POST", reviews, body, Authorization=f"Bearer {token}")["status"]["userInfo"]
    assert (who["username"], "system:masters" in who["groups"]) == ("kubernetes-admin", True)
    other = served.call("POST", reviews, body, Authorization=f"Bearer {token}", Impersonate_User="alice")
    assert other["status"]["userInfo"]["username"] == "alice"
    assert served.stop() == (0, "")
    assert path.exists()


def test_it_loads_files_folders_and_standard_input(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text(f"{CONFIG % 'a'}---\n{NAMESPACE}")
    (tmp_path / "folder/below").mkdir(parents=True)
    (tmp_path / "folder/b.yml").write_text(CONFIG % "b")
    (tmp_path / "folder/below/c.json").write_text(
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"shop"}}'
    )
    served = serve("-f", "many.yaml", "-f", "folder", "-f", "-", stdin=CONFIG % "d")
    assert names(served, "/api/v1/namespaces/shop/configmaps") == ["a", "b", "c", "d"]


def refused(*options: str) -> Result:
    """The command where it cannot serve, in this process."""
    done = CliRunner().invoke(app, ["fake", "serve", "--no-controlplane", *options])
    assert "Traceback" not in done.output
    return done


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "line 1"),
        ("kind: Pod\n", "apiVersion"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: UPPER}\n", "Pod UPPER: "),
    ],
)
def test_a_manifest_that_cannot_be_used_is_exit_code_2(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "given.yaml"
    path.write_text(text)
    done = refused("-f", str(path))
    assert done.exit_code == 2
    assert done.stderr.startswith(f"kubernaut: {path}")
    assert why in done.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no file" in refused("-f", str(empty)).stderr


def test_a_file_that_is_no_kubeconfig_of_ours_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "config"
    precious.write_text("clusters: [{name: production}]\n")
    done = refused("--kubeconfig", str(precious))
    assert (done.exit_code, precious.read_text()) == (2, "clusters: [{name: production}]\n")
    assert "is not a kubeconfig of a fake cluster" in done.stderr


def test_a_port_that_is_taken_is_exit_code_4() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = refused("--port", str(taken.getsockname()[1]))
    assert done.exit_code == 4
    assert done.stderr.startswith("kubernaut: port: cannot listen on 127.0.0.1:")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_though_watches_are_open(serve: Serve, number: signal.Signals) -> None:
    served = serve()
    assert served.kubeconfig.exists()
    watches = [urllib.request.urlopen(f"{served.url}/api/v1/{kind}?watch=1") for kind in ("pods", "nodes")]
    try:
        started = time.monotonic()
        served.process.send_signal(number)
        assert [watch.read() for watch in watches] == [b"", b""]
        assert served.ended() == (0, "")
        assert time.monotonic() - started < 5
        assert not served.kubeconfig.exists()
    finally:
        for watch in watches:
            watch.close()


def test_a_watch_over_http_tells_at_once_and_ends_with_its_client(serve: Serve) -> None:
    served = serve()
    path = "/api/v1/namespaces/default/configmaps"
    watch = urllib.request.urlopen(f"{served.url}{path}?watch=1", timeout=10)
    try:
        served.call("POST", path, {"metadata": {"name": "told"}})
        assert b'"name":"told"' in watch.readline()
    finally:
        watch.close()
    assert served.stop() == (0, "")
