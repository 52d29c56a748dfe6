"""The traps seen in earlier designs, by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubernaut.actions import job_name
from kubernaut.client import ObjectHead, ServiceUnavailable
from kubernaut.reconcile import Request
from kubernaut.reconcile.permissions import permissions_of, policy_rules
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.remediation.execution.controller import execution_of
from kubernaut.remediation.execution.outcome import outcome
from kubernaut.resources.builtin.batch_v1 import Job


async def test_status_lost_because_reconcile_raised_before_writing_it(world: Any) -> None:
    world.create()
    await world.step()
    world.faults.append(lambda r: (503, "busy") if "/deployments/" in r.path else None)
    with pytest.raises(ServiceUnavailable):
        await world.step()
    assert world.status["validationResults"]["rbacValidation"] and world.status["specDigest"]


async def test_name_prefixes_that_collide_and_adopt_anothers_job(world: Any) -> None:
    world.create()
    uid = world.objects[world.execution_path]["metadata"]["uid"]
    name = job_name("scale-deployment", uid)
    world.foreign_job(name)
    await world.settle()
    assert world.condition("ChildNameTaken")["status"] == "True" and "jobUid" not in world.status
    assert "status" not in world.job()
    world.remove_job()
    job = await world.run_to_job()
    assert job["metadata"]["labels"]["kubernaut.io/execution-id"] == uid and not world.condition("ChildNameTaken")


async def test_a_name_taken_until_the_deadline_fails_and_leaves_the_stranger_alone(world: Any) -> None:
    world.create()
    world.foreign_job(job_name("scale-deployment", world.objects[world.execution_path]["metadata"]["uid"]))
    await world.settle()
    world.advance(minutes=10)
    await world.settle()
    assert world.failed()[0] == "ChildNameTaken" and world.job()


def test_owns_job_across_namespaces_that_never_fires(world: Any) -> None:
    controller = executions(world.config)
    watch, _ = controller.watches
    assert watch.kind is Job and not controller.owns and watch.namespace == "kubernaut-executor"
    annotations = {"kubernaut.io/execution-namespace": "ops", "kubernaut.io/execution-name": "fix"}
    head = ObjectHead(name="j", namespace="kubernaut-executor", annotations=annotations)
    assert list(execution_of(head)) == [Request("ops", "fix")]
    assert list(execution_of(ObjectHead(name="j", namespace="x"))) == []


async def test_rollback_captured_after_the_change(world: Any) -> None:
    """In every state the server ever had, a Job is there only if the way back was persisted before."""
    world.create()
    seen: list[bool] = []

    def note(request: Any) -> None:
        if (request.method, request.path.rpartition("/")[2]) == ("POST", "jobs"):
            seen.append("rollbackInformation" in world.status)

    world.faults.append(note)
    await world.run_to_job()
    assert seen == [True]


async def test_the_target_changed_between_capture_and_job(world: Any) -> None:
    world.create()
    while "rollbackInformation" not in world.status:
        await world.step()
    world.objects[world.deployment_path]["spec"]["replicas"] = 3
    job = await world.run_to_job()
    assert world.status["rollbackInformation"]["parameters"] == {"replicas": 3}
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][-1] == "3"


async def test_capture_fails_and_no_job_is_made(world: Any) -> None:
    world.objects[world.deployment_path]["spec"]["replicas"] = 1000
    world.create()
    await world.settle()
    assert world.failed()[0] == "RollbackCaptureFailed" and not world.jobs()


def test_failed_above_zero_read_as_failure_while_retries_remain() -> None:
    conditions = [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "FailureTarget", "status": "True"}]
    for extra in ([], conditions, [{"type": "Failed", "status": "False"}]):
        assert outcome(Job.from_dict({"status": {"failed": 2, "succeeded": 1, "conditions": extra}})) is None


def test_missing_completion_time() -> None:
    condition = {"type": "Failed", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"}
    end = outcome(Job.from_dict({"status": {"conditions": [condition]}}))
    assert end is not None and not end.success and end.ended is not None


async def test_zero_timeout(world: Any) -> None:
    world.create(timeout="0s")
    await world.settle()
    assert world.failed()[0] == "TimeoutInvalid"


async def test_non_idempotent_retries(world: Any) -> None:
    world.create(maxRetries=3)
    assert (await world.run_to_job())["spec"]["backoffLimit"] == 0


async def test_spec_changed_between_validation_and_execution(world: Any) -> None:
    world.create()
    while world.status.get("phase") != "executing":
        await world.step()
    world.objects[world.execution_path]["spec"]["parameters"]["replicas"] = 50
    await world.settle()
    assert world.failed()[0] == "SpecChanged" and not world.jobs()


async def test_omitted_defaults_becoming_zero_and_required_min_refusing_zero(world: Any) -> None:
    world.create("restart-pod", target={"kind": "Pod", "namespace": "shop", "name": "web-0"}, parameters={})
    await world.run_to_job()
    (secret,) = [obj for path, obj in world.objects.items() if "/secrets/" in path]
    assert json.loads(secret["stringData"]["options.json"])["gracePeriodSeconds"] == 30
    world.remove_job()
    world.create(parameters={"replicas": 0})
    argv = (await world.run_to_job())["spec"]["template"]["spec"]["containers"][0]["command"]
    assert argv[argv.index("--replicas") + 1] == "0"


async def test_create_before_status_record_then_already_exists_for_ever(world: Any) -> None:
    """The Job was created, the status write after it was lost: the Job is found again and its result counts."""
    world.create()
    while "rollbackInformation" not in world.status:
        await world.step()
    world.faults.append(lambda r: (503, "lost") if r.path.endswith("/status") else None)
    with pytest.raises(ServiceUnavailable):
        await world.step()
    assert world.jobs() and "jobUid" not in world.status
    world.faults.clear()
    world.objects[world.deployment_path]["spec"]["replicas"] = 5
    world.finish()
    await world.settle()
    assert world.status["phase"] == "rollback_ready" and len(world.jobs()) == 1
    assert world.status["rollbackInformation"]["parameters"] == {"replicas": 2}


async def test_ttl_is_patched_only_after_the_result_is_stored(world: Any) -> None:
    world.create()
    await world.run_to_job()
    world.finish()
    await world.step()
    assert world.status["phase"] == "rollback_ready" and "ttlSecondsAfterFinished" not in world.job()["spec"]
    await world.step()
    assert world.job()["spec"]["ttlSecondsAfterFinished"] == 300


def test_builder_wide_generation_predicates_that_also_hide_job_status_changes(world: Any) -> None:
    controller = executions(world.config)
    assert not controller.predicates and not controller.watches[0].predicates


def test_the_crd_makes_the_whole_spec_immutable_and_required() -> None:
    (crd,) = crds()
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert "spec" in schema["required"]
    spec = schema["properties"]["spec"]
    assert spec["x-kubernetes-validations"][0]["rule"] == "self == oldSelf"
    parameters = spec["properties"]["parameters"]
    assert parameters["maxProperties"] == 32
    assert "x-kubernetes-preserve-unknown-fields" not in parameters["additionalProperties"]
    columns = [column["name"] for column in crd["spec"]["versions"][0]["additionalPrinterColumns"]]
    assert columns == ["Phase", "Action", "Kind", "Target", "Reason", "Target Namespace", "Age"]
    assert "status" in crd["spec"]["versions"][0]["subresources"]


def test_the_controller_cannot_do_what_the_actions_do(world: Any) -> None:
    config: ExecutionConfig = world.config
    for rule in policy_rules(permissions_of(executions(config))).cluster:
        if rule.api_groups != [KubernetesExecution.resource_type.group]:
            assert not {"update", "delete", "*"} & set(rule.verbs)
