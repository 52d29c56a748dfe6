"""Replicas that keep one certificate, driven call by call, and an API server's eye on what they show."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from kubernaut.client import Client, Transport, TransportError, TransportRequest, TransportResponse
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.serving import IssuedTls
from kubernaut.reconcile.webhooks.certificates import CertificateKeeper, ManagedCertificates
from kubernaut.reconcile.webhooks.certificates.x509 import facts_of

HOST = "hooks.shop.svc"
SETTINGS = ManagedCertificates(
    secret="hooks", namespace="shop", dns_names=[HOST], configurations=["shop"], crds=["gadgets.example.dev"]
)
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
SECRET = "/api/v1/namespaces/shop/secrets/hooks"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MUTATING = f"{REGISTRATION}/mutatingwebhookconfigurations/shop"
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: OpenSSL knows the machine's time alone; the other verifier is given the test's."""


class Killed(BaseException):
    """The process of a replica ended here."""


class World:
    """One API server, the time, and what may be looked at between any two calls."""

    def __init__(self) -> None:
        self.server = ApiServer(seed=1)
        self.client = Client(InProcessTransport(self.server))
        self.time = datetime(2024, 1, 1, tzinfo=UTC)
        self.replicas: list[Replica] = []
        self.calls: list[str] = []
        # what API servers may believe: each non-empty caBundle, with when it was replaced
        self.believed: list[tuple[str, bytes, datetime | None]] = []
        self._bundles: dict[str, bytes] = {}

    def now(self) -> datetime:
        return self.time

    async def setup(self) -> None:
        await self.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        for kind in ("mutating", "validating"):
            await self.post(f"{REGISTRATION}/{kind}webhookconfigurations", configuration())
        await self.post(CRD, crd())

    async def post(self, path: str, body: Any) -> None:
        await self.client.request("POST", path, body=body)

    def stored(self, kind: str, name: str) -> dict[str, Any] | None:
        for obj in self.server.dump():
            if obj["kind"] == kind and obj["metadata"]["name"] == name:
                return obj
        return None

    def bundles(self) -> dict[str, bytes]:
        """The caBundle of each entry that leads to us."""
        found = {}
        for obj in self.server.dump():
            for number, entry in enumerate(obj.get("webhooks") or ()):
                if (entry["clientConfig"].get("service") or {}).get("name") == "hooks":
                    found[f"{obj['kind']}/{number}"] = entry["clientConfig"]
            if obj["kind"] == "CustomResourceDefinition":
                found["conversion"] = obj["spec"]["conversion"]["webhook"]["clientConfig"]
        return {name: base64.b64decode(config.get("caBundle") or "") for name, config in found.items()}

    def look(self, written: bool = True) -> None:
        """Fails if an API server, which may be five minutes behind, would refuse what a replica shows."""
        if written:
            self._bundles = self.bundles()
        current = self._bundles
        lately = self.time - timedelta(minutes=5)
        kept = []
        for place, bundle, left in self.believed:
            until = self.time if left is None and current.get(place) != bundle else left
            if until is None or until >= lately:
                kept.append((place, bundle, until))
        known = [(place, bundle) for place, bundle, until in kept if until is None]
        kept += [(place, bundle, None) for place, bundle in current.items() if bundle and (place, bundle) not in known]
        self.believed = kept
        for replica in self.replicas:
            shown = replica.shown
            if shown is not None and self.time < facts_of(shown[0]).not_after:
                for bundle, place in {bundle: place for place, bundle, _ in self.believed}.items():
                    hour = max(self.time.replace(minute=0, second=0, microsecond=0), facts_of(shown[0]).not_before)
                    assert _trusted_in(shown[0], bundle, hour), f"{place} refuses what {replica.name} shows"
                    handshake(*shown, bundle)


class Replica:
    """One process. `step` may be cut short by `kill_at`: the number of a call, and whether it has taken effect."""

    def __init__(self, world: World, name: str, settings: ManagedCertificates = SETTINGS) -> None:
        self.world, self.name, self.settings = world, name, settings
        self.before_call: Callable[[], Awaitable[None]] | None = None
        self.kill_at: tuple[int, bool] | None = None
        self.refused: str | None = None
        """A method whose requests come to nothing."""
        self.calls = 0
        self.start()
        world.replicas.append(self)

    def start(self) -> None:
        """A new process, which knows nothing."""
        self.tls = IssuedTls("test")
        client = Client(_Observed(InProcessTransport(self.world.server), self))
        self.keeper = CertificateKeeper(self.settings, client, self.tls, clock=self.world, random=Random(0))

    @property
    def shown(self) -> tuple[bytes, bytes] | None:
        """The certificate and its key."""
        chain = self.tls._chain
        if not chain:
            return None
        at = chain.index(b"-----BEGIN CERTIFICATE")
        return chain[at:], chain[:at]

    async def step(self) -> bool:
        """Whether it lived through it; a process that is killed is started again."""
        self.calls = 0
        try:
            await self.keeper.step()
        except Killed:
            self.kill_at = None
            self.start()
            return False
        finally:
            self.world.look(written=False)
        return True


class _Observed:
    """A transport on which processes end, and after each of whose calls the world is looked at."""

    def __init__(self, inner: Transport, replica: Replica) -> None:
        self._inner, self._replica = inner, replica

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        replica = self._replica
        if replica.before_call is not None:
            await replica.before_call()
        number, kill = replica.calls, replica.kill_at
        replica.calls += 1
        if request.method == replica.refused:
            raise TransportError("refused by the test")
        if kill == (number, False):
            raise Killed
        replica.world.calls.append(f"{replica.name} {request.method} {request.path}")
        async with self._inner.open(request) as response:
            replica.world.look(written=request.method == "PATCH")
            if kill == (number, True):
                raise Killed
            yield response


class Turns:
    """Lets several steps go on at once, one call at a time, in an order that the random decides."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random = world, random
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def steps(self, replicas: list[Replica], stall: timedelta) -> None:
        """One step of each; between two calls up to `stall` may pass."""
        tasks = []
        for replica in replicas:
            replica.before_call = lambda name=replica.name: self._turn(name)
            tasks.append(asyncio.ensure_future(replica.step()))
        while not all(task.done() for task in tasks):
            # nobody waits for anything but their turn
            while len(self._waiting) < sum(not task.done() for task in tasks):
                await asyncio.sleep(0)
            if self._waiting:
                name = self.random.choice(list(self._waiting))
                self.world.time += stall * self.random.random()
                self._waiting.pop(name).set_result(None)
        for replica, task in zip(replicas, tasks, strict=True):
            replica.before_call = None
            task.result()

    async def _turn(self, name: str) -> None:
        self._waiting[name] = asyncio.get_running_loop().create_future()
        await self._waiting[name]


def configuration() -> dict[str, Any]:
    """Entries of ours around one of somebody else's."""
    return {"metadata": {"name": "shop"}, "webhooks": [entry("a", "hooks"), entry("b", "theirs"), entry("c", "hooks")]}


def entry(name: str, service: str) -> dict[str, Any]:
    return {
        "name": f"{name}.example.dev",
        "rules": [{"apiGroups": ["example.dev"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["gadgets"]}],
        "clientConfig": {"service": {"name": service, "namespace": "shop", "path": "/x"}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }


def crd() -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    webhook = {
        "clientConfig": {"service": {"name": "hooks", "namespace": "shop", "path": "/convert"}},
        "conversionReviewVersions": ["v1"],
    }
    spec = {
        "group": "example.dev",
        "names": {"kind": "Gadget", "plural": "gadgets"},
        "scope": "Namespaced",
        "versions": [version],
        "conversion": {"strategy": "Webhook", "webhook": webhook},
    }
    return {"metadata": {"name": "gadgets.example.dev"}, "spec": spec}


def trusted(certificate: bytes, bundle: bytes, time: datetime, host: str = HOST) -> bool:
    """Whether a verifier that trusts `bundle` takes the certificate for `host` at `time`."""
    verifier = _verifier(bundle, time, host)
    try:
        verifier.verify(x509.load_pem_x509_certificate(certificate), [])
    except x509.verification.VerificationError:
        return False
    return True


def _verifier(bundle: bytes, time: datetime, host: str) -> x509.verification.ServerVerifier:
    store = Store(x509.load_pem_x509_certificates(bundle))
    return PolicyBuilder().store(store).time(time).build_server_verifier(x509.DNSName(host))


@cache
def _trusted_in(certificate: bytes, bundle: bytes, hour: datetime) -> bool:
    return trusted(certificate, bundle, hour)


@cache
def handshake(certificate: bytes, key: bytes, bundle: bytes, host: str = HOST) -> None:
    """A whole TLS handshake in memory. Raises ssl.SSLError."""
    tls = IssuedTls("test")
    tls.put(certificate, key)
    context = ssl.create_default_context(cadata=bundle.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.verify_flags |= NO_CHECK_TIME
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=host)
    server = tls.context().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() is not None
