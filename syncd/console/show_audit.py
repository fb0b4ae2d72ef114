"""Tables of what an audit has found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from syncd.console.show import grid, words

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from syncd.console.audit import Audited

__all__ = ["audited"]


def audited(found: Audited, files: Sequence[Path]) -> Iterable[RenderableType]:
    """`syncd audit`."""
    for app, reason in found.unseen.items():
        yield words(f"{app} was left out: {reason}", "red")
    shown = [(sync, app, count) for sync, apps in found.records.items() for app, count in apps.items()]
    rows = ((sync, app, count, found.unlinked[sync][app]) for sync, app, count in shown)
    yield grid(("sync", "app", "records", "not linked"), rows)
    yield words("")
    if found.differences:
        told = ((name or "(record)", cause, n) for name, causes in found.fields.items() for cause, n in causes.items())
        yield grid(("field", "cause", "differences"), told)
    elif any(count for apps in found.unlinked.values() for count in apps.values()):
        yield words("everything that is linked is as agreed", "green")
    else:
        yield words("everything is as agreed", "green")
    yield words("")
    yield grid(
        ("sync", "app", "field", "filled"),
        ((one["sync"], one["app"], one["field"], f"{one['share']:.0%}") for one in found.coverage),
    )
    yield words("")
    counts = {
        "records with a key that another has": len(found.duplicates),
        "no valid e-mail address or phone number": len(found.invalid),
        "options without a partner": len(found.options),
    }
    yield from (words(f"{count} {what}", "yellow" if count else "") for what, count in counts.items())
    if found.looked_at_again:
        yield words(f"{found.looked_at_again} records are looked at again and brought up to date")
    if len(found.trend) > 1:
        yield words(f"differences before: {', '.join(str(point.differences) for point in found.trend[-6:-1])}")
    yield from (words(f"written: {file}") for file in files)
