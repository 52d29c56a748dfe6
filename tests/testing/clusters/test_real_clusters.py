"""A user's suite on a real API server: as new for each test, in its own time, with pods that run."""

import asyncio
import json

import pytest

from kubernaut.testing import EnvTest
from tests.docs.test_guides import write_files
from tests.envtest import needs_envtest

pytest_plugins = ["pytester"]
pytestmark = needs_envtest

OPERATOR = """
from datetime import timedelta

from kubernaut import Context, Controller, Model, ObjectMeta, Reconciler, Resource, Result, StatusBase
from kubernaut.resources.builtin.core_v1 import ConfigMap


class GreetingSpec(Model):
    who: str


class Greeting(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: GreetingSpec
    status: StatusBase = StatusBase()


class GreetingReconciler(Reconciler[Greeting]):
    async def reconcile(self, greeting: Greeting, ctx: Context) -> Result | None:
        data = {"text": f"Hello, {greeting.spec.who}!", "hour": f"{ctx.clock.now():%Y-%m-%d %H}:00"}
        await ctx.client.apply(ConfigMap(metadata=ObjectMeta(name=greeting.name), data=data), owner=greeting)
        greeting.status.set_condition("Ready", True, reason="Applied")
        return Result(requeue_after=timedelta(hours=1))


def greetings() -> Controller:
    return Controller(Greeting, GreetingReconciler(), owns=[ConfigMap])


def greeting(who: str = "world") -> Greeting:
    return Greeting(metadata=ObjectMeta(name="hi", namespace="default"), spec=GreetingSpec(who=who))
"""

SUITE = '''
import time

import pytest

from greeter import Greeting, greeting, greetings
from kubernaut import NotFound, ObjectMeta
from kubernaut.client import Forbidden
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Pod, ServiceAccount
from kubernaut.testing import Cluster, Fault

pytestmark = pytest.mark.cluster(crds=[Greeting])


async def text(cluster: Cluster) -> dict[str, str]:
    return (await cluster.client.get(ConfigMap, "hi", namespace="default")).data


async def test_it_greets_and_looks_again_every_hour(cluster: Cluster) -> None:
    began = time.monotonic()
    async with cluster.running(greetings()):
        await cluster.client.create(greeting())
        await cluster.settled()
        before = await text(cluster)
        assert before["text"] == "Hello, world!"
        await cluster.advance(minutes=59)
        assert await text(cluster) == before
        await cluster.advance(minutes=2)
        assert (await text(cluster))["hour"] > before["hour"]
    assert time.monotonic() - began < 600


@pytest.mark.parametrize("turn", [1, 2])
async def test_nothing_of_one_test_is_there_in_the_next(cluster: Cluster, turn: int) -> None:
    assert not await cluster.client.list(Greeting)
    await cluster.client.create(Namespace(metadata=ObjectMeta(name="shop")))
    await cluster.settled()  # kube-controller-manager gives it a ServiceAccount
    left = ObjectMeta(name="left", namespace="shop", finalizers=["example.dev/x"])
    await cluster.client.create(ConfigMap(metadata=left))
    await cluster.client.create(greeting())
    spec = {"clusterIP": "10.0.0.77", "ports": [{"port": 80, "protocol": "TCP"}]}
    await cluster.load({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec})
    await cluster.client.delete(ConfigMap, "kube-root-ca.crt", namespace="kube-public")
    await cluster.load({"apiVersion": "other.dev/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"a": 1}})
    written = {(each["kind"], each["metadata"]["name"]) for each in cluster.dump()}
    assert {("ConfigMap", "left"), ("Thing", "t"), ("Greeting", "hi"), ("Service", "s")} <= written


@pytest.mark.cluster(controlplane=False)
async def test_a_kind_of_other_tests_is_not_served_in_one_that_does_not_name_it(cluster: Cluster) -> None:
    with pytest.raises(NotFound):
        await cluster.client.list(Greeting)


async def test_pods_run_commands_with_the_rights_of_their_account_and_their_logs_can_be_read(cluster: Cluster) -> None:
    async def run(name: str, account: str) -> tuple[str, str]:
        command = ["kubectl", "delete", "configmap", "victim"]
        pod = {"restartPolicy": "Never", "serviceAccountName": account}
        pod["containers"] = [{"name": "run", "image": "kubectl", "command": command}]
        spec = {"backoffLimit": 0, "template": {"spec": pod}}
        await cluster.client.create(Job.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": spec}))
        await cluster.settled()
        [found] = await cluster.client.list(Pod, namespace="default", labels={"job-name": name})
        path = f"/api/v1/namespaces/default/pods/{found.name}/log"
        return found.status.phase, (await cluster.client.request("GET", path)).body.decode()

    await cluster.load("""
apiVersion: v1
kind: ServiceAccount
metadata: {name: cleaner}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: cleaner}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, delete, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: cleaner}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: cleaner}
subjects: [{kind: ServiceAccount, name: cleaner, namespace: default}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: victim}
""")
    await cluster.settled()
    phase, log = await run("forbidden", "default")
    assert phase == "Failed"
    assert 'User "system:serviceaccount:default:default" cannot delete resource "configmaps"' in log
    phase, log = await run("allowed", "cleaner")
    assert phase == "Succeeded"
    assert log.startswith('configmap "victim" deleted')
    with pytest.raises(NotFound):
        await cluster.client.get(ConfigMap, "victim", namespace="default")


async def test_others_may_do_what_rbac_lets_them(cluster: Cluster) -> None:
    with pytest.raises(Forbidden):
        await cluster.client_as("jane").list(ConfigMap, namespace="default")
    await cluster.client.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace="default")))
    async with await cluster.client_as_service_account("default", "robot") as robot:
        with pytest.raises(Forbidden, match="system:serviceaccount:default:robot"):
            await robot.list(ConfigMap, namespace="default")
    assert {"jane", "system:serviceaccount:default:robot"} <= {request.user for request in cluster.requests}
    with pytest.raises(NotFound):
        await cluster.client_as_service_account("default", "nobody")


async def test_faults_strike(cluster: Cluster) -> None:
    cluster.faults.add(Fault.status(409), verb="apply", resource=ConfigMap, times=2)
    cluster.faults.add(Fault.answer_lost(), verb="update", resource="greetings/status", times=1)
    async with cluster.running(greetings()):
        await cluster.client.create(greeting())
        await cluster.settled()
        assert cluster.faults.cut_watches(resource=Greeting) == 1
        await cluster.advance(minutes=3)
        assert (await text(cluster))["text"] == "Hello, world!"
    assert len(cluster.faults.injected) == 4


async def test_what_a_greeting_owned_is_collected_with_it(cluster: Cluster) -> None:
    async with cluster.running(greetings()):
        await cluster.client.create(greeting())
        await cluster.settled()
    await cluster.client.delete(Greeting, "hi", namespace="default")
    await cluster.settled()
    with pytest.raises(NotFound):
        await text(cluster)


@pytest.mark.fake_only("the fake alone has a server object")
async def test_of_the_fake(cluster):
    assert cluster.server is not None
'''

ON_ANY_CLUSTER = """
import pytest
from greeter import Greeting, greeting, greetings
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace
from kubernaut import NotFound, ObjectMeta

pytestmark = pytest.mark.cluster(crds=[Greeting])

@pytest.mark.parametrize("turn", [1, 2])
async def test_it_greets(cluster, turn):
    async with cluster.running(greetings()):
        await cluster.client.create(Namespace(metadata=ObjectMeta(name="shop")))
        await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="x", namespace="shop")))
        held = ObjectMeta(name="held", namespace="default", finalizers=["example.dev/held"])
        await cluster.client.create(ConfigMap(metadata=held))
        await cluster.client.create(greeting())
        await cluster.settled()
        await cluster.advance(hours=2)
        assert (await cluster.client.get(ConfigMap, "hi", namespace="default")).data["text"] == "Hello, world!"
"""


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    plugins = ("-p", "pytest_asyncio.plugin", "-p", "kubernaut.testing.plugin")
    return pytester.runpytest_subprocess(*plugins, "--strict-markers", "-rs", "-W", "error", *options, timeout=300)


@pytest.fixture(autouse=True)
def suite(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    ini = "asyncio_default_fixture_loop_scope = function\nkubernaut_no_leaked_tasks = true\npythonpath = ."
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.makepyfile(greeter=OPERATOR)


@pytest.mark.parametrize("cluster", ["fake", "envtest"])
def test_a_suite_of_a_user_says_the_same_of_both_clusters(pytester: pytest.Pytester, cluster: str) -> None:
    # The fake enforces RBAC where it is asked to.
    source = (
        SUITE
        if cluster == "envtest"
        else SUITE.replace("cluster(crds=[Greeting])", "cluster(crds=[Greeting], rbac=True)")
    )
    pytester.makepyfile(source)
    skipped = 1 if cluster == "envtest" else 0
    run(pytester, f"--cluster={cluster}").assert_outcomes(passed=9 - skipped, skipped=skipped)


def test_the_guides_tests_pass_on_a_real_server(pytester: pytest.Pytester) -> None:
    assert "test_greeter.py" in write_files("testing.md", pytester.path)
    # The Job's TTL is a matter of the server's clock.
    run(pytester, "test_greeter.py", "--cluster=envtest").assert_outcomes(passed=10, skipped=1)


def test_a_cluster_of_a_kubeconfig_is_left_as_it_was(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(ON_ANY_CLUSTER)
    with EnvTest() as env:
        config = pytester.path / "config"
        config.write_text(json.dumps(env.kubeconfig()))
        monkeypatch.setenv("KUBECONFIG", str(config))
        before = asyncio.run(contents(env))
        result = run(pytester, "--cluster=kubeconfig", "--cluster-context=envtest")
        result.assert_outcomes(passed=2)
        assert asyncio.run(contents(env)) == before


async def contents(env: EnvTest) -> dict[str, list[str]]:
    """Names of all objects of the kinds that the tests make."""
    paths = ("/api/v1/configmaps", "/api/v1/namespaces", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    async with env.client() as client:
        lists = {path: json.loads((await client.request("GET", path)).body)["items"] for path in paths}
    return {path: [item["metadata"]["name"] for item in items] for path, items in lists.items()}
