"""Acting as somebody else: the Impersonate- headers, and who may use them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from kubernaut.fake.apiserver.authn import service_account
from kubernaut.fake.apiserver.messages import User
from kubernaut.fake.apiserver.rbac import Access, Attributes, refusal
from kubernaut.fake.apiserver.status import StatusError, forbidden

Lines = Iterable[tuple[str, str]]
_PREFIX = "impersonate-"
_EXTRA = "impersonate-extra-"
_AUTHENTICATION = "authentication.k8s.io"
_ANONYMOUS = "system:anonymous"
_EVERYBODY, _NOBODY = "system:authenticated", "system:unauthenticated"


def lines_of(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The headers that ask for another user, from a mapping."""
    return [(name, value) for name, value in headers.items() if name.startswith(_PREFIX)]


def impersonate(user: User, lines: Lines, access: Access) -> User:
    """The user that the headers (lower-case names, repeated for several values) ask for; `user` if they ask for none.

    Raises StatusError 403 where `user` lacks the verb `impersonate`, 500 for groups without a user.
    """
    given = list(lines)
    if not given:
        return user
    name = next((value for key, value in given if key == "impersonate-user"), "")
    groups = [value for key, value in given if key == "impersonate-group"]
    uid = next((value for key, value in given if key == "impersonate-uid"), "")
    extra: dict[str, tuple[str, ...]] = {}
    for key, value in given:
        if key.startswith(_EXTRA):
            field = unquote(key.removeprefix(_EXTRA))
            extra[field] = (*extra.get(field, ()), value)
    if not name:
        if not (groups or uid or extra):
            return user
        raise StatusError(500, None, f"requested {groups or list(extra) or [uid]} without impersonating a user")
    for wanted in _wanted(name, groups, extra, uid):
        _check(user, wanted, access)
    return _user(name, groups, uid, extra)


def _wanted(name: str, groups: list[str], extra: Mapping[str, tuple[str, ...]], uid: str) -> list[Attributes]:
    account = _account(name)
    if account is None:
        found = [Attributes("impersonate", resource="users", name=name)]
    else:
        found = [Attributes("impersonate", resource="serviceaccounts", namespace=account[0], name=account[1])]
    found += [Attributes("impersonate", resource="groups", name=group) for group in groups]
    for key, values in extra.items():
        found += [Attributes("impersonate", _AUTHENTICATION, "userextras", key, name=value) for value in values]
    if uid:
        found.append(Attributes("impersonate", _AUTHENTICATION, "uids", name=uid))
    return found


def _check(user: User, wanted: Attributes, access: Access) -> None:
    if not access.enforced:
        return
    decision = access.authorize(user, wanted)
    if not decision.allowed:
        raise forbidden(wanted.group, wanted.resource, wanted.name, refusal(user, wanted, decision.reason))


def _account(name: str) -> tuple[str, str] | None:
    parts = name.split(":")
    return (parts[2], parts[3]) if len(parts) == 4 and parts[:2] == ["system", "serviceaccount"] else None


def _user(name: str, groups: list[str], uid: str, extra: Mapping[str, tuple[str, ...]]) -> User:
    account = _account(name)
    if account is not None and not groups:
        return service_account(*account, uid, extra)
    everyone = _NOBODY if name == _ANONYMOUS else _EVERYBODY
    known = groups if everyone in groups else [*groups, everyone]
    return User(name, tuple(known), uid, extra)
