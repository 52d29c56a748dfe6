"""The source text of a module of models: classes with fields, written as `ruff format` would leave them."""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

LINE = 120
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Call:
    """An expression that can be spread over lines: `opening`, items with commas between, `closing`.

    `Call("Field(", ("ge=0", "le=5"), ")")`. A tuple of one closes with `,)`.
    """

    opening: str
    items: tuple["Item", ...]
    closing: str = ")"

    def flat(self) -> str:
        """The expression on one line."""
        return self.opening + ", ".join(_flat(item) for item in self.items) + self.closing


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal, which is broken into several when it does not fit on a line."""

    value: str

    def flat(self) -> str:
        """The literal in one piece."""
        return text(self.value)

    def pieces(self, width: int) -> list[str]:
        """The literal as several of at most `width` columns, broken after spaces where there are any."""
        words = re.findall(r"\S*\s*", self.value)
        parts = [word[at : at + width // 2] for word in words for at in range(0, len(word), width // 2)]
        pieces: list[str] = []
        for part in parts:
            if pieces and len(text(pieces[-1] + part)) <= width:
                pieces[-1] += part
            else:
                pieces.append(part)
        return [text(piece) for piece in pieces]


@dataclass(frozen=True, slots=True)
class Named:
    """A keyword argument or a member of a dict: `name` with its `=` or `: `, and a value."""

    name: str
    value: "str | Call | Text"

    def flat(self) -> str:
        """The argument on one line."""
        return self.name + _flat(self.value)


Expression = str | Call | Text
Item = Expression | Named


def _flat(item: Item) -> str:
    return item if isinstance(item, str) else item.flat()


def layout(prefix: str, expression: Item, suffix: str, indent: int) -> list[str]:
    """Write `prefix expression suffix` at an indent (in steps of four), on one line if it fits, else item by item.

    Code without a place to break stays as it is, however long.
    """
    pad = _INDENT * indent
    line = f"{pad}{prefix}{_flat(expression)}{suffix}"
    if isinstance(expression, Named):
        prefix, expression = prefix + expression.name, expression.value
    if isinstance(expression, str) or len(line) <= LINE:
        return [line]
    if isinstance(expression, Text):
        return _broken(prefix, expression, suffix, indent)
    if not expression.items:
        return [line]
    lines = [f"{pad}{prefix}{expression.opening}"]
    for item in expression.items:
        lines += layout("", item, ",", indent + 1)
    lines.append(f"{pad}{expression.closing.lstrip(',')}{suffix}")
    return lines


def _broken(prefix: str, expression: Text, suffix: str, indent: int) -> list[str]:
    pad = _INDENT * indent
    if not prefix:
        pieces = expression.pieces(LINE - len(pad) - len(suffix))
        return [*(pad + piece for piece in pieces[:-1]), pad + pieces[-1] + suffix]
    inner = pad + _INDENT
    return [f"{pad}{prefix}(", *(inner + piece for piece in expression.pieces(LINE - len(inner))), f"{pad}){suffix}"]


@dataclass(frozen=True, slots=True)
class FieldSource:
    """One field: `name: annotation = value`; `value` None means that it must be given."""

    name: str
    annotation: str
    value: Expression | None = None
    doc: str = ""

    def lines(self) -> list[str]:
        """The field's lines within its class."""
        value = self.value if self.value is not None else ""
        equals = " = " if self.value is not None else ""
        head = f"{self.name}: {self.annotation}"
        first = value.opening if isinstance(value, Call) else _flat(value)
        if len(_INDENT + head + equals + first) > LINE and " | " in self.annotation:
            lines = [f"{_INDENT}{self.name}: (", f"{_INDENT * 2}{self.annotation}", *layout(f"){equals}", value, "", 1)]
        else:
            lines = layout(f"{head}{equals}", value, "", 1)
        return lines + docstring(self.doc, 1)


@dataclass(slots=True)
class ClassSource:
    """One class; `keywords` are those of its header, `uses` the names of classes it needs before it."""

    name: str
    base: str
    doc: str = ""
    fields: list[FieldSource] = field(default_factory=list)
    keywords: dict[str, Expression] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)
    config: Expression | None = None

    def lines(self) -> list[str]:
        """The class's lines."""
        arguments: tuple[Item, ...] = (
            self.base,
            *(Named(f"{name}=", value) for name, value in self.keywords.items()),
        )
        lines = layout(f"class {self.name}", Call("(", arguments), ":", 0)
        body = docstring(self.doc, 1)
        if self.config is not None:
            body += ["", *layout("model_config = ", self.config, "", 1)]
        if self.fields:
            body.append("")
        for each in self.fields:
            body += each.lines()
        while body and not body[0]:
            del body[0]
        return lines + (body or [f"{_INDENT}pass"])


def docstring(text: str, indent: int) -> list[str]:
    """The lines of a docstring with its text wrapped; none for an empty text.

    A blank line between paragraphs stays, and so does the line break before an item of a list.
    """
    paragraphs = _plain(text)
    if not paragraphs:
        return []
    pad = _INDENT * indent
    if len(paragraphs) == 1 and len(f'{pad}"""{paragraphs[0]}"""') <= LINE:
        return [f'{pad}"""{paragraphs[0]}"""']
    width = LINE - len(pad)
    if len(paragraphs) == 1 and len(paragraphs[0]) + 3 <= width:
        # The formatter puts the closing quotes on the line of the only sentence, whether they fit or not.
        width = len(paragraphs[0]) + 2
    paragraphs[0] = '"""' + paragraphs[0]
    lines: list[str] = []
    for paragraph in paragraphs:
        hanging = "  " if paragraph.startswith(_BULLETS) else ""
        lines += textwrap.wrap(
            paragraph, width, break_long_words=False, break_on_hyphens=False, subsequent_indent=hanging
        ) or [""]
    return [pad + line if line else "" for line in (*lines, '"""')]


_BULLETS = ("- ", "* ")


def _plain(text: str) -> list[str]:
    """The paragraphs of a text, with empty ones between, in words that mean the same inside three double quotes."""
    paragraphs: list[str] = []
    for raw in text.strip().splitlines():
        line = " ".join("".join(char if char.isprintable() else " " for char in raw).split())
        joins = paragraphs and paragraphs[-1] and line and not line.startswith(_BULLETS)
        if joins:
            paragraphs[-1] += f" {line}"
        elif line or (paragraphs and paragraphs[-1]):
            paragraphs.append(line)
    paragraphs = [part.replace("\\", "\\\\").replace('"""', "'''") for part in paragraphs]
    if paragraphs and paragraphs[0].startswith('"'):
        paragraphs[0] = " " + paragraphs[0]
    if paragraphs and paragraphs[-1].endswith('"'):
        paragraphs[-1] = paragraphs[-1][:-1] + "'"
    return paragraphs


def literal(value: object) -> Expression:
    """The source of a JSON value, strings in double quotes."""
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, Mapping):
        return Call("{", tuple(Named(f"{text(str(key))}: ", literal(part)) for key, part in value.items()), "}")
    if isinstance(value, (list, tuple)):
        return Call("[", tuple(literal(part) for part in value), "]")
    return repr(value)


def text(value: str) -> str:
    """The source of a string, written as the formatter prefers: double quotes unless that means more escapes."""
    if "\\" in value and '"' not in value and value.isprintable() and not value.endswith("\\"):
        return f'r"{value}"'
    if '"' in value and "'" not in value and value.isprintable():
        return "'" + value.replace("\\", "\\\\") + "'"
    if value.isprintable():
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)


def ordered(classes: Iterable[ClassSource]) -> list[ClassSource]:
    """Sort so that each class comes after those it uses; within a cycle the order given stays."""
    by_name = {each.name: each for each in classes}
    done: dict[str, ClassSource] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in done or name in above:
            return
        for used in sorted(by_name[name].uses & by_name.keys()):
            visit(used, (*above, name))
        done[name] = by_name[name]

    for name in by_name:
        visit(name, ())
    return list(done.values())


@dataclass(slots=True)
class ModuleSource:
    """One module: what it says of itself, its imports (module -> names), constants, and classes in order."""

    doc: str
    imports: dict[str, set[str]] = field(default_factory=dict)
    constants: list[tuple[str, Expression]] = field(default_factory=list)
    classes: Sequence[ClassSource] = ()
    exports: bool = False
    comment: str = ""

    def use(self, module: str, *names: str) -> None:
        """Import names from a module."""
        self.imports.setdefault(module, set()).update(names)

    def constant(self, name: str, value: Expression) -> None:
        """Define a name before the classes; once, whoever asks."""
        if (name, value) not in self.constants:
            self.constants.append((name, value))

    def render(self) -> str:
        """The module's text, ending in a newline."""
        lines = [*([self.comment] if self.comment else []), *docstring(self.doc, 0), ""]
        lines += _imports(self.imports)
        if self.exports:
            lines += ["", *exported([*(each.name for each in self.classes), *(name for name, _ in self.constants)])]
        if self.constants:
            lines.append("")
        for name, value in self.constants:
            lines += layout(f"{name} = ", value, "", 0)
        for each in self.classes:
            lines += ["", "", *each.lines()]
        return "\n".join(lines).rstrip("\n") + "\n"


def exported(names: Iterable[str]) -> list[str]:
    """The lines of `__all__` for these names, in the order that the linter wants."""
    return layout("__all__ = ", Call("[", tuple(text(name) for name in sorted(set(names), key=_rank)), "]"), "", 0)


def import_lines(module: str, names: Iterable[str], indent: int = 0) -> list[str]:
    """The lines of one import statement."""
    pad = _INDENT * indent
    ordered_names = sorted(names, key=_import_rank)
    one_line = f"{pad}from {module} import {', '.join(ordered_names)}"
    if len(one_line) <= LINE:
        return [one_line]
    return [f"{pad}from {module} import (", *(f"{pad}{_INDENT}{name}," for name in ordered_names), f"{pad})"]


def _import_rank(name: str) -> tuple[int, list[str | int], str]:
    natural = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]
    return _rank(name)[0], natural, name


def _rank(name: str) -> tuple[int, str]:
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name)


def _imports(imports: Mapping[str, set[str]]) -> list[str]:
    groups: dict[int, list[str]] = {}
    for module in sorted(imports):
        groups.setdefault(_section(module), []).extend(import_lines(module, imports[module]))
    lines: list[str] = []
    for section in sorted(groups):
        lines += ([""] if lines else []) + groups[section]
    return lines


def _section(module: str) -> int:
    top = module.partition(".")[0]
    return {"__future__": 0, "datetime": 1, "importlib": 1, "typing": 1}.get(top, 3 if top == "kubernaut" else 2)
