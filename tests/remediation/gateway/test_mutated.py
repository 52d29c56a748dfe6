"""A thousand spoiled notifications: none breaks the gateway, each gets a clear answer, no request is made twice."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubernaut.client.transports.faults import Fault
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.testing import Cluster
from tests.remediation.gateway.sending import Gateway, alert, notification, prepare, requests

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False)]

COUNT = 1000
GOOD = notification(
    alert(fingerprint="a"),
    alert(fingerprint="b", deployment="", pod="web-5d8f7c9b6d-abcde"),
    alert(fingerprint="c", status="resolved"),
    alert(fingerprint="d", deployment="", namespace="", node="node-1"),
)
ODD: list[Any] = [
    None,
    True,
    -1,
    2**70,
    1.5,
    "",
    "x" * 5000,
    "a/b",
    "..",
    "%2e%2e",
    "\x00",
    "shop\n",
    "ünicode",
    [],
    {},
    {"a": {"b": []}},
    [[[]]],
    "2024-13-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "2024-01-01T00:00:00.999999999Z",
    "resolved",
    "firing",
]


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be spoiled."""
    found = [at] if at else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        found += paths(member, (*at, key))
    return found


PATHS = paths(GOOD)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A notification with some values replaced, taken out or repeated, or its text damaged."""
    body = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(PATHS))
        where: Any = body
        try:
            for key in above:
                where = where[key]
            kind = draw(st.integers(0, 4))
            if kind == 0:
                del where[last]
            elif kind == 1 and isinstance(where, list):
                where.append(copy.deepcopy(where[last]))
            elif kind == 2:
                where[draw(st.text(max_size=10))] = draw(anything)
            else:
                where[last] = draw(st.sampled_from(ODD) | anything)
        except (KeyError, IndexError, TypeError):
            continue
    text = json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", errors="surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(text) - 1))
        text = text[:at] + draw(st.binary(max_size=4)) + text[at + draw(st.integers(0, 8)) :]
    return text


def samples(count: int) -> list[bytes]:
    """The same ones on every run."""
    found: list[bytes] = []

    @settings(
        max_examples=count, derandomize=True, database=None, suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(mutated())
    def collect(text: bytes) -> None:
        found.append(text)

    collect()
    return found


async def test_a_thousand_spoiled_notifications_break_nothing(cluster: Cluster) -> None:
    await prepare(cluster, "shop", "kubernaut-system")
    gateways = [Gateway(cluster.client), Gateway(cluster.client)]
    given_bodies = samples(COUNT)
    assert len(given_bodies) >= COUNT * 0.9
    codes: dict[int, int] = {}
    for number, body in enumerate(given_bodies):
        for gateway in gateways if number % 10 == 0 else gateways[:1]:
            answer = await gateway.post(body)
            codes[answer.status_code] = codes.get(answer.status_code, 0) + 1
            assert answer.status_code in (200, 400, 422), (body, answer.text)
            told = answer.json()
            if answer.status_code == 200:
                assert "failed" not in told["outcomes"], (body, told)
            else:
                assert told["error"], body
                assert answer.status_code == 400 or all(each["field"] for each in told["fields"]), told
    assert codes[200] > 100 and codes[422] > 100 and codes[400] > 10, codes
    made = [(each.namespace, each.spec.signal.fingerprint) for each in await requests(cluster)]
    assert len(made) == len(set(made)), "one signal that lasts has two requests"


async def test_spoiled_notifications_and_faults_together_give_only_what_is_documented(cluster: Cluster) -> None:
    await prepare(cluster, "shop", "kubernaut-system")
    gateway = Gateway(cluster.client)
    for fault in (Fault.status(503), Fault.status(409), Fault.refused(), Fault.answer_lost(1)):
        cluster.faults.add(fault, resource=RemediationRequest, probability=0.1)
    for body in samples(150):
        answer = await gateway.post(body)
        assert answer.status_code in (200, 400, 422, 503), (body, answer.text)
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
            assert "failed" in answer.json()["outcomes"]
