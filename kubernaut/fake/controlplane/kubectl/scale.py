"""kubectl scale: through the scale subresource, with a precondition on the current number if one is given."""

from __future__ import annotations

from kubernaut.client import ApiError
from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.session import Session
from kubernaut.fake.controlplane.kubectl.targets import Target, find

_NO_REPLICAS = "error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"


async def scale(session: Session, arguments: Arguments) -> None:
    """Scale every named object. Raises KubectlError and ApiError."""
    replicas = arguments.number("replicas")
    if replicas is None:
        raise KubectlError('error: required flag(s) "replicas" not set')
    if replicas < 0:
        raise KubectlError(_NO_REPLICAS)
    targets = await find(session, arguments, arguments.positionals)
    if not targets:
        raise KubectlError("error: no objects passed to scale")
    failures = [error for target in targets if (error := await _failure(session, target)) is not None]
    if len(failures) == len(targets):
        raise KubectlError(f"error: no objects passed to scale {failures[0].message}")
    if failures:
        raise failures[0]
    for target in targets:
        await _scale_one(session, arguments, target, replicas)


async def _failure(session: Session, target: Target) -> ApiError | None:
    """Why the object cannot be read, if it cannot."""
    try:
        await session.get(target.path)
    except ApiError as error:
        return error
    return None


async def _scale_one(session: Session, arguments: Arguments, target: Target, replicas: int) -> None:
    path = f"{target.path}/scale"
    server_side = arguments.dry_run == "server"
    if arguments.dry_run != "client":
        if _preconditions(arguments):
            live = await session.get(path)
            _check(arguments, live)
            live.setdefault("spec", {})["replicas"] = replicas
            await session.put(path, live, dry_run=server_side)
        else:
            await session.patch(path, "merge", {"spec": {"replicas": replicas}}, dry_run=server_side)
    session.say(target.label, "scaled", arguments)


def _preconditions(arguments: Arguments) -> bool:
    current = arguments.number("current-replicas")
    return (current is not None and current >= 0) or bool(arguments.text("resource-version"))


def _check(arguments: Arguments, live: dict[str, object]) -> None:
    spec, metadata = live.get("spec"), live.get("metadata")
    actual = spec.get("replicas", 0) if isinstance(spec, dict) else 0
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    wanted = arguments.number("current-replicas")
    if wanted is not None and wanted >= 0 and wanted != actual:
        raise KubectlError(f"error: Expected replicas to be {wanted}, was {actual}")
    wanted_version = arguments.text("resource-version")
    if wanted_version and wanted_version != version:
        raise KubectlError(f"error: Expected resource version to be {wanted_version}, was {version}")
