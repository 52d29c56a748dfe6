"""Sub-commands that are imported when they are called: whoever runs controllers loads no fake cluster, for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from kubernaut.cli.output import written_out

Command = Any
Context = Any
Homes = Mapping[str, tuple[str, str]]
"""Name of the command -> the module and the name in it of a function, a Typer, or a function `register(app)`."""


class LazyGroup(TyperGroup):
    """A group whose commands are named by `homes`."""

    homes: ClassVar[Homes] = {}

    def list_commands(self, ctx: Context) -> list[str]:
        """All names, in the order in which they are told."""
        return list(self.homes)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """The command of that name, imported now."""
        if cmd_name not in self.commands and cmd_name in self.homes:
            self.commands[cmd_name] = _load(cmd_name, *self.homes[cmd_name])
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:
        """The command that is meant; for a name that is none, those that are like it."""
        if args and args[0] not in self.homes:
            # What is suggested is taken from the commands that are there.
            for name in self.homes:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Context) -> Any:
        """Carry a command out; here, where what it raises has not yet become an exit code."""
        with written_out():
            return super().invoke(ctx)


def lazy_group(commands: Homes) -> type[TyperGroup]:
    """A class of groups with these commands."""
    return type("Commands", (LazyGroup,), {"homes": commands})


def _load(name: str, module: str, attribute: str) -> Command:
    found: Any = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        made = typer.main.get_group(found)
        made.name = name
        return made
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    register: Callable[[typer.Typer], None] = found
    if attribute == "register":
        register(app)
    else:
        app.command(name)(found)
    return typer.main.get_command(app)
