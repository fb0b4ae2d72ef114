"""Small pictures of numbers over time, drawn on the server as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

__all__ = ["bars", "dots"]

_WIDTH: Final = 144
_HEIGHT: Final = 28


def bars(values: Sequence[int], told: str, *, tone: str = "") -> Markup:
    """One bar for each value, the newest on the right. `told`: what the picture says, for who cannot see it."""
    most = max(values, default=0)
    step = _WIDTH / max(1, len(values))
    drawn = Markup()
    for place, value in enumerate(values):
        height = 0.0 if not most else max(1.5, value / most * (_HEIGHT - 2)) if value else 0.0
        if height:
            drawn += _rect(place * step, _HEIGHT - 1 - height, step * 0.72, height)
    return _picture(drawn, told, tone)


def dots(values: Sequence[float], told: str, *, tone: str = "") -> Markup:
    """A point for each value, the newest on the right, and a line through them."""
    most = max(values, default=0.0) or 1.0
    step = _WIDTH / max(1, len(values))
    points = [((place + 0.5) * step, _HEIGHT - 3 - value / most * (_HEIGHT - 6)) for place, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawn = Markup('<polyline points="{}" fill="none"/>').format(line) if len(points) > 1 else Markup()
    if points:
        drawn += Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.2"/>').format(*points[-1])
    return _picture(drawn, told, tone)


def _rect(x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="0.8"/>').format(x, y, width, height)


def _picture(drawn: Markup, told: str, tone: str) -> Markup:
    ground = Markup('<line x1="0" y1="{0}" x2="{1}" y2="{0}"/>').format(_HEIGHT - 0.5, _WIDTH)
    return Markup(
        '<svg class="plot {}" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}{}</svg>'
    ).format(tone, _WIDTH, _HEIGHT, escape(told), escape(told), ground, drawn)
