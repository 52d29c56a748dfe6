"""RBAC: rules, default roles, aggregation, reviews, and that nobody grants what they do not have."""

from __future__ import annotations

import pytest

from kubernaut.fake.apiserver import ApiServer
from tests.fake.admission.asking import Asker, Object
from tests.fake.auth.granting import GROUP, RBAC, account, binding, cluster_role, grant, rule, user

DEFAULT = "/api/v1/namespaces/default"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
LOCAL = f"{RBAC}/namespaces/default"


async def may(ask: Asker, who: str, verb: str, resource: str, namespace: str = "default", **more: str) -> Object:
    asked = {"verb": verb, "resource": resource, "namespace": namespace, **more}
    spec = {"user": who, "groups": ["system:authenticated"], "resourceAttributes": asked}
    found: Object = (await ask.post(f"{AUTHORIZATION}/subjectaccessreviews", {"spec": spec}))["status"]
    return found


async def test_the_default_roles_are_there_from_the_start(ask: Asker) -> None:
    names = [item["metadata"]["name"] for item in (await ask.get(f"{RBAC}/clusterroles"))["items"]]
    for name in (
        "cluster-admin",
        "admin",
        "edit",
        "view",
        "system:auth-delegator",
        "system:discovery",
        "system:basic-user",
    ):
        assert name in names
    role = await ask.get(f"{RBAC}/clusterroles/view")
    assert role["metadata"]["labels"]["kubernetes.io/bootstrapping"] == "rbac-defaults"
    bound = await ask.get(f"{RBAC}/clusterrolebindings/cluster-admin")
    assert [subject["name"] for subject in bound["subjects"]] == ["system:masters"]
    assert not [obj for obj in ask.server.dump() if obj["kind"] == "ClusterRole"], "a dump has what was made"


async def test_view_edit_and_admin_gather_their_rules(ask: Asker) -> None:
    for role in ("view", "edit", "admin"):
        await ask.post(f"{LOCAL}/rolebindings", binding(role, role, user(role)))
    assert (await may(ask, "view", "list", "pods"))["allowed"]
    assert not (await may(ask, "view", "get", "secrets"))["allowed"]
    assert (await may(ask, "edit", "get", "secrets"))["allowed"]
    assert (await may(ask, "edit", "list", "pods"))["allowed"], "what view may, edit may"
    assert not (await may(ask, "edit", "create", "roles", group=GROUP))["allowed"]
    assert (await may(ask, "admin", "create", "roles", group=GROUP))["allowed"]
    assert not (await may(ask, "admin", "list", "pods", "kube-system"))["allowed"]


async def test_a_role_of_ones_own_joins_the_aggregation(ask: Asker) -> None:
    await ask.post(f"{LOCAL}/rolebindings", binding("view", "view", user("eve")))
    asked = {"group": "example.dev"}
    assert not (await may(ask, "eve", "get", "widgets", **asked))["allowed"]
    joining = cluster_role("widgets", rule("get", "widgets", "example.dev"))
    joining["metadata"]["labels"] = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    await ask.post(f"{RBAC}/clusterroles", joining)
    assert (await may(ask, "eve", "get", "widgets", **asked))["allowed"]
    await ask("DELETE", f"{RBAC}/clusterroles/widgets")
    assert not (await may(ask, "eve", "get", "widgets", **asked))["allowed"]


async def test_every_write_of_rbac_objects_counts_at_once(ask: Asker) -> None:
    eve = ask.acting("eve")
    assert (await eve("GET", f"{DEFAULT}/configmaps"))[0] == 403
    await grant(ask, user("eve"), rule("list", "configmaps"))
    assert (await eve("GET", f"{DEFAULT}/configmaps"))[0] == 200
    ask.server.compact()
    await ask.merge(f"{RBAC}/clusterrolebindings/granted", {"subjects": [user("bob")]})
    assert (await eve("GET", f"{DEFAULT}/configmaps"))[0] == 403
    assert (await ask.acting("bob")("GET", f"{DEFAULT}/configmaps"))[0] == 200
    await ask.merge(f"{RBAC}/clusterroles/granted", {"rules": []})
    assert (await ask.acting("bob")("GET", f"{DEFAULT}/configmaps"))[0] == 403


async def test_a_refusal_names_the_parent_and_the_subresource_and_missing_roles(ask: Asker) -> None:
    eve = ask.acting("eve")
    code, body = await eve("POST", f"{DEFAULT}/pods/p/eviction", {})
    text = 'User "eve" cannot create resource "pods/eviction" in API group "" in the namespace "default"'
    assert (code, body["message"]) == (403, f'pods "p" is forbidden: {text}')
    assert body["details"] == {"name": "p", "kind": "pods"}
    await ask.post(f"{RBAC}/clusterrolebindings", binding("a", "none", user("eve")))
    code, body = await eve("GET", f"{DEFAULT}/pods")
    missing = f'RBAC: clusterrole.{GROUP} "none" not found'
    assert body["message"].endswith(f'in the namespace "default": {missing}')
    assert await may(ask, "eve", "get", "pods") == {"allowed": False, "reason": missing}
    await ask.post(f"{LOCAL}/rolebindings", binding("a", "gone", user("eve"), kind="Role"))
    both = f'RBAC: [clusterrole.{GROUP} "none" not found, role.{GROUP} "gone" not found]'
    assert (await may(ask, "eve", "get", "pods"))["reason"] == both


async def test_reviews_tell_the_binding_that_allows(ask: Asker) -> None:
    await ask.post(f"{LOCAL}/rolebindings", binding("robots", "view", account("robot")))
    found = await may(ask, "system:serviceaccount:default:robot", "get", "pods")
    reason = 'RBAC: allowed by RoleBinding "robots/default" of ClusterRole "view" to ServiceAccount "robot/default"'
    assert found == {"allowed": True, "reason": reason}


async def test_self_reviews_ask_about_the_caller(ask: Asker) -> None:
    asked = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}}}
    eve = ask.acting("eve")
    assert (await eve.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", asked))["status"] == {"allowed": False}
    assert (await ask.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", asked))["status"]["allowed"]


async def test_the_rules_of_the_caller_are_listed(ask: Asker) -> None:
    await grant(ask, user("eve"), rule("get,list", "pods", resourceNames=["a"]))
    eve = ask.acting("eve")
    status = (await eve.post(f"{AUTHORIZATION}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}))["status"]
    assert {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]} in status[
        "resourceRules"
    ]
    assert any("/healthz" in found["nonResourceURLs"] for found in status["nonResourceRules"])
    assert status["incomplete"] is False
    code, body = await eve("POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", {"spec": {}})
    assert (code, body["message"]) == (400, "no namespace on request")


async def test_local_reviews_stay_in_their_namespace(ask: Asker) -> None:
    url = f"{AUTHORIZATION}/namespaces/default/localsubjectaccessreviews"
    asked = {"verb": "get", "resource": "pods", "namespace": "other"}
    code, body = await ask("POST", url, {"spec": {"user": "eve", "resourceAttributes": asked}})
    text = 'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace'
    assert (code, body["message"]) == (422, f'.authorization.k8s.io "" is invalid: {text}')
    inside = {"spec": {"user": "eve", "resourceAttributes": {**asked, "namespace": "default"}}}
    assert (await ask.post(url, inside))["status"]["allowed"] is False


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"user": "a"}, ["exactly one of nonResourceAttributes or resourceAttributes must be specified"]),
        ({"resourceAttributes": {"verb": "get"}}, ["at least one of user or group must be specified"]),
    ],
)
async def test_reviews_that_ask_nothing_are_refused(ask: Asker, spec: Object, causes: list[str]) -> None:
    code, body = await ask("POST", f"{AUTHORIZATION}/subjectaccessreviews", {"spec": spec})
    assert code == 422
    assert [cause["message"].rpartition(": ")[2] for cause in body["details"]["causes"]] == causes


WRITER = (rule("create,update,patch,get", "*", GROUP), rule("get", "pods"))


@pytest.fixture
async def alice(ask: Asker) -> Asker:
    await grant(ask, user("alice"), *WRITER, name="writer")
    return ask.acting("alice")


HELD = 'user "alice" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'


async def test_roles_give_no_more_than_their_writer_has(alice: Asker) -> None:
    role = {
        "metadata": {"name": "x"},
        "rules": [rule("get,list", "pods,secrets", ",apps"), rule("*", "y", "x", resourceNames=["a", "b"])],
    }
    code, body = await alice("POST", f"{LOCAL}/roles", role)
    lines = [
        '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
        '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list"]}',
        '{APIGroups:["apps"], Resources:["secrets"], Verbs:["get" "list"]}',
        '{APIGroups:["x"], Resources:["y"], ResourceNames:["a"], Verbs:["*"]}',
        '{APIGroups:["x"], Resources:["y"], ResourceNames:["b"], Verbs:["*"]}',
    ]
    wanted = f'roles.{GROUP} "x" is forbidden: {HELD}' + "\n".join(lines)
    assert (code, body["message"]) == (403, wanted)
    assert (await alice("POST", f"{LOCAL}/roles", {"metadata": {"name": "y"}, "rules": [rule("get", "pods")]}))[
        0
    ] == 201
    code, body = await alice(
        "POST",
        f"{RBAC}/clusterroles",
        {"metadata": {"name": "z"}, "rules": [{"nonResourceURLs": ["/a"], "verbs": ["get"]}]},
    )
    assert (code, body["message"].rpartition("\n")[2]) == (403, '{NonResourceURLs:["/a"], Verbs:["get"]}')


async def test_an_aggregation_rule_needs_everything(alice: Asker) -> None:
    role = cluster_role("x", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]})
    code, body = await alice("POST", f"{RBAC}/clusterroles", role)
    text = "must have cluster-admin privileges to use the aggregationRule"
    assert (code, body["message"]) == (403, f'clusterroles.{GROUP} "x" is forbidden: {text}')


async def test_bindings_give_no_more_than_their_writer_has(alice: Asker) -> None:
    code, body = await alice("POST", f"{RBAC}/clusterrolebindings", binding("x", "cluster-admin", user("alice")))
    lines = '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}'
    assert (code, body["message"]) == (403, f'clusterrolebindings.{GROUP} "x" is forbidden: {HELD}{lines}')
    code, body = await alice("POST", f"{LOCAL}/rolebindings", binding("x", "none", user("a"), kind="Role"))
    assert (code, body["message"]) == (404, f'roles.{GROUP} "none" not found')
    assert (await alice("POST", f"{LOCAL}/rolebindings", binding("x", "system:basic-user", user("a"))))[0] == 201


async def test_the_verbs_escalate_and_bind_free_from_that(ask: Asker, alice: Asker) -> None:
    await grant(ask, user("alice"), rule("escalate,bind", "roles,clusterroles", GROUP), name="free")
    assert (await alice("POST", f"{LOCAL}/roles", {"metadata": {"name": "x"}, "rules": [rule("*", "*", "*")]}))[
        0
    ] == 201
    assert (await alice("POST", f"{LOCAL}/rolebindings", binding("x", "cluster-admin", user("a"))))[0] == 201
    assert (await alice("POST", f"{LOCAL}/rolebindings", binding("y", "none", user("a"))))[0] == 201


async def test_broken_rules_and_bindings_are_invalid(ask: Asker) -> None:
    rules = [{"apiGroups": [], "resources": ["a"], "verbs": []}, {"nonResourceURLs": ["/a"], "verbs": ["get"]}]
    _, body = await ask("POST", f"{LOCAL}/roles", {"metadata": {"name": "x"}, "rules": rules})
    assert [(cause["field"], cause["message"]) for cause in body["details"]["causes"]] == [
        ("rules[0].verbs", "Required value: verbs must contain at least one value"),
        ("rules[0].apiGroups", "Required value: resource rules must supply at least one api group"),
        ("rules[1].nonResourceURLs", 'Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs'),
    ]
    await ask.post(f"{RBAC}/clusterrolebindings", binding("b", "view", user("a")))
    code, body = await ask("PUT", f"{RBAC}/clusterrolebindings/b", binding("b", "edit", user("a")))
    assert (code, body["details"]["causes"][0]["message"].rpartition(": ")[2]) == (422, "cannot change roleRef")
    made = await ask.get(f"{RBAC}/clusterrolebindings/b")
    assert made["subjects"] == [{"kind": "User", "apiGroup": GROUP, "name": "a"}]


async def test_without_rbac_everybody_may() -> None:
    ask = Asker(ApiServer(seed=1)).acting("eve")
    assert (await ask("GET", "/api/v1/secrets"))[0] == 200
