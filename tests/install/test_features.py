"""What a server knows: by its version, and by what it says of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from kubernaut.client import Client, TransportRequest, TransportResponse
from kubernaut.fake import FakeCluster
from kubernaut.install import ServerFeatures

RULE = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule"
BUDGET = "io.k8s.api.policy.v1.PodDisruptionBudgetSpec"
HOOK = "io.k8s.api.admissionregistration.v1.ValidatingWebhook"


class Documents:
    """A transport to a server that answers these documents by path, and 404 to everything else."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self._documents = documents

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        found = self._documents.get(request.path)
        status = {"kind": "Status", "reason": "NotFound", "code": 404}

        async def chunks() -> AsyncIterator[bytes]:
            yield msgspec.json.encode(status if found is None else found)

        yield TransportResponse(404 if found is None else 200, {}, chunks())

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None: ...


async def discovered(version: str, schemas: Mapping[str, Any]) -> ServerFeatures:
    documents = {"/version": {"gitVersion": version}, "/openapi/v2": {"definitions": schemas}}
    return await ServerFeatures.discover(Client(Documents(documents)))


def properties(*names: str) -> dict[str, Any]:
    return {"properties": {name: {} for name in names}}


@pytest.mark.cluster(controlplane=False)
async def test_the_newest_server_tells_what_its_version_says(cluster: FakeCluster) -> None:
    assert await ServerFeatures.discover(cluster.client) == ServerFeatures.newest()


async def test_an_old_server_without_openapi_v3_tells_it_by_v2() -> None:
    assert await discovered("v1.20.2", {}) == ServerFeatures.of_version("1.20")


async def test_what_counts_is_what_the_server_says_and_not_its_version() -> None:
    schemas = {RULE: properties("rule", "message"), BUDGET: properties("minAvailable"), HOOK: properties("rules")}
    found = await discovered("v1.30.1-gke.5", schemas)
    assert found.rule_fields == {"rule", "message"}
    assert (found.policy_v1, found.match_conditions, found.unhealthy_eviction) == (True, False, False)


@pytest.mark.parametrize("version", ["v1.23.1", "v1.24.9"])
async def test_fields_that_are_known_and_turned_off_are_not_used(version: str) -> None:
    assert not (await discovered(version, {RULE: properties("rule", "message")})).rules


@pytest.mark.parametrize(
    ("version", "policy_v1", "rules", "conditions"),
    [
        ("1.20", False, False, False),
        ("v1.21.14", True, False, False),
        ("1.24", True, False, False),
        ("1.25", True, True, False),
        ("1.28+", True, True, True),
        ("1.36", True, True, True),
        ("1.99", True, True, True),
    ],
)
def test_a_version_says_what_is_on_by_default(version: str, policy_v1: bool, rules: bool, conditions: bool) -> None:
    found = ServerFeatures.of_version(version)
    assert (found.policy_v1, found.rules, found.match_conditions) == (policy_v1, rules, conditions)


@pytest.mark.parametrize(("version", "why"), [("1.19", "the oldest is 1.20"), ("new", "is no version"), ("", "is no")])
def test_a_version_that_cannot_be_used_is_one_sentence(version: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ServerFeatures.of_version(version)
