"""Keeps one server's certificate: in the Secret, in the configurations, and in use, in that order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

import anyio

from kubernaut.client import AlreadyExists, Client, ClientError, Conflict
from kubernaut.reconcile.informer import RetryDelay
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.serving.issued import IssuedTls
from kubernaut.reconcile.webhooks.certificates.bundles import Published, Target, publish, read
from kubernaut.reconcile.webhooks.certificates.managed import CONFIGURATIONS, ManagedCertificates
from kubernaut.reconcile.webhooks.certificates.rotation import Rotation
from kubernaut.reconcile.webhooks.certificates.secret import NotOurs, SharedSecret
from kubernaut.reconcile.webhooks.certificates.state import Retired, State
from kubernaut.reconcile.webhooks.certificates.watching import watch_by_name
from kubernaut.reconcile.webhooks.certificates.x509 import SKEW, Facts, facts_of, require
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.timing import Clock, current_clock

__all__ = ["CertificateKeeper"]

ATTEMPTS = 5
"""How often a step that another replica was faster in is tried again at once."""
JITTER = 0.1

_log = logger("kubernaut.certificates")


class CertificateKeeper:
    """One replica's part; any number of replicas work on the same objects without knowing of each other.

    Each step reads the configurations first, then the Secret; changes the Secret if something is due; publishes its
    bundle with the versions read first as precondition, so that no older bundle ever follows a newer one; and only then
    takes into use what the Secret holds. Whatever call a process ends in, another one can go on from there.

    `tls` is given what the server shows. Raises ImportError where the extra `certificates` is missing, ValueError where
    no namespace is known.
    """

    def __init__(
        self,
        settings: ManagedCertificates,
        client: Client,
        tls: IssuedTls,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        require()
        namespace = settings.namespace or client.namespace
        if not namespace:
            raise ValueError("ManagedCertificates.namespace: give one, the client's configuration names none")
        self.tls = tls
        self.error: str | None = None
        """Why the last step failed; None when it did not."""
        self.served: State | None = None
        """What was read when the present certificate was taken into use."""
        self._settings = settings
        self._client = client
        self._clock = clock or current_clock()
        self._random = random or Random(0)
        self._secret = SharedSecret(client, namespace, settings.secret)
        self._rotation = Rotation(
            authority=f"{namespace} {settings.secret}",
            names=tuple(settings.dns_names),
            lifetime=settings.lifetime,
            ca_lifetime=settings.ca_lifetime,
            overlap=settings.overlap,
        )
        self._targets = [Target(kind, name) for kind in CONFIGURATIONS for name in settings.configurations]
        self._targets += [Target(CustomResourceDefinition, name) for name in settings.crds]
        # since when every configuration is known to trust an authority (PEM)
        self._trusted_since: dict[bytes, datetime] = {}
        self._told: dict[Target, None] = {}
        self._wake = anyio.Event()

    async def run(self) -> None:
        """Keep the certificate until cancelled. Errors of the API server are logged and tried again."""
        async with anyio.create_task_group() as group:
            for number, target in enumerate(self._targets):
                random = Random(self._random.random() + number)
                group.start_soon(watch_by_name, self._client, target, self.look, random, name=f"watch of {target}")
            await self._keep()

    def look(self) -> None:
        """Take the next step now."""
        self._wake.set()

    async def step(self) -> None:
        """Do what is due. Raises ApiError, TransportError, NotOurs; Conflict when others are faster all the time."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._attempt()
                return
            except (Conflict, AlreadyExists):
                if attempt == ATTEMPTS:
                    raise

    def problem(self) -> str | None:
        """Why the server cannot be trusted now; None when it can."""
        served = self._served_facts
        if served is None:
            return f"no certificate yet: {self.error or 'it is being made'}"
        if self._now() >= served.not_after:
            return (
                f"the certificate ended at {served.not_after:%Y-%m-%dT%H:%M:%SZ}: {self.error or 'no other is there'}"
            )
        return None

    async def _keep(self) -> None:
        delay = RetryDelay(self._random)
        regular = self._settings.check_every.total_seconds()
        while True:
            self._wake = anyio.Event()
            try:
                await self.step()
                wait = regular * (1 - JITTER * self._random.random())
                self.error = None
            except (ClientError, NotOurs) as error:
                wait = delay.next(anyio.current_time())
                if str(error) != self.error:
                    _log.error("certificates could not be seen to", error=str(error), secret=str(self._secret))
                self.error = str(error)
            with anyio.move_on_after(wait):
                await self._wake.wait()

    async def _attempt(self) -> None:
        before = [await read(self._client, target, self._settings.dns_names) for target in self._targets]
        published = [found for found in before if found is not None]
        self._strangers(published)
        stored = await self._secret.read()
        now = self._now()

        def trusted(certificate: bytes) -> bool:
            return all(found.trusts(certificate) for found in published)

        state = self._rotation.due(stored.state, now, trusted, self._in_use(now))
        if state is not stored.state:
            await self._secret.write(stored, state)
            _tell(stored.state, state)
        # An authority that cannot be published must not keep a certificate of the present one from being used.
        self._use(state, now, [each for each in state.trusted if trusted(each)])
        await self._publish(published, state)
        self._use(state, now, state.trusted)

    def _strangers(self, published: Sequence[Published]) -> None:
        """Tell once of an object of which no entry leads to us: its webhooks would be called with another's trust."""
        for found in published:
            if not found.entries and found.target not in self._told:
                hosts = ", ".join(self._settings.dns_names)
                _log.warning(
                    "nothing in it leads to the names of the certificate", object=str(found.target), names=hosts
                )
            self._told[found.target] = None

    async def _publish(self, published: Sequence[Published], state: State) -> None:
        """Publish to every object, whatever becomes of the others; raises the first error."""
        failed: ClientError | None = None
        for found in published:
            try:
                written = await publish(self._client, found, state.bundle)
            except ClientError as error:
                failed = failed or error
                continue
            if written:
                _log.info("published the authorities", object=str(found.target), count=len(state.trusted))
        if failed is not None:
            raise failed

    def _use(self, state: State, now: datetime, trusted: Sequence[bytes]) -> None:
        """Show the stored certificate, if every configuration is known to trust its issuer.

        Where another one is in use, it stays until API servers have had the time to see the new issuer.
        """
        self._trusted_since = {each: self._trusted_since.get(each, now) for each in trusted}
        since = self._trusted_since.get(state.issuer.certificate)
        if since is None or (self.served is not None and self.served.server == state.server):
            return
        in_use = self._in_use(now)
        another = in_use is not None and in_use.certificate != state.issuer.certificate
        if another and now < since + self._settings.overlap:
            return
        self.served = state
        self.tls.put(state.server.certificate, state.server.key)
        facts = facts_of(state.server.certificate)
        _log.info("a certificate is in use", names=list(facts.names), until=facts.not_after.isoformat())

    def _in_use(self, now: datetime) -> Retired | None:
        """The authority of what is served; None for nothing, and for what has ended."""
        facts = self._served_facts
        if self.served is None or facts is None or now >= facts.not_after:
            return None
        return Retired(self.served.issuer.certificate, facts.not_after + SKEW)

    @property
    def _served_facts(self) -> Facts | None:
        return None if self.served is None else facts_of(self.served.server.certificate)

    def _now(self) -> datetime:
        return self._clock.now()


def _tell(old: State | None, new: State) -> None:
    if old is None:
        _log.info("made an authority and a certificate")
    elif old.issuer != new.issuer:
        _log.info("the next authority issues from now on")
    elif old.next is None and new.next is not None:
        _log.info("made the next authority: it is trusted before it is used")
    elif old.server != new.server:
        _log.info("made a certificate", until=facts_of(new.server.certificate).not_after.isoformat())
