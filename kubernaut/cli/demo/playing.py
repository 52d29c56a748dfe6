"""Plays a demo from its beginning to its outcome: a scenario, or what is in somebody's files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import resources

from kubernaut.cli.demo.entries import Ending, Outcome, Story
from kubernaut.cli.demo.files import Scene, behave, carry_out, load_state
from kubernaut.cli.demo.machinery import DATA, Machinery
from kubernaut.cli.demo.scenarios.base import Scenario
from kubernaut.cli.demo.show import Screen
from kubernaut.cli.demo.stage import NotAsTold, Stage, opened
from kubernaut.cli.demo.watching import Watcher
from kubernaut.cli.manifests import Manifest, read_manifests
from kubernaut.fake import FakeCluster, PodBehaviour, PodScript
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container
from kubernaut.timing import current_clock


async def play_scenario(scenario: Scenario, screen: Screen) -> Outcome:
    """Play a scenario; the outcome says whether it ended as told."""
    screen.heading(scenario.name, scenario.about)
    machinery = Machinery(careful=scenario.careful, rules=scenario.rules)
    state = [manifest for name in scenario.state for manifest in data_file(name)]
    wrong: list[str] = []

    async def play(stage: Stage) -> None:
        try:
            await scenario.play(stage)
        except NotAsTold as error:
            wrong.append(str(error))

    outcome = await _played(machinery, state, by_image(scenario.containers), screen, play, name=scenario.name)
    wrong += not_as_told(scenario.expected, outcome.subjects)
    return Outcome(outcome.stories, outcome.changed, outcome.trees, scenario.name, scenario.expected, wrong)


async def play_scene(scene: Scene, screen: Screen, *, approve: bool = False) -> Outcome:
    """Carry out what is in files.

    Raises:
        InputError: the API server refused one of the objects.
    """

    async def play(stage: Stage) -> None:
        if not scene.subjects:
            screen.note("nothing of kubernaut's was given: there is nothing to carry out")
            return
        await carry_out(stage, scene, approve=approve)

    machinery = Machinery(approving=approve)
    return await _played(machinery, scene.state, behave, screen, play, whole=scene.whole or approve)


async def _played(
    machinery: Machinery,
    state: Sequence[Manifest],
    behaviour: PodBehaviour,
    screen: Screen,
    play: Callable[[Stage], Awaitable[None]],
    *,
    name: str = "",
    whole: bool = True,
) -> Outcome:
    async with FakeCluster(rbac=True, behaviour=behaviour) as cluster:
        await cluster.load(machinery.objects(whole=whole))
        await load_state(cluster, state, screen)
        await cluster.settled()
        watcher = Watcher(screen.entry, machinery.executor_namespace)
        async with opened(cluster, machinery, watcher, name, whole=whole) as stage:
            screen.begin(current_clock().now())
            watcher.begin()
            await play(stage)
            trees = stage.trees()
        await cluster.settled()
        return Outcome(list(watcher.stories.values()), stage.changed(), trees)


def not_as_told(expected: Sequence[Ending], subjects: Sequence[Story]) -> list[str]:
    """What is different from what was told, in sentences."""
    found = [Ending(story.kind, story.outcome, story.reason) for story in subjects]
    problems = [
        f"told was {told}, and it is {is_}" for told, is_ in zip(expected, found, strict=False) if not _fits(told, is_)
    ]
    if len(found) != len(expected):
        problems.append(f"told were {len(expected)} ends, and there are {len(found)}")
    return problems


def _fits(told: Ending, found: Ending) -> bool:
    return (told.kind, told.phase) == (found.kind, found.phase) and told.reason in ("", found.reason)


def by_image(containers: Mapping[str, PodScript]) -> PodBehaviour:
    """Containers behave as their image says."""

    def behave(pod: Pod, container: Container, restarts: int) -> PodScript | None:
        return containers.get(container.image or "")

    return behave


def data_file(name: str) -> list[Manifest]:
    """The manifests in a file of this package. Raises InputError."""
    with resources.as_file(DATA / name) as path:
        return read_manifests([str(path)])
