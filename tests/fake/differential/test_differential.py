"""The scripts in tests/golden, asked of the fake and, where there is one, of a real server again."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import httpx
import pytest

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import ADMIN
from tests.envtest import api_server, needs_envtest
from tests.fake.differential.known import KNOWN
from tests.fake.differential.normal import Answer
from tests.fake.differential.script import SCENARIOS, differences, recorded, run, steps_of


async def fake_answers(scenario: str) -> dict[str, Answer]:
    server = ApiServer(seed=1, rbac=True, tokens={"token": ADMIN}, service_accounts=True)
    transport, headers = httpx.ASGITransport(app=server), {"authorization": "Bearer token"}
    async with httpx.AsyncClient(transport=transport, base_url="http://fake", headers=headers, timeout=None) as client:
        return await run(client, scenario, waits=False)


def differing(scenario: str, want: dict[str, Answer], got: dict[str, Answer]) -> Iterator[tuple[str, str]]:
    """Each place at which the answers differ, and both values there."""
    for step, answer in want.items():
        for path, theirs, mine in differences(answer, got[step]):
            yield f"{scenario}/{step} {path}", f"recorded {theirs!r}, now {mine!r}"


@pytest.mark.virtual_time
@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_the_fake_answers_as_the_recorded_server_but_for_what_is_known(scenario: str) -> None:
    found = dict(differing(scenario, recorded(scenario), await fake_answers(scenario)))
    unexplained = [f"{place}: {both}" for place, both in found.items() if not any(k.covers(place) for k in KNOWN)]
    assert not unexplained, "\n".join(unexplained)
    own = [pattern for known in KNOWN for pattern in known.places if pattern.startswith(f"{scenario}/")]
    stale = [pattern for pattern in own if not any(fnmatchcase(place, pattern) for place in found)]
    assert not stale, f"these are alike by now: {stale}"


def test_every_step_is_recorded_and_at_least_150_are() -> None:
    assert all(list(recorded(scenario)) == list(steps_of(scenario)) for scenario in SCENARIOS)
    assert sum(len(recorded(scenario)) for scenario in SCENARIOS) >= 150


def test_every_known_difference_has_a_reason() -> None:
    assert all(known.reason and known.kind for known in KNOWN)


@needs_envtest
async def test_the_real_server_still_answers_what_was_recorded(tmp_path: Path) -> None:
    async with api_server(tmp_path) as client:
        for scenario in SCENARIOS:
            found = list(differing(scenario, recorded(scenario), await run(client, scenario)))
            assert not found, "\n".join(f"{place}: {both}" for place, both in found)
