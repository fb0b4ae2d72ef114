"""The change log: searched by app, record, field, rule and time; taken along as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from starlette.responses import Response, StreamingResponse

from syncd.console.history import since as moment_of
from syncd.console.tell import Line, line
from syncd.core.record import EntityId
from syncd.errors import ConfigError
from syncd.store.survey import Hits, Wanted, search
from syncd.store.values import Event
from syncd.web.guard import Denied
from syncd.web.meant import meant
from syncd.web.render import shown
from syncd.web.visit import Desk, Visit

__all__ = ["changes", "export_csv", "export_lines"]

_PAGE: Final = 60
_MOST: Final = 100_000
"""Entries of an export."""
_NAMES: Final = ("app", "sync", "record", "field", "rule", "event", "text", "since", "until")
_COLUMNS: Final = (
    "entry",
    "at",
    "event",
    "sync",
    "app",
    "record",
    "entity",
    "field",
    "old",
    "new",
    "rule",
    "by",
    "told",
)


def changes(visit: Visit) -> Response:
    """What fits the search, newest first."""
    given = {name: visit.query.get(name, "").strip()[:300] for name in _NAMES}
    before = visit.query.get("before", "0")
    fault, hits = "", Hits(entries=(), further=0)
    try:
        wanted = _wanted(visit, given)
        with visit.desk.store.read() as tx:
            hits = search(tx.db, wanted, before=_before(before), limit=_PAGE)
    except ConfigError as error:
        fault = f"{error.message}{': ' + error.hint if error.hint else ''}"
    found = [line(entry) for entry in hits.entries]
    fields = sorted({name for sync in visit.desk.world.syncs.values() for name in sync.rules})
    return visit.render(
        "changes.html",
        given=given,
        fault=fault,
        found=found,
        people=visit.people(found),
        further=hits.further,
        reached=hits.reached,
        before=_before(before),
        apps=list(visit.desk.outline.apps),
        syncs=list(visit.desk.world.syncs),
        fields=fields,
        events=[event.value for event in Event],
    )


def export_csv(visit: Visit) -> Response:
    """The same as a table for a spreadsheet, one line for each field that an entry tells of."""
    return _file(visit, "csv", "text/csv; charset=utf-8", _csv)


def export_lines(visit: Visit) -> Response:
    """The same as JSON, one entry a line."""
    return _file(visit, "jsonl", "application/x-ndjson", _jsonl)


def _file(visit: Visit, ending: str, kind: str, write: Any) -> Response:
    given = {name: visit.query.get(name, "").strip()[:300] for name in _NAMES}
    wanted = _wanted(visit, given)
    headers = {"content-disposition": f'attachment; filename="changes.{ending}"'}
    visit.desk.world.log.info("changes exported", person=visit.visitor.name, form=ending)
    return StreamingResponse(write(map(visit.mask, _all(visit.desk, wanted))), media_type=kind, headers=headers)


def _all(desk: Desk, wanted: Wanted) -> Iterator[Line]:
    before, left = 0, _MOST
    while left > 0:
        with desk.store.read() as tx:
            hits = search(tx.db, wanted, before=before, limit=min(1000, left), patience=5.0)
        yield from map(line, hits.entries)
        before, left = hits.further, left - len(hits.entries)
        if not before:
            return


def _csv(found: Iterator[Line]) -> Iterator[str]:
    yield _row(_COLUMNS)
    for one in found:
        at = one.at.isoformat() if one.at else ""
        start = (one.seq, at, one.event, one.sync, one.app, one.record, one.entity)
        for field, what in one.fields.items() or [("", {})]:
            values = (field, shown(what.get("old")), shown(what.get("kept", what.get("new"))), what.get("rule", ""))
            yield _row((*start, *values, one.by, one.text))


def _jsonl(found: Iterator[Line]) -> Iterator[str]:
    for one in found:
        data = {name: getattr(one, name) for name in Line.__slots__}
        yield json.dumps({**data, "at": one.at.isoformat() if one.at else None}, ensure_ascii=False) + "\n"


def _row(cells: tuple[Any, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_harmless(str(cell)) for cell in cells])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet takes what begins so for a formula, and carries it out."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else cell


def _wanted(visit: Visit, given: dict[str, str]) -> Wanted:
    """What the fields of the search say.

    Raises ConfigError for a time that is none, a record nobody knows, or values looked for by whoever may not see them.
    """
    if (given["text"] or given["rule"]) and visit.mask.on:
        raise ConfigError("values and reasons are masked for you", hint="search by record, app, field or time")
    now = visit.desk.world.clock.now()
    entity = meant(visit, given["record"]).entity if given["record"] else None
    events = tuple(event for event in Event if event.value == given["event"])
    if given["event"] and not events:
        raise ConfigError(f'there is no event "{given["event"]}"')
    return Wanted(
        app=given["app"],
        sync=given["sync"],
        entity=EntityId(entity) if entity else None,
        events=events,
        field=given["field"],
        rule=given["rule"],
        text=given["text"],
        since=moment_of(given["since"], now) if given["since"] else None,
        until=moment_of(given["until"], now) if given["until"] else None,
    )


def _before(text: str) -> int:
    if not re.fullmatch(r"\d{1,15}", text):
        raise Denied(400, "That is no number", "The address was changed by hand.")
    return int(text)
