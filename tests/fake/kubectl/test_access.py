"""Who may do what: can-i, impersonation, roles, tokens, as kubectl shows them."""

from __future__ import annotations

from tests.fake.kubectl.running import Kubectl


def test_can_i_answers_for_the_caller_and_for_others(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "delete", "pods").out == "yes\n"
    refused = kubectl("auth", "can-i", "get", "configmaps", "--as=bob", ok=False)
    assert (refused.code, refused.out) == (1, "no\n")
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    kubectl("create", "rolebinding", "bob", "--role=reader", "--user=bob")
    assert kubectl("auth", "can-i", "get", "configmaps", "--as=bob").out == "yes\n"
    assert kubectl("auth", "can-i", "get", "configmaps/some", "--as=bob", ok=False).code == 0
    assert kubectl("auth", "can-i", "delete", "configmaps", "--as=bob", ok=False).out == "no\n"
    assert kubectl("auth", "can-i", "get", "/healthz", "--as=bob").out == "yes\n"


def test_can_i_list_shows_the_rules(kubectl: Kubectl) -> None:
    everything = kubectl("auth", "can-i", "--list").rows
    assert ["*.*", "[]", "[]", "[*]"] in everything
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    kubectl("create", "rolebinding", "bob", "--role=reader", "--user=bob")
    assert ["configmaps", "[]", "[]", "[get list]"] in kubectl("auth", "can-i", "--list", "--as=bob").rows


def test_roles_are_enforced_on_those_who_are_impersonated(kubectl: Kubectl) -> None:
    account = f"system:serviceaccount:{kubectl.namespace}:robot"
    kubectl("create", "serviceaccount", "robot")
    refused = kubectl("get", "configmaps", f"--as={account}", ok=False)
    message = f'configmaps is forbidden: User "{account}" cannot list resource "configmaps" in API group "" in the'
    assert refused.err == f'Error from server (Forbidden): {message} namespace "{kubectl.namespace}"\n'
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    kubectl("create", "rolebinding", "robot", "--role=reader", f"--serviceaccount={kubectl.namespace}:robot")
    assert kubectl("get", "configmaps", f"--as={account}").code == 0
    assert "cannot create resource" in kubectl("create", "configmap", "x", f"--as={account}", ok=False).err


def test_whoami_names_the_user_and_the_groups(kubectl: Kubectl) -> None:
    rows = kubectl("auth", "whoami", "--as=alice", "--as-group=devs").rows
    assert ["Username", "alice"] in rows
    assert any(row[0] == "Groups" and "devs" in row[1] for row in rows)


def test_create_token_gives_a_token_that_the_server_knows(kubectl: Kubectl) -> None:
    kubectl("create", "serviceaccount", "robot")
    token = kubectl("create", "token", "robot", "--duration=1h").out.strip()
    review = {"spec": {"token": token}}
    answer = kubectl.server.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
    assert answer["status"]["user"]["username"] == f"system:serviceaccount:{kubectl.namespace}:robot"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    who = kubectl.server.call("POST", path, asked, Authorization=f"Bearer {token}")
    assert who["status"]["userInfo"]["username"] == f"system:serviceaccount:{kubectl.namespace}:robot"


def test_create_token_for_an_account_that_is_not_there_fails(kubectl: Kubectl) -> None:
    refused = kubectl("create", "token", "nobody", ok=False)
    assert refused.err == 'error: failed to create token: serviceaccounts "nobody" not found\n'


def test_reconcile_makes_roles_what_the_file_says(kubectl: Kubectl) -> None:
    head = (
        f"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: r, namespace: {kubectl.namespace}}}\n"
    )
    rules = "rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n"
    kubectl("auth", "reconcile", "-f", kubectl.write("role.yaml", head + rules))
    assert kubectl("get", "role", "r", "-o", "jsonpath={.rules[0].resources[0]}").out == "pods"
