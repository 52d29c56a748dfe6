"""The built-in plugins: limits, quotas, ServiceAccounts, priorities, storage classes."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.fake.apiserver import ApiServer
from tests.fake.admission.asking import CONFIGMAPS, PODS, Asker, Object

DEFAULT = "/api/v1/namespaces/default"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"


def pod(name: str, limits: Object | None = None, requests: Object | None = None, **spec: Any) -> Object:
    resources = {key: value for key, value in (("limits", limits), ("requests", requests)) if value}
    container = {"name": "c", "image": "i", **({"resources": resources} if resources else {})}
    return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}


async def limit(ask: Asker, *items: Object) -> Object:
    return await ask.post(f"{DEFAULT}/limitranges", {"metadata": {"name": "lr"}, "spec": {"limits": list(items)}})


CPU = {
    "type": "Container",
    "default": {"cpu": "500m"},
    "defaultRequest": {"cpu": "100m"},
    "max": {"cpu": "1"},
    "min": {"cpu": "50m"},
    "maxLimitRequestRatio": {"cpu": "5"},
}


async def test_a_limit_range_fills_in_requests_and_limits_and_says_so(ask: Asker) -> None:
    await limit(ask, CPU)
    made = await ask.post(PODS, pod("a"))
    assert made["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}}
    note = "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    assert made["metadata"]["annotations"] == {"kubernetes.io/limit-ranger": note}
    assert made["status"]["qosClass"] == "Burstable"


async def test_a_limit_range_completes_itself(ask: Asker) -> None:
    made = await limit(ask, {"type": "Container", "min": {"memory": "1Mi"}, "max": {"cpu": "1"}})
    assert made["spec"]["limits"][0]["default"] == {"cpu": "1"}
    assert made["spec"]["limits"][0]["defaultRequest"] == {"cpu": "1", "memory": "1Mi"}


@pytest.mark.parametrize(
    ("limits", "requests", "text"),
    [
        (
            {"cpu": "2"},
            None,
            "[maximum cpu usage per Container is 1, but limit is 2, "
            "maximum cpu usage per Pod is 1500m, but limit is 2]",
        ),
        (
            {"cpu": "1"},
            {"cpu": "10m"},
            "[minimum cpu usage per Container is 50m, but request is 10m, "
            "cpu max limit to request ratio per Container is 5, but provided ratio is 100.000000]",
        ),
    ],
)
async def test_bounds_are_kept(ask: Asker, limits: Object, requests: Object | None, text: str) -> None:
    await limit(ask, CPU, {"type": "Pod", "max": {"cpu": "1500m"}})
    code, body = await ask("POST", PODS, pod("a", limits, requests))
    assert (code, body["message"]) == (403, f'pods "a" is forbidden: {text}')


async def test_claims_have_bounds_too(ask: Asker) -> None:
    await limit(ask, {"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    code, body = await ask("POST", f"{DEFAULT}/persistentvolumeclaims", {"metadata": {"name": "x"}, "spec": spec})
    text = "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi"
    assert (code, body["message"]) == (403, f'persistentvolumeclaims "x" is forbidden: {text}')


class TestQuota:
    """ResourceQuotas whose status is kept, as with a control plane."""

    @pytest.fixture
    def server(self) -> ApiServer:
        return ApiServer(seed=1, quotas=True)

    async def quota(self, ask: Asker, hard: Object, **spec: Any) -> None:
        await ask.post(f"{DEFAULT}/resourcequotas", {"metadata": {"name": "rq"}, "spec": {"hard": hard, **spec}})

    async def used(self, ask: Asker) -> Object:
        found: Object = (await ask.get(f"{DEFAULT}/resourcequotas/rq"))["status"]["used"]
        return found

    async def test_what_exists_is_counted_when_the_quota_comes(self, ask: Asker) -> None:
        await ask.post(CONFIGMAPS, {"metadata": {"name": "a"}})
        await self.quota(ask, {"count/configmaps": "1", "pods": "3"})
        assert await self.used(ask) == {"count/configmaps": "1", "pods": "0"}
        code, body = await ask("POST", CONFIGMAPS, {"metadata": {"name": "b"}})
        text = (
            "exceeded quota: rq, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1"
        )
        assert (code, body["message"]) == (403, f'configmaps "b" is forbidden: {text}')
        await ask("DELETE", f"{CONFIGMAPS}/a")
        assert (await self.used(ask))["count/configmaps"] == "0"

    async def test_pods_count_by_their_requests_and_limits(self, ask: Asker) -> None:
        await self.quota(ask, {"pods": "2", "requests.cpu": "1", "limits.memory": "1Gi"})
        code, body = await ask("POST", PODS, pod("a"))
        text = "failed quota: rq: must specify limits.memory for: c; requests.cpu for: c"
        assert (code, body["message"]) == (403, f'pods "a" is forbidden: {text}')
        await ask.post(PODS, pod("a", {"memory": "512Mi"}, {"cpu": "600m"}))
        assert await self.used(ask) == {"pods": "1", "requests.cpu": "600m", "limits.memory": "512Mi"}
        code, body = await ask("POST", PODS, pod("b", {"cpu": "2", "memory": "2Gi"}))
        asked = "requested: limits.memory=2Gi,requests.cpu=2, used: limits.memory=512Mi,requests.cpu=600m"
        limited = "limited: limits.memory=1Gi,requests.cpu=1"
        assert (code, body["message"]) == (403, f'pods "b" is forbidden: exceeded quota: rq, {asked}, {limited}')

    async def test_pods_that_are_done_count_no_more(self, ask: Asker) -> None:
        await self.quota(ask, {"pods": "1"})
        await ask.post(PODS, pod("a"))
        await ask.merge(f"{PODS}/a/status", {"status": {"phase": "Succeeded"}})
        assert await self.used(ask) == {"pods": "0"}
        await ask.post(PODS, pod("b"))

    async def test_other_kinds_count_by_group(self, ask: Asker) -> None:
        await self.quota(ask, {"count/jobs.batch": "0", "services.loadbalancers": "0", "requests.storage": "1Gi"})
        job = {
            "metadata": {"name": "j"},
            "spec": {"template": {"spec": {**pod("x")["spec"], "restartPolicy": "Never"}}},
        }
        assert (await ask("POST", "/apis/batch/v1/namespaces/default/jobs", job))[0] == 403
        service = {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 1}]}}
        assert (await ask("POST", f"{DEFAULT}/services", service))[0] == 403
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
        code, body = await ask("POST", f"{DEFAULT}/persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": claim})
        assert (code, "requested: requests.storage=2Gi" in body["message"]) == (403, True)

    async def test_scopes_narrow_a_quota(self, ask: Asker) -> None:
        await self.quota(ask, {"pods": "0"}, scopes=["BestEffort"])
        assert (await ask("POST", PODS, pod("a")))[0] == 403
        await ask.post(PODS, pod("b", {"cpu": "1"}))

    async def test_a_dry_run_is_not_charged(self, ask: Asker) -> None:
        await self.quota(ask, {"pods": "1"})
        assert (await ask("POST", f"{PODS}?dryRun=All", pod("a")))[0] == 201
        assert await self.used(ask) == {"pods": "0"}


async def test_a_quota_without_its_controller_is_unknown(ask: Asker) -> None:
    await ask.post(f"{DEFAULT}/resourcequotas", {"metadata": {"name": "rq"}, "spec": {"hard": {"pods": "1"}}})
    code, body = await ask("POST", PODS, pod("a"))
    text = "status unknown for quota: rq, resources: pods"
    assert (code, body["message"]) == (403, f'pods "a" is forbidden: {text}')


class TestServiceAccounts:
    """Pods' ServiceAccounts, where their admission is on."""

    @pytest.fixture
    def server(self) -> ApiServer:
        return ApiServer(seed=1, service_accounts=True)

    async def test_pods_run_as_default_with_its_pull_secrets(self, ask: Asker) -> None:
        secrets = [{"name": "registry"}]
        await ask.post(f"{DEFAULT}/serviceaccounts", {"metadata": {"name": "default"}, "imagePullSecrets": secrets})
        spec = (await ask.post(PODS, pod("a")))["spec"]
        assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
        assert spec["imagePullSecrets"] == secrets

    async def test_an_account_that_is_not_there_is_refused(self, ask: Asker) -> None:
        code, body = await ask("POST", PODS, pod("a", serviceAccountName="none"))
        text = 'error looking up service account default/none: serviceaccount "none" not found'
        assert (code, body["message"]) == (403, f'pods "a" is forbidden: {text}')

    @pytest.mark.virtual_time
    async def test_the_default_account_is_waited_for_a_while(self, ask: Asker) -> None:
        code, body = await ask("POST", PODS, pod("a"))
        text = 'error looking up service account default/default: serviceaccount "default" not found'
        assert (code, body["message"]) == (403, f'pods "a" is forbidden: {text}')


async def test_priorities_come_from_their_classes(ask: Asker) -> None:
    assert (await ask.post(PODS, pod("a")))["spec"]["priority"] == 0
    critical = (await ask.post(PODS, pod("b", priorityClassName="system-node-critical")))["spec"]
    assert critical["priority"] == 2_000_001_000
    await ask.post(CLASSES, {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True})
    spec = (await ask.post(PODS, pod("c")))["spec"]
    assert (spec["priority"], spec["priorityClassName"], spec["preemptionPolicy"]) == (
        7,
        "usual",
        "PreemptLowerPriority",
    )


async def test_priorities_that_do_not_fit_are_refused(ask: Asker) -> None:
    code, body = await ask("POST", PODS, pod("q", priorityClassName="nope"))
    assert (code, body["message"]) == (403, 'pods "q" is forbidden: no PriorityClass with name nope was found')
    code, body = await ask("POST", PODS, pod("q", priority=5))
    text = "the integer value of priority (5) must not be provided in pod spec; "
    text += "priority admission controller computed 0 from the given PriorityClass name"
    assert (code, body["message"]) == (403, f'pods "q" is forbidden: {text}')
    await ask.post(CLASSES, {"metadata": {"name": "def"}, "value": 7, "globalDefault": True})
    code, body = await ask("POST", CLASSES, {"metadata": {"name": "def2"}, "value": 7, "globalDefault": True})
    text = "PriorityClass def is already marked as default. Only one default can exist"
    assert (code, body["message"]) == (403, f'priorityclasses.scheduling.k8s.io "def2" is forbidden: {text}')
    assert (await ask("POST", CLASSES, {"metadata": {"name": "system-x"}, "value": 7}))[0] == 422
    assert (await ask("POST", CLASSES, {"metadata": {"name": "big"}, "value": 2_000_000_000}))[0] == 422
    assert (await ask.merge(f"{CLASSES}/def", {"value": 8}))[0] == 422


async def test_claims_get_the_default_storage_class(ask: Asker) -> None:
    marked = {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    await ask.post("/apis/storage.k8s.io/v1/storageclasses", {"metadata": marked, "provisioner": "example.dev/x"})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    made = await ask.post(f"{DEFAULT}/persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": spec})
    assert made["spec"]["storageClassName"] == "fast"
    none = {**spec, "storageClassName": ""}
    made = await ask.post(f"{DEFAULT}/persistentvolumeclaims", {"metadata": {"name": "d"}, "spec": none})
    assert made["spec"]["storageClassName"] == ""


async def test_nothing_new_comes_into_a_namespace_that_is_not_there_or_is_going(ask: Asker) -> None:
    code, body = await ask("POST", "/api/v1/namespaces/none/configmaps", {"metadata": {"name": "a"}})
    assert (code, body["message"]) == (404, 'namespaces "none" not found')
    await ask.post("/api/v1/namespaces", {"metadata": {"name": "going"}})
    await ask("DELETE", "/api/v1/namespaces/going")
    code, body = await ask("POST", "/api/v1/namespaces/going/configmaps", {"metadata": {"name": "a"}})
    text = "unable to create new content in namespace going because it is being terminated"
    assert (code, body["message"]) == (403, f'configmaps "a" is forbidden: {text}')
    assert body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
