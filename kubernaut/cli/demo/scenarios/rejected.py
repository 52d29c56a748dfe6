"""The scenario `rejected`: a person does not agree to the rollback."""

from __future__ import annotations

from kubernaut.cli.demo.scenarios.base import Scenario, request
from kubernaut.cli.demo.scenarios.rollout import ASKED, BROKEN, CRASHING, break_it
from kubernaut.cli.demo.stage import Stage
from kubernaut.remediation.approval import Decision


async def play(stage: Stage) -> None:
    await break_it(stage)
    await stage.until_phase("ApprovalRequest", "pending")
    stage.say(f"{ASKED} This time the person does not agree.")
    await stage.decide(Decision.REJECTED, "bob", "1.4.2 cannot read the migrated tables")
    await stage.until_ended()
    stage.say("Nothing was done, and no other way around the person is tried: somebody has to look at it.")


SCENARIO = Scenario(
    name="rejected",
    about="the same, and the person rejects the rollback: a review, and nothing is touched",
    play=play,
    expected=[request("manual_review", "ApprovalDenied")],
    containers={BROKEN: CRASHING},
    careful=True,
)
