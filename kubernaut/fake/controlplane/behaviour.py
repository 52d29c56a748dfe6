"""What simulated containers do: how long they take to start, whether they end, with what exit code and log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container

_ZERO = timedelta()
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PodScript:
    """What one container does from one start to its end.

    `start_up`: from when it may start (the pod was scheduled, or the init container before it is done) to running.
    `exit_code` None: it runs for ever; else it ends with that code after `run_time`, for `reason` (`OOMKilled`, say;
    by default `Completed` or `Error`) and with `message`. `log`: what it has written by then. `stop_time`: how long it
    takes to end once asked to, if its grace period is that long. `waiting`: a reason, such as `ImagePullBackOff`, for
    which it never starts, with `waiting_message`.

    Probes: `ready`: whether it becomes ready while it runs, `ready_after` a time, and loses that `unready_after` one.
    `liveness_fails_after`: it is killed then, and started again if its pod's policy allows.
    """

    start_up: timedelta = _SECOND
    exit_code: int | None = None
    run_time: timedelta = _ZERO
    log: str = ""
    ready: bool = True
    stop_time: timedelta = _ZERO
    waiting: str | None = None
    waiting_message: str | None = None
    ready_after: timedelta = _ZERO
    unready_after: timedelta | None = None
    liveness_fails_after: timedelta | None = None
    reason: str | None = None
    message: str | None = None


PodBehaviour = Callable[[Pod, Container, int], PodScript | None]
"""Given a pod, one of its containers and how often that was restarted: what it does, or None for the default."""

RUN_FOR_EVER = PodScript()


def default_script(pod: Pod, container: Container) -> PodScript:
    """A container that restarts always runs for ever; any other, and every init container, ends with success.

    That takes a second; `true`, `false` and `sleep N` do what they say.
    """
    initial = any(other.name == container.name for other in pod.spec.init_containers)
    policy = container.restart_policy or ("OnFailure" if initial else pod.spec.restart_policy)
    if policy not in ("Never", "OnFailure"):
        return RUN_FOR_EVER
    argv = command_line(container)
    program = argv[0].rpartition("/")[2] if argv else ""
    if program == "false":
        return PodScript(exit_code=1)
    if program == "true":
        return PodScript(exit_code=0)
    if program == "sleep" and len(argv) == 2 and argv[1].isdecimal():
        return PodScript(exit_code=0, run_time=timedelta(seconds=int(argv[1])))
    return PodScript(exit_code=0, run_time=_SECOND)


def command_line(container: Container) -> Sequence[str]:
    """The container's argv; an image of kubectl without a command has kubectl as its entry point."""
    if not container.command and _is_kubectl_image(container.image or ""):
        return ["kubectl", *container.args]
    return [*container.command, *container.args]


def kubectl_arguments(container: Container) -> Sequence[str] | None:
    """The arguments after the word kubectl if that is what the container runs; else None."""
    argv = command_line(container)
    if argv and argv[0].rpartition("/")[2] == "kubectl":
        return argv[1:]
    return None


def _is_kubectl_image(image: str) -> bool:
    repository = image.partition("@")[0]
    name = repository.rpartition("/")[2].partition(":")[0]
    return name == "kubectl"
