"""The `models` command: writes a typed Python module for the kinds that CRDs define."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kubernaut.cli.manifests import InputError, Manifest, read_manifests

if TYPE_CHECKING:
    from kubernaut.resources.codegen.crdinput import Crd

UNREADABLE = 2
"""Exit code for input of which no models can be made."""

Files = Annotated[list[str], typer.Argument(metavar="CRD.yaml...", help="Files with CRDs; '-' is standard input.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE.py", help="Write the module here, not to standard output."),
]
Version = Annotated[
    str | None, typer.Option("--version", metavar="NAME", help="The version to write; the stored one by default.")
]


def models(files: Files, output: Output = None, version: Version = None) -> None:
    """Write models for CRDs: one typed class for each kind, and one for each object within.

    Other objects in the files are passed over. What a CRD says that a model cannot is told on standard error.

    Exit codes: 0 written, 2 input that could not be read or is no CRD.
    """
    from kubernaut.resources.codegen.crd import models_for
    from kubernaut.resources.codegen.crdinput import CrdError

    try:
        made = models_for(_crds(read_manifests(files), version))
        if output is not None:
            _write(output, made.text)
    except (InputError, CrdError) as error:
        typer.echo(f"kubernaut: {error}", err=True)
        raise typer.Exit(UNREADABLE) from None
    if output is None:
        typer.echo(made.text, nl=False)
    for note in made.notes:
        typer.echo(f"note: {note}", err=True)


def _crds(manifests: Sequence[Manifest], version: str | None) -> list[Crd]:
    from kubernaut.resources.codegen.crdinput import KIND, read_crd

    found = [manifest for manifest in manifests if manifest.kind == KIND]
    if not found:
        first = manifests[0]
        raise InputError(f"{first.source}: kind: is {first.kind}, must be {KIND}")
    return [read_crd(manifest.source, manifest.body, version) for manifest in found]


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror or error}") from None
