"""A full comparison for a person: what an audit has found, its files to send to a colleague, and the trend."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final

from syncd.console.status import moment
from syncd.engine.audit import audit
from syncd.engine.findings import Audit
from syncd.engine.mending import Figures, keep, mend, trend
from syncd.engine.world import Tally, World
from syncd.errors import ConfigError, Problem

__all__ = ["Audited", "Point", "compare", "keep_file", "pointed", "table"]

_HEAD: Final = ("finding", "sync", "app", "record", "field", "what", "count", "of", "agreed", "shown")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An audit in numbers, for the trend."""

    at: datetime | None
    records: int
    differences: int
    unexplained: int
    causes: Mapping[str, int]
    duplicates: int
    invalid: int
    options: int
    filled: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What an audit has found."""

    at: datetime | None
    records: Mapping[str, Mapping[str, int]]
    unlinked: Mapping[str, Mapping[str, int]]
    unseen: Mapping[str, str]
    causes: Mapping[str, int]
    fields: Mapping[str, Mapping[str, int]]
    differences: Sequence[Mapping[str, Any]]
    duplicates: Sequence[Mapping[str, Any]]
    invalid: Sequence[Mapping[str, Any]]
    options: Sequence[Mapping[str, Any]]
    coverage: Sequence[Mapping[str, Any]]
    trend: Sequence[Point]
    looked_at_again: int
    """Records that were given back to the ordinary path."""


def compare(
    world: World, syncs: Sequence[str], *, values: bool, repair: int, by: str, progress: Callable[[Tally], None]
) -> Audited:
    """Make an audit, and have at most `repair` records that have drifted looked at again.

    Its figures are kept for the trend if it is one of everything.
    """
    found = audit(world, syncs, values=values, progress=progress)
    if set(syncs) == set(world.syncs) and not found.unseen:
        keep(world, found)
    with world.store.read() as tx:
        kept = trend(tx)
    return _told(found, kept, mend(world, found, repair, by=by) if repair else 0)


def _told(found: Audit, kept: Sequence[Figures], mended: int) -> Audited:
    return Audited(
        at=moment(found.at),
        records=found.records,
        unlinked=found.unlinked,
        unseen=found.unseen,
        causes=found.causes,
        fields=found.fields,
        differences=[asdict(one) | {"cause": one.cause.value} for one in found.differences],
        duplicates=[asdict(one) for one in found.duplicates],
        invalid=[asdict(one) for one in found.invalid],
        options=[asdict(one) for one in found.options],
        coverage=[asdict(one) | {"share": round(one.share, 4)} for one in found.coverage],
        trend=[pointed(one) for one in kept],
        looked_at_again=mended,
    )


def pointed(one: Figures) -> Point:
    """The figures of an audit for a person."""
    return Point(**asdict(one) | {"at": moment(one.at)})


def table(found: Audited) -> str:
    """Everything that was found as CSV, one finding a line. No cell is taken for a formula."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEAD)
    for row in _rows(found):
        writer.writerow([_cell(row.get(name)) for name in _HEAD])
    return text.getvalue()


def _rows(found: Audited) -> Iterator[Mapping[str, Any]]:
    for one in found.differences:
        yield {**one, "finding": "difference", "what": one["cause"], "count": 1}
    for one in found.duplicates:
        records = one["records"]
        row = {"finding": "duplicate", "record": " ".join(records), "what": "the same key", "count": len(records)}
        yield {**one, **row, "shown": one["value"]}
    for one in found.invalid:
        yield {**one, "finding": "invalid", "what": f"no valid {one['type']}", "count": 1, "shown": one["value"]}
    for one in found.options:
        what = f"option without partner: {one['option']}"
        yield {**one, "finding": "option", "what": what, "count": one["records"]}
    for one in found.coverage:
        yield {
            **one,
            "finding": "coverage",
            "record": "",
            "what": "filled",
            "count": one["filled"],
            "of": one["records"],
        }


def _cell(value: object) -> str:
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def keep_file(path: Path, text: str) -> None:
    """Write a file that only its owner may read. Raises ConfigError where that cannot be done."""
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be written: {error.strerror}")]) from error
