"""Manifests as YAML that anyone can read and that is the same each time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Without anchors; a text of several lines as a block."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value and all(line == line.rstrip() for line in value.split("\n")) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(manifests: Iterable[dict[str, Any]]) -> str:
    """One document each, in the given order, keys as they come."""
    documents = [
        yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH) for manifest in manifests
    ]
    return "---\n".join(documents)
