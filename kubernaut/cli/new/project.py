"""Writes a new project: all of it or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from kubernaut import __version__
from kubernaut.cli import DISTRIBUTION
from kubernaut.cli.new.names import Names

SUFFIX = ".template"
PACKAGE = "package"
"""The folder of the template that gets the package's name."""


class NotWritten(Exception):
    """The project could not be written; the message names the folder and what to do."""


def render(names: Names) -> dict[str, str]:
    """The files of a project: path within it -> text."""
    values = {
        "project": names.project,
        "package": names.package,
        "group": names.group,
        "kind": names.kind,
        "plural": names.plural,
        "lower": names.kind.lower(),
        "distribution": DISTRIBUTION,
        "version": __version__,
    }
    root = resources.files("kubernaut.cli.new") / "template"
    return {
        _target(path, names): _filled(file.read_text(encoding="utf-8"), values)
        for path, file in _files(root, PurePosixPath())
    }


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write the files into `folder`, which must not exist or be empty. On any error nothing is left behind.

    Raises:
        NotWritten: the folder holds something, or cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise NotWritten(f"{folder}: is there already and is no folder; choose another one with --dir")
    try:
        if folder.exists() and any(folder.iterdir()):
            raise NotWritten(f"{folder}: is not empty; choose another folder with --dir")
        _write_beside(files, folder)
    except OSError as error:
        raise NotWritten(f"{error.filename or folder}: cannot be written: {error.strerror or error}") from None


def _write_beside(files: Mapping[str, str], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for path, text in files.items():
            target = unfinished / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        unfinished.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _files(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, path / entry.name)
        elif entry.name.endswith(SUFFIX):
            yield path / entry.name, entry


def _target(path: PurePosixPath, names: Names) -> str:
    parts = [names.package if part == PACKAGE else part for part in path.parts]
    # A template cannot be named like a dotfile: some tools that build wheels leave those out.
    name = parts[-1].removesuffix(SUFFIX).replace("dot-", ".")
    return str(PurePosixPath(*parts[:-1], name))


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text
