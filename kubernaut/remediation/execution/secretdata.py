"""Hides what Secrets and fields with telling names hold, in documents (YAML, JSON) and in text that quotes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

REDACTED = "[REDACTED]"
PARSED = 64 * 1024
"""Characters of a text that is parsed. A longer one is scanned, which takes linear time and hides rather too much."""

NAMES = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|(?<![\w.-])pwd)"
    r"[\w.-]{0,64}"
)
_NAMED = re.compile(rf"(?i)[\w.-]{{0,256}}?{NAMES}")
# Escapes can spell any of these words.
_WORTH_PARSING = re.compile(rf"(?i)\\[ux]|stringData|{NAMES}")
_KEPT_OF_A_SECRET = ("apiVersion", "kind", "metadata", "type", "immutable")
_DEPTH = 64
_PARTS = 6
"""Pieces into which a text that is no document is cut, for those of them that are; each costs its parsing."""
_NESTED = 3
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_DOCUMENT = re.compile(r"(?m)^(?=---(?:\s|$))")
_SECRET = re.compile(
    r"kind\\{0,8}[\"']?\s{0,64}[:=]\s{0,64}(?:[&!]\S{0,64}\s{1,64}){0,2}(?:[|>][+-]?\s{1,64})?"
    r"\\{0,8}[\"']?Secret(?:List)?(?![\w-])"
)
_DATA = r"(?<![\w.-])\\{0,8}[\"']?(?:data|stringData)\\{0,8}[\"']?[ \t]{0,64}:"
_BLOCK = rf"(?i:{NAMES})[\"']?[ \t]{{0,64}}:[ \t]{{0,64}}(?=[|>][+-]?[0-9]?[+-]?[ \t]{{0,64}}(?:\#[^\n]*)?\n)"
_SECRET_KEYS, _OTHER_KEYS = re.compile(f"{_DATA}|{_BLOCK}"), re.compile(f"{_DATA.replace('data|', '')}|{_BLOCK}")
_BRACE_OR_QUOTE = re.compile(r"[{}]|(\\{0,32})([\"'])")


def hide(text: str, *, nested: int = 0) -> str:
    """`text` without the values of Secrets and of fields with telling names, as far as its structure tells them.

    What is a document as a whole is read as one, so that no spelling hides a Secret; its comments go where it holds
    one. Anything else is scanned for what looks like a part of a Secret.
    """
    if _WORTH_PARSING.search(text) is None:
        return text
    try:
        roots = _parse(text) if len(text) <= PARSED else None
    except _AliasUsed:
        roots = None
        if _SECRET.search(text):
            return REDACTED
    if roots is not None and any(root.pairs or root.items for root in roots):
        finder = _Finder(text, nested)
        text = _edited(text, finder.spans(roots))
        if finder.secret or not _SECRET.search(text):
            return text
        # Lines with something before them may look like a document, of other fields.
    elif roots is None and len(text) <= PARSED:
        text = "".join(_part(part, nested) for part in _parts(text))
    return "".join(_scanned(document) for document in _DOCUMENT.split(text))


def _parts(text: str) -> list[str]:
    """A text that is no document, such as a log that quotes some, cut before the lines that keep it from being one."""
    parts: list[str] = []
    while len(parts) < _PARTS and (cut := _broken_at(text)) is not None:
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]


def _broken_at(text: str) -> int | None:
    """Where the first line begins, after the first of all, that does not fit to those before."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEPTH:
                return None
    except yaml.MarkedYAMLError as error:
        marks = (mark for mark in (error.context_mark, error.problem_mark) if mark is not None and mark.line > 0)
        line = min((mark.line for mark in marks), default=1)
        cut = sum(len(each) for each in text.splitlines(keepends=True)[:line])
        return cut if cut < len(text) else None
    except (yaml.YAMLError, ValueError):
        return None
    return None


def _part(text: str, nested: int) -> str:
    try:
        return _edited(text, _Finder(text, nested).spans(_parse(text) or []))
    except _AliasUsed:
        return REDACTED if _SECRET.search(text) else text


class _AliasUsed(Exception):
    """A value stands somewhere else than where it is used."""


@dataclass(slots=True)
class _Node:
    """A value and where it stands. `value` is None for what is no scalar."""

    start: int
    end: int
    value: str | None = None
    quoted: bool = False
    flow: bool = False
    mapping: bool = False
    items: list[_Node] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[_Node, _Node]]:
        return list(zip(self.items[::2], self.items[1::2], strict=False)) if self.mapping else []

    def scalars(self, name: str) -> list[str]:
        """What the fields of that name hold: there may be two."""
        return [value.value for key, value in self.pairs if key.value == name and value.value is not None]


def _parse(text: str) -> list[_Node] | None:
    """The documents in `text`; None where it has none or is too deep. Raises _AliasUsed."""
    roots: list[_Node] = []
    stack: list[_Node] = []
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if len(stack) > _DEPTH:
                return None
            if isinstance(event, yaml.AliasEvent):
                raise _AliasUsed
            if isinstance(event, (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                node = _node(event)
                (stack[-1].items if stack else roots).append(node)
                if node.value is None:
                    stack.append(node)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                done = stack.pop()
                # A block ends, for the parser, where the next thing begins.
                last = max((each.end for each in done.items), default=done.end)
                done.end = _end_of(event) if done.flow else last
    except (yaml.YAMLError, ValueError):
        return None
    return roots


def _node(event: Any) -> _Node:
    start, end = event.start_mark.index, _end_of(event)
    if isinstance(event, yaml.ScalarEvent):
        return _Node(start, end, value=event.value, quoted=event.style == '"')
    return _Node(start, end, flow=bool(event.flow_style), mapping=isinstance(event, yaml.MappingStartEvent))


def _end_of(event: Any) -> int:
    return int(event.end_mark.index)


@dataclass(slots=True)
class _Finder:
    """Collects what is to be replaced in a text: (start, end, replacement)."""

    text: str
    nested: int
    found: list[tuple[int, int, str]] = field(default_factory=list)
    leaves: list[tuple[int, int]] = field(default_factory=list)
    secret: bool = False

    def spans(self, roots: list[_Node]) -> list[tuple[int, int, str]]:
        waiting = list(reversed(roots))
        while waiting:
            node = waiting.pop()
            if node.mapping:
                waiting += self._mapping(node)
            elif node.value is None:
                waiting += node.items
            else:
                self._leaf(node)
        return [*self.found, *(self._comments() if self.secret else ())]

    def _mapping(self, node: _Node) -> Iterator[_Node]:
        kinds = node.scalars("kind")
        secret = "Secret" in kinds
        self.secret = self.secret or secret or "SecretList" in kinds
        named = any(_NAMED.fullmatch(name) for name in node.scalars("name"))
        for key, value in node.pairs:
            self.leaves.append((key.start, key.end))
            told = key.value or ""
            if (secret and told not in _KEPT_OF_A_SECRET) or told == "stringData":
                self._hide(value, key)
            elif ("SecretList" in kinds and told == "items") or (self.secret and told == "annotations"):
                # In the annotations kubectl leaves the Secret once more.
                self._hide(value, key)
            elif (named and told == "value") or (_NAMED.fullmatch(told) and not value.mapping):
                self._hide_scalars(value)
            else:
                yield value

    def _leaf(self, node: _Node) -> None:
        self.leaves.append((node.start, node.end))
        value = node.value or ""
        if self.nested < _NESTED and hide(value, nested=self.nested + 1) != value:
            self._hide(node)

    def _hide_scalars(self, node: _Node) -> None:
        if node.value is None:
            for item in node.items:
                self._hide_scalars(item)
        elif node.value and node.value != "null":
            self._hide(node)
        else:
            self.leaves.append((node.start, node.end))

    def _hide(self, node: _Node, key: _Node | None = None) -> None:
        """With its key, comments in between go as well."""
        start, quote = node.start, '"' if node.quoted or (key is not None and key.quoted) else ""
        end = max(start, node.start + len(self.text[node.start : node.end].rstrip()))
        told = f"{quote}{REDACTED}{quote}"
        if key is not None:
            start, told = key.end, f": {told}"
            end = max(start, end)
        self.leaves.append((start, end))
        self.found.append((start, end, told))

    def _comments(self) -> Iterator[tuple[int, int, str]]:
        """What follows a # between two scalars."""
        at = 0
        for start, end in (*sorted(self.leaves), (len(self.text), len(self.text))):
            if start > at:
                for comment in re.finditer(r"[ \t]{0,64}#[^\n]*", self.text[at:start]):
                    yield at + comment.start(), at + comment.end(), ""
            at = max(at, end)


def _edited(text: str, spans: list[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for start, end, told in sorted(spans):
        if start >= at:
            pieces += [text[at:start], told]
            at = end
    return "".join([*pieces, text[at:]])


def _scanned(text: str) -> str:
    pieces, at = [], 0
    keys = _SECRET_KEYS if _SECRET.search(text) else _OTHER_KEYS
    for key in keys.finditer(text):
        if key.start() < at:
            continue
        end = _end_of_value(text, key.start(), key.end())
        quote = '"' if '"' in key[0] else ""
        if text[key.end() : end].strip():
            pieces += [text[at : key.end()], f" {quote}{REDACTED}{quote}"]
            at = end
    return "".join([*pieces, text[at:]])


def _end_of_value(text: str, key: int, start: int) -> int:
    """Where the value of the key at `key` ends, `start` being after its colon."""
    following = re.compile(r"\s*").match(text, start)
    first = following.end() if following else start
    if text[first : first + 1] == "{":
        return _closing(text, first)
    begin = text.rfind("\n", 0, key) + 1
    column, clear = key - begin, not text[begin:key].strip(" \t+-")
    end = at = _line_end(text, start)
    while at < len(text):
        line_start, at = at + 1, _line_end(text, at + 1)
        line = text[line_start:at]
        if not line.strip() and at < len(text):
            continue
        deeper = len(line) - len(line.lstrip(" \t+-")) > column or (not clear and line[column : column + 1].isspace())
        if not deeper and not line.lstrip(" \t+-").startswith("#"):
            break
        end = at
    return end


def _line_end(text: str, start: int) -> int:
    found = text.find("\n", start)
    return len(text) if found < 0 else found


def _closing(text: str, start: int) -> int:
    """After the brace that closes the one at `start`; the end of the text where none does. Quotes may be escaped."""
    depth, opened = 0, None
    for found in _BRACE_OR_QUOTE.finditer(text, start):
        quote, escapes = found[2], len(found[1] or "")
        if quote is None:
            if opened is None:
                depth += 1 if found[0] == "{" else -1
                if depth == 0:
                    return found.end()
        elif opened is None:
            if quote == '"' or text[found.start() - 1] in " \t\n:,{[":
                opened = (escapes, quote)
        elif opened[1] == quote and (escapes == opened[0] if opened[0] or quote == "'" else escapes % 2 == 0):
            opened = None
    return len(text)
