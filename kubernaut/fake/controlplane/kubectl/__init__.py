"""An interpreter of kubectl command lines that acts on the cluster through a Client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from kubernaut.client import ApiError, Client, TransportError
from kubernaut.fake.controlplane.kubectl.arguments import Arguments, parse
from kubernaut.fake.controlplane.kubectl.cordon import cordon
from kubernaut.fake.controlplane.kubectl.delete import delete
from kubernaut.fake.controlplane.kubectl.drain import drain
from kubernaut.fake.controlplane.kubectl.errors import KubectlError, describe
from kubernaut.fake.controlplane.kubectl.files import apply, create
from kubernaut.fake.controlplane.kubectl.get import get
from kubernaut.fake.controlplane.kubectl.logs import logs
from kubernaut.fake.controlplane.kubectl.patch import annotate, label, patch
from kubernaut.fake.controlplane.kubectl.rollout import rollout, set_image
from kubernaut.fake.controlplane.kubectl.scale import scale
from kubernaut.fake.controlplane.kubectl.session import Session

__all__ = ["Completed", "kubectl"]

_COMMANDS: dict[str, Callable[[Session, Arguments], Awaitable[None]]] = {
    "annotate": annotate,
    "apply": apply,
    "cordon": cordon,
    "create": create,
    "delete": delete,
    "drain": drain,
    "get": get,
    "label": label,
    "logs": logs,
    "patch": patch,
    "rollout": rollout,
    "scale": scale,
    "set": set_image,
    "uncordon": cordon,
}


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command did: its exit code and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def log(self) -> str:
        """Both streams, as a container's log shows them."""
        return self.stdout + self.stderr


async def kubectl(
    client: Client, argv: Sequence[str], *, namespace: str = "default", files: Mapping[str, bytes] | None = None
) -> Completed:
    """Run one command line, without the word `kubectl` itself, as the user of `client`.

    `namespace` is used where the command names none; `files` are those that it may read, by path. Never raises for a
    failed command: like the program it answers with an exit code and a message. Safe to cancel; what was sent before
    stays done.
    """
    session = Session(client, namespace, files or {})
    code = 0
    try:
        arguments = parse(argv)
        await _COMMANDS[arguments.command](session, arguments)
    except KubectlError as error:
        session.err.append(str(error))
        code = 1
    except ApiError as error:
        session.err.append(describe(error))
        code = 1
    except TransportError as error:
        session.err.append(f"Unable to connect to the server: {error}")
        code = 1
    return Completed(code, _joined(session.out), _joined(session.err))


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
