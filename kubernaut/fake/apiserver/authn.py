"""Who a request comes from: bearer tokens and impersonation headers."""

from __future__ import annotations

from collections.abc import Mapping

from kubernaut.fake.apiserver.messages import ADMIN, User
from kubernaut.fake.apiserver.status import StatusError

_PREFIX = "impersonate-extra-"


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def authenticate(headers: Mapping[str, str], tokens: Mapping[str, User], *, strict: bool) -> User:
    """The user of a bearer token; without one the administrator.

    Raises StatusError 401 for an unknown token if `strict`. A server that was given no tokens takes any: kubeconfigs
    of tests carry made-up ones.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return ADMIN
    user = tokens.get(token.strip())
    if user is None and strict:
        raise unauthorized()
    return user or ADMIN


def service_account(namespace: str, name: str, uid: str = "") -> User:
    """The user that a pod's ServiceAccount is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid)


def impersonated(headers: Mapping[str, str], groups: list[str]) -> User | None:
    """The user asked for by Impersonate-User and -Group headers (groups may come several times)."""
    name = headers.get("impersonate-user", "")
    if not name:
        return None
    if name.startswith("system:serviceaccount:") and name.count(":") == 3 and not groups:
        _, _, namespace, account = name.split(":")
        return service_account(namespace, account)
    if name == "system:anonymous":
        return User(name, tuple(groups) or ("system:unauthenticated",))
    known = groups if "system:authenticated" in groups else [*groups, "system:authenticated"]
    extra = {key[len(_PREFIX) :]: (value,) for key, value in headers.items() if key.startswith(_PREFIX)}
    return User(name, tuple(known), headers.get("impersonate-uid", ""), extra)
