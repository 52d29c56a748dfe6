"""Reads kubeconfig files and merges them by client-go's rule: the first file that sets a value wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError

__all__ = ["Entry", "Kubeconfig"]

SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """One named entry of a section, and the file that it is from."""

    source: str
    field: str
    """Its place in that file, such as ``users[admin].user``."""
    value: Mapping[str, Any]
    file: Path | None

    def error(self, key: str, problem: str, fix: str = "") -> ConfigError:
        """An error about one field of this entry."""
        return ConfigError(self.source, problem, field=f"{self.field}.{key}" if key else self.field, fix=fix)

    def text(self, key: str) -> str | None:
        """A field that is text; None when it is absent, null or empty. Raises ConfigError for another type."""
        value = self.value.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.error(key, f"{value!r} is no text", "Put it in quotes")
        return value

    def flag(self, key: str) -> bool:
        """A field that is true or false; False when it is absent. Raises ConfigError for another type."""
        value = self.value.get(key)
        if value not in (None, True, False):
            raise self.error(key, f"{value!r} is neither true nor false")
        return bool(value)

    def path(self, key: str) -> Path | None:
        """A field that names a file, relative to the file that says so; None when it is absent."""
        name = self.text(key)
        if name is None:
            return None
        return (self.file.parent if self.file is not None else Path.cwd()) / name


@dataclass(slots=True)
class Kubeconfig:
    """The merged content of some kubeconfig files."""

    source: str
    current_context: str | None = None
    clusters: dict[str, Entry] = field(default_factory=dict)
    users: dict[str, Entry] = field(default_factory=dict)
    contexts: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Kubeconfig:
        """Read ``paths``; those that do not exist are passed over, as kubectl does, if at least one does.

        Blocks. Raises ConfigError when none exists, or one cannot be read or is no kubeconfig.
        """
        found = [path for path in paths if path.is_file()]
        named = ", ".join(str(path) for path in paths)
        if not found:
            raise ConfigError(named, "there is no such file")
        merged = cls(named if len(found) > 1 else str(found[0]))
        for path in found:
            merged._add(_parse(path), str(path), path.absolute())
        return merged

    @classmethod
    def of(cls, content: Mapping[str, Any], source: str = "the given kubeconfig") -> Kubeconfig:
        """A kubeconfig that is at hand as data; its relative paths start at the working directory."""
        merged = cls(source)
        merged._add(content, source, None)
        return merged

    def context(self, name: str | None = None) -> Entry:
        """The context of that name, else the current one. Raises ConfigError, which lists what there is."""
        if name is None and self.current_context is None:
            fix = f"Choose one: {_listed(self.contexts)}" if self.contexts else ""
            raise ConfigError(self.source, "names no context to use", field="current-context", fix=fix)
        wanted = name or self.current_context or ""
        entry = self.contexts.get(wanted)
        if entry is None:
            where = "" if name else "current-context"
            problem = f"there is no context {wanted!r}"
            raise ConfigError(self.source, problem, field=where, fix=f"There is {_listed(self.contexts)}")
        return entry

    def named(self, section: str, context: Entry, key: str) -> Entry | None:
        """The cluster or user that ``context`` names; None when it names none. Raises ConfigError."""
        name = context.text(key)
        if name is None:
            return None
        entries: dict[str, Entry] = getattr(self, section)
        if name not in entries:
            raise context.error(key, f"{section} has no entry {name!r}", f"There is {_listed(entries)}")
        return entries[name]

    def _add(self, content: Any, source: str, file: Path | None) -> None:
        if not isinstance(content, Mapping):
            raise ConfigError(source, "is no kubeconfig: it holds no fields")
        current = content.get("current-context")
        if current is not None and not isinstance(current, str):
            raise ConfigError(source, f"{current!r} is no text", field="current-context", fix="Put it in quotes")
        self.current_context = self.current_context or current or None
        for section, inner in SECTIONS.items():
            mine: dict[str, Entry] = getattr(self, section)
            for name, entry in _entries(content, section, inner, source, file).items():
                mine.setdefault(name, entry)


def _entries(content: Mapping[str, Any], section: str, inner: str, source: str, file: Path | None) -> dict[str, Entry]:
    items = content.get(section) or []
    if not isinstance(items, list):
        raise ConfigError(source, "is no list", field=section)
    entries: dict[str, Entry] = {}
    for index, item in enumerate(items):
        name = item.get("name") if isinstance(item, Mapping) else None
        if not isinstance(name, str):
            raise ConfigError(source, "has no name that is text", field=f"{section}[{index}]")
        value = item.get(inner) or {}
        if not isinstance(value, Mapping):
            raise ConfigError(source, "holds no fields", field=f"{section}[{name}].{inner}")
        if name in entries:
            raise ConfigError(source, "is there twice", field=f"{section}[{name}]")
        entries[name] = Entry(source, f"{section}[{name}].{inner}", value, file)
    return entries


def _parse(path: Path) -> Any:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "is no UTF-8 text") from error
    except yaml.YAMLError as error:
        # Not the error's own text: that quotes the line, which may hold a key or a token.
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(str(path), f"is no YAML{line}: {getattr(error, 'problem', None) or 'unreadable'}") from None
    return {} if content is None else content


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
