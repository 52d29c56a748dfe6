"""What kubectl does with things that run: run, expose, rollouts, scale, jobs, logs, nodes."""

from __future__ import annotations

from tests.fake.kubectl.running import DEPLOYMENT, Kubectl

APPS = "/apis/apps/v1"


def node_of_a_pod(kubectl: Kubectl) -> str:
    pods = kubectl.server.call("GET", f"/api/v1/namespaces/{kubectl.namespace}/pods")
    return str(pods["items"][0]["spec"]["nodeName"])


def image(kubectl: Kubectl) -> str:
    return str(kubectl.object("deployments", "web", APPS)["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_rollout_is_followed_recorded_undone_and_restarted(kubectl: Kubectl, web: None) -> None:
    assert kubectl("set", "image", "deployment/web", "main=nginx:2").out == "deployment.apps/web image updated\n"
    followed = kubectl("rollout", "status", "deployment/web", "--timeout=15s")
    assert followed.out.endswith('deployment "web" successfully rolled out\n')
    history = kubectl("rollout", "history", "deployment/web").rows
    assert [row[0] for row in history] == ["deployment.apps/web", "REVISION", "1", "2"]
    assert "nginx:2" in kubectl("rollout", "history", "deployment/web", "--revision=2").out
    assert kubectl("rollout", "undo", "deployment/web").out == "deployment.apps/web rolled back\n"
    assert image(kubectl) == "nginx:1"
    kubectl("rollout", "undo", "deployment/web", "--to-revision=2")
    assert image(kubectl) == "nginx:2"
    assert kubectl("rollout", "restart", "deployment/web").out == "deployment.apps/web restarted\n"
    kubectl("rollout", "status", "deployment/web", "--timeout=15s")


def test_a_paused_rollout_waits_until_it_is_resumed(kubectl: Kubectl, web: None) -> None:
    kubectl("rollout", "pause", "deployment/web")
    kubectl("set", "image", "deployment/web", "main=nginx:2")
    assert "nginx:2" not in kubectl("get", "replicasets", "-o", "wide").out
    kubectl("rollout", "resume", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=15s")
    assert "nginx:2" in kubectl("get", "replicasets", "-o", "wide").out


def test_scale_changes_the_number_of_pods(kubectl: Kubectl, web: None) -> None:
    assert kubectl("scale", "deployment/web", "--replicas=3").out == "deployment.apps/web scaled\n"
    kubectl("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=10s")
    refused = kubectl("scale", "deployment/web", "--replicas=1", "--current-replicas=9", ok=False)
    assert "Expected replicas to be 9, was 3" in refused.err
    assert kubectl("get", "deployment", "web", "--subresource=scale").rows[1][:3] == ["web", "3", "3"]


def test_run_and_expose_make_a_pod_and_its_service(kubectl: Kubectl) -> None:
    assert kubectl("run", "cache", "--image=redis:7", "--port=6379", "--env=A=b").out == "pod/cache created\n"
    assert kubectl("wait", "pod/cache", "--for=condition=Ready", "--timeout=10s").out == "pod/cache condition met\n"
    assert kubectl("expose", "pod", "cache", "--port=80", "--target-port=6379").out == "service/cache exposed\n"
    row = kubectl("get", "service", "cache", "-o", "wide").rows[1]
    assert (row[1], row[3], row[4], row[6]) == ("ClusterIP", "<none>", "80/TCP", "run=cache")
    assert "Selector:" in kubectl("describe", "service", "cache").out


def test_jobs_run_to_their_end_and_come_from_cron_jobs(kubectl: Kubectl) -> None:
    assert kubectl("create", "job", "once", "--image=busybox", "--", "true").out == "job.batch/once created\n"
    kubectl("wait", "job/once", "--for=condition=complete", "--timeout=10s")
    header, row = kubectl("get", "jobs").rows
    assert (header[:4], row[:3]) == (["NAME", "STATUS", "COMPLETIONS", "DURATION"], ["once", "Complete", "1/1"])
    assert kubectl("get", "pods", "-l", "job-name=once").rows[1][1:3] == ["0/1", "Completed"]
    kubectl("create", "cronjob", "daily", "--image=busybox", "--schedule=@daily", "--", "true")
    assert kubectl("get", "cronjobs").rows[1][:4] == ["daily", "@daily", "<none>", "False"]
    assert kubectl("create", "job", "now", "--from=cronjob/daily").out == "job.batch/now created\n"
    assert kubectl.object("jobs", "now", "/apis/batch/v1")["metadata"]["ownerReferences"][0]["kind"] == "CronJob"


def test_a_job_that_runs_kubectl_acts_on_the_cluster_and_logs_it(kubectl: Kubectl, web: None) -> None:
    role = ["--verb=get,patch,update", "--resource=deployments,deployments/scale"]
    kubectl("create", "role", "scaler", *role)
    kubectl("create", "rolebinding", "scaler", "--role=scaler", f"--serviceaccount={kubectl.namespace}:default")
    kubectl("create", "job", "scale", "--image=kubectl", "--", "kubectl", "scale", "deployment/web", "--replicas=0")
    kubectl("wait", "job/scale", "--for=condition=complete", "--timeout=10s")
    assert "scaled" in kubectl("logs", "job/scale").out
    assert kubectl.object("deployments", "web", APPS)["spec"]["replicas"] == 0


def test_logs_pick_a_container(kubectl: Kubectl) -> None:
    two = DEPLOYMENT.replace('{name: main, image: "nginx:1"}', "{name: main, image: a}, {name: side, image: b}")
    kubectl("apply", "-f", "-", stdin=two)
    kubectl("rollout", "status", "deployment/web", "--timeout=15s")
    assert kubectl("logs", "deployment/web", "-c", "side", "--tail=5").code == 0
    refused = kubectl("logs", "deployment/web", "-c", "none", ok=False)
    assert "container none is not valid for pod web-" in refused.err


def test_logs_are_followed_to_the_end_of_the_container(kubectl: Kubectl) -> None:
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods")
    kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={kubectl.namespace}:default")
    kubectl("create", "job", "look", "--image=kubectl", "--", "kubectl", "get", "pods")
    started = "--for=jsonpath={.status.containerStatuses[0].containerID}"
    kubectl("wait", "pods", "-l", "job-name=look", "--for=create", "--timeout=10s")
    kubectl("wait", "pods", "-l", "job-name=look", started, "--timeout=10s")
    assert "look-" in kubectl("logs", "-f", "job/look").out


def test_cordon_drain_and_uncordon_move_pods_away(kubectl: Kubectl, web: None) -> None:
    node = node_of_a_pod(kubectl)
    assert kubectl("cordon", node).out == f"node/{node} cordoned\n"
    assert kubectl("get", "node", node).rows[1][1] == "Ready,SchedulingDisabled"
    drained = kubectl("drain", node, "--ignore-daemonsets", "--force", "--pod-selector=app=web", "--timeout=15s")
    assert "evicting pod" in drained.out + drained.err
    assert drained.out.endswith(f"node/{node} drained\n")
    assert kubectl("uncordon", node).out == f"node/{node} uncordoned\n"
    kubectl("rollout", "status", "deployment/web", "--timeout=15s")


def test_drain_waits_for_a_disruption_budget(kubectl: Kubectl, web: None) -> None:
    kubectl("create", "poddisruptionbudget", "all", "--selector=app=web", "--min-available=100%")
    counts = '"currentHealthy":2,"desiredHealthy":2,"expectedPods":2,"disruptionsAllowed":0'
    status = f'{{"status":{{"observedGeneration":1,{counts}}}}}'
    kubectl("patch", "pdb", "all", "--subresource=status", "--type=merge", "-p", status)
    node = node_of_a_pod(kubectl)
    draining = kubectl.start("drain", node, "--pod-selector=app=web")
    try:
        assert draining.stderr is not None
        refusal = next(line for line in draining.stderr if line.startswith("error when evicting"))
        assert "Cannot evict pod as it would violate the pod's disruption budget." in refusal
    finally:
        draining.kill()
        draining.communicate()
        kubectl("uncordon", node)


def test_taint_and_autoscale_are_taken(kubectl: Kubectl, web: None) -> None:
    kubectl("taint", "node", "node-2", f"{kubectl.namespace}=x:PreferNoSchedule")
    kubectl("taint", "node", "node-2", f"{kubectl.namespace}-")
    kubectl("autoscale", "deployment", "web", "--max=3")
    assert kubectl("get", "hpa").rows[1][:5] == ["web", "Deployment/web", "cpu: <unknown>/80%", "1", "3"]


def test_set_changes_environment_resources_and_selectors(kubectl: Kubectl, web: None) -> None:
    kubectl("set", "env", "deployment/web", "A=b")
    assert "A=b" in kubectl("set", "env", "deployment/web", "--list").out
    kubectl("set", "resources", "deployment/web", "--limits=cpu=100m,memory=64Mi")
    kubectl("set", "serviceaccount", "deployment/web", "default")
    container = kubectl.object("deployments", "web", APPS)["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"cpu": "100m", "memory": "64Mi"}
