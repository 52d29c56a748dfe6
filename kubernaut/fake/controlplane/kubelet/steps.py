"""Moves the containers of one pod on, as far as their scripts and the time allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kubernaut.fake.controlplane.behaviour import PodBehaviour, PodScript, default_script, kubectl_arguments
from kubernaut.fake.controlplane.kubelet import states
from kubernaut.fake.controlplane.kubelet.phases import give_address, is_done, is_sidecar
from kubernaut.fake.controlplane.kubelet.told import Told
from kubernaut.fake.controlplane.processes import Exited
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container, ContainerStatus

LogWriter = Callable[[str, str, str, str], None]
"""Keeps the log of a container: namespace, pod, container, text."""
CommandStarter = Callable[[Pod, Container, int], None]
"""Starts the kubectl command of a container, which was restarted that often, unless it was started before."""

_STARTS_TOLD, _STARTS_PER_SECOND = 200.0, 20.0
"""Starts of containers whose events are told at once, and how soon more may be: thousands would crowd out the rest."""
_LOOK_AGAIN = timedelta(minutes=5)
"""How soon a container that cannot start is tried again, as images are pulled again."""


@dataclass(slots=True)
class Kit:
    """What all pods have in common. `crashes`: by pod uid and container, those in a row."""

    behaviour: PodBehaviour
    write_log: LogWriter
    start_command: CommandStarter
    next_address: Callable[[], str]
    crashes: dict[tuple[str, str], int] = field(default_factory=dict)
    _told_at: datetime | None = None
    _tokens: float = _STARTS_TOLD

    def may_tell_of_start(self, now: datetime) -> bool:
        """Whether the events of one more start are affordable."""
        passed = (now - self._told_at).total_seconds() if self._told_at is not None else 0.0
        self._told_at = now
        self._tokens = min(self._tokens + passed * _STARTS_PER_SECOND, _STARTS_TOLD)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def script(self, pod: Pod, container: Container, restarts: int) -> PodScript:
        """What a container does."""
        return self.behaviour(pod, container, restarts) or default_script(pod, container)

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self.crashes = {key: number for key, number in self.crashes.items() if key[0] != uid}


class Steps:
    """One look at one pod; changes its status in place."""

    def __init__(self, pod: Pod, now: datetime, kit: Kit, told: Told) -> None:
        self._pod = pod
        self._now = now
        self._kit = kit
        self._told = told

    def advance(self) -> timedelta | None:
        """Take every step that is due; answers how long until the next one, None if time alone brings none."""
        waits: list[timedelta | None] = []
        since = self._pod.status.start_time or self._now
        for container, status in pairs(self._pod, initial=True):
            waits.append(self._step(container, status, since, initial=True))
            if not is_done(container, status):
                return _soonest(waits)
            since = _done_at(status) or since
        for container, status in pairs(self._pod, initial=False):
            waits.append(self._step(container, status, since, initial=False))
        self._end_sidecars()
        return _soonest(waits)

    def _step(
        self, container: Container, status: ContainerStatus, since: datetime, *, initial: bool
    ) -> timedelta | None:
        script = self._kit.script(self._pod, container, status.restart_count)
        if status.state.running is not None:
            exited, wait = self._look(container, status, script)
            if exited is None:
                return wait
            self.finish(container, status, exited, initial=initial)
            script = self._kit.script(self._pod, container, status.restart_count)
        if status.state.terminated is not None:
            return None
        due = self._due(status, script, since)
        if due is None:
            return self._cannot_start(container, status, script)
        if self._now < due:
            return due - self._now
        self._start(container, status, script)
        # The next reconcile has read back that it runs: only then does a command begin.
        return timedelta()

    def _due(self, status: ContainerStatus, script: PodScript, since: datetime) -> datetime | None:
        if script.waiting is not None:
            return None
        if states.backs_off(status):
            ended = status.last_state.terminated
            finished = ended.finished_at if ended else None
            return (finished or self._now) + states.restart_backoff(self._crashes(status))
        return since + script.start_up if states.may_start(status) else self._now

    def _start(self, container: Container, status: ContainerStatus, script: PodScript) -> None:
        if self._pod.status.pod_ip is None:
            give_address(self._pod, self._kit.next_address())
        states.start(self._pod, status, script, self._now)
        if self._kit.may_tell_of_start(self._now):
            self._told.started(container)
            if not script.ready:
                self._told.not_ready(container)
        self._keep_log(container, script.log)

    def _cannot_start(self, container: Container, status: ContainerStatus, script: PodScript) -> timedelta | None:
        waiting = status.state.waiting
        if script.waiting is None:
            return None
        if waiting is None or waiting.reason != script.waiting:
            states.wait_for_ever(status, script)
            self._told.cannot_start(container, script.waiting, script.waiting_message or "")
        return _LOOK_AGAIN

    def _look(
        self, container: Container, status: ContainerStatus, script: PodScript
    ) -> tuple[Exited | None, timedelta | None]:
        """How a running container has ended, if it has; else how long until there is more to see."""
        running = status.state.running
        if running is None or running.started_at is None:
            return None, None
        scripted = self._kit.behaviour(self._pod, container, status.restart_count) is not None
        if not scripted and kubectl_arguments(container) is not None:
            self._kit.start_command(self._pod, container, status.restart_count)
            return None, None
        runs_for = self._now - running.started_at
        fails = script.liveness_fails_after
        if script.exit_code is not None and runs_for >= script.run_time:
            return Exited(script.exit_code, script.log, self._now, script.reason, script.message), None
        if fails is not None and runs_for >= fails:
            again = states.restarts(self._pod, container, states.EXIT_KILLED, initial=False)
            self._told.not_alive(container, again=again)
            return Exited(states.EXIT_KILLED, script.log, self._now, script.reason, script.message), None
        self._probe(container, status, script, runs_for)
        moments = [
            script.run_time if script.exit_code is not None else None,
            fails,
            script.ready_after,
            script.unready_after,
        ]
        return None, _soonest([moment - runs_for for moment in moments if moment is not None and moment > runs_for])

    def _probe(self, container: Container, status: ContainerStatus, script: PodScript, runs_for: timedelta) -> None:
        ready = states.is_ready(script, runs_for)
        if status.ready and not ready:
            self._told.not_ready(container)
        status.ready = ready

    def finish(self, container: Container, status: ContainerStatus, exited: Exited, *, initial: bool) -> None:
        """The container has ended: keep its log, and start it again later where its policy says so."""
        self._keep_log(container, exited.log)
        crashes = self._crashes(status)
        states.end(self._pod, container, status, exited, initial=initial)
        if not states.backs_off(status):
            return
        crashes = 1 if states.was_stable(status) else crashes + 1
        self._kit.crashes[self._pod.uid or "", status.name] = crashes
        wait = states.restart_backoff(crashes)
        if wait:
            states.announce_backoff(self._pod, status, wait)
            self._told.backed_off(container)

    def _crashes(self, status: ContainerStatus) -> int:
        return self._kit.crashes.get((self._pod.uid or "", status.name), status.restart_count)

    def _end_sidecars(self) -> None:
        """The pod's own containers have ended for good: what ran along with them ends too."""
        statuses = self._pod.status.container_statuses
        if not statuses or any(status.state.terminated is None for status in statuses):
            return
        for container, status in reversed(list(pairs(self._pod, initial=True))):
            if is_sidecar(container) and status.state.terminated is None:
                self._told.stopping(container)
                states.stop(status, states.EXIT_TERMINATED, self._now)

    def _keep_log(self, container: Container, log: str) -> None:
        if log:
            self._kit.write_log(self._pod.namespace or "", self._pod.name, container.name, log)


def pairs(pod: Pod, *, initial: bool) -> Iterator[tuple[Container, ContainerStatus]]:
    """The containers of a pod with their statuses, in the order of the spec."""
    containers = pod.spec.init_containers if initial else pod.spec.containers
    listed = pod.status.init_container_statuses if initial else pod.status.container_statuses
    statuses = {status.name: status for status in listed}
    return ((container, statuses[container.name]) for container in containers if container.name in statuses)


def _done_at(status: ContainerStatus) -> datetime | None:
    state = status.state
    if state.terminated is not None:
        return state.terminated.finished_at
    return state.running.started_at if state.running is not None else None


def _soonest(waits: list[timedelta | None] | list[timedelta]) -> timedelta | None:
    due = [wait for wait in waits if wait is not None]
    return min(due) if due else None
