"""The reference of a catalog as Markdown, for the documentation."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from kubernaut.actions.action import Action
from kubernaut.actions.describing import ActionInfo, describe
from kubernaut.resources.builtin.rbac_v1 import PolicyRule


def reference(actions: Iterable[Action]) -> str:
    """A table of all actions, then a section for each, in the given order."""
    infos = [describe(action) for action in actions]
    rows = [
        f"| [`{info.name}`](#{info.name}) | {_targets(info)} | {_names(info)} | {info.risk} | {_inverse(info)} |"
        for info in infos
    ]
    table = ["| action | target | parameters | risk | undone by |", "|---|---|---|---|---|", *rows]
    return "\n".join([*table, *(line for info in infos for line in ["", *_section(info)])]) + "\n"


def rule_text(rule: PolicyRule) -> str:
    """`get, patch deployments.apps`."""
    group = f".{rule.api_groups[0]}" if rule.api_groups and rule.api_groups[0] else ""
    resources = []
    for entry in rule.resources:
        resource, slash, subresource = entry.partition("/")
        resources.append(f"{resource}{group}{slash}{subresource}")
    return f"{', '.join(rule.verbs)} {', '.join(resources)}"


def _section(info: ActionInfo) -> list[str]:
    facts = f"{info.default_timeout} by default, {'idempotent' if info.idempotent else 'not repeated'}."
    lines = [f"### {info.name}", "", f"{info.title}. {info.about} {facts[0].upper()}{facts[1:]}", ""]
    if info.parameters:
        lines += ["| parameter | type | default | |", "|---|---|---|---|"]
        lines += [
            f"| `{each.name}` | {each.type.replace('|', 'or')} | {_default(each.required, each.default)} "
            f"| {each.description} |"
            for each in info.parameters
        ]
        lines.append("")
    lines.append(f"Rights: {'; '.join(f'`{text}`' for text in _rights(info))}.")
    if info.command:
        lines += ["", "```console", f"$ {shlex.join(info.command)}", "```"]
    return lines


def _rights(info: ActionInfo) -> list[str]:
    """Rules of the same verbs together: an allow-list has many."""
    found: dict[tuple[str, ...], list[str]] = {}
    for rule in info.rules:
        found.setdefault(tuple(rule.verbs), []).append(rule_text(rule).partition(f"{', '.join(rule.verbs)} ")[2])
    return [f"{', '.join(verbs)} {', '.join(resources)}" for verbs, resources in found.items()]


def _targets(info: ActionInfo) -> str:
    kinds = [text.rpartition(" ")[2] for text in info.targets]
    return ", ".join(kinds) if len(kinds) <= 3 else "the allowed kinds"


def _names(info: ActionInfo) -> str:
    return ", ".join(f"`{each.name}`" for each in info.parameters) or "none"


def _inverse(info: ActionInfo) -> str:
    return " or ".join(f"`{name}`" for name in info.undone_by.split(" or ")) if info.undone_by else "nothing"


def _default(required: bool, default: object) -> str:
    if required:
        return "required"
    return "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
