"""The catalog: which actions there are, and requests checked against them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from kubernaut.actions.action import DEFAULT_IMAGE, Action, Invocation
from kubernaut.actions.builtin import builtin_actions
from kubernaut.actions.kinds import AllowedKinds
from kubernaut.actions.parameters import Parameters, parse_parameters
from kubernaut.actions.target import Target, resolve_target

ENTRY_POINT_GROUP = "kubernaut.actions"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


class UnknownAction(LookupError):
    """No action of that name; `nearest` is the most similar known one, `known` lists them all."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        self.nearest = next(iter(difflib.get_close_matches(name, self.known, n=1, cutoff=0.6)), None)
        hint = f'did you mean "{self.nearest}"? ' if self.nearest else ""
        super().__init__(f'unknown action "{name}"; {hint}known: {", ".join(self.known)}')


class Catalog:
    """The actions of one installation, by name. Immutable."""

    def __init__(self, actions: Iterable[Action]) -> None:
        """Raises ValueError for a name that is taken or is no DNS-1123 label of up to 40 characters."""
        self._actions: dict[str, Action] = {}
        for action in actions:
            if not _NAME.fullmatch(action.name):
                raise ValueError(f'action name "{action.name}" must be a lower-case DNS label of up to 40 characters')
            if action.name in self._actions:
                raise ValueError(f'two actions are named "{action.name}"')
            self._actions[action.name] = action

    @classmethod
    def builtin(cls, *, image: str = DEFAULT_IMAGE, kinds: AllowedKinds | None = None) -> Catalog:
        """The actions that ship with kubernaut, run in `image`.

        `kinds` is the allow-list of apply-manifest, delete-resource and patch-resource.
        """
        return cls(builtin_actions(image=image, kinds=kinds))

    @classmethod
    def installed(cls, *, image: str = DEFAULT_IMAGE, kinds: AllowedKinds | None = None) -> Catalog:
        """The built-in actions and those that other packages register under the entry point `kubernaut.actions`.

        An entry point is an Action or a callable without arguments that makes one. Raises TypeError for anything else,
        ValueError for a name that is taken; what an import raises comes through, for a half-loaded catalog would
        silently refuse work.
        """
        actions = builtin_actions(image=image, kinds=kinds)
        for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
            loaded = entry.load()
            action = loaded() if isinstance(loaded, type) or not isinstance(loaded, Action) else loaded
            if not isinstance(action, Action):
                raise TypeError(f"entry point {entry.value} of group {ENTRY_POINT_GROUP} is no Action: {action!r}")
            actions.append(action)
        return cls(actions)

    def get(self, name: str) -> Action:
        """Raises UnknownAction, which names the nearest."""
        try:
            return self._actions[name]
        except KeyError:
            raise UnknownAction(name, self.names()) from None

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._actions)

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions[name] for name in self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._actions

    def __len__(self) -> int:
        return len(self._actions)

    def parse(self, name: str, raw: Mapping[str, Any] | None) -> Parameters:
        """The typed parameters of an action. Raises UnknownAction or ParameterError."""
        return parse_parameters(self.get(name).parameters, raw, action=name)

    def resolve_target(self, name: str, raw: Mapping[str, Any] | Target) -> Target:
        """The checked target of an action, its apiVersion filled in. Raises UnknownAction or TargetError."""
        return resolve_target(raw, self.get(name).targets, action=name)

    def invocation(
        self,
        name: str,
        target: Mapping[str, Any] | Target,
        parameters: Mapping[str, Any] | None,
        live: Mapping[str, Any] | None = None,
        related: Sequence[Mapping[str, Any]] = (),
    ) -> Invocation[Parameters]:
        """A checked request. Raises UnknownAction, TargetError or ParameterError."""
        return Invocation(self.resolve_target(name, target), self.parse(name, parameters), live or {}, related)
