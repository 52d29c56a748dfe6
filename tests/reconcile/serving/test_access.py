"""Who may see the metrics, as in controller-runtime's pkg/metrics/filters/filters_test.go, and at what cost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kubernaut.client import Client, TransportError, TransportRequest, TransportResponse
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.serving import App, TokenReview, compose, metrics_app
from tests.reconcile.serving.helpers import get, says

pytestmark = pytest.mark.virtual_time

SCRAPER = {"username": "system:serviceaccount:default:metrics-test", "uid": "1", "groups": ["system:serviceaccounts"]}
RULES = (
    (
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        {"metadata": {"name": "metrics-test"}, "rules": [{"verbs": ["get", "put"], "nonResourceURLs": ["/metrics"]}]},
    ),
    (
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {
            "metadata": {"name": "metrics-test"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "metrics-test"},
            "subjects": [{"kind": "ServiceAccount", "name": "metrics-test", "namespace": "default"}],
        },
    ),
)


class Reviewer:
    """An API server with RBAC that also knows who holds which token."""

    def __init__(self) -> None:
        self._inner = InProcessTransport(ApiServer(rbac=True))
        self.client = Client(self)
        self.tokens: dict[str, dict[str, Any]] = {
            "scraper": SCRAPER,
            "stranger": {"username": "stranger", "extra": {"scopes": ["none"]}},
        }
        self.audiences: list[str] | None = None
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.under_way = self.most_under_way = 0
        self.delay = 0.0
        self.failure: Exception | None = None
        self.garbage = False

    async def grant(self) -> None:
        """A ServiceAccount's right to `get` and `put` /metrics."""
        for path, body in RULES:
            await self.client.request("POST", path, body=body)

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        kind = request.path.rpartition("/")[2]
        if not kind.endswith("reviews"):
            async with self._inner.open(request) as response:
                yield response
            return
        body = json.loads(request.body or b"")
        self.asked.append((kind, body["spec"]))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.under_way -= 1
        if self.failure is not None:
            raise self.failure
        if self.garbage:
            yield _answer([])
        elif kind == "tokenreviews":
            user = self.tokens.get(body["spec"]["token"])
            status: dict[str, Any] = {"authenticated": True, "user": user} if user else {"error": "unknown"}
            if self.audiences is not None:
                status["audiences"] = self.audiences
            yield _answer({**body, "status": status})
        else:
            async with self._inner.open(request) as response:
                yield response

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None:
        await self._inner.aclose()

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.asked]


def _answer(body: object) -> TransportResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield json.dumps(body).encode()

    return TransportResponse(201, {}, chunks())


@pytest.fixture
def reviewer() -> Reviewer:
    return Reviewer()


def served(reviewer: Reviewer, **options: Any) -> App:
    return metrics_app(CollectorRegistry(), TokenReview(reviewer.client, **options))


async def test_a_token_with_the_right_sees_the_metrics(reviewer: Reviewer) -> None:
    await reviewer.grant()
    answer = await get(served(reviewer), "/metrics", authorization="Bearer scraper")
    assert answer.status_code == 200
    assert reviewer.asked == [
        ("tokenreviews", {"token": "scraper"}),
        (
            "subjectaccessreviews",
            {
                "user": SCRAPER["username"],
                "uid": "1",
                "groups": SCRAPER["groups"],
                "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
            },
        ),
    ]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic c2NyYXBlcg==", "scraper"])
async def test_a_request_without_a_token_is_unauthorized_and_nobody_is_asked(
    reviewer: Reviewer, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = await get(served(reviewer), "/metrics", **headers)
    assert (answer.status_code, answer.text) == (401, "Unauthorized\n")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert reviewer.asked == []


async def test_an_unknown_token_is_unauthorized(reviewer: Reviewer) -> None:
    answer = await get(served(reviewer), "/metrics", authorization="bearer guessed")
    assert answer.status_code == 401
    assert reviewer.kinds == ["tokenreviews"]


async def test_a_token_without_the_right_is_forbidden(reviewer: Reviewer) -> None:
    answer = await get(served(reviewer), "/metrics", authorization="Bearer stranger")
    assert (answer.status_code, answer.text) == (403, "Authorization denied for user stranger\n")
    assert reviewer.asked[1][1]["extra"] == {"scopes": ["none"]}


async def test_the_right_is_for_one_path_and_verb(reviewer: Reviewer) -> None:
    await reviewer.grant()
    review = TokenReview(reviewer.client)
    scope = {"headers": [(b"authorization", b"Bearer scraper")], "method": "GET", "path": "/debug"}
    refused = await review(scope)
    assert refused is not None
    assert refused.status == 403
    assert await review({**scope, "path": "/metrics"}) is None
    assert await review({**scope, "path": "/metrics", "method": "PUT"}) is None
    denied = await review({**scope, "path": "/metrics", "method": "DELETE"})
    assert denied is not None
    assert denied.status == 403


async def test_an_application_beside_the_metrics_is_not_concerned(reviewer: Reviewer) -> None:
    app = compose({"/metrics": served(reviewer), "/healthz": says("probes")})
    assert (await get(app, "/healthz")).status_code == 200


async def test_answers_are_kept_for_a_time(reviewer: Reviewer) -> None:
    await reviewer.grant()
    app = served(reviewer)
    both = ["tokenreviews", "subjectaccessreviews"]
    for _ in range(3):
        await get(app, "/metrics", authorization="Bearer scraper")
    assert reviewer.kinds == both
    await asyncio.sleep(61)
    await get(app, "/metrics", authorization="Bearer scraper")
    assert reviewer.kinds == [*both, "tokenreviews"]
    await asyncio.sleep(300)
    await get(app, "/metrics", authorization="Bearer scraper")
    assert reviewer.kinds == [*both, "tokenreviews", *both]


async def test_a_denial_is_kept_for_half_a_minute(reviewer: Reviewer) -> None:
    app = served(reviewer)
    assert (await get(app, "/metrics", authorization="Bearer scraper")).status_code == 403
    await reviewer.grant()
    await asyncio.sleep(29)
    assert (await get(app, "/metrics", authorization="Bearer scraper")).status_code == 403
    await asyncio.sleep(2)
    assert (await get(app, "/metrics", authorization="Bearer scraper")).status_code == 200


async def test_guessed_tokens_are_asked_about_a_few_at_a_time_and_remembered(reviewer: Reviewer) -> None:
    reviewer.delay = 1
    app = served(reviewer)
    answers = await asyncio.gather(*(get(app, "/metrics", authorization=f"Bearer {n}") for n in range(20)))
    assert {answer.status_code for answer in answers} == {401}
    assert reviewer.most_under_way == 4
    await asyncio.gather(*(get(app, "/metrics", authorization="Bearer 7") for _ in range(20)))
    assert len(reviewer.asked) == 20


async def test_one_token_asked_about_at_once_is_asked_about_few_times(reviewer: Reviewer) -> None:
    reviewer.delay = 1
    app = served(reviewer)
    await asyncio.gather(*(get(app, "/metrics", authorization="Bearer x") for _ in range(20)))
    assert len(reviewer.asked) == 4


async def test_those_who_are_known_do_not_wait_for_those_who_guess(reviewer: Reviewer) -> None:
    await reviewer.grant()
    app = served(reviewer)
    await get(app, "/metrics", authorization="Bearer scraper")
    reviewer.delay = 5
    guesses = [asyncio.create_task(get(app, "/metrics", authorization=f"Bearer {n}")) for n in range(8)]
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()
    assert (await get(app, "/metrics", authorization="Bearer scraper")).status_code == 200
    assert asyncio.get_running_loop().time() == began
    await asyncio.gather(*guesses)


async def test_what_is_remembered_is_bounded(reviewer: Reviewer) -> None:
    review = TokenReview(reviewer.client)
    for number in range(1100):
        await review({"headers": [(b"authorization", f"Bearer {number}".encode())], "method": "GET", "path": "/"})
    assert len(review._users._answers) == 1024


async def test_an_api_server_that_does_not_answer_is_a_500_within_the_bound(
    reviewer: Reviewer, caplog: pytest.LogCaptureFixture
) -> None:
    reviewer.delay = 1e6
    began = asyncio.get_running_loop().time()
    answer = await get(served(reviewer), "/metrics", authorization="Bearer scraper")
    assert (answer.status_code, answer.text) == (500, "Authentication failed\n")
    assert asyncio.get_running_loop().time() - began == pytest.approx(10)
    assert "no answer in time" in caplog.text


async def test_an_api_server_that_fails_is_a_500_and_asked_again(reviewer: Reviewer) -> None:
    await reviewer.grant()
    app = served(reviewer)
    reviewer.failure = TransportError("connection refused")
    assert (await get(app, "/metrics", authorization="Bearer scraper")).status_code == 500
    reviewer.failure = None
    assert (await get(app, "/metrics", authorization="Bearer scraper")).status_code == 200


async def test_an_answer_that_makes_no_sense_lets_nobody_in(reviewer: Reviewer) -> None:
    reviewer.garbage = True
    assert (await get(served(reviewer), "/metrics", authorization="Bearer scraper")).status_code == 401


@pytest.mark.parametrize(("answered", "status"), [(["metrics"], 200), (["other"], 401), (None, 401), ([], 401)])
async def test_a_token_must_be_for_one_of_the_audiences(
    reviewer: Reviewer, answered: list[str] | None, status: int
) -> None:
    await reviewer.grant()
    reviewer.audiences = answered
    answer = await get(served(reviewer, audiences=["metrics", "web"]), "/metrics", authorization="Bearer scraper")
    assert answer.status_code == status
    assert reviewer.asked[0][1] == {"token": "scraper", "audiences": ["metrics", "web"]}
