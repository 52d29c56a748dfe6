"""Who may send signals: tokens of a file that changes, tokens that the API server knows, or either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from kubernaut.reconcile.serving import Refusal, TokenReview
from kubernaut.remediation.gateway import BearerTokens, any_of
from kubernaut.remediation.gateway.access import bearer
from kubernaut.resources.builtin.core_v1 import ServiceAccount
from kubernaut.testing import Cluster
from tests.remediation.gateway.sending import Gateway, prepare

pytestmark = pytest.mark.virtual_time


def scope(*given: str) -> dict[str, Any]:
    headers = [(b"authorization", each.encode()) for each in given]
    return {"method": "POST", "path": "/alertmanager", "headers": headers}


async def status(tokens: Any, *given: str) -> int:
    refusal = await tokens(scope(*given))
    return 200 if refusal is None else int(refusal.status)


async def test_a_token_of_the_file_lets_in_and_nothing_else_does(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n\n  second  \n")
    tokens = BearerTokens(file)
    assert await status(tokens, "Bearer first") == 200
    assert await status(tokens, "bearer  second ") == 200
    for given in (["Basic first"], ["Bearer"], ["Bearer "], ["first"], ["Bearer first second"], [], ["Bearer FIRST"]):
        assert await status(tokens, *given) == 401, given
    assert await status(tokens, "Bearer first", "Bearer first") == 401
    assert await status(tokens, "Bearer ü") == 401


async def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    tokens = BearerTokens(file)
    assert await status(tokens, "Bearer first") == 200
    # As the kubelet does it: another file takes the name.
    (tmp_path / "new").write_text("first\nsecond")
    (tmp_path / "new").rename(file)
    assert await status(tokens, "Bearer second") == 401
    await anyio.sleep(1)
    assert await status(tokens, "Bearer second") == 200
    file.write_text("third")
    await anyio.sleep(1)
    assert await status(tokens, "Bearer second") == 401


async def test_without_tokens_nobody_passes_and_who_asks_may_come_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    tokens = BearerTokens(file)
    assert await status(tokens, "Bearer first") == 503
    assert "cannot be read" in str(tokens.problem)
    for content, problem in ((b"\n \n", "holds no token"), (b"x" * 70_000, "is longer")):
        file.write_bytes(content)
        await anyio.sleep(1)
        assert await status(tokens, "Bearer first") == 503
        assert problem in str(tokens.problem)
    file.write_text("first")
    await anyio.sleep(1)
    assert await status(tokens, "Bearer first") == 200
    file.unlink()
    await anyio.sleep(1)
    assert await status(tokens, "Bearer first") == 503


async def test_of_two_ways_in_one_suffices(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")

    async def forbids(_: Any) -> Refusal:
        return Refusal(403, "known, and not allowed")

    either = any_of([BearerTokens(file), forbids])
    assert await status(either, "Bearer first") == 200
    assert await status(either, "Bearer other") == 403


async def test_the_api_server_may_say_who_sends(cluster: Cluster) -> None:
    await prepare(cluster)
    rule = {"nonResourceURLs": ["/alertmanager"], "verbs": ["post"]}
    account = {"kind": "ServiceAccount", "name": "alertmanager", "namespace": "shop"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sends-alerts"}
    await cluster.load(
        [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": "sends-alerts"},
                "rules": [rule],
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "sends-alerts"},
                "roleRef": role,
                "subjects": [account],
            },
        ]
    )
    for name in ("alertmanager", "other"):
        await cluster.client.create(ServiceAccount.from_dict({"metadata": {"name": name, "namespace": "shop"}}))
    gateway = Gateway(cluster.client, authenticate=TokenReview(cluster.client))
    for name, expected in (("alertmanager", 422), ("other", 403), ("", 401)):
        token = await made(cluster, name) if name else "made up"
        answer = await gateway.post(b"{}", authorization=f"Bearer {token}")
        assert answer.status_code == expected, answer.text


async def made(cluster: Cluster, name: str) -> str:
    path = f"/api/v1/namespaces/shop/serviceaccounts/{name}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = msgspec.json.decode((await cluster.client.request("POST", path, body=body)).body)
    return str(answer["status"]["token"])


def test_bearer_takes_the_one_header() -> None:
    assert bearer(scope("Bearer abc")) == b"abc"
    assert bearer(scope()) is None
