"""What one pass of the checks sees of the target: the checks of one moment judge one state, read once."""

from __future__ import annotations

from kubernaut.actions import Invocation, Parameters
from kubernaut.remediation.execution.jobs import read_invocation
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.machine.verdicts import Fail


class Sight:
    """The request against the objects as they are now. Made for one pass; what it has seen ends with that."""

    def __init__(self, run: Run, order: Order) -> None:
        self._run = run
        self._order = order
        self._seen: Invocation[Parameters] | Fail | None = None

    async def invocation(self) -> Invocation[Parameters] | Fail:
        """As `read_invocation`, whose answer stays the same for this pass."""
        if self._seen is None:
            self._seen = await read_invocation(self._run, self._order)
        return self._seen
