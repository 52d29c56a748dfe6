"""The whole installation on a real API server: manifests, users, a Service, a kubelet, and its processes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from kubernaut.testing import EnvTest
from kubernaut.testing.envtest.ports import free_ports
from tests.cli.run.serving import Process, clean_environment, running, until
from tests.e2e.forwarder import Forwarder
from tests.e2e.kubelet import Kubelet
from tests.fake.kubectl.running import KUBECTL
from tests.install.conftest import Applier

SYSTEM, EXECUTOR = "kubernaut-system", "kubernaut-executor"
ACTIONS = ("scale-deployment", "rollback-deployment")
"""What is done here, each by its own ServiceAccount."""
SHOP = "shop"
SETTINGS = "kubernaut-settings"
"""The Secret whose keys are variables of the processes."""
SECONDS = 60

PEOPLE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: production}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: asks}
rules:
- {apiGroups: [kubernetesexecution.kubernaut.io], resources: [kubernetesexecutions], verbs: [create, get, list]}
- {apiGroups: [remediation.kubernaut.io], resources: [remediationrequests], verbs: [create, get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: approves}
rules:
- {apiGroups: [remediation.kubernaut.io], resources: [approvalrequests], verbs: [get, list]}
- {apiGroups: [remediation.kubernaut.io], resources: [approvalrequests/status], verbs: [patch]}
"""


def binding(role: str, group: str) -> str:
    """The rights of a ClusterRole for a group, everywhere."""
    return yaml.safe_dump(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{group}-{role}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
        }
    )


class Replica:
    """One `kubernaut run` with the arguments of the Deployment."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @property
    def log(self) -> str:
        return "".join(self.process.log)

    def told(self, event: str) -> bool:
        """Whether its log says something."""
        return event in self.log

    def ready(self) -> tuple[bool, str]:
        url = self.process.line("started")["health"]
        try:
            with urllib.request.urlopen(f"{url}?verbose", timeout=5) as answer:
                return True, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return False, error.read().decode()

    def metrics_text(self) -> str:
        with urllib.request.urlopen(self.process.line("started")["metrics"], timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of the samples of a name that have these labels."""
        return sum(value for _, value in self.samples(name, **labels))

    def samples(self, name: str, /, **labels: str) -> list[tuple[Mapping[str, str], float]]:
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(self.metrics_text())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    @property
    def leads(self) -> bool:
        return self.metric("leader_election_master_status", name="kubernaut") == 1


@dataclass
class Installation:
    """What tests have of it."""

    folder: Path
    kubectl: Applier
    """As the administrator."""
    users: dict[str, Applier]
    kubelet: Kubelet
    service: Forwarder
    kubeconfig: Path
    """With a token of the ServiceAccount of the manifests."""
    applied: dict[str, str] = field(default_factory=dict)
    """What kubectl printed when the manifests were applied, by the way they were."""

    @property
    def audit_store(self) -> str:
        return f"sqlite:///{self.folder}/audit.db"

    def kubernaut(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line, in a process."""
        return subprocess.run(
            [sys.executable, "-m", "kubernaut", *arguments],
            cwd=self.folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def manifests_command(self) -> list[str]:
        """The command whose output is applied."""
        options = ["--kubeconfig", str(self.kubectl.kubeconfig), "--secret", SETTINGS]
        return [sys.executable, "-m", "kubernaut", "manifests", *options]

    def apply_by_pipe(self, *options: str) -> str:
        """`kubernaut manifests | kubectl apply -f -`; what kubectl printed."""
        assert KUBECTL is not None
        pipe = subprocess.PIPE
        with subprocess.Popen(
            self.manifests_command(), cwd=self.folder, env=clean_environment(), stdout=pipe, stderr=pipe
        ) as first:
            done = subprocess.run(
                [KUBECTL, "--kubeconfig", str(self.kubectl.kubeconfig), "apply", *options, "-f", "-"],
                stdin=first.stdout,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
                env={**clean_environment(), "HOME": str(self.folder)},
            )
            assert first.stderr is not None
            errors = first.stderr.read().decode()
        assert (first.returncode, done.returncode) == (0, 0), errors + done.stderr
        assert errors == "" and done.stderr == ""
        return done.stdout

    def reach_webhooks(self) -> None:
        """Lead the webhooks' Service to our processes: there is no kube-proxy that would."""
        self.kubectl("delete", "service", "kubernaut-webhooks", "-n", SYSTEM)
        external = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kubernaut-webhooks", "namespace": SYSTEM},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        }
        self.kubectl("create", "-f", "-", stdin=json.dumps(external))
        for kind in ("mutatingwebhookconfiguration", "validatingwebhookconfiguration"):
            count = len(json.loads(self.kubectl("get", kind, "kubernaut", "-o", "json").out)["webhooks"])
            path = "/webhooks/{}/clientConfig/service/port"
            patch = [{"op": "replace", "path": path.format(at), "value": self.service.port} for at in range(count)]
            self.kubectl("patch", kind, "kubernaut", "--type=json", "-p", json.dumps(patch))

    @contextmanager
    def replica(self, name: str) -> Iterator[Replica]:
        """A process as the Deployment would run it in a pod of that name, once it is ready; the Service leads to it."""
        [port] = free_ports(1)
        deployment = json.loads(self.kubectl("get", "deployment", "kubernaut", "-n", SYSTEM, "-o", "json").out)
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        command, *arguments = container["args"]
        assert command == "run"
        # Pods have an address each, these processes share one.
        arguments = [re.sub(r"-bind=:\d+$", "-bind=127.0.0.1:0", each) for each in arguments]
        fields = {"metadata.name": name, "metadata.namespace": SYSTEM}
        environment = {each["name"]: fields[each["valueFrom"]["fieldRef"]["fieldPath"]] for each in container["env"]}
        for source in container["envFrom"]:
            found = self.kubectl("get", "secret", source["secretRef"]["name"], "-n", SYSTEM, "-o", "json").out
            environment |= {key: b64decode(value).decode() for key, value in json.loads(found)["data"].items()}
        bind = f"--webhook-bind=127.0.0.1:{port}"
        config = f"--kubeconfig={self.kubeconfig}"
        with running(self.folder, *arguments, bind, config, environment=environment) as process:
            replica = Replica(process)
            until(lambda: replica.ready()[0], lambda: (replica.ready(), replica.log))
            self.service.backends = [*self.service.backends, port]
            yield replica


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """A real server with everything but the manifests applied and processes started."""
    with ExitStack() as stack:
        env = stack.enter_context(EnvTest())
        kubectl = Applier(_written(folder / "admin", env.kubeconfig()), folder)
        kubectl("apply", "-f", "-", stdin=PEOPLE)
        acting = [(f"kubernaut-action-{action}", "sre") for action in ACTIONS]
        for role, group in (("asks", "sre"), *acting, ("approves", "leads")):
            kubectl("create", "-f", "-", stdin=binding(role, group))
        users = {
            user: Applier(_written(folder / user, env.kubeconfig(user, [group])), folder)
            for user, group in (("alice", "sre"), ("bob", "leads"))
        }
        service = stack.enter_context(Forwarder())
        accounts = {f"action-{action}": folder / f"action-{action}" for action in ACTIONS}
        kubelet = Kubelet(env.kubeconfig("kubelet"), EXECUTOR, accounts, [SHOP])
        made = Installation(folder, kubectl, users, kubelet, service, folder / "kubernaut")
        made.applied["client-side"] = made.apply_by_pipe()
        made.applied["server-side"] = made.apply_by_pipe("--server-side")
        settings = {"KUBERNAUT_AUDIT_STORE": made.audit_store, "KUBERNAUT_REMEDIATION_LIMITS": "stable=5s"}
        literals = [f"--from-literal={name}={value}" for name, value in settings.items()]
        kubectl("create", "secret", "generic", SETTINGS, "-n", SYSTEM, *literals)
        made.reach_webhooks()
        for path, namespace, name in (
            (made.kubeconfig, SYSTEM, "kubernaut"),
            *((path, EXECUTOR, name) for name, path in accounts.items()),
        ):
            _written(path, asyncio.run(env.kubeconfig_for_service_account(namespace, name)))
        stack.enter_context(kubelet)
        yield made


def _written(path: Path, kubeconfig: dict[str, Any]) -> Path:
    path.write_text(json.dumps(kubeconfig))
    return path
