"""Kubeconfigs: merged and read as client-go does, and refused with the file, the field and a fix."""

import base64
from pathlib import Path
from typing import Any

import pytest

from kubernaut.client import ClientError
from kubernaut.client.transports.kubernetes_asyncio import ConfigError, Kubeconfig, Target, target_of
from tests.client.transports.wire import config, written

URL = "https://10.0.0.1:6443"
PEM = base64.b64encode(b"pem").decode()


def target(content: dict[str, Any], context: str | None = None) -> Target:
    return target_of(Kubeconfig.of(content), context)


def contexts(*names: str, current: str = "") -> dict[str, Any]:
    return {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443"}} for name in names],
        "users": [{"name": name, "user": {"token": f"token of {name}"}} for name in names],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}} for name in names
        ],
        "current-context": current,
    }


def test_the_current_context_is_taken_unless_another_is_asked_for() -> None:
    content = contexts("a", "b", current="b")
    assert target(content).cluster.server.authority == "b:6443"
    assert target(content).namespace == "ns-b"
    assert target(content, "a").user.token == "token of a"


def test_of_several_files_the_first_that_sets_a_value_wins(tmp_path: Path) -> None:
    first, second = contexts("a", "b", current="a"), contexts("b", "c", current="c")
    second["users"][0]["user"]["token"] = "another"
    files = [written(tmp_path / "first", first), tmp_path / "missing", written(tmp_path / "second", second)]
    merged = Kubeconfig.read(files)
    assert merged.current_context == "a"
    assert target_of(merged, "b").user.token == "token of b"
    assert target_of(merged, "c").user.token == "token of c"


def test_a_context_of_one_file_may_use_the_cluster_of_another(tmp_path: Path) -> None:
    whole = contexts("a", current="a")
    (tmp_path / "x").mkdir()
    whole["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"
    whole["users"][0]["user"] = {"tokenFile": "token"}
    clusters = written(tmp_path / "x" / "clusters", {"clusters": whole["clusters"]})
    rest = written(tmp_path / "rest", {key: whole[key] for key in ("users", "contexts", "current-context")})
    read = target_of(Kubeconfig.read([rest, clusters]))
    assert read.cluster.ca is not None and read.cluster.ca.path == tmp_path / "x" / "ca.crt"
    assert read.user.token_file is not None and read.user.token_file.path == tmp_path / "token"


def test_data_wins_over_a_file_of_the_same_name() -> None:
    content = config(URL, cluster={"certificate-authority": "/ca", "certificate-authority-data": PEM})
    ca = target(content).cluster.ca
    assert ca is not None and (ca.data, ca.path) == (b"pem", None)


def test_everything_a_cluster_may_say_is_read() -> None:
    more = {"tls-server-name": "api", "proxy-url": "http://p:1", "insecure-skip-tls-verify": True}
    cluster = target(config(URL, cluster={**more, "disable-compression": True})).cluster
    assert (cluster.tls_server_name, cluster.proxy_url) == ("api", "http://p:1")
    assert (cluster.verify, cluster.compression) == (False, False)


def test_impersonation_becomes_headers() -> None:
    acting: dict[str, Any] = {
        "as": "jane",
        "as-groups": ["a", "b"],
        "as-uid": "7",
        "as-user-extra": {"Scopes/x": ["p", "q"]},
    }
    assert target(config(URL, token="t", **acting)).user.impersonation == {
        "impersonate-user": "jane",
        "impersonate-uid": "7",
        "impersonate-group": ("a", "b"),
        "impersonate-extra-scopes%2Fx": ("p", "q"),
    }


@pytest.mark.parametrize(
    ("text", "ca", "url", "authority"),
    [
        ("https://api", False, "https://api", "api:443"),
        ("http://api", False, "http://api", "api:80"),
        ("https://host/k8s/clusters/x/", False, "https://host/k8s/clusters/x", "host:443"),
        ("https://[fd00::1]:6443", False, "https://[fd00::1]:6443", "[fd00::1]:6443"),
        ("api:8080", False, "http://api:8080", "api:8080"),
        ("api:8443", True, "https://api:8443", "api:8443"),
    ],
)
def test_server_urls_are_read_as_client_go_reads_them(text: str, ca: bool, url: str, authority: str) -> None:
    server = target(config(text, cluster={"certificate-authority-data": PEM} if ca else {})).cluster.server
    assert (server.url, server.authority) == (url, authority)


def without(content: dict[str, Any], *path: Any) -> dict[str, Any]:
    inner: Any = content
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return content


EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "give-token"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, r"^the given kubeconfig: current-context: names no context"),
        (contexts("a", "b"), r"current-context: names no context to use. Choose one: 'a', 'b'"),
        (contexts("a", current="z"), r"current-context: there is no context 'z'. There is 'a'"),
        (
            without(contexts("a", current="a"), "clusters", 0),
            r"contexts\[a\]\.context\.cluster: clusters has no entry 'a'",
        ),
        (without(contexts("a", current="a"), "users", 0), r"contexts\[a\]\.context\.user: users has no entry 'a'"),
        (without(config(URL), "clusters", 0, "cluster", "server"), r"clusters\[it\]\.cluster\.server: names no API"),
        (config("ftp://x"), r"clusters\[it\]\.cluster\.server: 'ftp://x' is no http"),
        (config("https://h:port"), r"server: 'https://h:port' is no URL"),
        (config("https://me:pw@h"), r"server: .*Credentials belong"),
        (config(URL, token=12345), r"users\[me\]\.user\.token: 12345 is no text. Put it in quotes"),
        (config(URL, client_certificate_data="%%%", client_key_data=PEM), r"client-certificate-data: is no base64"),
        (config(URL, token="t", username="me"), r"users\[me\]\.user\.username: is set together with token"),
        (config(URL, client_certificate="/crt"), r"users\[me\]\.user\.client-key: is missing"),
        (
            config(URL, cluster={"insecure-skip-tls-verify": True, "certificate-authority": "/ca"}),
            r"insecure-skip-tls-verify: contradicts",
        ),
        (config(URL, cluster={"insecure-skip-tls-verify": "yes"}), r"'yes' is neither true nor false"),
        (config(URL, as_groups=["a"]), r"users\[me\]\.user\.as: is missing"),
        (config(URL, auth_provider={"name": "gcp"}), r"auth-provider\.name: 'gcp' .*gke-gcloud-auth-plugin"),
        (config(URL, exec={**EXEC, "apiVersion": "v1alpha1"}), r"user\.exec\.apiVersion: 'v1alpha1'"),
        (config(URL, exec=without({**EXEC}, "command")), r"user\.exec\.command: names no command"),
        (config(URL, exec={**EXEC, "interactiveMode": "Sure"}), r"interactiveMode: 'Sure' is none of Never"),
        (config(URL, exec={**EXEC, "env": [{"name": "A", "value": 1}]}), r"exec\.env: has an item"),
        (config(URL, exec=EXEC, auth_provider={"name": "oidc", "config": {}}), r"exec: is set together"),
        ({"clusters": {}}, None),
        ({"clusters": {"a": 1}}, r"clusters: is no list"),
        ({"users": [{"user": {}}]}, r"users\[0\]: has no name"),
        ({"users": [{"name": "a"}, {"name": "a"}]}, r"users\[a\]: is there twice"),
        ({"users": [{"name": "a", "user": "b"}]}, r"users\[a\]\.user: holds no fields"),
    ],
)
def test_what_cannot_work_is_refused_with_its_field(content: dict[str, Any], said: str | None) -> None:
    with pytest.raises(ConfigError, match=said or "current-context") as refused:
        target(content)
    assert isinstance(refused.value, ClientError) and isinstance(refused.value, ValueError)


def test_an_unknown_context_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no context 'prod'. There is 'a', 'b'"):
        target(contexts("a", "b", current="a"), "prod")


def test_files_that_are_no_kubeconfig_are_named_without_their_content(tmp_path: Path) -> None:
    broken, binary, text = tmp_path / "broken", tmp_path / "binary", tmp_path / "text"
    broken.write_text("users:\n- token: {secret\n  b: : c")
    binary.write_bytes(b"\xff\xfe\x00")
    text.write_text("just words")
    with pytest.raises(ConfigError, match=r"broken: is no YAML at line \d") as refused:
        Kubeconfig.read([broken])
    assert "secret" not in str(refused.value)
    with pytest.raises(ConfigError, match="binary: is no UTF-8"):
        Kubeconfig.read([binary])
    with pytest.raises(ConfigError, match="text: is no kubeconfig"):
        Kubeconfig.read([text])
    with pytest.raises(ConfigError, match="no such file"):
        Kubeconfig.read([tmp_path / "missing"])


def test_an_empty_file_is_an_empty_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert Kubeconfig.read([tmp_path / "empty"]).contexts == {}


def test_an_exec_plugin_is_told_its_cluster_and_run_from_the_files_folder(tmp_path: Path) -> None:
    entry = {**EXEC, "command": "./bin/plugin", "args": ["-a"], "provideClusterInfo": True}
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    cluster = {"certificate-authority-data": PEM, "tls-server-name": "api", "extensions": [extension]}
    file = written(tmp_path / "config", config(URL, cluster=cluster, exec=entry))
    plugin = target_of(Kubeconfig.read([file])).user.plugin
    assert plugin is not None
    assert plugin.command == (str(tmp_path / "bin/plugin"), "-a")
    assert plugin.cluster_info == {
        "server": URL,
        "tls-server-name": "api",
        "certificate-authority-data": PEM,
        "config": {"audience": "x"},
    }


def test_secrets_do_not_show_in_the_text_of_what_was_read() -> None:
    certificate: dict[str, Any] = {"client_key_data": PEM, "client_certificate_data": PEM}
    secrets: list[dict[str, Any]] = [{"token": "hidden"}, {"username": "u", "password": "hidden"}]
    for secret in secrets:
        assert "hidden" not in repr(target(config(URL, **secret, **certificate)))
