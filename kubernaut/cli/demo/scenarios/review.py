"""The scenario `review`: nothing that kubernaut knows would help, so it says what it saw to a person."""

from __future__ import annotations

from kubernaut.cli.demo.scenarios.base import Scenario, request
from kubernaut.cli.demo.stage import Stage

NAMESPACE, NAME = "staging", "web"


async def play(stage: Stage) -> None:
    stage.look("Deployment", NAME)
    await stage.wait(seconds=5)
    stage.say("Somebody asks for more than any node has.")
    stage.person("alice", f"kubectl -n {NAMESPACE} set resources deployment/{NAME} --requests=cpu=64")
    await stage.patch_container(NAMESPACE, NAME, {"name": NAME, "resources": {"requests": {"cpu": "64"}}})
    await stage.wait(minutes=3)
    stage.broken_now()
    await stage.alert("KubeDeploymentRolloutStuck", namespace=NAMESPACE, deployment=NAME)
    await stage.until_ended()
    stage.say("No action makes room: a person is told what was seen, and nothing is touched.")


SCENARIO = Scenario(
    name="review",
    about="pods find no node, which no action mends: a person is told what was seen",
    play=play,
    expected=[request("manual_review", "AnalysisInconclusive")],
    state=("staging.yaml",),
)
