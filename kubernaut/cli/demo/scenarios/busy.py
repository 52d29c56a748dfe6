"""The scenario `busy`: one trouble, three notifications, and only one remediation."""

from __future__ import annotations

from kubernaut.cli.demo.scenarios.base import Scenario, request
from kubernaut.cli.demo.scenarios.rollout import BROKEN, CRASHING, NAME, NAMESPACE, break_it
from kubernaut.cli.demo.stage import Stage


async def play(stage: Stage) -> None:
    await break_it(stage)
    await stage.until_phase("RemediationRequest", "executing", "verifying")
    stage.say("Alertmanager repeats itself: the gateway knows the alert. Another alert about the same target waits.")
    await stage.alert("KubePodCrashLooping")
    await stage.alert("KubeDeploymentReplicasMismatch", namespace=NAMESPACE, deployment=NAME)
    await stage.until_phase("RemediationRequest", "blocked", index=1)
    await stage.until_phase("RemediationRequest", "completed")
    stage.say("The first is done. The second waits on, for the target was remediated just now, until its alert ends.")
    await stage.wait(minutes=1)
    await stage.alert("KubeDeploymentReplicasMismatch", ended=True)
    await stage.until_ended(2)


SCENARIO = Scenario(
    name="busy",
    about="a repeated alert is known, a second one waits for its target, and then need not act",
    play=play,
    expected=[request("completed", "Remediated"), request("completed", "SignalResolved")],
    containers={BROKEN: CRASHING},
)
