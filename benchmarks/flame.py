"""`python -m benchmarks.flame FOLDED OUT.svg TITLE [SAMPLES]`: a flame graph of folded stacks, as a plain picture.

The stacks come from `py-spy record -f raw`. SAMPLES is how many are the full width, so that two graphs compare.

Each box is a function, as wide as its share of the processor's time, above what called it. Only what runs in the event
loop is shown, and imports by themselves.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

WIDTH, ROW, LEAST = 1200, 17, 0.004
"""Pixels; and the share below which a box is left out."""
ROOT, IMPORTS = "_run_once", "importing"
COLOURS = (("kubernaut/", "#f2a65a"), ("pydantic", "#7fb3d5"), ("msgspec", "#7fb3d5"), ("benchmarks/", "#b5d99c"))
OTHER = "#d9d2c5"
_LINE = re.compile(r":\d+\)$")


@dataclass
class Box:
    """A function at one place of the graph."""

    name: str
    samples: int = 0
    above: dict[str, Box] = field(default_factory=dict)

    def add(self, stack: Sequence[str], samples: int) -> None:
        self.samples += samples
        if stack:
            self.above.setdefault(stack[0], Box(stack[0])).add(stack[1:], samples)

    @property
    def height(self) -> int:
        return 1 + max((box.height for box in self.above.values()), default=0)


def read(folded: str) -> Box:
    """The graph of all stacks."""
    root = Box("all")
    for line in folded.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [_LINE.sub(")", frame) for frame in stack.split(";")]
        shown = _shown(frames)
        if shown:
            root.add(shown, int(samples))
    return root


def _shown(frames: Sequence[str]) -> list[str]:
    if any("_bootstrap>" in frame for frame in frames):
        return [IMPORTS]
    for number, frame in enumerate(frames):
        if ROOT in frame:
            return [each for each in frames[number + 1 :] if not each.startswith("select ")]
    return []


def svg(root: Box, title: str, whole: int | None = None) -> str:
    """The picture; `whole`: how many samples are the full width, to compare two."""
    deep = min(root.height, 34)
    height = (deep + 2) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="monospace" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fffdf8"/>',
        f'<text x="6" y="13" fill="#222">{escape(title)}</text>',
    ]
    parts += _boxes(root, 0.0, 0, whole or root.samples, height, deep)
    return "\n".join([*parts, "</svg>", ""])


def _boxes(box: Box, left: float, level: int, whole: int, height: int, deep: int) -> Iterator[str]:
    for name, each in sorted(box.above.items()):
        share = each.samples / whole
        if share >= LEAST and level < deep:
            yield _drawn(name, left, share, height - (level + 1) * ROW)
            yield from _boxes(each, left, level + 1, whole, height, deep)
        left += share


def _drawn(name: str, left: float, share: float, top: float) -> str:
    colour = next((colour for start, colour in COLOURS if start in name), OTHER)
    x, width = left * WIDTH, share * WIDTH
    words = name.partition(" (")[0]
    fitting = words if len(words) * 6.7 < width - 4 else words[: max(0, int(width / 6.7) - 2)]
    text = f'<text x="{x + 2:.1f}" y="{top + 12:.0f}" fill="#222">{escape(fitting)}</text>' if len(fitting) > 2 else ""
    place = f'x="{x:.1f}" y="{top:.0f}" width="{max(width - 0.5, 0.5):.1f}" height="{ROW - 1}"'
    told = f"<title>{escape(name)}: {share:.1%}</title>"
    return f'<g>{told}<rect {place} rx="1" fill="{colour}"/>{text}</g>'


if __name__ == "__main__":
    given, out, words = sys.argv[1:4]
    graph = read(Path(given).read_text())
    Path(out).write_text(svg(graph, words, int(sys.argv[4]) if len(sys.argv) > 4 else None))
    print(graph.samples)
