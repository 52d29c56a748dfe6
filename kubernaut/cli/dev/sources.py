"""The files that a run depends on: tells when one has changed, and makes the next import read them anew."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio

from kubernaut.cli.target import Target, is_users_file

POLL_SECONDS = 0.25
MOST_FILES = 5000
_SKIPPED = ("__pycache__", "node_modules", "site-packages")

Stamps = dict[str, tuple[int, int]]
"""File -> its modification time in nanoseconds and its size."""


class Sources:
    """The user's modules and manifests, watched by polling."""

    def __init__(self, target: Target, manifests: Sequence[str]) -> None:
        self._target = target
        self._manifests = [os.path.abspath(file) for file in manifests]
        self._stamps: Stamps = {}

    def remember(self) -> None:
        """What the files are now is what was loaded. Call it before loading: a later change is then seen."""
        self._stamps = self._current()

    def update(self) -> None:
        """Watch what was imported since as well."""
        for file, stamp in self._current().items():
            self._stamps.setdefault(file, stamp)

    async def changed(self) -> list[str]:
        """Wait until files have changed and then are still for one poll; their paths, relative to here."""
        while True:
            await anyio.sleep(POLL_SECONDS)
            now = self._current()
            files = dict.fromkeys((*self._stamps, *now))
            different = [file for file in files if self._stamps.get(file) != now.get(file)]
            if not different:
                continue
            await self._still(now)
            return _relative(different)

    def forget_modules(self) -> None:
        """Make the next import of the user's modules run their code again."""
        for name in self._modules():
            del sys.modules[name]
        importlib.invalidate_caches()

    async def _still(self, seen: Stamps) -> None:
        while True:
            await anyio.sleep(POLL_SECONDS / 2)
            now = self._current()
            if now == seen:
                return
            seen = now

    def _current(self) -> Stamps:
        stamps: Stamps = {}
        for file in self._files():
            try:
                stat = os.stat(file)
            except OSError:
                continue
            stamps[file] = (stat.st_mtime_ns, stat.st_size)
        return stamps

    def _files(self) -> Iterable[str]:
        loaded = [sys.modules[name].__file__ for name in self._modules()]
        found = [*self._manifests, *(os.path.abspath(file) for file in loaded if file), *self._of_package()]
        return dict.fromkeys(found)

    def _modules(self) -> list[str]:
        here = os.getcwd() + os.sep
        names = []
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            top = name.partition(".")[0]
            if top in ("kubernaut", "__main__"):
                continue
            if top == self._target.top or (file and os.path.abspath(file).startswith(here) and is_users_file(file)):
                names.append(name)
        return names

    def _of_package(self) -> list[str]:
        """All modules of the target's package: one that could not be imported must be watched all the same."""
        try:
            spec = importlib.util.find_spec(self._target.top)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            return []
        if spec.submodule_search_locations is None:
            return [os.path.abspath(spec.origin)] if spec.origin else []
        return [file for folder in spec.submodule_search_locations for file in _python_files(folder)]


def _relative(files: Iterable[str]) -> list[str]:
    return sorted(os.path.relpath(file) for file in files)


def _python_files(folder: str) -> list[str]:
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED and not _is_venv(root, f))
        found += [os.path.abspath(os.path.join(root, file)) for file in sorted(files) if file.endswith(".py")]
        if len(found) > MOST_FILES:
            break
    return found


def _is_venv(root: str, folder: str) -> bool:
    return Path(root, folder, "pyvenv.cfg").exists()
