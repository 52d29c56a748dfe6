"""The scenario `node`: a node cannot run pods any more; it is cordoned, and drained once a person has agreed."""

from __future__ import annotations

from kubernaut.cli.demo.scenarios.base import Scenario, request
from kubernaut.cli.demo.stage import Stage
from kubernaut.remediation.approval import Decision

NODE = "node-2"


async def play(stage: Stage) -> None:
    stage.look("Node", NODE)
    await stage.wait(seconds=5)
    stage.say(f"The container runtime of {NODE} goes down.")
    await stage.lose_node(NODE)
    await stage.wait(minutes=1)
    stage.broken_now()
    await stage.alert("KubeNodeNotReady", node=NODE)
    await stage.until_phase("ApprovalRequest", "pending")
    stage.say("Draining moves every pod: a person has to agree to each step of a workflow that does.")
    await stage.decide(Decision.APPROVED, "bob", "nothing new should go there", after_minutes=1)
    await stage.decide(Decision.APPROVED, "bob", "drain it, node-1 has room", after_minutes=1)
    await stage.until_ended()
    stage.say(
        f"What ran on {NODE} is healthy elsewhere: that is what was remediated. The node itself is out of service, "
        "cordoned and empty, until a person mends it."
    )
    stage.look("Deployment", "api-server")
    stage.look("Node", NODE)


SCENARIO = Scenario(
    name="node",
    about="a node is not ready: it is cordoned and, once approved, drained",
    play=play,
    expected=[request("completed", "Remediated")],
)
