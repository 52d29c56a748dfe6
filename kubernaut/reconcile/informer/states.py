"""The states of an informer. Everything that a step needs to know of the steps before it is in its state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is known to be current: list next. The store may hold what an earlier list and watch told.

    `streaming`: a streaming list may be asked for. `paged`: a list may be read in pages.
    """

    streaming: bool = True
    paged: bool = True


@dataclass(frozen=True, slots=True)
class InitPage:
    """A list is being read in pages; `continue_` is the token of the next one, None before the first.

    `mark` is the number of the list: the objects of its pages so far carry it in the store.
    """

    mark: int
    continue_: str | None = None
    paged: bool = True


@dataclass(frozen=True, slots=True)
class InitStream:
    """A streaming list is being read: the watch that sends it stays the watch afterwards."""

    mark: int


@dataclass(frozen=True, slots=True)
class InitDone:
    """The list is complete: what does not carry its `mark` is gone."""

    mark: int
    resource_version: str


@dataclass(frozen=True, slots=True)
class Watching:
    """The store is current as of `resource_version` and follows the watch from there."""

    resource_version: str


State = Empty | InitPage | InitStream | InitDone | Watching
