"""The default planner: the steps as a graph, in waves."""

from __future__ import annotations

from collections.abc import Sequence

from kubernaut.remediation.workflow.seams import PlanError
from kubernaut.remediation.workflow.types import Plan, WorkflowExecutionSpec, WorkflowStep


class DependencyPlanner:
    """A step follows those in its `dependsOn`; of two on the same target the one that comes first in the list goes
    first, unless it depends on the other. All others are independent."""

    def plan(self, spec: WorkflowExecutionSpec) -> Plan:
        """See `Planner.plan`."""
        steps = spec.steps
        after = _dependencies(steps)
        order = [index for wave in _waves(steps, after) for index in wave]
        # Along an order that holds already, what is added cannot make a cycle.
        for position, index in enumerate(order):
            after[index] |= {other for other in order[:position] if _same_target(steps[other], steps[index])}
        return Plan(waves=_waves(steps, after), after=[sorted(each) for each in after])


def _dependencies(steps: Sequence[WorkflowStep]) -> list[set[int]]:
    """For each step the indices of those it names."""
    indices: dict[str, int] = {}
    for index, step in enumerate(steps):
        if step.name in indices:
            message = f"steps[{indices[step.name]}] is called {step.name!r} too; each step needs a name of its own"
            raise PlanError(f"steps[{index}].name", message, index)
        indices[step.name] = index
    found: list[set[int]] = []
    for index, step in enumerate(steps):
        for position, name in enumerate(step.depends_on):
            field = f"steps[{index}].dependsOn[{position}]"
            if name == step.name:
                raise PlanError(field, f"step {name!r} cannot depend on itself", index)
            if name not in indices:
                raise PlanError(field, f"there is no step {name!r}; the steps are: {', '.join(indices)}", index)
        found.append({indices[name] for name in step.depends_on})
    return found


def _waves(steps: Sequence[WorkflowStep], after: Sequence[set[int]]) -> list[list[int]]:
    """The indices by how many steps must come before, each wave in the order of the list. Raises PlanError for a
    cycle."""
    waves: list[list[int]] = []
    placed: set[int] = set()
    while len(placed) < len(steps):
        wave = [index for index in range(len(steps)) if index not in placed and after[index] <= placed]
        if not wave:
            cycle = _cycle(after, placed)
            names = " -> ".join(steps[index].name for index in (*cycle, cycle[0]))
            raise PlanError(f"steps[{cycle[0]}].dependsOn", f"the steps depend on each other: {names}", cycle[0])
        waves.append(wave)
        placed.update(wave)
    return waves


def _cycle(after: Sequence[set[int]], placed: set[int]) -> list[int]:
    """One cycle among the steps that cannot be placed, each followed by one that it depends on."""
    index = next(each for each in range(len(after)) if each not in placed)
    path: list[int] = []
    while index not in path:
        path.append(index)
        index = min(each for each in after[index] if each not in placed)
    cycle = path[path.index(index) :]
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


def _same_target(one: WorkflowStep, other: WorkflowStep) -> bool:
    return _identity(one) == _identity(other)


def _identity(step: WorkflowStep) -> tuple[str, str, str]:
    """An apiVersion may be left out, so it does not count."""
    return step.target.kind, step.target.namespace or "", step.target.name
