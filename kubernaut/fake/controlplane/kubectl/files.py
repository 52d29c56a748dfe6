"""Objects in files: kubectl create, kubectl apply on the server's side, and raw deletions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from kubernaut.client import ApiError
from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError, describe
from kubernaut.fake.controlplane.kubectl.kinds import resolve
from kubernaut.fake.controlplane.kubectl.session import Session, qualified
from kubernaut.fake.controlplane.kubectl.targets import namespace_of
from kubernaut.resources import ResourceType

_ADVICE = """Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"""
_CONFLICT = 409


async def create(session: Session, arguments: Arguments) -> None:
    """Create every object in the file. Raises KubectlError and ApiError."""
    path = _filename(arguments, "create")
    for document in _documents(session, path):
        kind, namespace = await _place(session, arguments, document)
        query = {"fieldManager": arguments.text("field-manager", "kubectl-create"), "fieldValidation": "Strict"}
        try:
            await session.post(kind.path(namespace), document, query, dry_run=arguments.dry_run == "server")
        except ApiError as error:
            shown = describe(error).partition(": ")
            raise KubectlError(f'{shown[0]}: error when creating "{path}": {shown[2]}') from error
        session.say(qualified(kind, document["metadata"]["name"]), "created", arguments)


async def apply(session: Session, arguments: Arguments) -> None:
    """Apply every object in the file on the server's side. Raises KubectlError and ApiError."""
    if not arguments.on("server-side"):
        raise KubectlError("error: only apply --server-side is understood here")
    for document in _documents(session, _filename(arguments, "apply")):
        kind, namespace = await _place(session, arguments, document)
        query = {
            "fieldManager": arguments.text("field-manager", "kubectl"),
            "fieldValidation": "Strict",
            "force": str(arguments.on("force-conflicts")).lower(),
        }
        name = document["metadata"]["name"]
        try:
            dry_run = arguments.dry_run == "server"
            await session.patch(kind.path(namespace, name), "apply", document, query, dry_run=dry_run)
        except ApiError as error:
            if error.code == _CONFLICT:
                raise KubectlError(f"error: {error.message}\n{_ADVICE}") from error
            raise
        session.say(qualified(kind, name), "serverside-applied", arguments)


async def delete_raw(session: Session, arguments: Arguments) -> None:
    """DELETE a path with the body that is in the file. Raises KubectlError and ApiError."""
    path = arguments.text("filename")
    body: dict[str, Any] = {}
    if path:
        if path not in session.files:
            raise KubectlError(f"error: open {path}: no such file or directory")
        body = json.loads(session.files[path])
    answer = await session.delete(arguments.text("raw"), body)
    session.out.append(json.dumps(answer, separators=(",", ":")))


def _filename(arguments: Arguments, command: str) -> str:
    path = arguments.text("filename")
    if not path:
        raise KubectlError(f"error: must specify one of -f and -k\nSee 'kubectl {command} -h' for help and examples")
    return path


def _documents(session: Session, path: str) -> Iterator[dict[str, Any]]:
    if path not in session.files:
        raise KubectlError(f'error: the path "{path}" does not exist')
    try:
        found = [document for document in yaml.safe_load_all(session.files[path]) if document is not None]
    except yaml.YAMLError as error:
        raise KubectlError(f"error: error parsing {path}: {error}") from None
    for document in found:
        if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
            raise KubectlError(f"error: unable to decode \"{path}\": Object 'Kind' is missing in '{document}'")
        document.setdefault("metadata", {})
        yield document


async def _place(session: Session, arguments: Arguments, document: dict[str, Any]) -> tuple[ResourceType, str | None]:
    """The kind and the namespace of an object in a file, which is written into it."""
    group, _, version = document["apiVersion"].rpartition("/")
    words = (document["kind"], version, group) if group else (document["kind"],)
    try:
        kind = await resolve(session, ".".join(words))
    except KubectlError:
        name = document["metadata"].get("name", "")
        raise KubectlError(
            f'error: resource mapping not found for name: "{name}" namespace: "" from "": no matches for kind '
            f'"{document["kind"]}" in version "{document["apiVersion"]}"\nensure CRDs are installed first'
        ) from None
    if not kind.namespaced:
        return kind, None
    namespace = document["metadata"].setdefault("namespace", namespace_of(session, arguments))
    if arguments.text("namespace") not in ("", namespace):
        raise KubectlError(
            f'error: the namespace from the provided object "{namespace}" does not match the namespace '
            f"\"{arguments.text('namespace')}\". You must pass '--namespace={namespace}' to perform this operation."
        )
    return kind, namespace
