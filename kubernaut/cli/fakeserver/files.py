"""The manifests that a served cluster starts with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kubernaut.cli.manifests import STANDARD_INPUT, InputError, Manifest, read_manifests
from kubernaut.fake import FakeCluster, LoadError

_SUFFIXES = (".yaml", ".yml", ".json")


def read_all(files: Sequence[str]) -> list[Manifest]:
    """Every object of files, folders (with those below them) and standard input, `-`. Raises InputError."""
    return read_manifests(_opened(files)) if files else []


def _opened(files: Iterable[str]) -> Iterator[str]:
    for file in files:
        path = Path(file)
        if file == STANDARD_INPUT or not path.is_dir():
            yield file
            continue
        found = sorted(str(below) for below in path.rglob("*") if below.suffix in _SUFFIXES and below.is_file())
        if not found:
            raise InputError(f"{file}: the folder holds no file that ends in {', '.join(_SUFFIXES)}")
        yield from found


async def give(cluster: FakeCluster, manifests: Sequence[Manifest]) -> list[str]:
    """Load all of them, definitions and owners first; returns the names of definitions that had to be invented.

    Raises InputError that names the file.
    """
    if not manifests:
        return []
    try:
        loaded = await cluster.load([manifest.body for manifest in manifests])
    except LoadError as error:
        raise InputError(f"{_source(error, manifests)}: {error}") from None
    except ValueError as error:
        raise InputError(f"-f: {error}") from None
    return loaded.invented


def _source(error: LoadError, manifests: Sequence[Manifest]) -> str:
    wanted = error.document
    metadata = wanted["metadata"]
    for manifest in manifests:
        same_kind = (manifest.body["apiVersion"], manifest.kind) == (wanted["apiVersion"], wanted["kind"])
        if same_kind and manifest.name == (metadata.get("name") or metadata.get("generateName")):
            return manifest.source
    return "-f"
