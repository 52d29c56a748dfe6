"""The scenario `rollout`: a release that crashes is rolled back, once the person whom a rule asks has agreed."""

from __future__ import annotations

from kubernaut.cli.demo.scenarios.base import Scenario, crashing, request
from kubernaut.cli.demo.stage import Stage
from kubernaut.remediation.approval import Decision

BROKEN = "registry.example.com/api-server:1.5.0"
CRASHING = crashing("starting api-server 1.5.0\nfatal: unknown setting DATABASE_POOL\n")
NAMESPACE, NAME = "production", "api-server"
ASKED = (
    "A rule of ten lines, which this story adds to the shipped policy, asks a person in production: nothing happens "
    "before. The shipped rules alone allow this rollback; docs/policy.md shows the one that is added."
)
"""Nobody is to believe that an installation asks by itself."""


async def break_it(stage: Stage) -> None:
    """A release that crashes is rolled out, and Prometheus sees it."""
    stage.look("Deployment", NAME)
    await stage.wait(seconds=5)
    stage.say("A release goes out.")
    await stage.set_image(NAMESPACE, NAME, BROKEN)
    await stage.wait(minutes=3)
    stage.broken_now()
    stage.say("Prometheus sees it, and Alertmanager tells kubernaut's gateway.")
    stage.look("Deployment", NAME)
    await stage.alert("KubePodCrashLooping", namespace=NAMESPACE, pod=a_pod(stage))


def a_pod(stage: Stage) -> str:
    """The name of a pod of the Deployment."""
    pods = [str(each["metadata"]["name"]) for each in stage.watcher.all("Pod")]
    return next(name for name in reversed(pods) if name.startswith(f"{NAME}-"))


async def play(stage: Stage) -> None:
    await break_it(stage)
    await stage.until_phase("ApprovalRequest", "pending")
    stage.say(ASKED)
    await stage.decide(Decision.APPROVED, "bob", "roll it back, I have seen the logs")
    await stage.until_ended()
    stage.say("The workload is healthy.")
    stage.look("Deployment", NAME)


SCENARIO = Scenario(
    name="rollout",
    about="a release crashes in production; a rule of this story's asks a person, who approves its rollback",
    play=play,
    expected=[request("completed", "Remediated")],
    containers={BROKEN: CRASHING},
    careful=True,
)
