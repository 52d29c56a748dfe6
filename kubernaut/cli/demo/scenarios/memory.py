"""The scenario `memory`: a release leaks memory, in a namespace where nobody has to be asked."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.cli.demo.scenarios.base import Scenario, request
from kubernaut.cli.demo.stage import Stage
from kubernaut.fake import PodScript

LEAKING = "registry.example.com/web:1.9.1"
NAMESPACE, NAME = "staging", "web"


async def play(stage: Stage) -> None:
    stage.look("Deployment", NAME)
    await stage.wait(seconds=5)
    stage.say("A release with a leak goes out.")
    await stage.set_image(NAMESPACE, NAME, LEAKING)
    await stage.wait(minutes=4)
    stage.broken_now()
    stage.look("Deployment", NAME)
    await stage.alert("KubeContainerOOMKilled", namespace=NAMESPACE, deployment=NAME, severity="warning")
    await stage.until_ended()
    stage.look("Deployment", NAME)


SCENARIO = Scenario(
    name="memory",
    about="a release runs out of memory in staging; it is rolled back without asking anybody",
    play=play,
    expected=[request("completed", "Remediated")],
    state=("staging.yaml",),
    containers={
        LEAKING: PodScript(exit_code=137, reason="OOMKilled", run_time=timedelta(seconds=50), log="allocating\n")
    },
)
