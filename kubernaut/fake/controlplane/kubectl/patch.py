"""kubectl patch, annotate and label: the three commands that change an object by a patch."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import yaml

from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.session import PatchKind, Session
from kubernaut.fake.controlplane.kubectl.targets import Target, find

_KINDS = ("json", "merge", "strategic")


async def patch(session: Session, arguments: Arguments) -> None:
    """Patch every named object. Raises KubectlError and ApiError."""
    kind = arguments.text("type", "strategic").lower()
    if kind not in _KINDS:
        raise KubectlError(f'error: --type must be one of [{" ".join(_KINDS)}], not "{kind}"')
    text = _patch_text(session, arguments)
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise KubectlError(f"error: unable to parse {json.dumps(text)}: {error}") from None
    subresource = arguments.text("subresource")
    for target in await find(session, arguments, arguments.positionals):
        before = await session.get(target.path)
        if arguments.dry_run != "client":
            path = f"{target.path}/{subresource}" if subresource else target.path
            after = await session.patch(path, cast("PatchKind", kind), body, dry_run=arguments.dry_run == "server")
            unchanged = _content(before) == _content(after)
        else:
            unchanged = False
        # Unlike its other commands, kubectl patch does not tell of a dry run on the server.
        said = replace(arguments, flags={**arguments.flags, "dry-run": "none"})
        session.say(target.label, "patched (no change)" if unchanged else "patched", said)


def _patch_text(session: Session, arguments: Arguments) -> str:
    if arguments.text("patch"):
        return arguments.text("patch")
    path = arguments.text("patch-file")
    if not path:
        raise KubectlError("error: must specify --patch or --patch-file containing the contents of the patch")
    if path not in session.files:
        raise KubectlError(f"error: unable to read patch file: open {path}: no such file or directory")
    return session.files[path].decode()


async def annotate(session: Session, arguments: Arguments) -> None:
    """Set or remove (`key-`) annotations. Raises KubectlError and ApiError."""
    await _change_metadata(session, arguments, "annotations", "annotation")


async def label(session: Session, arguments: Arguments) -> None:
    """Set or remove (`key-`) labels. Raises KubectlError and ApiError."""
    await _change_metadata(session, arguments, "labels", "label")


async def _change_metadata(session: Session, arguments: Arguments, field: str, noun: str) -> None:
    words, changes = _split(arguments.positionals, noun)
    if not changes:
        raise KubectlError(f"error: at least one {noun} update is required")
    for target in await find(session, arguments, words):
        live = await session.get(target.path)
        current: dict[str, str] = live.get("metadata", {}).get(field) or {}
        _check_overwrite(arguments, current, changes)
        verb = _verb(session, field, noun, current, changes)
        if arguments.dry_run != "client" and not verb.startswith("not "):
            await _send(session, arguments, target, field, changes)
        session.say(target.label, verb, arguments)


async def _send(
    session: Session, arguments: Arguments, target: Target, field: str, changes: dict[str, str | None]
) -> None:
    metadata: dict[str, Any] = {field: changes}
    if arguments.text("resource-version"):
        metadata["resourceVersion"] = arguments.text("resource-version")
    await session.patch(target.path, "merge", {"metadata": metadata}, dry_run=arguments.dry_run == "server")


def _split(words: tuple[str, ...], noun: str) -> tuple[list[str], dict[str, str | None]]:
    resources: list[str] = []
    changes: dict[str, str | None] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key:
            changes[key] = value
        elif word.endswith("-") and "/" not in word.rstrip("-")[-1:] and resources:
            changes[word[:-1]] = None
        elif changes:
            raise KubectlError(f"error: all resources must be specified before {noun} changes: {word}")
        else:
            resources.append(word)
    return resources, changes


def _check_overwrite(arguments: Arguments, current: dict[str, str], changes: dict[str, str | None]) -> None:
    if arguments.on("overwrite"):
        return
    for key, value in changes.items():
        if value is not None and key in current and current[key] != value:
            raise KubectlError(f"error: '{key}' already has a value ({current[key]}), and --overwrite is false")


def _verb(session: Session, field: str, noun: str, current: dict[str, str], changes: dict[str, str | None]) -> str:
    for key, value in changes.items():
        if value is None and key not in current:
            session.out.append(f'{noun} "{key}" not found.')
    if field == "annotations":
        return "annotated"
    changed = {key for key, value in changes.items() if current.get(key) != value}
    if not changed:
        return "not labeled"
    return "unlabeled" if all(changes[key] is None for key in changed) else "labeled"


def _content(item: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        k: v for k, v in item.get("metadata", {}).items() if k not in ("managedFields", "resourceVersion", "generation")
    }
    return {**item, "metadata": metadata}
