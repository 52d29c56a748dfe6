"""Ten thousand random steps of the queue beside a small model: every answer must be the model's."""

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kubernaut.reconcile.queue import Backoff, Queue, QueueShutDown, TokenBucket
from kubernaut.testing import VirtualTimeLoop
from tests.reconcile.queue.model import BASE, BURST, CAP, RATE, Model

KEYS = st.sampled_from("abcdef")
PRIORITIES = st.sampled_from([0, 0, -100, -1, 3])
# Whether other tasks run after the step. Where they do not, the next step comes in the same turn of the loop: between
# a wake-up and the woken task, say.
TURN = st.booleans()


class Steps(RuleBasedStateMachine):
    """Steps are gathered until a turn of the loop is due, then done one after another before any other task runs."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.gathered: list[Callable[[], Any]] = []
        # got: what the getters returned since the last comparison, in order.
        self.got: list[str | type[Exception]] = []
        # getters: tasks that were started and neither returned nor were cancelled. asking: how many there should be.
        self.getters: list[asyncio.Task[None]] = []
        self.asking = 0
        # drains: each wait for the end of a drain, with whether it should be over.
        self.drains: list[tuple[asyncio.Task[None], bool]] = []

    @initialize(limited=st.booleans())
    def start(self, limited: bool) -> None:
        self.queue_times: list[float] = []
        self.work_times: list[float] = []
        self.queue = Queue[str](
            backoff=Backoff(base=BASE, cap=CAP),
            bucket=TokenBucket(rate=RATE, burst=BURST) if limited else None,
            on_queue_time=self.queue_times.append,
            on_work_time=self.work_times.append,
        )
        self.model = Model(limited, self.loop.time())

    @rule(key=KEYS, priority=PRIORITIES, turn=TURN)
    def add(self, key: str, priority: int, turn: bool) -> None:
        self.model.add(key, priority)
        self.step(lambda: self.queue.add(key, priority=priority), turn)

    @rule(key=KEYS, delay=st.sampled_from([-1, 0, 0.5, 1, 2, 10]), priority=PRIORITIES, turn=TURN)
    def add_after(self, key: str, delay: float, priority: int, turn: bool) -> None:
        self.model.add_after(key, delay, priority)
        self.step(lambda: self.queue.add_after(key, delay, priority=priority), turn)

    @rule(key=KEYS, at_least=st.sampled_from([0, 0, 3]), priority=PRIORITIES, turn=TURN)
    def add_rate_limited(self, key: str, at_least: float, priority: int, turn: bool) -> None:
        self.model.add_rate_limited(key, priority, at_least)
        self.step(lambda: self.queue.add_rate_limited(key, priority=priority, at_least=at_least), turn)

    @rule(key=KEYS)
    def forget(self, key: str) -> None:
        self.model.forget(key)
        self.step(lambda: self.queue.forget(key), turn=False)

    @rule(number=st.integers(1, 3), turn=TURN)
    def get(self, number: int, turn: bool) -> None:
        """Some tasks ask for a key."""
        self.asking += number
        self.step(lambda: self.getters.extend(self.loop.create_task(self.take()) for _ in range(number)), turn)

    @precondition(lambda self: self.model.ready)
    @rule(turn=TURN)
    def get_before_those_that_wait(self, turn: bool) -> None:
        """A task that did not wait takes a key, which tasks that wait were perhaps woken for."""
        key = self.model.take()
        self.step(lambda: self.get_at_once(key), turn)

    @precondition(lambda self: self.asking)
    @rule(which=st.integers(0, 9), turn=TURN)
    def cancel_a_getter(self, which: int, turn: bool) -> None:
        self.asking -= 1
        self.step(lambda: self.getters.pop(which % len(self.getters)).cancel(), turn)

    @precondition(lambda self: self.asking)
    @rule(key=KEYS, before=st.booleans(), turn=TURN)
    def cancel_the_getter_that_a_key_is_for(self, key: str, before: bool, turn: bool) -> None:
        """In the same turn in which the key is added, before that or after."""
        self.turn()
        if not self.asking:
            return
        if before:
            self.cancel_a_getter(0, turn=False)
            self.add(key, 0, turn)
        else:
            self.add(key, 0, turn=False)
            self.cancel_a_getter(0, turn)

    @rule(key=KEYS, turn=TURN)
    def done(self, key: str, turn: bool) -> None:
        self.model.done(key)
        self.step(lambda: self.queue.done(key), turn)

    @rule(which=st.integers(0, 9), fails=st.booleans())
    def finish(self, which: int, fails: bool) -> None:
        """As a worker does after a run."""
        self.turn()
        if not self.model.processing:
            return
        key = list(self.model.processing)[which % len(self.model.processing)]
        if fails:
            self.add_rate_limited(key, 0, 0, turn=False)
        else:
            self.forget(key)
        self.done(key, turn=True)

    @rule(seconds=st.sampled_from([0.25, 0.5, 1, 4, 20]))
    def time_passes(self, seconds: float) -> None:
        self.turn()
        end, expected, over = self.model.clock + seconds, list[str | type[Exception]](), False
        while not over:
            over = self.model.pass_to(end)
            expected += self.expected()
        self.loop.run_until_complete(self.loop.advance(seconds))
        self.compare(expected)

    @precondition(lambda self: not self.model.closed or self.drains)
    @rule(odds=st.integers(0, 4))
    def close(self, odds: int) -> None:
        if odds:
            return
        self.model.close()
        self.drains = [(task, True) for task, _ in self.drains]
        self.step(self.queue.close, turn=True)

    @rule(odds=st.integers(0, 4))
    def drain(self, odds: int) -> None:
        if odds:
            return
        self.turn()
        self.model.close()
        self.drains.append((self.loop.create_task(self.queue.shut_down(drain=True)), False))
        self.turn()

    @precondition(lambda self: self.model.closed)
    @rule(limited=st.booleans(), odds=st.integers(0, 4))
    def start_again(self, limited: bool, odds: int) -> None:
        if odds:
            return
        self.teardown_queue()
        self.start(limited)

    @invariant()
    def every_answer_is_the_models(self) -> None:
        Steps.steps += 1
        if self.gathered:
            return
        queue, model = self.queue, self.model
        assert (len(queue), queue.idle, queue.shutting_down) == (len(model.ready), model.idle, model.closed)
        assert (queue.adds, queue.retries) == (model.adds, model.retries)
        assert {priority: depth for priority, depth in queue.depth().items() if depth} == model.depth()
        assert (self.queue_times, self.work_times) == (model.queue_times, model.work_times)
        ages = [model.clock - started for started, _ in model.processing.values()]
        assert queue.unfinished(self.loop.time()) == (sum(ages), max(ages, default=0))
        for key in "abcdef":
            assert queue.failures(key) == model.failing.get(key, (0, 0))[0]
            assert queue.priority_of(key) == model.processing.get(key, (0, 0))[1]
        assert [task.done() for task, _ in self.drains] == [over for _, over in self.drains]

    @invariant()
    def the_fields_are_what_their_comments_say(self) -> None:
        if self.gathered:
            return
        queue, model = self.queue, self.model
        assert set(queue._items) == {*model.dirty, *model.delayed, *model.processing}
        assert {item.key for item in queue._ready} == set(model.ready)
        assert {item.key for item in queue._delayed} == set(model.delayed)
        assert [item.key for item in queue._processing] == list(model.processing)
        assert not (model.ready and self.getters)
        assert len(queue._getters._waiting) == len(self.getters) == self.asking
        if model.delayed:
            assert queue._timer is not None and queue._timer.when() <= min(model.delayed.values())[0]

    def teardown(self) -> None:
        try:
            self.teardown_queue()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()

    def teardown_queue(self) -> None:
        """Every key comes out in the end, whatever happened before."""
        self.turn()
        self.model.close()
        self.step(self.queue.close, turn=True)
        for key in list(self.model.processing):
            self.done(key, turn=True)
        while self.model.ready:
            self.get(1, turn=True)
            self.done(next(iter(self.model.processing)), turn=True)
        assert self.queue.idle and not self.queue._items
        self.drains = []

    def step(self, action: Callable[[], Any], turn: bool) -> None:
        self.gathered.append(action)
        if turn:
            self.turn()

    def turn(self) -> None:
        """Do what was gathered, let every task run that can, and compare what the getters got."""
        self.loop.run_until_complete(self.do_gathered())
        self.compare(self.expected())

    async def do_gathered(self) -> None:
        for action in self.gathered:
            action()
        self.gathered = []
        await self.loop.idle()

    def get_at_once(self, key: str) -> None:
        getting = self.queue.get()
        try:
            getting.send(None)
        except StopIteration as stop:
            assert stop.value == key
        else:
            raise AssertionError("a key is ready, and get waits")

    async def take(self) -> None:
        answer: str | type[Exception]
        try:
            answer = await self.queue.get()
        except QueueShutDown:
            answer = QueueShutDown
        self.got.append(answer)
        self.getters.remove(asyncio.current_task())  # type: ignore[arg-type]

    def expected(self) -> list[str | type[Exception]]:
        """What the tasks that ask get, once they all have had their turn."""
        number = min(self.asking, len(self.model.ready))
        answers: list[str | type[Exception]] = [self.model.take() for _ in range(number)]
        if self.model.closed:
            answers += [QueueShutDown] * (self.asking - number)
        self.asking -= len(answers)
        return answers

    def compare(self, expected: list[str | type[Exception]]) -> None:
        assert self.got == expected
        self.got = []
        if self.model.closed and self.model.idle:
            self.drains = [(task, True) for task, _ in self.drains]


def test_ten_thousand_random_steps_answer_as_the_model_does() -> None:
    Steps.steps = 0
    run_state_machine_as_test(
        Steps,
        settings=settings(
            max_examples=130,
            stateful_step_count=100,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Steps.steps >= 10_000
