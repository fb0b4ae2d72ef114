"""An audit as one HTML page: nothing is loaded from anywhere, and all that apps and people wrote is only text in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from syncd.console.voice import clean

if TYPE_CHECKING:
    from syncd.console.audit import Audited, Point

__all__ = ["page"]

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5b6470; --line: #d8dde3; --back: #ffffff; --mark: #0b62c4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --faint: #9aa4b0; --line: #353c45; --back: #14181d; --mark: #6cb0ff; }
}
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--back); }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
p, caption { color: var(--faint); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
meter { width: 8rem; } svg { width: 100%; height: 9rem; } polyline { fill: none; stroke: var(--mark); stroke-width: 2; }
circle { fill: var(--mark); } svg text { fill: var(--faint); font-size: 11px; } svg line { stroke: var(--line); }
""".strip()
_MOST: Final = 500
"""Rows of a table; the CSV and the JSON have all of them."""
_WIDE, _HIGH, _EDGE = 800, 120, 30


def page(found: Audited) -> str:
    """The whole page."""
    records = sum(count for apps in found.records.values() for count in apps.values())
    at = _time(found.at)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>Audit of {_text(at)}</title><style>{_STYLE}</style></head>",
            f"<body><h1>Audit</h1><p>{_text(at)}; {records:,} records looked at,",
            f"{len(found.differences):,} differences</p>",
            *_unseen(found.unseen),
            *_section("Differences by cause", ("cause", "differences"), found.causes.items()),
            *_section("Differences by field", ("field", "cause", "differences"), _by_field(found.fields)),
            *_trend(found.trend),
            *_coverage(found.coverage),
            *_section(
                "Options without a partner",
                ("sync", "app", "field", "option", "records"),
                _cells(found.options, "sync", "app", "field", "option", "records"),
            ),
            *_section(
                "No valid e-mail address or phone number",
                ("sync", "app", "record", "field", "type", "value"),
                _cells(found.invalid, "sync", "app", "record", "field", "type", "value"),
            ),
            *_section(
                "Records with the same key",
                ("sync", "app", "field", "records", "value"),
                _cells(found.duplicates, "sync", "app", "field", "records", "value"),
            ),
            *_section(
                "Differences",
                ("sync", "app", "record", "field", "cause", "agreed", "shown"),
                _cells(found.differences, "sync", "app", "record", "field", "cause", "agreed", "shown"),
            ),
            "</body></html>",
            "",
        ]
    )


def _time(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _text(value: object) -> str:
    """Whatever it is, as text and nothing else."""
    told = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return escape(clean(told))


def _cells(rows: Iterable[Mapping[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(name) for name in names) for row in rows]


def _by_field(fields: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int]]:
    return [(name or "(whole record)", cause, n) for name, causes in fields.items() for cause, n in causes.items()]


def _section(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """A heading and a table; what is empty throughout is not shown, and nothing is said so."""
    told = [tuple(row) for row in rows]
    if not told:
        return [f"<h2>{_text(title)}</h2><p>none</p>"]
    kept = [place for place in range(len(headings)) if any(row[place] not in (None, "", [], ()) for row in told)]
    lines = [f"<h2>{_text(title)}</h2><table><thead><tr>{''.join(f'<th>{_text(headings[p])}</th>' for p in kept)}</tr>"]
    lines.append("</thead><tbody>")
    lines += [f"<tr>{''.join(_td(row[place]) for place in kept)}</tr>" for row in told[:_MOST]]
    lines.append("</tbody></table>")
    if len(told) > _MOST:
        lines.append(f"<p>and {len(told) - _MOST:,} more; the CSV has all of them</p>")
    return lines


def _td(value: object) -> str:
    number = isinstance(value, int) and not isinstance(value, bool)
    return f'<td class="number">{value:,}</td>' if number else f"<td>{_text(value)}</td>"


def _unseen(unseen: Mapping[str, str]) -> list[str]:
    return [f"<p><strong>{_text(app)} was left out</strong>: {_text(reason)}</p>" for app, reason in unseen.items()]


def _coverage(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["<h2>Filled fields</h2><table><thead><tr><th>sync</th><th>app</th><th>field</th><th>filled</th><th></th>"]
    lines.append("</tr></thead><tbody>")
    for row in rows:
        share = float(row["share"])
        told = "".join(f"<td>{_text(row[name])}</td>" for name in ("sync", "app", "field"))
        lines.append(f'<tr>{told}<td class="number">{share:.0%}</td><td><meter value="{share}"></meter></td></tr>')
    return [*lines, "</tbody></table>"]


def _trend(points: Sequence[Point]) -> list[str]:
    """Differences over time, drawn where there is more than one audit to tell of."""
    if len(points) < 2:
        return []
    most = max(1, *(point.differences for point in points))
    step = (_WIDE - 2 * _EDGE) / (len(points) - 1)
    places = [
        (_EDGE + step * place, _HIGH - _EDGE / 2 - (_HIGH - _EDGE) * point.differences / most)
        for place, point in enumerate(points)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{_time(point.at)}: {point.differences:,}</title></circle>'
        for (x, y), point in zip(places, points, strict=True)
    )
    foot = _HIGH - _EDGE / 2
    return [
        "<h2>Trend</h2><p>differences in each audit</p>",
        f'<svg viewBox="0 0 {_WIDE} {_HIGH + 16}" role="img" aria-label="differences over time">',
        f'<line x1="{_EDGE}" y1="{foot}" x2="{_WIDE - _EDGE}" y2="{foot}"/><polyline points="{line}"/>{dots}',
        f'<text x="0" y="{_EDGE / 2 + 4}">{most:,}</text>',
        f'<text x="{_EDGE}" y="{_HIGH + 8}">{_text(_time(points[0].at))}</text>',
        f'<text x="{_WIDE - _EDGE}" y="{_HIGH + 8}" text-anchor="end">{_text(_time(points[-1].at))}</text></svg>',
    ]
