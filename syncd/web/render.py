"""Templates: everything in them that is not ours is escaped, and nothing in it turns the direction of writing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from syncd import __version__
from syncd.console.tell import Line, short
from syncd.console.voice import clean
from syncd.web import plots
from syncd.web.assets import asset

__all__ = ["ago", "brief", "rendered", "shown"]

_STEPS: Final = ((60.0, 1.0, "s"), (3600.0, 60.0, "min"), (86400.0, 3600.0, "h"), (float("inf"), 86400.0, "d"))


def ago(at: datetime | None, now: float) -> str:
    """How long ago, in one unit: `12 s ago`. A time still to come is `in 12 s`."""
    if at is None:
        return "never"
    age = now - at.timestamp()
    age = 0.0 if abs(age) < 1 else age  # clocks are read one after another
    for below, unit, name in _STEPS:
        if abs(age) < below:
            count = f"{abs(age) / unit:.0f} {name}"
            return f"{count} ago" if age >= 0 else f"in {count}"
    return ""


def span(seconds: float) -> str:
    """A length of time: `12 s`, `1.5 min`."""
    for below, unit, name in _STEPS:
        if seconds < below:
            count = round(seconds / unit, 0 if seconds >= 10 * unit else 1)
            return f"{count:g}\N{NO-BREAK SPACE}{name}"
    return ""


def shown(value: Any) -> str:
    """A value as a person writes it; "" for a blank."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value)
    return "" if value is None else str(value)


def brief(line: Line) -> str:
    """What an entry says, for a page that names the record beside it."""
    return line.text.replace(line.record, line.app, 1) if line.record else line.text


def rendered(name: str, known: Mapping[str, Any]) -> str:
    """A page. `known` is what its template may speak of."""
    return _ENVIRONMENT.get_template(name).render(known)


def _exact(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds")


def _safe(value: Any) -> Any:
    """What an app or a person wrote, without characters that a reader could be deceived by."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _count(number: float) -> str:
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _some(number: int, one: str, many: str = "") -> str:
    return f"{_count(number)} {one if number == 1 else many or one + 's'}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _made() -> Environment:
    made = Environment(
        loader=PackageLoader("syncd.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        exact=_exact, iso=_iso, count=_count, some=_some, shown=shown, short=short, words=_words, span=span
    )
    made.globals.update(ago=ago, version=__version__, plots=plots, brief=brief, raw=escape, asset=asset)
    return made


_ENVIRONMENT: Final = _made()
