"""One record from all sides, and finding it."""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response

from syncd.console.forget import order_about
from syncd.console.questions import asked
from syncd.console.tell import line
from syncd.console.whole import whole
from syncd.core.record import EntityId
from syncd.store.survey import Wanted, search
from syncd.web.guard import Denied
from syncd.web.meant import meant, who_may_be_meant
from syncd.web.sessions import Note
from syncd.web.visit import Visit

__all__ = ["entity_of", "find_record", "record"]

_HISTORY: Final = 60
_LONGEST: Final = 300


def record(visit: Visit) -> Response:
    """The record with its history, the newest entry first."""
    id, before = entity_of(visit), visit.query.get("before", "0")
    if not re.fullmatch(r"\d{1,15}", before):
        raise _none()
    found = whole(visit.desk.world, id)
    with visit.desk.store.read() as tx:
        hits = search(tx.db, Wanted(entity=EntityId(id)), before=int(before), limit=_HISTORY)
    _, questions = asked(visit.desk.world, ids=found.open)
    apps = list(dict.fromkeys(holding.app for fact in found.facts for holding in fact.apps))
    return visit.render(
        "record.html",
        record=found,
        apps=apps,
        questions=questions,
        history=[line(entry) for entry in hits.entries],
        further=hits.further,
        before=int(before),
        forgetting=order_about(visit.desk.world, EntityId(id)),
    )


def entity_of(visit: Visit) -> str:
    """The id of the entity that a page is about. Raises Denied for what is none."""
    id = visit.path["entity"]
    if not re.fullmatch(r"e[0-9a-f]{20}", id):
        raise _none()
    return id


def _none() -> Denied:
    return Denied(404, "There is no such record", "An address ends in an entity's id: e and twenty digits, a to f.")


def find_record(visit: Visit) -> Response:
    """The record that somebody means, or the ones that it may be."""
    text = visit.query.get("q", "").strip()[:_LONGEST]
    if not text:
        return visit.to("/")
    several = who_may_be_meant(visit, text)
    with visit.desk.store.read() as tx:
        labels = visit.mask.labels(tx, {one.entity: one.sync for one in several})
    if len(several) > 1:
        return visit.render("found.html", text=text, several=several, labels=labels)
    found = meant(visit, text)
    note = "It was found by a value of the past." if found.note and visit.mask.on else found.note
    return visit.to(f"/record/{found.entity}", Note(note, "warn") if note else None)
