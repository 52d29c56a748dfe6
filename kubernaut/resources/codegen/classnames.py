"""Names for the classes of a tree of nested objects: as short as they can be, and never two the same."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kubernaut.resources.codegen.names import camel, singular

Path = tuple[str, ...]
"""Property names from the root; `[]` is an item of a list, `{}` a value of a map."""


def segments(path: Path) -> tuple[str, ...]:
    """Give the words a class name for this place is made of: `spec`, `endpoints`, `[]` are `Spec`, `Endpoint`."""
    words: list[str] = []
    for step in path:
        if step in ("[]", "{}"):
            if words:
                words[-1] = camel(singular(words[-1]))
        else:
            words.append(camel(step))
    return tuple(words)


def class_names(prefix: str, objects: Mapping[Path, Mapping[str, Any]], taken: Iterable[str]) -> dict[Path, str]:
    """Name the class of each object: `prefix` and the last word of its path, and more words where that is not enough.

    Objects whose schemas are the same and that would be called the same share a class. The names do not depend on the
    order in which objects come, but for those that no word can tell apart: they are numbered.
    """
    words = {path: segments(path) for path in objects}
    shapes = {path: json.dumps(_shape(schema), sort_keys=True, default=str) for path, schema in objects.items()}
    depths = dict.fromkeys(objects, 1)
    reserved = set(taken)

    def name(path: Path) -> str:
        return prefix + "".join(words[path][-depths[path] :])

    while True:
        groups: dict[str, list[Path]] = {}
        for path in objects:
            groups.setdefault(name(path), []).append(path)
        crowded = [
            path
            for text, paths in groups.items()
            if len({shapes[path] for path in paths}) > 1 or text in reserved
            for path in paths
            if depths[path] < len(words[path])
        ]
        if not crowded:
            return _numbered(groups, shapes, reserved)
        for path in crowded:
            depths[path] += 1


def _shape(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("description", "default", "nullable")}


def _numbered(groups: Mapping[str, list[Path]], shapes: Mapping[Path, str], reserved: set[str]) -> dict[Path, str]:
    names: dict[Path, str] = {}
    used = {*reserved, *groups}
    for text, paths in groups.items():
        given: dict[str, str] = {}
        for path in paths:
            shape = shapes[path]
            if shape not in given:
                given[shape] = text if not given and text not in reserved else _free(text, used)
                used.add(given[shape])
            names[path] = given[shape]
    return names


def _free(text: str, used: set[str]) -> str:
    number = 2
    while f"{text}{number}" in used:
        number += 1
    return f"{text}{number}"
