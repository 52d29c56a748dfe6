"""Who a request comes from: bearer tokens of users and of ServiceAccounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver import jwt
from kubernaut.fake.apiserver.messages import ADMIN, ANONYMOUS, User
from kubernaut.fake.apiserver.status import StatusError
from kubernaut.fake.apiserver.storage import Storage

ISSUER = "https://kubernetes.default.svc.cluster.local"
_EXTRA = "authentication.kubernetes.io"
_BOUND = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


class InvalidToken(Exception):
    """Nobody is authenticated by the token; the text is what a TokenReview says."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The object whose end ends a token."""

    kind: str
    name: str
    uid: str


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def service_account(
    namespace: str, name: str, uid: str = "", extra: Mapping[str, tuple[str, ...]] | None = None
) -> User:
    """The user that a pod's ServiceAccount is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid, extra or {})


class Authenticator:
    """Knows static tokens, and signs and checks those of ServiceAccounts.

    `strict` refuses tokens that nobody knows and takes requests without one for anonymous; otherwise both are the
    administrator's, for kubeconfigs of tests carry made-up tokens. `key` signs.
    """

    def __init__(self, storage: Storage, users: Mapping[str, User], key: bytes, *, strict: bool) -> None:
        self._storage = storage
        self._users = dict(users)
        self._key = key
        self._strict = strict

    def add(self, token: str, user: User) -> None:
        """Makes a static bearer token known."""
        self._users[token] = user

    def user(self, headers: Mapping[str, str], now: datetime) -> User:
        """The user behind the Authorization header. Raises StatusError 401."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return ANONYMOUS if self._strict else ADMIN
        try:
            user, _ = self.review(token.strip(), (), now)
        except InvalidToken:
            if self._strict or jwt.claims(token.strip()).get("iss") == ISSUER:
                raise unauthorized() from None
            return ADMIN
        return user

    def issue(
        self,
        namespace: str,
        account: str,
        uid: str,
        *,
        identity: str,
        now: datetime,
        seconds: int,
        audiences: Sequence[str] = (),
        bound: Bound | None = None,
    ) -> str:
        """A signed token of a ServiceAccount; `identity` is its jti, `seconds` the time that it is good for."""
        private: dict[str, Any] = {"namespace": namespace}
        if bound is not None:
            private[bound.kind.lower()] = {"name": bound.name, "uid": bound.uid}
        private["serviceaccount"] = {"name": account, "uid": uid}
        issued = int(now.timestamp())
        claims = {
            "aud": list(audiences or [ISSUER]),
            "exp": issued + seconds,
            "iat": issued,
            "iss": ISSUER,
            "jti": identity,
            "kubernetes.io": private,
            "nbf": issued,
            "sub": f"system:serviceaccount:{namespace}:{account}",
        }
        return jwt.sign(claims, self._key)

    def review(self, token: str, audiences: Sequence[str], now: datetime) -> tuple[User, list[str]]:
        """The user and the audiences that the token is good for. Raises InvalidToken."""
        known = self._users.get(token)
        if known is not None:
            return known, list(audiences) or [ISSUER]
        claims = jwt.verify(token, self._key)
        if claims is None or claims.get("iss") != ISSUER:
            raise InvalidToken("invalid bearer token")
        if now.timestamp() >= claims["exp"]:
            raise InvalidToken("[invalid bearer token, service account token has expired]")
        wanted = list(audiences) or [ISSUER]
        fitting = [audience for audience in claims["aud"] if audience in wanted]
        if not fitting:
            shown = [" ".join(f'"{each}"' for each in names) for names in (claims["aud"], wanted)]
            text = f"token audiences [{shown[0]}] is invalid for the target audiences [{shown[1]}]"
            raise InvalidToken(f"[invalid bearer token, {text}]")
        return self._account(claims), fitting

    def _account(self, claims: Mapping[str, Any]) -> User:
        private = claims["kubernetes.io"]
        namespace, account = private["namespace"], private["serviceaccount"]
        stored = self._storage.get("serviceaccounts", namespace, account["name"])
        if stored is None:
            text = f'serviceaccounts "{account["name"]}" not found'
            raise InvalidToken(f"[invalid bearer token, {text}]")
        gone = InvalidToken("[invalid bearer token, service account token has been invalidated]")
        if stored.uid != account["uid"]:
            raise gone
        extra = {f"{_EXTRA}/credential-id": (f"JTI={claims['jti']}",)}
        for kind, plural in _BOUND.items():
            bound = private.get(kind.lower())
            if bound is None:
                continue
            found = self._storage.get(plural, "" if kind == "Node" else namespace, bound["name"])
            if found is None or found.uid != bound["uid"]:
                raise gone
            if kind != "Secret":
                extra[f"{_EXTRA}/{kind.lower()}-name"] = (bound["name"],)
                extra[f"{_EXTRA}/{kind.lower()}-uid"] = (bound["uid"],)
        return service_account(namespace, account["name"], stored.uid, extra)
