"""What can be said about managed certificates, what the Secret may hold, and how a server is given a certificate."""

from __future__ import annotations

import builtins
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kubernaut.client import Client
from kubernaut.reconcile import Manager
from kubernaut.reconcile.permissions import policy_rules
from kubernaut.reconcile.serving import CertificateError, Certificates, IssuedTls, issued
from kubernaut.reconcile.webhooks.certificates import CertificateKeeper, ManagedCertificates
from kubernaut.reconcile.webhooks.certificates.secret import NotOurs
from kubernaut.reconcile.webhooks.certificates.state import Retired, State, Unreadable
from kubernaut.reconcile.webhooks.certificates.x509 import facts_of, make_authority, make_server
from tests.reconcile.webhooks.certificates.replicas import HOST, SECRET, SETTINGS, Replica, World, handshake, trusted

NOW = datetime(2024, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def state() -> State:
    issuer, following, old = (make_authority("shop hooks", NOW, YEAR) for _ in range(3))
    server = make_server(issuer, (HOST, "127.0.0.1", "::1"), NOW, YEAR / 4)
    return State(issuer, server, NOW + YEAR / 4, following, NOW, (Retired(old.certificate, NOW + YEAR),))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"secret": ""}, "is no name of an object"),
        ({"secret": "Hooks"}, "is no name of an object"),
        ({"dns_names": []}, "name what the API server calls"),
        ({"dns_names": ["a b"]}, "neither a DNS name nor an IP address"),
        ({"configurations": ["a/b"]}, "is no name of an object"),
        ({"lifetime": timedelta(minutes=30)}, "lifetime: must be six times"),
        ({"ca_lifetime": timedelta(days=200)}, "ca_lifetime: must be three times"),
        ({"overlap": timedelta()}, "overlap"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(SETTINGS, **wrong)


def test_one_name_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match="dns_names"):
        ManagedCertificates(secret="a", dns_names="a.b.svc")


def test_the_rights_are_one_secret_and_the_named_objects() -> None:
    rules = policy_rules(SETTINGS.permissions())
    assert {resource for rule in rules.cluster for resource in rule.resources} == {
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "customresourcedefinitions",
    }
    assert all(rule.resource_names for rule in rules.cluster)
    assert all(set(rule.verbs) == {"get", "watch", "patch"} for rule in rules.cluster)
    assert list(rules.namespaces) == ["shop"]
    named = [rule for rule in rules.namespaces["shop"] if rule.resource_names]
    assert [(rule.resources, rule.resource_names, sorted(rule.verbs)) for rule in named] == [
        (["secrets"], ["hooks"], ["get", "update"])
    ]


def test_the_secret_says_everything_and_reads_back() -> None:
    made = state()
    assert State.from_data(made.to_data()) == made
    assert "PRIVATE" not in repr(made)
    bare = replace(made, next=None, next_published=None, retired=())
    assert State.from_data(bare.to_data()) == bare


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: data.pop("tls.key"), "tls.key is missing"),
        (lambda data: data.update({"tls.key": data["issuer.key"]}), "another certificate's"),
        (
            lambda data: data.update({"issuer.crt": data["next.crt"], "issuer.key": data["next.key"]}),
            "another authority",
        ),
        (lambda data: data.update({"tls.crt": "?"}), ""),
        (lambda data: data.update({"rotation.json": "e30="}), "retired is missing"),
        (lambda data: data.update({"tls.key": "bm8ga2V5"}), "the private key cannot be read"),
    ],
)
def test_what_does_not_fit_together_is_not_used(damage: Callable[[dict[str, str]], Any], told: str) -> None:
    data = state().to_data()
    damage(data)
    with pytest.raises(Unreadable) as caught:
        State.from_data(data)
    assert told in str(caught.value)


def test_a_server_certificate_is_for_its_names_and_ends_with_its_issuer() -> None:
    issuer = make_authority("a", NOW, YEAR)
    server = make_server(issuer, (HOST,), NOW, 2 * YEAR)
    facts = facts_of(server.certificate)
    assert facts.not_after == facts_of(issuer.certificate).not_after
    assert trusted(server.certificate, issuer.certificate, NOW)
    assert trusted(server.certificate, issuer.certificate, NOW - timedelta(minutes=59)), "clocks differ"
    assert not trusted(server.certificate, issuer.certificate, NOW, "other.shop.svc")
    other = make_authority("a", NOW, YEAR)
    assert not trusted(server.certificate, other.certificate, NOW)
    handshake(server.certificate, server.key, other.certificate + issuer.certificate)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server.certificate, server.key, other.certificate)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_key_is_handed_to_openssl_without_lying_in_a_file(
    in_memory: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not in_memory:
        monkeypatch.setattr(issued, "_memory", lambda: None)
    elif issued._memory() is None:
        pytest.skip("no files in memory on this machine")
    tls = IssuedTls("Secret a")
    with pytest.raises(CertificateError, match="Secret a: there is no certificate yet"):
        tls.context()
    first, second = (make_server(make_authority("a", NOW, YEAR), (HOST,), NOW, YEAR) for _ in range(2))
    tls.put(first.certificate, first.key)
    used = Certificates(tls)
    assert (used.reads, used.error) == (1, None)
    tls.put(first.certificate, second.key)
    used.refresh(1.0)
    assert used.error == "Secret a: no certificate with its key: KEY_VALUES_MISMATCH"
    tls.put(second.certificate, second.key)
    used.refresh(2.0)
    assert used.reads == 3
    assert not used.error
    assert list(tmp_path.iterdir()) == []


async def test_a_secret_that_holds_something_else_is_left_alone() -> None:
    world = World()
    await world.setup()
    theirs = {
        "metadata": {"name": "hooks"},
        "data": {"tls.crt": "YQ==", "tls.key": "YQ=="},
        "type": "kubernetes.io/tls",
    }
    await world.post("/api/v1/namespaces/shop/secrets", theirs)
    replica = Replica(world, "a")
    with pytest.raises(NotOurs, match=r"Secret shop/hooks holds tls.crt, tls.key: name another"):
        await replica.step()
    stored = world.stored("Secret", "hooks")
    assert stored is not None
    assert stored["data"] == theirs["data"]


async def test_an_empty_secret_is_filled_so_that_nobody_needs_the_right_to_create_one() -> None:
    world = World()
    await world.setup()
    await world.post("/api/v1/namespaces/shop/secrets", {"metadata": {"name": "hooks", "labels": {"a": "b"}}})
    replica = Replica(world, "a")
    await replica.step()
    stored = world.stored("Secret", "hooks")
    assert stored is not None
    assert "rotation.json" in stored["data"]
    assert stored["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize("damage", ["deleted", "damaged"])
async def test_a_secret_that_is_lost_is_made_anew_and_what_is_in_use_stays_trusted(
    damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world = World()
    await world.setup()
    replica = Replica(world, "a")
    await replica.step()
    before = replica.shown
    if damage == "deleted":
        await world.client.request("DELETE", SECRET)
    else:
        headers = {"content-type": "application/merge-patch+json"}
        await world.client.request("PATCH", SECRET, body={"data": {"issuer.key": "YQ=="}}, headers=headers)
    world.time += timedelta(hours=1)
    await replica.step()
    assert replica.shown == before, "API servers have not seen the new authority yet"
    assert "published the authorities" in caplog.text
    assert "PRIVATE" not in caplog.text
    assert "Pair" not in caplog.text
    world.time += SETTINGS.overlap
    await replica.step()
    assert replica.shown != before
    assert {bundle.count(b"BEGIN") for bundle in world.bundles().values()} == {2}


async def test_a_bundle_that_somebody_takes_away_is_put_back_and_nothing_else_is_touched() -> None:
    world = World()
    await world.setup()
    replica = Replica(world, "a")
    await replica.step()
    whole = world.bundles()
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/shop"
    theirs = world.stored("MutatingWebhookConfiguration", "shop")
    assert theirs is not None
    theirs["webhooks"][0]["clientConfig"].pop("caBundle")
    theirs["webhooks"][1]["clientConfig"]["caBundle"] = "dGhlaXJz"
    theirs["webhooks"][2]["clientConfig"]["caBundle"] = "c29tZSBvdGhlcg=="
    await world.client.request("PUT", path, body=theirs)
    world.replicas.clear()  # until the next step nobody trusts us, and nothing helps
    calls = len(world.calls)
    await replica.step()
    assert world.bundles() == whole
    assert [call for call in world.calls[calls:] if "PATCH" in call] == [f"a PATCH {path}"]
    after = world.stored("MutatingWebhookConfiguration", "shop")
    assert after is not None
    assert after["webhooks"][1] == theirs["webhooks"][1]


async def test_a_configuration_that_leads_elsewhere_is_told_of_and_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    await world.setup()
    other = Replica(world, "a", replace(SETTINGS, dns_names=["misspelt.shop.svc"], crds=[]))
    await other.step()
    await other.step()
    assert caplog.text.count("nothing in it leads to the names of the certificate") == 2
    assert "object=ValidatingWebhookConfiguration shop names=misspelt.shop.svc" in caplog.text
    assert set(world.bundles().values()) == {b""}


async def test_configurations_that_are_not_there_are_not_waited_for() -> None:
    world = World()
    await world.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    replica = Replica(world, "a")
    await replica.step()
    assert replica.keeper.problem() is None


async def test_without_a_namespace_anywhere_the_keeper_says_so() -> None:
    world = World()
    with pytest.raises(ValueError, match=r"ManagedCertificates.namespace: give one"):
        CertificateKeeper(replace(SETTINGS, namespace=None), world.client, IssuedTls("a"))


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError("no such package")
        return real(name, *arguments, **keywords)

    manager = Manager(Client(_nowhere()))
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'kubernaut-runtime\[certificates\]'"):
        manager.add_webhooks(tls=SETTINGS)


def _nowhere() -> Any:
    return object()
