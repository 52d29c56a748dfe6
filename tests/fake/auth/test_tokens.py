"""Bearer tokens: whose they are, how long, for what; TokenRequest and TokenReview."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from kubernaut.fake.apiserver import ApiServer, User
from tests.fake.admission.asking import Asker, Object
from tests.fake.auth.granting import account, grant, rule

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
REVIEWS = "/apis/authentication.k8s.io/v1"
ISSUER = "https://kubernetes.default.svc.cluster.local"
NOT_KNOWN = {"user": {}, "error": "invalid bearer token"}


class Hands:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def server(hands: Hands) -> ApiServer:
    return ApiServer(seed=1, rbac=True, clock=hands, tokens={"root": User("root", ("system:masters",))})


@pytest.fixture
async def ask(server: ApiServer) -> Asker:
    root = Asker(server).bearing("root")
    await root.post(ACCOUNTS, {"metadata": {"name": "robot"}})
    return root


async def issue(ask: Asker, **spec: object) -> tuple[int, Object]:
    return await ask("POST", f"{ACCOUNTS}/robot/token", {"spec": spec})


async def token(ask: Asker, **spec: object) -> str:
    code, answer = await issue(ask, **spec)
    assert code == 201, answer
    found: str = answer["status"]["token"]
    return found


async def review(ask: Asker, value: str, *audiences: str) -> Object:
    answer = await ask.post(f"{REVIEWS}/tokenreviews", {"spec": {"token": value, "audiences": list(audiences)}})
    status: Object = answer["status"]
    return status


async def test_a_token_is_its_service_accounts(ask: Asker) -> None:
    robot = ask.bearing(await token(ask))
    code, body = await robot("GET", "/api/v1/namespaces/default/configmaps")
    text = 'configmaps is forbidden: User "system:serviceaccount:default:robot" cannot list resource "configmaps"'
    assert (code, body["message"]) == (403, f'{text} in API group "" in the namespace "default"')
    await grant(ask, account("robot"), rule("list", "configmaps"))
    assert (await robot("GET", "/api/v1/namespaces/default/configmaps"))[0] == 200
    who = (await robot.post(f"{REVIEWS}/selfsubjectreviews", {}))["status"]["userInfo"]
    assert who["username"] == "system:serviceaccount:default:robot"
    assert who["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert list(who["extra"]) == ["authentication.kubernetes.io/credential-id"]


async def test_a_token_reads_like_a_real_one(ask: Asker, hands: Hands) -> None:
    code, answer = await issue(ask, audiences=["vault"], expirationSeconds=700)
    assert (code, answer["status"]["expirationTimestamp"]) == (201, "2030-01-01T00:11:40Z")
    assert answer["spec"] == {"audiences": ["vault"], "expirationSeconds": 700, "boundObjectRef": None}
    part = answer["status"]["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert (claims["aud"], claims["iss"], claims["sub"]) == (["vault"], ISSUER, "system:serviceaccount:default:robot")
    assert claims["exp"] - claims["iat"] == 700
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "robot"


async def test_a_token_expires_by_the_servers_clock(ask: Asker, hands: Hands) -> None:
    value = await token(ask, expirationSeconds=600)
    hands.time += timedelta(seconds=599)
    assert (await review(ask, value))["authenticated"] is True
    hands.time += timedelta(seconds=1)
    assert await review(ask, value) == {
        "user": {},
        "error": "[invalid bearer token, service account token has expired]",
    }
    code, body = await ask.bearing(value)("GET", "/api")
    assert (code, body["reason"], body["message"]) == (401, "Unauthorized", "Unauthorized")


async def test_a_token_ends_with_its_account_or_its_pod(ask: Asker) -> None:
    pod = {
        "metadata": {"name": "p"},
        "spec": {"serviceAccountName": "robot", "containers": [{"name": "c", "image": "i"}]},
    }
    await ask.post("/api/v1/namespaces/default/pods", pod)
    bound = await token(ask, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "p"})
    assert (await review(ask, bound))["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    await ask("DELETE", "/api/v1/namespaces/default/pods/p")
    assert (await review(ask, bound))["error"].endswith("service account token has been invalidated]")
    free = await token(ask)
    await ask("DELETE", f"{ACCOUNTS}/robot")
    assert (await ask.bearing(free)("GET", "/api"))[0] == 401
    await ask.post(ACCOUNTS, {"metadata": {"name": "robot"}})
    assert (await ask.bearing(free)("GET", "/api"))[0] == 401, "the new account is another"


async def test_a_token_is_good_for_its_audiences_only(ask: Asker) -> None:
    value = await token(ask, audiences=["vault"])
    assert (await review(ask, value, "vault", "other"))["audiences"] == ["vault"]
    refused = (await review(ask, value))["error"]
    text = f'token audiences ["vault"] is invalid for the target audiences ["{ISSUER}"]'
    assert refused == f"[invalid bearer token, {text}]"
    assert (await ask.bearing(value)("GET", "/api"))[0] == 401


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        (
            {"expirationSeconds": 60},
            422,
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 60: '
            "may not specify a duration less than 10 minutes",
        ),
        (
            {"expirationSeconds": 2**33},
            422,
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 8589934592: '
            "may not specify a duration larger than 2^32 seconds",
        ),
        ({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "none"}}, 404, 'pods "none" not found'),
        (
            {"boundObjectRef": {"kind": "Foo", "apiVersion": "v1", "name": "x"}},
            400,
            "cannot bind token to object of type /v1, Kind=Foo",
        ),
    ],
)
async def test_what_cannot_be_issued_is_refused(ask: Asker, spec: Object, code: int, message: str) -> None:
    answered, body = await issue(ask, **spec)
    assert (answered, body["message"]) == (code, message)


async def test_unknown_tokens_and_none(ask: Asker) -> None:
    assert await review(ask, "made-up") == NOT_KNOWN
    assert (await ask.bearing("made-up")("GET", "/api"))[0] == 401
    code, body = await ask("POST", f"{REVIEWS}/tokenreviews", {"spec": {}})
    assert (code, body["message"]) == (400, "token is required for TokenReview in authentication")
    anonymous = Asker(ask.server)
    code, body = await anonymous("GET", "/api/v1/pods")
    text = 'User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope'
    assert (code, body["message"]) == (403, f"pods is forbidden: {text}")
    assert (await anonymous("GET", "/version"))[0] == 200, "system:public-info-viewer is everybody's"
    assert (await anonymous("GET", "/apis"))[0] == 403


async def test_where_any_token_is_the_administrators_a_bad_one_of_an_account_is_not() -> None:
    ask = Asker(ApiServer(seed=2))
    await ask.post(ACCOUNTS, {"metadata": {"name": "robot"}})
    value = await token(ask)
    assert (await ask.bearing("made-up")("GET", "/api"))[0] == 200
    assert (await ask.bearing(value[:-4] + "AAAA")("GET", "/api"))[0] == 401
