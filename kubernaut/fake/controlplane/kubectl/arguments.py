"""Reads a kubectl command line into a command, its positional arguments and its typed flags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from kubernaut.fake.controlplane.kubectl.errors import KubectlError, usage_error

FlagKind = Literal["string", "int", "bool", "duration"]
FlagValue = str | int | float | bool

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TRUTH = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of a command; `bare` is its value when it is given without one (None: it needs a value)."""

    name: str
    kind: FlagKind = "string"
    short: str = ""
    bare: str | None = None


@dataclass(frozen=True, slots=True)
class Arguments:
    """A parsed command line. `flags` holds only what was given, durations in seconds."""

    command: str
    positionals: tuple[str, ...]
    flags: dict[str, FlagValue] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """The value of a string flag."""
        return str(self.flags.get(name, default))

    def number(self, name: str) -> int | None:
        """The value of an integer flag; None if it was not given."""
        value = self.flags.get(name)
        return value if isinstance(value, int) else None

    def seconds(self, name: str) -> float:
        """The value of a duration flag; 0 if it was not given."""
        value = self.flags.get(name, 0.0)
        return float(value)

    def on(self, name: str, default: bool = False) -> bool:
        """The value of a boolean flag."""
        return bool(self.flags.get(name, default))

    @property
    def dry_run(self) -> str:
        """`none`, `client` or `server`."""
        return self.text("dry-run", "none")


_GLOBAL = (
    Flag("namespace", short="n"),
    Flag("request-timeout"),
    Flag("context"),
    Flag("kubeconfig"),
    Flag("v", "int", short="v"),
)
_WRITE = (Flag("dry-run", bare="unchanged"), Flag("output", short="o"), Flag("field-manager"))
_SELECT = (Flag("selector", short="l"), Flag("all", "bool", bare="true"), Flag("field-selector"))
_FILE = Flag("filename", short="f")
_METADATA = (*_WRITE, *_SELECT, Flag("overwrite", "bool", bare="true"), Flag("resource-version"))

COMMANDS: dict[str, tuple[Flag, ...]] = {
    "scale": (
        *_WRITE,
        *_SELECT,
        Flag("replicas", "int"),
        Flag("current-replicas", "int"),
        Flag("resource-version"),
        Flag("timeout", "duration"),
    ),
    "delete": (
        *_WRITE,
        *_SELECT,
        Flag("grace-period", "int"),
        Flag("wait", "bool", bare="true"),
        Flag("force", "bool", bare="true"),
        Flag("now", "bool", bare="true"),
        Flag("ignore-not-found", "bool", bare="true"),
        Flag("cascade", bare="background"),
        Flag("timeout", "duration"),
        Flag("raw"),
        _FILE,
    ),
    "patch": (*_WRITE, Flag("patch", short="p"), Flag("patch-file"), Flag("type"), Flag("subresource")),
    "create": (*_WRITE, _FILE, Flag("validate", bare="strict")),
    "apply": (
        *_WRITE,
        _FILE,
        Flag("validate", bare="strict"),
        Flag("server-side", "bool", bare="true"),
        Flag("force-conflicts", "bool", bare="true"),
    ),
    "drain": (
        Flag("dry-run", bare="unchanged"),
        Flag("ignore-daemonsets", "bool", bare="true"),
        Flag("delete-emptydir-data", "bool", bare="true"),
        Flag("force", "bool", bare="true"),
        Flag("grace-period", "int"),
        Flag("pod-selector"),
        Flag("timeout", "duration"),
    ),
    "logs": (
        Flag("container", short="c"),
        Flag("all-containers", "bool", bare="true"),
        Flag("prefix", "bool", bare="true"),
        Flag("previous", "bool", short="p", bare="true"),
        Flag("timestamps", "bool", bare="true"),
        Flag("tail", "int"),
        Flag("limit-bytes", "int"),
        Flag("since", "duration"),
    ),
    "rollout": (*_WRITE, Flag("to-revision", "int")),
    "set": _WRITE,
    "cordon": (Flag("dry-run", bare="unchanged"), Flag("selector", short="l")),
    "uncordon": (Flag("dry-run", bare="unchanged"), Flag("selector", short="l")),
    "get": (
        *_SELECT,
        Flag("output", short="o"),
        Flag("all-namespaces", "bool", short="A", bare="true"),
        Flag("no-headers", "bool", bare="true"),
        Flag("ignore-not-found", "bool", bare="true"),
    ),
    "annotate": _METADATA,
    "label": _METADATA,
}


def parse(argv: Sequence[str]) -> Arguments:
    """Parse the arguments after the word `kubectl`. Raises KubectlError with kubectl's own message."""
    command, rest = _split_command(argv)
    if command not in COMMANDS:
        raise KubectlError(f'error: unknown command "{command}" for "kubectl"')
    known = (*_GLOBAL, *COMMANDS[command])
    arguments = Arguments(command, *_scan(command, rest, known))
    _check_dry_run(arguments)
    return arguments


def _split_command(argv: Sequence[str]) -> tuple[str, list[str]]:
    # Global flags may stand before the command; those that take a value own the word after them.
    index = 0
    while index < len(argv) and argv[index].startswith("-"):
        index += 1 if "=" in argv[index] else 2
    if index >= len(argv):
        raise KubectlError("kubectl controls the Kubernetes cluster manager.")
    return argv[index], [*argv[:index], *argv[index + 1 :]]


def _scan(command: str, words: Sequence[str], known: Sequence[Flag]) -> tuple[tuple[str, ...], dict[str, FlagValue]]:
    positionals: list[str] = []
    flags: dict[str, FlagValue] = {}
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            positionals.extend(queue)
            break
        if len(word) < 2 or not word.startswith("-"):
            positionals.append(word)
            continue
        flag, value = _match(command, word, known)
        if value is None and flag.bare is not None:
            value = flag.bare
        if value is None:
            if not queue:
                raise usage_error(f"flag needs an argument: {_shown(flag, word)}", command)
            value = queue.pop(0)
        flags[flag.name] = _convert(command, flag, value)
    return tuple(positionals), flags


def _match(command: str, word: str, known: Sequence[Flag]) -> tuple[Flag, str | None]:
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        for flag in known:
            if flag.name == name:
                return flag, value if equals else None
        raise usage_error(f"unknown flag: --{name}", command)
    letter, value = word[1], word[2:]
    for flag in known:
        if flag.short == letter:
            return flag, value.removeprefix("=") if value else None
    raise usage_error(f"unknown shorthand flag: '{letter}' in {word}", command)


def _shown(flag: Flag, word: str) -> str:
    return f"--{flag.name}" if word.startswith("--") else f"'{flag.short}' in {word}"


def _convert(command: str, flag: Flag, value: str) -> FlagValue:
    shown = f'"-{flag.short}, --{flag.name}"' if flag.short else f'"--{flag.name}"'
    if flag.kind == "int":
        if not re.fullmatch(r"[+-]?\d+", value):
            cause = f'strconv.ParseInt: parsing "{value}": invalid syntax'
            raise usage_error(f'invalid argument "{value}" for {shown} flag: {cause}', command)
        return int(value)
    if flag.kind == "bool":
        truth = _TRUTH.get(value.lower())
        if truth is None:
            cause = f'strconv.ParseBool: parsing "{value}": invalid syntax'
            raise usage_error(f'invalid argument "{value}" for {shown} flag: {cause}', command)
        return truth
    if flag.kind == "duration":
        return _duration(command, shown, value)
    return value


def _duration(command: str, shown: str, value: str) -> float:
    parts = _DURATION.findall(value)
    if value == "0":
        return 0.0
    if "".join(number + unit for number, unit in parts) != value or not parts:
        raise usage_error(f'invalid argument "{value}" for {shown} flag: time: invalid duration "{value}"', command)
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def _check_dry_run(arguments: Arguments) -> None:
    value = arguments.dry_run
    if value == "unchanged":
        raise KubectlError(
            'error: --dry-run flag without a value was specified. A value must be set: "none", "server", or "client".'
        )
    if value not in ("none", "client", "server"):
        raise KubectlError(f'error: Invalid dry-run value ({value}). Must be "none", "server", or "client".')
