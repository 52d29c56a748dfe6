"""What has to change now, as a function of what is stored, of the time, and of what the API servers trust."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kubernaut.reconcile.webhooks.certificates.state import Retired, State
from kubernaut.reconcile.webhooks.certificates.x509 import SKEW, facts_of, make_authority, make_server

__all__ = ["Rotation"]


@dataclass(frozen=True, slots=True)
class Rotation:
    """The rules of one server: how it is called, how long things live, how long a new authority is trusted unused."""

    authority: str
    names: tuple[str, ...]
    lifetime: timedelta
    ca_lifetime: timedelta
    overlap: timedelta

    def due(
        self, state: State | None, now: datetime, published: Callable[[bytes], bool], served: Retired | None = None
    ) -> State:
        """The state as it has to be at `now`; `state` itself when nothing is due.

        `published` says of an authority's certificate whether every configuration trusts it. `served` is the authority
        of what this process serves, and when that ends: it stays trusted whatever became of the Secret.
        """
        now = now.replace(microsecond=0)
        if state is None:
            found = self._fresh(now, ())
        elif now >= facts_of(state.issuer.certificate).not_after:
            found = self._after_the_end(state, now)
        else:
            found = self._next_authority(state, now, published)
        if served is not None and served.until > now and served.certificate not in found.trusted:
            found = replace(found, retired=(*found.retired, served))
        if any(old.until <= now for old in found.retired):
            found = replace(found, retired=tuple(old for old in found.retired if old.until > now))
        return self._server(found, now)

    def _fresh(self, now: datetime, retired: tuple[Retired, ...]) -> State:
        issuer = make_authority(self.authority, now, self.ca_lifetime)
        server = make_server(issuer, self.names, now, self.lifetime)
        return State(issuer, server, facts_of(server.certificate).not_after, retired=retired)

    def _after_the_end(self, state: State, now: datetime) -> State:
        """The issuer has ended, and all it issued: nothing that could be in use is given up by not waiting."""
        following = state.next
        if following is None or now >= facts_of(following.certificate).not_after:
            return self._fresh(now, state.retired)
        server = make_server(following, self.names, now, self.lifetime)
        return State(following, server, facts_of(server.certificate).not_after, retired=state.retired)

    def _next_authority(self, state: State, now: datetime, published: Callable[[bytes], bool]) -> State:
        following, since = state.next, state.next_published
        if following is None:
            if now < facts_of(state.issuer.certificate).due:
                return state
            return replace(state, next=make_authority(self.authority, now, self.ca_lifetime), next_published=None)
        if not published(following.certificate):
            return state
        if since is None:
            return replace(state, next_published=now)
        if now < since + self.overlap:
            return state
        # The key of the old one is forgotten here: what it issued until now is all there will ever be.
        old = Retired(state.issuer.certificate, state.issued_until + SKEW)
        server = make_server(following, self.names, now, self.lifetime)
        return State(following, server, facts_of(server.certificate).not_after, retired=(*state.retired, old))

    def _server(self, state: State, now: datetime) -> State:
        facts = facts_of(state.server.certificate)
        missing = [name for name in self.names if name not in facts.names]
        if now < facts.due and not missing:
            return state
        # While a rollout changes the names, replicas of both sides need theirs; the next renewal drops the old ones.
        names = [*self.names, *(name for name in facts.names if missing and name not in self.names)]
        server = make_server(state.issuer, names, now, self.lifetime)
        until = max(state.issued_until, facts_of(server.certificate).not_after)
        return replace(state, server=server, issued_until=until)
