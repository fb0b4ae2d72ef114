"""Ghost's Admin API for members: the calls we make, what they answer, and nothing of what it means to syncd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from syncd.errors import BrokenProtocol, ConnectorError, InDoubt, Rejected
from syncd.sdk.http import Answer, Http
from syncd.sdk.pages import by_token
from syncd_connectors.ghost import nql

__all__ = ["PAGE", "Api", "Rows", "refusal"]

PAGE: Final = 100
"""Rows a page; Ghost 6 gives no more (Ghost docs, admin-api, pagination)."""

_MOST_PAGES: Final = 200
"""More pages of newsletters or labels than any site has."""
_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "members": frozenset({"id", "email", "updated_at"}),
    "newsletters": frozenset({"id", "slug", "name"}),
    "labels": frozenset({"name"}),
    "events": frozenset({"data"}),
    "webhooks": frozenset({"id"}),
}

_EVENT: Final = frozenset({"member_id", "created_at"})

Rows = Sequence[Mapping[str, Any]]


class Api:
    """The site's members, newsletters, labels, events and webhooks."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def site(self) -> Mapping[str, Any]:
        """What anybody may know of the site; `version` among it."""
        return _object(self._http.call("GET", "site/"), "site")

    def page(self, filter: str, order: str, *, limit: int = PAGE) -> tuple[Rows, int, bool]:
        """One page of members: the rows, how many there are in all, and whether more follow."""
        answer = self._http.call("GET", "members/", params={"filter": filter or None, "order": order, "limit": limit})
        total, more = _pagination(answer)
        return _list(answer, "members"), total, more

    def all(self, filter: str) -> Iterator[Mapping[str, Any]]:
        """Every member that a filter lets through, by id."""
        for rows, _, _ in by_token(
            lambda last: self.page(f"({filter})" + (f"+id:>{nql.text(last)}" if last else ""), "id asc"),
            lambda page: page[0][-1]["id"] if page[2] and page[0] else None,
        ):
            yield from rows

    def member(self, id: str) -> Mapping[str, Any] | None:
        """A member by id; None where Ghost says that there is none."""
        answer = self._http.call("GET", f"members/{id}/", expect=(404,))
        return None if _missing(answer) else _first(answer, "members")

    def add(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make a member. Raises Rejected where Ghost refuses it, with the field and Ghost's own reason."""
        return _written(self._changed("POST", "members/", "members", said), "members")

    def edit(self, id: str, said: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Change what is said of a member; None where there is no such member. Raises Rejected as `add` does."""
        answer = self._changed("PUT", f"members/{id}/", "members", said, 404)
        return None if _missing(answer) else _written(answer, "members")

    def delete(self, id: str) -> bool:
        """Delete a member for good; false where there was none. A paid subscription is left as it is."""
        return not _missing(self._http.call("DELETE", f"members/{id}/", expect=(404,)))

    def newsletters(self) -> Rows:
        """The active newsletters."""
        return self._listed("newsletters", "status:active")

    def labels(self) -> Rows:
        """All labels."""
        return self._listed("labels", "")

    def subscriptions(self, filter: str) -> Rows:
        """One page of the newest events in which somebody was subscribed to or unsubscribed from a newsletter.

        Newest first, always; it filters by `data.created_at`, `data.member_id` and `data.source` (Ghost 6.65).
        """
        both = f"type:newsletter_event+{filter}" if filter else "type:newsletter_event"
        answer = self._http.call("GET", "members/events/", params={"filter": both, "limit": PAGE})
        events = [event["data"] for event in _list(answer, "events")]
        if not all(isinstance(event, dict) and event.keys() >= _EVENT for event in events):
            raise BrokenProtocol(f"Ghost's events lack some of {', '.join(sorted(_EVENT))}")
        return events

    def add_webhook(self, event: str, url: str, secret: str) -> str:
        """Register a webhook; its id. Raises Rejected where Ghost refuses it, an address it has already among them."""
        said = {"event": event, "target_url": url, "secret": secret, "name": "syncd"}
        return str(_written(self._changed("POST", "webhooks/", "webhooks", said), "webhooks")["id"])

    def delete_webhook(self, id: str) -> None:
        """Remove a webhook; nothing happens where there is none."""
        _missing(self._http.call("DELETE", f"webhooks/{id}/", expect=(404,)))

    def _listed(self, name: str, filter: str) -> Rows:
        pages = by_token(
            lambda number: self._http.call(
                "GET", f"{name}/", params={"filter": filter or None, "limit": PAGE, "page": number}
            ),
            lambda answer: str(_page_number(answer) + 1) if _pagination(answer)[1] and _list(answer, name) else None,
            start="1",
            most=_MOST_PAGES,
        )
        return [row for answer in pages for row in _list(answer, name)]

    def _changed(self, method: str, path: str, name: str, said: Mapping[str, Any], *expect: int) -> Answer:
        answer = self._http.call(method, path, json={name: [said]}, expect=(422, *expect))
        if answer.status == 422:
            raise refusal(answer)
        return answer


def refusal(answer: Answer) -> ConnectorError:
    """Ghost's 422 as an error: `code` is Ghost's error type, `field` ours.

    Ghost names the field in `property`, but for an item of a list names the item's place there; then the path into
    the request in `details` tells.
    """
    match answer.json:
        case {"errors": [{"type": str(kind)} as first, *_]}:
            words = [first.get("context") or first.get("message"), *_details(first)]
            return Rejected(": ".join(str(word) for word in words if word), field=_blamed(first), code=kind)
    return BrokenProtocol("Ghost refused a request without saying why")


def _details(error: Mapping[str, Any]) -> Sequence[str]:
    match error:
        case {"details": [{"message": str(words)}, *_]}:
            return (words,)
    return ()


def _blamed(error: Mapping[str, Any]) -> str | None:
    match error:
        case {"details": [{"instancePath": str(path)}, *_]} if path.count("/") >= 3:
            return path.split("/")[3]
        case {"property": str(name)}:
            return name
    return None


def _missing(answer: Answer) -> bool:
    """Whether Ghost itself says that there is no such record. Raises BrokenProtocol for somebody else's 404."""
    if answer.status != 404:
        return False
    match answer.json:
        case {"errors": [{"type": "NotFoundError", "context": str()}, *_]}:  # no context: it is the route
            return True
    raise BrokenProtocol("the address has no such route", hint="check that base_url is the site's admin address")


def _object(answer: Answer, name: str) -> Mapping[str, Any]:
    match answer.json:
        case dict() as body if isinstance(body.get(name), dict):
            found: Mapping[str, Any] = body[name]
            return found
    raise BrokenProtocol(f"Ghost's answer holds no {name}", hint="check that base_url is the site's admin address")


def _list(answer: Answer, name: str) -> Rows:
    """The rows of an answer, each with what is needed of it."""
    match answer.json:
        case dict() as body if isinstance(body.get(name), list):
            rows: Sequence[Any] = body[name]
            if all(isinstance(row, dict) and _NEEDED[name] <= row.keys() for row in rows):
                return rows
            raise BrokenProtocol(f"Ghost's {name} lack some of {', '.join(sorted(_NEEDED[name]))}")
    raise BrokenProtocol(f"Ghost's answer holds no {name}", hint="check that base_url is the site's admin address")


def _first(answer: Answer, name: str) -> Mapping[str, Any]:
    rows = _list(answer, name)
    if len(rows) != 1:
        raise BrokenProtocol(f"Ghost's answer holds {len(rows)} {name} where one was expected")
    return rows[0]


def _written(answer: Answer, name: str) -> Mapping[str, Any]:
    """The record that a write made. The write was taken, so an answer that tells nothing of it leaves a doubt."""
    try:
        return _first(answer, name)
    except BrokenProtocol as odd:
        raise InDoubt(odd.message) from odd


def _pagination(answer: Answer) -> tuple[int, bool]:
    match answer.json:
        case {"meta": {"pagination": {"total": int(total), "next": after}}}:
            return total, after is not None
    raise BrokenProtocol("Ghost's listing does not say how many rows there are")


def _page_number(answer: Answer) -> int:
    return int(answer.json["meta"]["pagination"]["page"])
