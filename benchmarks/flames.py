"""A flame graph as an SVG that any browser opens: who called whom, and how often each was at work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Final

__all__ = ["drawn"]

_WIDTH: Final = 1200
_HIGH: Final = 17
_LETTER: Final = 7.0
_LEAST: Final = 0.002
"""A frame with a smaller share of all looks is left out."""
_COLOURS: Final = {
    "syncd/": "#f2a65a",
    "sqlalchemy/": "#8ecae6",
    "<frozen": "#d9d9d9",
    "http": "#b5d99c",
    "benchm": "#e5c2e8",
}
_ELSE: Final = "#f0e2b6"


@dataclass
class _Frame:
    """A function as it was called from those below it."""

    name: str
    looks: int = 0
    above: dict[str, _Frame] = field(default_factory=dict)

    @property
    def height(self) -> int:
        return 1 + max((one.height for one in self.above.values()), default=0)


def drawn(title: str, folded: Iterable[str]) -> str:
    """The graph of these lines: frames with `;` between them, outermost first, then a blank and how often."""
    whole = _Frame("all")
    for line in folded:
        stack, _, count = line.rpartition(" ")
        at = whole
        at.looks += int(count)
        for name in stack.split(";"):
            at = at.above.setdefault(name, _Frame(name))
            at.looks += int(count)
    _pruned(whole, whole.looks * _LEAST)
    tall = (whole.height + 2) * _HIGH
    shapes = "\n".join(_shapes(whole, 0.0, tall - _HIGH, whole.looks))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {tall}" font-family="monospace" font-size="11">'
    )
    return f'{head}\n<text x="4" y="13">{escape(title)}: {whole.looks:,} looks</text>\n{shapes}\n</svg>\n'


def _pruned(frame: _Frame, least: float) -> None:
    frame.above = {name: one for name, one in frame.above.items() if one.looks >= least}
    for one in frame.above.values():
        _pruned(one, least)


def _shapes(frame: _Frame, left: float, top: int, whole: int) -> Iterator[str]:
    width = frame.looks / max(1, whole) * _WIDTH
    short = frame.name[: int(width / _LETTER)]
    told = f"{escape(frame.name)}: {frame.looks / max(1, whole):.1%}"
    place = f'x="{left:.1f}" y="{top}" width="{max(width - 0.3, 0.2):.1f}" height="{_HIGH - 1}"'
    yield f'<g><title>{told}</title><rect {place} fill="{_colour(frame.name)}"/>'
    if len(short) > 2:
        yield f'<text x="{left + 2:.1f}" y="{top + 12}">{escape(short)}</text>'
    yield "</g>"
    for one in sorted(frame.above.values(), key=lambda one: one.name):
        yield from _shapes(one, left, top - _HIGH, whole)
        left += one.looks / max(1, whole) * _WIDTH


def _colour(name: str) -> str:
    file = name.rpartition("(")[2]
    return next((colour for sign, colour in _COLOURS.items() if file.startswith(sign)), _ELSE)
