"""`kubectl create` of each kind it knows: typed clients, whose bodies are protobuf."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake.kubectl.running import Kubectl

MADE = [
    (["configmap", "x", "--from-literal=a=1"], "data.a", "1"),
    (["secret", "generic", "x", "--from-literal=a=1"], "data.a", "MQ=="),
    (
        ["secret", "docker-registry", "x", "--docker-username=u", "--docker-password=p"],
        "type",
        "kubernetes.io/dockerconfigjson",
    ),
    (["deployment", "x", "--image=nginx", "--replicas=0", "--port=80"], "spec.replicas", 0),
    (["job", "x", "--image=busybox", "--", "true"], "spec.template.spec.restartPolicy", "Never"),
    (["cronjob", "x", "--image=busybox", "--schedule=1 2 * * *"], "spec.schedule", "1 2 * * *"),
    (["role", "x", "--verb=get,list", "--resource=pods,deployments.apps"], "rules.1.apiGroups.0", "apps"),
    (["rolebinding", "x", "--clusterrole=view", "--user=u"], "subjects.0.name", "u"),
    (["clusterrole", "x", "--verb=get", "--non-resource-url=/healthz"], "rules.0.nonResourceURLs.0", "/healthz"),
    (["clusterrolebinding", "x", "--clusterrole=view", "--group=g"], "roleRef.name", "view"),
    (["namespace", "x"], "spec.finalizers.0", "kubernetes"),
    (["quota", "x", "--hard=pods=3,requests.cpu=1"], "spec.hard.pods", "3"),
    (["serviceaccount", "x"], "metadata.name", "x"),
    (["service", "clusterip", "x", "--tcp=80:8080"], "spec.ports.0.targetPort", 8080),
    (["service", "nodeport", "x", "--tcp=80"], "spec.type", "NodePort"),
    (["service", "loadbalancer", "x", "--tcp=80"], "spec.type", "LoadBalancer"),
    (["service", "externalname", "x", "--external-name=example.org"], "spec.externalName", "example.org"),
    (
        ["ingress", "x", "--rule=example.org/a*=web:http"],
        "spec.rules.0.http.paths.0.backend.service.port.name",
        "http",
    ),
    (["poddisruptionbudget", "x", "--selector=a=b", "--min-available=50%"], "spec.minAvailable", "50%"),
    (["priorityclass", "x", "--value=7", "--description=d"], "value", 7),
]


CLUSTER = ("clusterrole", "clusterrolebinding", "namespace", "priorityclass")
ROOTS = {
    "deployment.apps": "/apis/apps/v1",
    "job.batch": "/apis/batch/v1",
    "cronjob.batch": "/apis/batch/v1",
    "ingress.networking.k8s.io": "/apis/networking.k8s.io/v1",
    "poddisruptionbudget.policy": "/apis/policy/v1",
    "priorityclass.scheduling.k8s.io": "/apis/scheduling.k8s.io/v1",
}


def stored(kubectl: Kubectl, made: str) -> Any:
    """What `deployment.apps/x` names."""
    kind, _, name = made.partition("/")
    root = "/apis/rbac.authorization.k8s.io/v1" if ".rbac." in kind else ROOTS.get(kind, "/api/v1")
    singular = kind.partition(".")[0]
    plural = f"{singular}es" if singular.endswith("s") else f"{singular}s"
    if singular in CLUSTER:
        return kubectl.server.call("GET", f"{root}/{plural}/{name}")
    return kubectl.object(plural, name, root)


@pytest.mark.parametrize(("arguments", "path", "value"), MADE, ids=[" ".join(a[:2]) for a, _, _ in MADE])
def test_create_makes_the_object(kubectl: Kubectl, arguments: list[str], path: str, value: Any) -> None:
    cluster = arguments[0] in CLUSTER
    name = f"{kubectl.namespace}-x" if cluster else "x"
    made = kubectl("create", *[name if part == "x" else part for part in arguments]).out.split()
    assert made[-1] == "created"
    found = stored(kubectl, made[0])
    for part in path.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    assert found == value
