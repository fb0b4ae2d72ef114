"""Listing members in the order of their last change, page by page, without losing one that moves.

Mailchimp pages by offset, so a member that changes between two pages leaves its place and everything behind it moves
up by one. Each page therefore begins with the last member of the page before; where another stands there, the listing
goes back to the second in which that member was last changed, and reads on from there. Rows may repeat, none is
skipped. Archived members are in a listing of their own, which follows the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from syncd.sdk import BrokenProtocol, Clock, Cursor, Page, Transient
from syncd_connectors.mailchimp.account import LONG, Api, Audience, app_time
from syncd_connectors.mailchimp.members import HIDDEN, record_of

__all__ = ["Place", "list_rows", "pages"]

_SECOND: Final = timedelta(seconds=1)
_MARGIN: Final = timedelta(minutes=2)
"""How far past its beginning a run still takes changes in: by then it must come to an end."""
_DRIFTS: Final = 5
"""How often a run begins one and the same second anew before it gives up for now."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing stands; as JSON it is the cursor. Times are ISO 8601, "" where there is none."""

    since: str = ""
    """From which last change on this run lists, inclusive."""
    full: bool = True
    """This run lists everything there is."""
    archived: bool = False
    """In the second half, that of the archived members."""
    began: str = ""
    """When the run began, by Mailchimp's clock and with a margin: where the next run goes on from."""
    low: str = ""
    """From which last change on the offset counts; "" means `since`."""
    skip: int = 0
    anchor: str = ""
    """The contact id that the next page must begin with."""
    anchor_at: str = ""

    @classmethod
    def at(cls, cursor: Cursor | None) -> Place:
        """From a cursor; the beginning for None. Raises BrokenProtocol for one that this connector did not make."""
        if cursor is None:
            return cls()
        try:
            return cls(**json.loads(cursor))
        except (TypeError, ValueError) as wrong:
            raise BrokenProtocol(f"not a cursor of this connector: {cursor}") from wrong

    def cursor(self) -> Cursor:
        """As text, without what is at its default."""
        plain = asdict(Place())
        return Cursor(json.dumps({name: value for name, value in asdict(self).items() if value != plain[name]}))

    def after(self, rows: list[Mapping[str, Any]]) -> Place:
        """After a page, with more to come."""
        last = rows[-1]
        skip = self.skip + len(rows) - 1
        return replace(self, skip=skip, anchor=last["contact_id"], anchor_at=last["last_changed"])

    def holds(self, rows: list[Mapping[str, Any]]) -> bool:
        """Whether a page begins with the anchor, unchanged: then nothing before it has moved."""
        first = rows[0] if rows else {}
        return first.get("contact_id") == self.anchor and first.get("last_changed") == self.anchor_at

    def back(self) -> Place:
        """Before the last member that is known to have been read."""
        low = (datetime.fromisoformat(self.anchor_at) - _SECOND).isoformat()
        return replace(self, low=low, skip=0, anchor="", anchor_at="")

    def over(self) -> Place:
        """After the last page: into the second half, or on to the next run."""
        if not self.archived:
            return Place(since=self.since, full=self.full, archived=True, began=self.began)
        return Place(since=self.began, full=False)

    def query(self, count: int) -> dict[str, Any]:
        """The parameters that ask for the page at this place."""
        before = (datetime.fromisoformat(self.began) + _MARGIN).isoformat() if self.began else None
        return {
            "count": count,
            "offset": self.skip,
            "sort_field": "last_changed",
            "sort_dir": "ASC",
            "since_last_changed": self.low or self.since or None,
            "before_last_changed": before,
            "status": "archived" if self.archived else None,
            "exclude_fields": ",".join((*(f"members.{name}" for name in HIDDEN), "_links")),
        }


def pages(api: Api, audience: Audience, app: str, since: Cursor | None, *, clock: Clock, count: int) -> Iterator[Page]:
    """The pages of a run, each with a cursor to go on from.

    Raises Transient where members change faster than they can be listed; the last cursor stays good.
    """
    place, stuck, listed = Place.at(since), 0, 0
    while True:
        now = datetime.fromtimestamp(int(clock.now()), UTC)
        answer = api.call("GET", audience.members, params=place.query(count), timeout=LONG)
        rows, total = _read(answer.json)
        if not place.began:
            place = replace(place, began=app_time(answer, now).isoformat())
        if place.anchor and not place.holds(rows):
            back = place.back()
            stuck = stuck + 1 if back.low == place.low else 0
            if stuck > _DRIFTS:
                raise Transient("members change faster than Mailchimp can list them")
            place = back
            continue
        fresh = rows[1:] if place.anchor else rows
        records = tuple(record_of(app, row) for row in fresh)
        listed += len(records)
        more = bool(fresh) and place.skip + len(rows) < total
        done = place.archived and not more
        if done and place.full and not listed:
            audience.vouch(api)  # a full listing of nobody is believed only of an audience that can be seen
        following = place.after(rows) if more else place.over()
        yield Page(
            records,
            following.cursor(),
            complete=done and place.full,
            total=None if place.archived else total,
        )
        if done:
            return
        place = following


def list_rows(api: Api, audience: Audience, since: str, *, count: int) -> list[Mapping[str, Any]]:
    """One page of the members changed since a time ("": ever), newest first: to find those written just now."""
    low = (datetime.fromisoformat(since) - _SECOND).isoformat() if since else ""
    query = Place(since=low).query(count) | {"sort_dir": "DESC"}
    return _read(api.call("GET", audience.members, params=query, timeout=LONG).json)[0]


def _read(body: Any) -> tuple[list[Mapping[str, Any]], int]:
    match body:
        case {"members": list() as rows, "total_items": int() as total}:
            return rows, total
    raise BrokenProtocol("Mailchimp answered a listing of members without members and total_items")
