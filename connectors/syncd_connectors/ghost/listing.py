"""What may have changed, page by page, by positions rather than page numbers: rows that move are never skipped.

Ghost stamps `updated_at` on a change of the member itself, to the second. A change of newsletters or labels leaves it
as it is (Ghost 6.65). So there are two feeds: members by `updated_at`, and the events in which newsletters changed.
What neither shows (labels, and people unsubscribed or labelled in bulk) comes by webhook or with a full listing.

No clock is asked. A feed is followed up to the newest time that it shows, and the next run begins `OVERLAP` before:
rows that were stamped earlier and committed later, or changed twice within one second, are shown again, not missed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from syncd.core.record import Cursor
from syncd.errors import BrokenProtocol
from syncd.sdk.pages import by_token
from syncd.sdk.shapes import in_chunks
from syncd_connectors.ghost import nql
from syncd_connectors.ghost.api import PAGE, Api, Rows

__all__ = ["OVERLAP", "Mark", "Part", "listed", "mark", "since"]

OVERLAP: Final = timedelta(seconds=5)
_DAWN: Final = "1970-01-01T00:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Mark:
    """A position. `listed`: the last id of a full listing that is under way; None once it is through.

    `edits` and `subscriptions`: from when each feed is to be read, inclusive, ISO 8601.
    """

    listed: str | None = None
    edits: str = _DAWN
    subscriptions: str = _DAWN

    def cursor(self) -> Cursor:
        """As text, for the store."""
        return Cursor(json.dumps(asdict(self), separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class Part:
    """One page: its rows, and the mark to go on from."""

    rows: Rows
    mark: Mark
    complete: bool = False
    total: int | None = None


def mark(cursor: Cursor) -> Mark:
    """A cursor that `Mark.cursor` made."""
    return Mark(**json.loads(cursor))


def listed(api: Api, begun: Mark | None) -> Iterator[Part]:
    """Every member, by id; the last part is complete. `begun`: go on with a listing that was cut short."""
    start = begun or _newest(api)
    pages = by_token(
        lambda last: api.page(f"id:>{nql.text(last)}" if last else "", "id asc"),
        lambda page: page[0][-1]["id"] if page[2] and page[0] else None,
        start=start.listed or None,
    )
    for number, (rows, total, more) in enumerate(pages):
        after = replace(start, listed=rows[-1]["id"] if more and rows else None)
        yield Part(rows, after, complete=after.listed is None, total=total if begun is None and number == 0 else None)


def since(api: Api, start: Mark) -> Iterator[Part]:
    """What may have changed since a mark: edited members, and those whose newsletters changed.

    The events are read first: a member that then shows among the edited shows its newsletters as they are by now.
    """
    events = list(_resubscribed(api, _time(start.subscriptions)))
    waiting = dict.fromkeys(member for member, _ in events)
    here = start
    for rows in _edited(api, _time(start.edits)):
        for row in rows:
            waiting.pop(row["id"], None)
        here = replace(here, edits=_later(here.edits, *(_stamp(row["updated_at"]) for row in rows)))
        yield Part(rows, here)
    for batch in in_chunks(list(waiting), PAGE):
        yield Part(list(api.all(nql.among("id", batch))), here)
    # Their members came in no order of time: only now may the mark move past the events.
    yield Part((), replace(here, subscriptions=_later(here.subscriptions, *(at for _, at in events))))


def _newest(api: Api) -> Mark:
    """Where both feeds stand now, so that what changes during a full listing is seen after it."""
    rows, _, _ = api.page("updated_at:-null", "updated_at desc,id desc", limit=1)
    events = api.subscriptions("")
    return Mark(
        listed="",
        edits=_later(_DAWN, *(_stamp(row["updated_at"]) for row in rows)),
        subscriptions=_later(_DAWN, *(_stamp(event["created_at"]) for event in events[:1])),
    )


def _edited(api: Api, start: datetime) -> Iterator[Rows]:
    first = f"updated_at:>={nql.moment(start)}"

    def following(row: Mapping[str, Any]) -> str:
        at = nql.moment(_stamp(row["updated_at"]))
        return f"updated_at:>{at},(updated_at:{at}+id:>{nql.text(row['id'])})"

    pages = by_token(
        lambda position: api.page(position or first, "updated_at asc,id asc"),
        lambda page: following(page[0][-1]) if page[2] and page[0] else None,
    )
    for rows, _, _ in pages:
        yield rows


def _resubscribed(api: Api, start: datetime) -> Iterator[tuple[str, datetime]]:
    """Members whose newsletters changed since `start`, with the time of a change.

    The events cannot be paged: they come newest first, whatever one asks for, and many may share a second. So a range
    of members that fills a page is asked for again as two halves, on either side of a member that is known already.
    """
    ranges = [("", "")]
    while ranges:
        above, below = ranges.pop()
        bounds = [f"+data.member_id:>{nql.text(above)}"] if above else []
        bounds += [f"+data.member_id:<{nql.text(below)}"] if below else []
        events = api.subscriptions(f"data.created_at:>={nql.moment(start)}{''.join(bounds)}")
        yield from ((event["member_id"], _stamp(event["created_at"])) for event in events)
        if len(events) >= PAGE:
            middle = sorted(event["member_id"] for event in events)[PAGE // 2]
            ranges += [(above, middle), (middle, below)]


def _later(mark: str, *seen: datetime) -> str:
    """The mark moved on to shortly before what was seen; never back."""
    return max([_time(mark), *(at - OVERLAP for at in seen)]).isoformat()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _stamp(shown: Any) -> datetime:
    try:
        at = datetime.fromisoformat(shown)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise BrokenProtocol(f"Ghost shows {shown!r} where a time was expected")
    return at
