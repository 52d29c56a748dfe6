"""The way back that no status may hold: in a Secret of the execution's, from which its rollback takes it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kubernaut.actions import AllowedKinds, Catalog, rbac_manifests
from kubernaut.client import Invalid, MergePatch, NotFound, ServiceUnavailable
from kubernaut.fake import FakeCluster
from kubernaut.policy import PolicyDecision, PolicyInput, allow_all
from kubernaut.remediation.approval.summary import summary_of
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.remediation.execution.auditing.entries import entries_of
from kubernaut.remediation.execution.keeping import WAY_BACK, kept_name
from kubernaut.remediation.execution.undoing import rollback_of
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, Event, Namespace, Secret

pytestmark = pytest.mark.cluster(declared=True, nodes=1)

KINDS = AllowedKinds.parse(["v1/ConfigMap", "apps/v1/Deployment"], sensitive=["v1/Secret"])
CATALOG = Catalog.builtin(kinds=KINDS)
PASSWORD, BETTER = "old-horse-battery", "new-staple-correct"
EXECUTOR = "kubernaut-executor"
TARGET = {"kind": "Secret", "namespace": "shop", "name": "db"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def execution(name: str, action: str, target: dict[str, str], *, spec: Any = None, **parameters: Any) -> Any:
    body = {"action": action, "target": target, "parameters": parameters, "dryRun": "never", **(spec or {})}
    return KubernetesExecution.from_dict({"metadata": {"name": name, "namespace": "ops"}, "spec": body})


def changed(name: str = "fix") -> Any:
    patch = json.dumps({"data": {"password": encoded(BETTER)}})
    return execution(name, "patch-resource", TARGET, patch=patch)


async def read(cluster: FakeCluster, name: str = "fix") -> KubernetesExecution:
    return await cluster.client.get(KubernetesExecution, name, namespace="ops")


async def password(cluster: FakeCluster) -> str:
    return (await cluster.client.get(Secret, "db", namespace="shop")).value("password").decode()


@asynccontextmanager
async def running(cluster: FakeCluster, **config: Any) -> AsyncIterator[None]:
    """A shop with a Secret, and the controller at work."""
    await cluster.load(crds())
    for name in ("shop", "ops"):
        await cluster.client.create(Namespace.from_dict({"metadata": {"name": name}}))
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    metadata = {"name": "db", "namespace": "shop"}
    await cluster.client.create(Secret.from_dict({"metadata": metadata, "stringData": {"password": PASSWORD}}))
    settings = {"catalog": CATALOG, "evaluator": allow_all(), "allow_unstamped": True, **config}
    async with cluster.running(executions(ExecutionConfig(**settings))):
        yield


async def done(cluster: FakeCluster, asked: KubernetesExecution) -> KubernetesExecution:
    await cluster.client.create(asked)
    await cluster.settled()
    return await read(cluster, asked.name)


async def everything_but_secrets(cluster: FakeCluster) -> str:
    """All that people without a right to Secrets, the audit log and approvers may see, of what the test did."""
    found = [*await cluster.client.list(KubernetesExecution), *await cluster.client.list(Job)]
    entries = [entry for each in found if isinstance(each, KubernetesExecution) for entry in entries_of(each)]
    events = list(await cluster.client.list(Event))
    shown = [json.dumps(each.to_dict(), default=str) for each in (*found, *events)]
    return "\n".join([*shown, *(entry.model_dump_json() for entry in entries)])


def tells(text: str, secret: str) -> bool:
    return secret in text or encoded(secret) in text


async def test_what_a_secret_held_is_kept_in_a_secret_and_comes_back_from_there(cluster: FakeCluster) -> None:
    async with running(cluster):
        fixed = await done(cluster, changed())
        assert fixed.status.phase == "rollback_ready", fixed.status.to_dict()
        assert await password(cluster) == BETTER
        back = fixed.status.rollback_information
        assert back is not None and back.available and back.parameters is None and back.secret_ref is not None
        kept = await cluster.client.get(Secret, back.secret_ref.name, namespace=EXECUTOR)
        assert (kept.name, kept.uid) == (kept_name(fixed.uid or ""), back.secret_ref.uid)
        assert kept.immutable and kept.metadata.labels["kubernaut.io/execution-id"] == fixed.uid
        assert encoded(PASSWORD) in kept.value(WAY_BACK).decode()
        undone = await done(cluster, rollback_of(fixed))
        assert undone.status.phase == "rollback_ready", undone.status.to_dict()
        assert undone.spec.parameters == {} and undone.spec.parameters_from is not None
        assert await password(cluster) == PASSWORD
        seen = await everything_but_secrets(cluster)
        assert not tells(seen, PASSWORD)
        # What somebody wrote into a spec themselves is there for all to read.
        await cluster.client.delete(KubernetesExecution, "fix", namespace="ops")
        await cluster.settled()
        with pytest.raises(NotFound):
            await cluster.client.get(Secret, kept.name, namespace=EXECUTOR)
        # The way back has a way back, of its own.
        again = await done(cluster, rollback_of(undone))
        assert again.status.phase == "rollback_ready"
        assert await password(cluster) == BETTER


async def test_a_secret_that_was_deleted_is_made_again(cluster: FakeCluster) -> None:
    async with running(cluster):
        fixed = await done(cluster, execution("fix", "delete-resource", TARGET))
        with pytest.raises(NotFound):
            await password(cluster)
        undone = await done(cluster, rollback_of(fixed))
        assert undone.status.phase == "rollback_ready", undone.status.to_dict()
        assert await password(cluster) == PASSWORD
        # It leads back to a state that holds a secret: of that no plain digest is told.
        back = undone.status.rollback_information
        assert back is not None and (back.action, back.parameters) == ("delete-resource", None)
        assert (back.state_after or "").startswith("hmac-sha256:")
        assert not tells(await everything_but_secrets(cluster), PASSWORD)
        last = await done(cluster, rollback_of(undone))
        assert last.status.phase == "rollback_ready", last.status.to_dict()
        with pytest.raises(NotFound):
            await password(cluster)


async def test_an_object_that_is_too_long_for_a_status_comes_back_from_a_secret(cluster: FakeCluster) -> None:
    async with running(cluster):
        large = {"metadata": {"name": "large", "namespace": "shop"}, "data": {"a": 'x"' * 100 * 1024}}
        await cluster.client.create(ConfigMap.from_dict(large))
        target = {"kind": "ConfigMap", "namespace": "shop", "name": "large"}
        fixed = await done(cluster, execution("fix", "delete-resource", target))
        assert len(json.dumps(fixed.status.to_dict())) < 8 * 1024
        undone = await done(cluster, rollback_of(fixed))
        assert undone.status.phase == "rollback_ready", undone.status.to_dict()
        found = await cluster.client.get(ConfigMap, "large", namespace="shop")
        assert found.data == large["data"]


async def test_a_password_in_an_ordinary_object_is_withheld_too(cluster: FakeCluster) -> None:
    async with running(cluster):
        env = [{"name": "DB_PASSWORD", "value": PASSWORD}]
        template = {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "a", "image": "a", "env": env}]},
        }
        spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
        web = {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}
        await cluster.client.create(Deployment.from_dict(web))
        target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
        fixed = await done(cluster, execution("fix", "delete-resource", target))
        assert not tells(await everything_but_secrets(cluster), PASSWORD)
        undone = await done(cluster, rollback_of(fixed))
        assert undone.status.phase == "rollback_ready", undone.status.to_dict()
        found = await cluster.client.get(Deployment, "web", namespace="shop")
        assert found.spec.template.spec.containers[0].env[0].value == PASSWORD


async def test_a_secret_that_was_changed_since_is_left_alone_unless_forced(cluster: FakeCluster) -> None:
    async with running(cluster):
        fixed = await done(cluster, changed())
        patch = MergePatch({"data": {"password": encoded("somebody's")}})
        await cluster.client.patch(Secret, "db", patch, namespace="shop")
        refused = (await done(cluster, rollback_of(fixed))).status
        assert (refused.phase, refused.reason) == ("failed", "TargetChanged")
        forced = (await done(cluster, rollback_of(fixed, force=True))).status
        assert forced.phase == "rollback_ready"
        assert await password(cluster) == PASSWORD


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"parametersFrom": {"secretRef": {"name": "loot", "uid": "1"}}}, "this is not what fix recorded"),
        ({"target": {"kind": "ConfigMap", "namespace": "shop", "name": "open"}}, "this is not what fix recorded"),
        ({"action": "apply-manifest"}, "this is not what fix recorded"),
        ({"parametersFrom": None}, "this is not what fix recorded"),
        ({"rollbackOf": {"name": "fix", "uid": "1"}}, "fix is another execution"),
        ({"rollbackOf": {"name": ""}}, "is no name of an object"),
    ],
)
async def test_a_secret_is_read_for_nothing_but_the_recorded_rollback(
    cluster: FakeCluster, change: dict[str, Any], problem: str
) -> None:
    async with running(cluster):
        await cluster.client.create(Secret.from_dict({"metadata": {"name": "loot", "namespace": "ops"}}))
        fixed = await done(cluster, changed())
        spec = {**rollback_of(fixed).spec.to_dict(), **change}
        wrong = {"metadata": {"name": "undo", "namespace": "ops"}, "spec": spec}
        status = (await done(cluster, KubernetesExecution.from_dict(wrong))).status
        assert (status.phase, status.reason) in (("failed", "RollbackInvalid"), ("failed", "ParametersInvalid"))
        assert status.reason == "ParametersInvalid" or problem in (status.message or "")
        assert await password(cluster) == BETTER


async def test_parameters_from_elsewhere_take_the_place_of_others_and_belong_to_rollbacks(cluster: FakeCluster) -> None:
    async with running(cluster):
        fixed = await done(cluster, changed())
        spec = rollback_of(fixed).spec.to_dict()
        for name, body in (
            ("alone", {**spec, "rollbackOf": None}),
            ("both", {**spec, "parameters": {"patch": "{data: {a: b}}"}}),
        ):
            wrong = KubernetesExecution.from_dict({"metadata": {"name": name, "namespace": "ops"}, "spec": body})
            with pytest.raises(Invalid, match="parametersFrom needs rollbackOf"):
                await cluster.client.create(wrong)


async def test_a_secret_that_is_gone_or_another_is_not_believed(cluster: FakeCluster) -> None:
    async with running(cluster):
        fixed = await done(cluster, changed())
        name = kept_name(fixed.uid or "")
        kept = await cluster.client.get(Secret, name, namespace=EXECUTOR)
        await cluster.client.delete(Secret, name, namespace=EXECUTOR)
        inverse = rollback_of(fixed)
        status = (await done(cluster, inverse)).status
        assert (status.phase, status.reason) == ("failed", "RollbackInvalid")
        assert f"Secret {name}, which says how fix is undone, is gone" in (status.message or "")
        forged = kept.model_copy(deep=True)
        forged.metadata.uid = forged.metadata.resource_version = None
        await cluster.client.create(forged)
        inverse = rollback_of(fixed, force=True)
        status = (await done(cluster, inverse)).status
        assert (status.phase, status.reason) == ("failed", "RollbackInvalid")
        assert f"Secret {name} is another one than fix kept" in (status.message or "")


@pytest.mark.cluster(declared=True, rbac=True, nodes=1)
async def test_who_may_not_read_a_secret_does_not_get_it_by_deleting_it(cluster: FakeCluster) -> None:
    async with running(cluster):
        metadata = {"name": "remover", "namespace": "shop"}
        rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["delete"]}]
        subjects = [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]
        role = {"kind": "Role", "name": "remover", "apiGroup": "rbac.authorization.k8s.io"}
        await cluster.load(
            [
                {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules},
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "RoleBinding",
                    "metadata": metadata,
                    "subjects": subjects,
                    "roleRef": role,
                },
            ]
        )
        asked = execution("fix", "delete-resource", TARGET, spec={"requestedBy": {"username": "jane"}})
        status = (await done(cluster, asked)).status
        assert (status.phase, status.reason) == ("failed", "RequesterForbidden"), status.to_dict()
        assert "jane may not get Secret shop/db" in (status.message or "")
        assert await password(cluster) == PASSWORD
        assert [each.name for each in await cluster.client.list(Secret, namespace=EXECUTOR)] == []


class Listening:
    """A policy that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[PolicyInput] = []

    async def evaluate(self, question: PolicyInput) -> PolicyDecision:
        self.asked.append(question)
        return await allow_all().evaluate(question)


async def test_policies_are_asked_about_a_rollback_without_what_it_hides(cluster: FakeCluster) -> None:
    policy = Listening()
    async with running(cluster, evaluator=policy):
        fixed = await done(cluster, execution("fix", "delete-resource", TARGET))
        await done(cluster, rollback_of(fixed))
        assert await password(cluster) == PASSWORD
    asked = policy.asked[-1]
    assert asked.parameters == {"manifest": "[REDACTED]", "force": False}
    assert asked.created is not None and asked.created.name == "db"


async def test_policies_are_told_nothing_of_a_kept_document_however_harmless_it_looks(cluster: FakeCluster) -> None:
    policy = Listening()
    async with running(cluster, evaluator=policy):
        data = {"conn": "Server=db;User=app;Pwd:Tr0ub4dor", "license": "AAAA-BBBB", "api.token": "hunter2"}
        metadata = {"name": "app", "namespace": "shop"}
        await cluster.client.create(ConfigMap.from_dict({"metadata": metadata, "data": data}))
        target = {"kind": "ConfigMap", "namespace": "shop", "name": "app"}
        fixed = await done(cluster, execution("fix", "delete-resource", target))
        assert fixed.status.rollback_information is not None and fixed.status.rollback_information.secret_ref
        undone = await done(cluster, rollback_of(fixed))
        assert undone.status.phase == "rollback_ready", undone.status.to_dict()
    told = json.dumps(policy.asked[-1].parameters)
    assert not [value for value in data.values() if value in told]


# Step by step, against a server that fails.

SECRET = "/api/v1/namespaces/shop/secrets/db"


@pytest.fixture
def kept(world: Any) -> Any:
    """A world in which an execution patches a Secret."""
    world.configure(catalog=CATALOG)
    world.add(SECRET, "v1", "Secret", data={"password": encoded(PASSWORD)})
    patch = json.dumps({"data": {"password": encoded(BETTER)}})
    world.create("patch-resource", target=TARGET, parameters={"patch": patch}, dryRun="never")
    return world


def secrets(world: Any) -> Sequence[dict[str, Any]]:
    return [obj for path, obj in world.objects.items() if f"/namespaces/{EXECUTOR}/secrets/rollback-" in path]


async def until_executing(world: Any) -> None:
    while world.status.get("phase") != "executing":
        await world.step()


async def test_the_secret_is_there_before_the_status_and_the_status_before_the_job(kept: Any) -> None:
    seen: list[tuple[str, bool, bool]] = []

    def note(request: Any) -> None:
        end = request.path.rpartition("/")[2]
        if request.method == "POST" and end in ("jobs", "secrets"):
            seen.append((end, bool(secrets(kept)), "rollbackInformation" in kept.status))

    kept.faults.append(note)
    await kept.run_to_job()
    assert seen[0] == ("secrets", False, False)
    assert ("jobs", True, True) in seen


async def test_a_secret_whose_mention_in_the_status_was_lost_is_used_again(kept: Any) -> None:
    await until_executing(kept)
    kept.faults.append(lambda r: (503, "lost") if r.path.endswith("/status") else None)
    with pytest.raises(ServiceUnavailable):
        await kept.step()
    (first,) = secrets(kept)
    assert "rollbackInformation" not in kept.status
    kept.faults.clear()
    await kept.run_to_job()
    assert secrets(kept) == [first]
    assert kept.status["rollbackInformation"]["secretRef"]["uid"] == first["metadata"]["uid"]


async def test_a_target_that_changed_before_the_job_has_another_secret(kept: Any) -> None:
    while "rollbackInformation" not in kept.status:
        await kept.step()
    kept.objects[SECRET]["data"]["password"] = encoded("in between")
    await kept.run_to_job()
    first, second = secrets(kept)
    reference = kept.status["rollbackInformation"]["secretRef"]
    assert reference == {"name": second["metadata"]["name"], "uid": second["metadata"]["uid"]}
    assert encoded("in between") in base64.b64decode(second["data"][WAY_BACK]).decode()
    assert first["metadata"]["name"] != second["metadata"]["name"]


async def test_a_stranger_s_secret_of_that_name_is_waited_for_and_never_used(kept: Any) -> None:
    uid = kept.objects[kept.execution_path]["metadata"]["uid"]
    path = f"/api/v1/namespaces/{EXECUTOR}/secrets/{kept_name(uid)}"
    kept.add(path, "v1", "Secret", labels={"kubernaut.io/execution-id": "another"}, immutable=True)
    await kept.settle()
    assert kept.condition("ChildNameTaken")["reason"] == "ForeignSecret"
    assert "rollbackInformation" not in kept.status and not kept.jobs()
    del kept.objects[path]
    await kept.run_to_job()
    assert not kept.condition("ChildNameTaken")
    assert kept.status["rollbackInformation"]["secretRef"]["name"] == kept_name(uid)


async def test_a_stranger_s_secret_that_stays_ends_the_execution(kept: Any) -> None:
    uid = kept.objects[kept.execution_path]["metadata"]["uid"]
    kept.add(f"/api/v1/namespaces/{EXECUTOR}/secrets/{kept_name(uid)}", "v1", "Secret")
    await kept.settle()
    kept.advance(minutes=10)
    await kept.settle()
    assert kept.failed() == ("ChildNameTaken", "the name of the Secret for the way back is taken by another's Secret")


async def test_a_job_that_is_lost_is_told_with_what_became_of_the_secret(kept: Any) -> None:
    await kept.run_to_job()
    kept.remove_job()
    await kept.settle()
    reason, message = kept.failed()
    assert reason == "JobLost" and message.endswith("Secret shop/db is as it was before")


async def test_a_target_of_which_too_much_would_have_to_be_kept_is_left_alone(kept: Any) -> None:
    kept.objects[SECRET]["data"]["password"] = "A" * 900 * 1024
    await kept.settle()
    reason, message = kept.failed()
    assert reason == "RollbackCaptureFailed" and "has more than" in message and not kept.jobs()


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid")])
async def test_a_secret_that_the_server_refuses_leaves_the_target_alone(kept: Any, code: int, reason: str) -> None:
    def refuse(request: Any) -> Any:
        return (code, reason) if request.method == "POST" and request.path.endswith("/secrets") else None

    kept.faults.append(refuse)
    for _ in range(12):
        await kept.step()
    assert (kept.status["phase"], kept.status["reason"]) == ("failed", "RollbackCaptureFailed"), kept.status
    assert "refused Secret rollback-" in kept.status["message"]
    assert not secrets(kept)


async def test_a_conflict_between_two_creations_is_no_failure(kept: Any) -> None:
    await until_executing(kept)

    def race(request: Any) -> Any:
        if request.method == "POST" and request.path.endswith(f"/namespaces/{EXECUTOR}/secrets"):
            kept.faults.clear()
            return 409, "AlreadyExists"
        return None

    kept.faults.append(race)
    await kept.step()
    assert "rollbackInformation" not in kept.status
    await kept.run_to_job()
    assert len(secrets(kept)) == 1


async def test_approvers_and_the_audit_log_are_told_which_secret_it_is(kept: Any) -> None:
    await kept.run_to_job()
    kept.finish()
    await kept.settle()
    fixed = KubernetesExecution.from_dict(kept.objects[kept.execution_path])
    inverse = rollback_of(fixed)
    (secret,) = secrets(kept)
    name = secret["metadata"]["name"]
    assert summary_of(inverse) == f"patch-resource Secret db in shop with what Secret {name} holds to undo fix"
    assert entries_of(fixed)[-1].details["rollback"]["secret"] == name
    inverse.status, inverse.metadata.uid = fixed.status, "2"
    assert entries_of(inverse)[0].details["parametersFrom"] == name


class Crashed(BaseException):
    """The manager died: nothing of it goes on, and nothing more is written."""


async def test_wherever_the_manager_dies_there_is_one_job_and_a_way_back(world: Any) -> None:
    for number in range(200):
        world.__init__()
        world.configure(catalog=CATALOG)
        world.add(SECRET, "v1", "Secret", data={"password": encoded(PASSWORD)})
        patch = json.dumps({"data": {"password": encoded(BETTER)}})
        world.create("patch-resource", target=TARGET, parameters={"patch": patch}, dryRun="never")
        await until_executing(world)
        calls: list[str] = []

        def fault(request: Any, calls: list[str] = calls, number: int = number) -> None:
            if len(calls) == number:
                raise Crashed
            calls.append(f"{request.method} {request.path}")

        world.faults.append(fault)
        died = False
        try:
            await world.settle()
        except Crashed:
            died = True
        world.faults.clear()
        await world.settle()
        (secret,) = secrets(world)
        reference = world.status["rollbackInformation"]["secretRef"]
        assert reference == {key: secret["metadata"][key] for key in ("name", "uid")}, calls
        assert len(world.jobs()) == 1, calls
        if not died:
            return
    raise AssertionError("it never comes to an end")


async def test_the_inverse_of_a_kept_way_back_survives_the_original_once_its_job_is_there(kept: Any) -> None:
    await kept.run_to_job()
    kept.finish()
    await kept.settle()
    fixed = KubernetesExecution.from_dict(kept.objects[kept.execution_path])
    # As a server would have it after the action; nobody has changed it since.
    path = kept.execution_path.removesuffix("fix") + "before"
    kept.objects[path] = kept.objects.pop(kept.execution_path)
    kept.objects[path]["metadata"]["name"] = "before"
    inverse = rollback_of(fixed, force=True).spec.to_dict()
    inverse["rollbackOf"]["name"], inverse["dryRun"] = "before", "never"
    kept.add(kept.execution_path, "kubernetesexecution.kubernaut.io/v1", "KubernetesExecution", spec=inverse)
    await kept.settle()
    assert "jobUid" in kept.status, kept.status
    del kept.objects[path]
    for other in [other for other in kept.objects if other.endswith(secrets(kept)[0]["metadata"]["name"])]:
        del kept.objects[other]
    kept.finish()
    await kept.settle()
    assert kept.status["phase"] == "rollback_ready", kept.status
