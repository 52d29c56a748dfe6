"""The events of a kubelet, worded as the real one words them."""

from __future__ import annotations

from dataclasses import dataclass

from kubernaut.reconcile import EventSink
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container


@dataclass(frozen=True, slots=True)
class Told:
    """Tells of one pod and its containers."""

    sink: EventSink
    pod: Pod
    initial: frozenset[str]

    @classmethod
    def of(cls, sink: EventSink, pod: Pod) -> Told:
        """For a pod."""
        return cls(sink, pod, frozenset(container.name for container in pod.spec.init_containers))

    def started(self, container: Container) -> None:
        """Its image is there, it was made, it runs."""
        image = f'Container image "{container.image or ""}" already present on machine'
        self._tell(container, "Pulled", image, action="Pulling")
        self._tell(container, "Created", f"Created container: {container.name}", action="Creating")
        self._tell(container, "Started", f"Started container {container.name}", action="Starting")

    def stopping(self, container: Container) -> None:
        """It was asked to end."""
        self._tell(container, "Killing", f"Stopping container {container.name}", action="Killing")

    def backed_off(self, container: Container) -> None:
        """It ended too often to be started again at once."""
        pod = self.pod
        where = f"{pod.name}_{pod.namespace}({pod.uid})"
        words = f"Back-off restarting failed container {container.name} in pod {where}"
        self._tell(container, "BackOff", words, action="Restarting", warning=True)

    def cannot_start(self, container: Container, reason: str, message: str) -> None:
        """It waits for a reason that does not go away by itself."""
        image = f'image "{container.image or ""}"'
        if reason in ("ImagePullBackOff", "ErrImagePull"):
            self._tell(container, "Pulling", f"Pulling {image}", action="Pulling")
            failure = f"Failed to pull {image}: {message or 'not found'}"
            self._tell(container, "Failed", failure, action="Pulling", warning=True)
            self._tell(container, "BackOff", f"Back-off pulling {image}", action="Pulling")
        self._tell(container, "Failed", f"Error: {reason}", action="Starting", warning=True)

    def not_ready(self, container: Container) -> None:
        """Its readiness probe fails."""
        words = "Readiness probe failed: HTTP probe failed with statuscode: 503"
        self._tell(container, "Unhealthy", words, action="Probing", warning=True)

    def not_alive(self, container: Container, *, again: bool) -> None:
        """Its liveness probe failed too often."""
        words = "Liveness probe failed: HTTP probe failed with statuscode: 500"
        self._tell(container, "Unhealthy", words, action="Probing", warning=True)
        rest = ", will be restarted" if again else ""
        self._tell(container, "Killing", f"Container {container.name} failed liveness probe{rest}", action="Killing")

    def too_long(self) -> None:
        """The pod's own deadline has passed."""
        words = "Pod was active on the node longer than the specified deadline"
        self.sink.event(self.pod, "DeadlineExceeded", words, action="Killing")

    def _tell(self, container: Container, reason: str, message: str, *, action: str, warning: bool = False) -> None:
        part = "initContainers" if container.name in self.initial else "containers"
        reference = {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": self.pod.namespace or "",
            "name": self.pod.name,
            "uid": self.pod.uid or "",
            "fieldPath": f"spec.{part}{{{container.name}}}",
        }
        self.sink.event(reference, reason, message, type="Warning" if warning else "Normal", action=action)
