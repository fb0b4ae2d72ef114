"""What changed in HubSpot: a full listing, or the hits of the search since a moment.

The search index lags, shows at most 10,000 hits of one query, and sorts by one property. So an incremental run never
pages by offset, where a row that is edited meanwhile would push another one over a page's edge unseen: each page asks
anew from the last time that the page before it showed. Only where more rows share one millisecond than a page can
hold (an import) does it go on by record id within that millisecond. (HubSpot docs, search-the-crm.)

The next run starts where this one *began*, by our clock, less an overlap for the lag and for clocks that differ: a
change that the index did not show in time was made after that.

Deletes are not among the changes: search never shows archived records, and the list of archived ones cannot be asked
for a time. Webhooks tell of them, or their absence from a full listing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from syncd.core.record import Cursor
from syncd.errors import BrokenProtocol
from syncd.sdk.contract import Page
from syncd.sdk.pages import by_token
from syncd_connectors.hubspot.api import Api, searchable
from syncd_connectors.hubspot.schema import modified_property
from syncd_connectors.hubspot.wire import milliseconds, record, rows

__all__ = ["Listing", "Since", "changed", "listed", "position"]

_FIRST_ID: Final = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """In the midst of a full listing: it began at `began` (epoch ms) and goes on after `after`."""

    began: int
    after: str


@dataclass(frozen=True, slots=True)
class Since:
    """In the midst of an incremental run that began at `began`, or before one, where `began` is 0.

    It goes on with changes from `at` on, inclusive; with `id`, within that one millisecond, after that id. Epoch ms.
    """

    at: int
    began: int = 0
    id: int | None = None


def position(cursor: Cursor) -> Listing | Since:
    """The place that a cursor names. Raises BrokenProtocol for one that this connector did not write."""
    try:
        told = json.loads(cursor)
        return Listing(**told) if "after" in told else Since(**told)
    except (ValueError, TypeError):
        raise BrokenProtocol("this cursor was not written by the HubSpot connector") from None


def listed(api: Api, app: str, object: str, names: Sequence[str], start: Listing, overlap: float) -> Iterator[Page]:
    """Every record there is, from the place on; the last page is complete and its cursor starts the next run."""
    done = _cursor(Since(_before(start.began, overlap)))
    for answer in by_token(lambda after: api.page(object, names, after), _next, start=start.after or None):
        after = _next(answer)
        yield Page(
            rows=tuple(record(app, object, row) for row in rows(answer)),
            cursor=_cursor(replace(start, after=after)) if after else done,
            complete=after is None,
        )


def changed(api: Api, app: str, object: str, names: Sequence[str], start: Since, overlap: float) -> Iterator[Page]:
    """Who changed since the place: hints, in the order of change.

    Where a search cannot ask for all the properties, a hint tells no more than how new the record is.
    """
    whole = searchable(names)
    asked = names if whole else (modified_property(object),)
    place: Since | None = start
    shown: frozenset[tuple[str, int]] = frozenset()
    while place is not None:
        answer = api.search(object, asked, *_question(object, place))
        found = rows(answer)
        stamped = [(row, _stamp(object, row)) for row in found]
        place = _onwards(place, stamped, more=_total(answer) > len(found))
        fresh = [row for row, at in stamped if (str(row.get("id")), at) not in shown]
        shown = frozenset((str(row.get("id")), at) for row, at in stamped)
        told = [record(app, object, row) for row in fresh]
        yield Page(
            rows=tuple(told if whole else [replace(one, fields={}) for one in told]),
            cursor=_cursor(place or Since(_before(start.began, overlap))),
            facts=False,
        )


def _question(object: str, place: Since) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Filters and sort of the search that goes on from a place."""
    modified = modified_property(object)
    since = {"propertyName": modified, "operator": "GTE", "value": str(place.at)}
    if place.id is None:
        return [since], modified
    until = {"propertyName": modified, "operator": "LTE", "value": str(place.at)}
    beyond = {"propertyName": "hs_object_id", "operator": "GT", "value": str(place.id)}
    return [since, until, beyond], "hs_object_id"


def _onwards(place: Since, stamped: Sequence[tuple[Mapping[str, Any], int]], *, more: bool) -> Since | None:
    """Where to go on after a page; None where there is nothing more."""
    if place.id is not None:
        if more and stamped:
            return replace(place, id=int(stamped[-1][0]["id"]))
        return replace(place, at=place.at + 1, id=None)
    if not more or not stamped:
        return None
    last = stamped[-1][1]
    return replace(place, at=last) if last > place.at else replace(place, id=_FIRST_ID)


def _stamp(object: str, row: Mapping[str, Any]) -> int:
    told = row.get("properties", {}).get(modified_property(object)) or row.get("updatedAt")
    if not isinstance(told, str):
        raise BrokenProtocol(f"HubSpot found one of the {object} without its time of change")
    return milliseconds(told)


def _total(answer: Any) -> int:
    match answer:
        case {"total": int(total)}:
            return total
    raise BrokenProtocol("HubSpot answered a search without a total")


def _next(answer: Any) -> str | None:
    match answer:
        case {"paging": {"next": {"after": str(after)}}}:
            return after
    return None


def _before(began: int, overlap: float) -> int:
    return max(0, began - round(overlap * 1000))


def _cursor(place: Listing | Since) -> Cursor:
    return Cursor(json.dumps(asdict(place), separators=(",", ":")))
