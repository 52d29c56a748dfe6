"""The configuration as people read it: YAML of what is in effect, the documentation's table, what the help says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from kubernaut.cli.run.limits import written
from kubernaut.cli.run.settings import Described, described
from kubernaut.cli.run.sources import DEFAULT, Configuration
from kubernaut.reconcile.process import ExitCode
from kubernaut.remediation.execution import Limits
from kubernaut.remediation.request.limits import Limits as RemediationLimits
from kubernaut.resources.scalars import format_duration

HIDDEN = "***"

EXIT_CODES: Mapping[ExitCode, str] = {
    ExitCode.STOPPED: "asked to stop, by SIGTERM or SIGINT, and stopped in order",
    ExitCode.FAILED: "an error: something kept crashing",
    ExitCode.MISCONFIGURED: "it never started: the configuration, a certificate or your own code cannot be used",
    ExitCode.LEADERSHIP_LOST: "the lease was lost; another replica works by now, or soon",
    ExitCode.NOT_BOUND: "an address is taken",
    ExitCode.CUT_OFF: "the graceful timeout passed, and reconciles in flight were cut off",
}
"""In the words of an operator; a second signal gives 128 + its number."""


def plain(value: Any) -> Any:
    """A setting's value as a file would hold it."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, (Limits, RemediationLimits)):
        return written(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def masked(value: str) -> str:
    """A URL without its password; anything else is hidden as a whole."""
    parts = urlsplit(value)
    if not parts.scheme:
        return HIDDEN
    if parts.password is None:
        return value
    return value.replace(f":{parts.password}@", f":{HIDDEN}@", 1)


def as_yaml(configuration: Configuration) -> str:
    """Everything that is in effect, each line with where it came from; a file that `--config` takes again.

    Secrets are masked, so a file that is to be used again needs them from elsewhere, such as the environment.
    """
    lines = []
    for known in described():
        value = plain(getattr(configuration.settings, known.field))
        if known.setting.secret and value is not None:
            value = masked(str(value))
        origin = configuration.origins.get(known.field, DEFAULT)
        # JSON's scalars and lists are YAML's.
        lines.append(f"{known.key}: {json.dumps(value, ensure_ascii=False)}  # {origin}")
    return "\n".join(lines) + "\n"


def as_table(settings: Iterable[Described] | None = None) -> str:
    """Settings, those of `kubernaut run` by default, as a table of Markdown, for the documentation."""
    rows = ["| option | variable | default | meaning |", "|---|---|---|---|"]
    section = ""
    for known in described() if settings is None else settings:
        if known.setting.section != section:
            section = known.setting.section
            rows.append(f"| **{section}** | | | |")
        rows.append(f"| {_option(known)} | `{known.variable}` | {_default(known)} | {_cell(known.help)} |")
    return "\n".join(rows) + "\n"


def _option(known: Described) -> str:
    if known.setting.positional or known.flag:
        return f"`{known.option}`"
    return f"`{known.option} {_cell(known.setting.metavar)}`"


def _default(known: Described) -> str:
    value = known.default
    if value is None or value == () or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{plain(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def exit_codes() -> Iterable[tuple[int, str]]:
    """Each code that the command ends with, and why."""
    yield from ((int(code), meaning) for code, meaning in EXIT_CODES.items())
    yield 130, "forced by a second Ctrl-C"
    yield 143, "forced by a second SIGTERM"
