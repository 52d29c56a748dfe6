"""Plots as SVG by hand. No background, and greys and colours that are readable on white and on dark alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from benchmarks.section import short

INK, FAINT, GOAL = "#768390", "#76839055", "#b07d00"
COLOURS = ("#3b8eea", "#8957e5", "#2da44e", "#bf5b8b")
WIDTH, LEFT, RIGHT, BAR, GAP = 720, 170, 90, 26, 14
PANEL_TOP = 46

Points = Sequence[tuple[float, float]]


def bars(title: str, panels: Mapping[str, Mapping[str, float]], goals: Mapping[str, Mapping[str, float]]) -> str:
    """Horizontal bars: a panel for each figure, a bar for each program, a dashed line for each goal.

    `goals[panel][peer]` is where kubernaut's bar, the first, is to end: at most, or at least.
    """
    parts, top = [_text(WIDTH / 2, 22, title, "middle", bold=True)], 40.0
    for name, figures in panels.items():
        parts += _panel(name, figures, goals.get(name, {}), top)
        top += PANEL_TOP + len(figures) * (BAR + GAP)
    return _svg(parts, int(top + 10), title)


def _panel(name: str, figures: Mapping[str, float], goals: Mapping[str, float], top: float) -> list[str]:
    widest = max([*figures.values(), *goals.values(), 1e-9])
    scale = (WIDTH - LEFT - RIGHT) / widest
    parts = [_text(LEFT, top + 12, name)]
    first = top + PANEL_TOP - 16
    for number, (program, value) in enumerate(figures.items()):
        y = first + number * (BAR + GAP)
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_text(LEFT - 10, y + BAR * 0.7, program, "end"))
        parts.append(
            f'<rect x="{LEFT}" y="{y:.1f}" width="{value * scale:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
        )
        parts.append(_text(LEFT + value * scale + 8, y + BAR * 0.7, short(value)))
    for limit in goals.values():
        x = LEFT + limit * scale
        parts.append(_line(x, first - 5, x, first + BAR + 5, GOAL, dashed=True))
    if goals:
        told = ", ".join(f"{short(limit)} against {peer}" for peer, limit in goals.items())
        parts.append(_text(WIDTH - 20, top + 12, f"goals, dashed: {told}", "end", colour=GOAL))
    return parts


def lines(title: str, across: str, up: str, series: Mapping[str, Points], *, dashed: Sequence[str] = ()) -> str:
    """Lines through points, both axes from 0; those named in `dashed` are limits."""
    height, top, bottom = 380, 44.0, 320.0
    points = [point for each in series.values() for point in each]
    most_x, most_y = max(x for x, _ in points) or 1, (max(y for _, y in points) or 1) * 1.05
    right = WIDTH - 40

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return 80 + point[0] / most_x * (right - 80), bottom - point[1] / most_y * (bottom - top)

    parts = [_text(WIDTH / 2, 22, title, "middle", bold=True)]
    for step in range(5):
        x, y = place((most_x * step / 4, most_y * step / 4))
        parts.append(_line(80, y, right, y, FAINT))
        parts.append(_text(72, y + 4, short(most_y * step / 4), "end"))
        parts.append(_text(x, bottom + 18, short(most_x * step / 4), "middle"))
    parts.append(_text((80 + right) / 2, bottom + 36, across, "middle"))
    parts.append(_text(80, top - 6, up))
    for number, (name, each) in enumerate(series.items()):
        limit = name in dashed
        colour = GOAL if limit else COLOURS[number % len(COLOURS)]
        parts += _path(name, [place(point) for point in each], colour, limit, number)
    return _svg(parts, height + 16 * len(series), title)


def _path(name: str, points: Points, colour: str, limit: bool, number: int) -> list[str]:
    along = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    style = ' stroke-dasharray="6 4"' if limit else ""
    key = 376 + 16 * number
    parts = [f'<polyline points="{along}" fill="none" stroke="{colour}" stroke-width="2"{style}/>']
    if not limit:
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
    return [*parts, _line(80, key - 4, 104, key - 4, colour, dashed=limit), _text(112, key, name)]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    style = ' stroke-dasharray="5 3" stroke-width="2"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{style}/>'


def _text(x: float, y: float, text: str, anchor: str = "start", *, bold: bool = False, colour: str = INK) -> str:
    weight = ' font-weight="bold"' if bold else ""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{14 if bold else 12}" text-anchor="{anchor}"'
    return f'<text {where} fill="{colour}"{weight}>{escape(text)}</text>'


def _svg(parts: Sequence[str], height: int, title: str) -> str:
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" role="img"><title>{escape(title)}</title>'
    )
    return "\n".join([opening, *parts, "</svg>\n"])
