"""The scenario `recovery`: rolling back does not help and is undone; another way does."""

from __future__ import annotations

from kubernaut.cli.demo.scenarios.base import Scenario, crashing, request
from kubernaut.cli.demo.stage import Stage
from kubernaut.fake import PodScript

OLD, BROKEN = "registry.example.com/web:1.9.0", "registry.example.com/web:2.0.0"
NAMESPACE, NAME = "staging", "web"


class Data:
    """What all releases share. Once 2.0.0 has run, releases before it cannot read it."""

    def __init__(self) -> None:
        self.migrated = False

    def script(self, image: str) -> PodScript | None:
        if image == BROKEN:
            self.migrated = True
            return crashing("data migrated to format 2\nfatal: cache is not there\n")
        return crashing("fatal: data has format 2, 1 was expected\n") if image == OLD and self.migrated else None


async def play(stage: Stage) -> None:
    data = Data()
    stage.cluster.behaviour = lambda pod, container, restarts: data.script(container.image or "")
    stage.look("Deployment", NAME)
    await stage.wait(seconds=5)
    stage.say("A release goes out, migrates the data, and crashes.")
    await stage.set_image(NAMESPACE, NAME, BROKEN)
    await stage.wait(minutes=3)
    stage.broken_now()
    stage.look("Deployment", NAME)
    await stage.alert("KubeDeploymentReplicasMismatch", namespace=NAMESPACE, deployment=NAME)
    await stage.until_phase("WorkflowExecution", "monitoring")
    stage.say("It is rolled back. The release before cannot read the new data, though.")
    await stage.until_phase("RemediationRequest", "recovering")
    stage.say("What did not help was undone. Now the analysis knows of it, and a rule of the team's holds.")
    await stage.until_ended()
    stage.look("Deployment", NAME)


SCENARIO = Scenario(
    name="recovery",
    about="rolling back does not help and is undone; fixing forward, the second way, does",
    play=play,
    expected=[request("completed", "Remediated")],
    state=("staging.yaml",),
    rules="rules.yaml",
)
