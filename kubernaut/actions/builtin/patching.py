"""Which fields a patch touches, and the merge patch that restores them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

Path = tuple[str, ...]
_DIRECTIVE = "$"


def patched_fields(patch: Any) -> Iterator[Path]:
    """The paths that a patch changes, as deep as objects go: a list counts as a whole.

    Of an operation both ends count; one on the whole object has the path ("",).
    """
    if isinstance(patch, Sequence) and not isinstance(patch, str):
        for operation in patch:
            if operation["op"] != "test":
                yield from (_pointer(operation[key]) for key in ("path", "from") if key in operation)
        return
    yield from _leaves(patch, ())


def inverse_patch(patch: Any, live: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that gives the fields that `patch` touches the values they have in `live`.

    Fields that are not there are removed again. A list is restored as a whole.
    """
    back: dict[str, Any] = {}
    # What is restored as a whole comes before what was new within it.
    for path in sorted(patched_fields(patch), key=len):
        _restore(back, path, live)
    return back


def _leaves(patch: Mapping[str, Any], above: Path) -> Iterator[Path]:
    """Directives of strategic patches reach beyond the fields beside them: then the object they are in counts whole."""
    for key, value in patch.items():
        if key.startswith(_DIRECTIVE):
            field = key.partition("/")[2]
            yield (*above, field) if field else above
        elif isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)


def _pointer(text: str) -> Path:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def _restore(back: dict[str, Any], path: Path, live: Any) -> None:
    """Write into `back` what brings back `path`: its former value, or null at the first step that was not there."""
    for index, step in enumerate(path):
        if not isinstance(live, Mapping):
            return
        known = step in live
        whole = index == len(path) - 1 or not known or not isinstance(live[step], Mapping)
        if whole:
            back[step] = deepcopy(live.get(step))
            return
        there = back.setdefault(step, {})
        if not isinstance(there, dict):
            return
        back, live = there, live[step]
