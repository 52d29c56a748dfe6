"""Impersonation: users, groups, extra, uid, each by the verb `impersonate`."""

from __future__ import annotations

import pytest

from kubernaut.fake.apiserver import User
from tests.fake.admission.asking import Asker, Object
from tests.fake.auth.granting import grant, rule, user

PODS = "/api/v1/namespaces/default/pods"
ALICE = User("alice", ("system:authenticated",))
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


async def who(ask: Asker) -> Object:
    found: Object = (await ask.post(SELF, {}))["status"]["userInfo"]
    return found


async def test_the_administrator_may_be_anyone(ask: Asker) -> None:
    more = {"impersonate-group": "dev", "impersonate-uid": "7", "impersonate-extra-scopes": "view"}
    assert await who(ask.acting("bob", **more)) == {
        "username": "bob",
        "uid": "7",
        "groups": ["dev", "system:authenticated"],
        "extra": {"scopes": ["view"]},
    }
    account = await who(ask.acting("system:serviceaccount:shop:web"))
    assert account["groups"] == ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"]
    assert (await ask.acting("system:anonymous")("GET", PODS))[0] == 403


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            {"impersonate-user": "bob"},
            'users "bob" is forbidden: {who} resource "users" in API group "" at the cluster scope',
        ),
        (
            {"impersonate-user": "system:serviceaccount:t:sa"},
            'serviceaccounts "sa" is forbidden: {who} resource "serviceaccounts" in API group "" in the namespace "t"',
        ),
        (
            {"impersonate-user": "carol", "impersonate-group": "dev"},
            'groups "dev" is forbidden: {who} resource "groups" in API group "" at the cluster scope',
        ),
        (
            {"impersonate-user": "carol", "impersonate-extra-scopes": "a"},
            'userextras.authentication.k8s.io "a" is forbidden: {who} resource "userextras/scopes" in API group'
            ' "authentication.k8s.io" at the cluster scope',
        ),
        (
            {"impersonate-user": "carol", "impersonate-uid": "7"},
            'uids.authentication.k8s.io "7" is forbidden: {who} resource "uids" in API group'
            ' "authentication.k8s.io" at the cluster scope',
        ),
    ],
)
async def test_others_need_the_verb_for_each_thing_they_take(ask: Asker, headers: Object, message: str) -> None:
    ask.server.add_token("alice", ALICE)
    await grant(ask, user("alice"), rule("impersonate", "users", resourceNames=["carol"]))
    code, body = await Asker(ask.server, {"authorization": "Bearer alice", **headers})("GET", PODS)
    assert (code, body["message"]) == (403, message.replace("{who}", 'User "alice" cannot impersonate'))


async def test_who_may_impersonate_a_user_is_that_user(ask: Asker) -> None:
    ask.server.add_token("alice", ALICE)
    await grant(ask, user("alice"), rule("impersonate", "users", resourceNames=["carol"]))
    carol = ask.bearing("alice").acting("carol")
    code, body = await carol("GET", PODS)
    assert (code, body["message"].split(" is forbidden: ")[1].split(" cannot")[0]) == (403, 'User "carol"')


async def test_groups_without_a_user_are_an_error(ask: Asker) -> None:
    code, body = await ask("GET", PODS, headers={"impersonate-group": "dev"})
    assert code == 500
    assert "without impersonating a user" in body["message"]
