"""How the synchronous request path waits for the world outside: it is begun anew once the answer is known."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import anyio

Question = Callable[[], Coroutine[Any, Any, None]]


class Pending(Exception):
    """Raised where a request cannot go on before something outside is known.

    Each question asks, and keeps what it learnt where the next attempt finds it. Nothing may have been written before
    this is raised: the whole request is begun anew, on the objects as they are by then, so that a write in between is
    seen as by the server's own retries. Questions are asked at the same time.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__("this request has to ask a webhook, or to wait: use ApiServer.answer")
        self.questions = questions

    async def resolve(self) -> None:
        """Ask. Cancellation abandons the questions."""
        if len(self.questions) == 1:
            await self.questions[0]()
            return
        async with anyio.create_task_group() as group:
            for question in self.questions:
                group.start_soon(question)


@dataclass(slots=True)
class Memory:
    """What the attempts of one request share: answers from outside, the time, and the seed of its random choices."""

    answers: dict[Any, Any] = field(default_factory=dict)
    now: datetime | None = None
    seed: int | None = None


class StoppedClock:
    """The time of a request's first attempt: later attempts must send the same objects to webhooks."""

    def __init__(self, time: datetime) -> None:
        self._time = time

    def now(self) -> datetime:
        return self._time
