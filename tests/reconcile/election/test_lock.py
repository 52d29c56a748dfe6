"""LeaseLock and the record on the wire. client-go's resourcelock/leaselock_test.go."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubernaut.client import AlreadyExists, Client, Conflict, NotFound
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.election.lock import LeaseLock
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec

pytestmark = pytest.mark.virtual_time

WHOLE_SECOND = datetime(2024, 5, 1, 12, tzinfo=UTC)


def record(identity: str = "test-identity") -> LeaseSpec:
    return LeaseSpec.from_dict(
        {
            "holderIdentity": identity,
            "leaseDurationSeconds": 15,
            "acquireTime": "2024-05-01T12:00:00.000000Z",
            "renewTime": "2024-05-01T12:00:00.123456Z",
            "leaseTransitions": 1,
            "preferredHolder": "preferred-holder",
            "strategy": "strategy",
        }
    )


@pytest.fixture
def client() -> Client:
    return Client(InProcessTransport(ApiServer(seed=1)))


def lock(client: Client, **labels: str) -> LeaseLock:
    return LeaseLock(client, "default", "test-name", labels)


async def test_reading_a_lease_that_is_not_there_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        await lock(client).get()


async def test_what_was_created_is_read_back(client: Client) -> None:
    await lock(client).create(record())
    assert (await lock(client).get()).to_dict() == record().to_dict()


async def test_creating_a_lease_twice_fails(client: Client) -> None:
    await lock(client).create(record())
    with pytest.raises(AlreadyExists):
        await lock(client).create(record())


async def test_updating_a_lease_that_was_neither_read_nor_created_fails(client: Client) -> None:
    with pytest.raises(RuntimeError, match="neither read nor created"):
        await lock(client).update(record())


async def test_an_update_fails_when_another_wrote_since(client: Client) -> None:
    mine, other = lock(client), lock(client)
    await mine.create(record())
    await other.get()
    await other.update(record("other"))
    with pytest.raises(Conflict):
        await mine.update(record())


async def test_a_lock_describes_itself_as_namespace_and_name(client: Client) -> None:
    assert str(lock(client)) == "default/test-name"


async def test_a_record_round_trips_with_fields_that_are_none_of_ours() -> None:
    assert LeaseSpec.from_json(record().to_json()).to_dict() == record().to_dict()
    assert record().to_dict()["preferredHolder"] == "preferred-holder"


async def test_times_have_six_digits_on_the_wire_also_on_whole_seconds(client: Client) -> None:
    await lock(client).create(LeaseSpec(holder_identity="a", renew_time=WHOLE_SECOND, acquire_time=WHOLE_SECOND))
    raw = await client.request("GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases/test-name")
    assert b'"2024-05-01T12:00:00.000000Z"' in raw.body


async def test_an_empty_holder_is_sent_as_an_empty_string() -> None:
    assert LeaseSpec(holder_identity="").to_dict()["holderIdentity"] == ""


async def test_labels_are_set_on_a_lease_that_has_none(client: Client) -> None:
    await lock(client).create(record())
    labelled = lock(client, **{"custom-key": "custom-val"})
    await labelled.get()
    await labelled.update(record())
    assert (await client.get(Lease, "test-name", namespace="default")).metadata.labels == {"custom-key": "custom-val"}


async def test_a_lock_without_labels_leaves_the_leases_labels(client: Client) -> None:
    await lock(client, **{"custom-key": "custom-val"}).create(record())
    plain = lock(client)
    await plain.get()
    await plain.update(record())
    assert (await client.get(Lease, "test-name", namespace="default")).metadata.labels == {"custom-key": "custom-val"}


async def test_a_label_of_ours_is_restored_and_one_of_anothers_is_kept(client: Client) -> None:
    mine = lock(client, **{"custom-key": "custom-val"})
    await mine.create(record())
    lease = await client.get(Lease, "test-name", namespace="default")
    lease.metadata.labels = {"custom-key": "new-custom-val", "custom-key-2": "custom-val-2"}
    await client.update(lease)
    await mine.get()
    await mine.update(record())
    lease = await client.get(Lease, "test-name", namespace="default")
    assert lease.metadata.labels == {"custom-key": "custom-val", "custom-key-2": "custom-val-2"}
