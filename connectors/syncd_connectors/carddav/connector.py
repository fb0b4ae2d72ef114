"""One address book as a connector: its cards, both ways.

A listing names cards and their ETags, and no more: whose ETag is known needs no reading. Bodies are read by
`addressbook-multiget`, many at a time. A write changes some lines of the card that was read, and goes through only if
the card is still that one.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from syncd.core.record import (
    Create,
    Cursor,
    Delete,
    Exists,
    Gone,
    Merged,
    Outcome,
    Record,
    Ref,
    Refused,
    Stale,
    Stored,
    Update,
    Version,
    Write,
)
from syncd.errors import BrokenProtocol, ConnectorError, InDoubt, Rejected, Unauthorised
from syncd.sdk.auth import Basic
from syncd.sdk.contract import Capabilities, Connector, Deletes, Object, Page, Tools
from syncd.sdk.each import each
from syncd.sdk.http import Answer
from syncd.sdk.shapes import in_chunks
from syncd.sdk.sturdy import sturdy
from syncd_connectors.carddav import book as books
from syncd_connectors.carddav import card as cards
from syncd_connectors.carddav import dav, fields, listing
from syncd_connectors.carddav.book import Book
from syncd_connectors.carddav.seen import Seen
from syncd_connectors.carddav.settings import CardDavSettings

__all__ = ["READ_BATCH", "CardDav", "capabilities"]

READ_BATCH: Final = 100
_OURS: Final = uuid.UUID("6d5f0e7c-54c1-4c7f-9a53-0c1b6f0f6a11")
"""What the UIDs of new cards are derived from, together with the key of the write: the same write, the same card."""
_UNSAYABLE: Final = re.compile(r"[/\x00-\x1f\x7f]")
_REFUSALS: Final = (403, 409, 415)
_ABSENT: Final = (404, 410)
_UNMET: Final = 412
_TRIES: Final = 3


def capabilities(book: Book) -> Capabilities:
    """What can be done with cards in this book."""
    return Capabilities(
        incremental=book.syncs,
        deletes=Deletes.TOLD if book.syncs else Deletes.ABSENT,
        conditional=True,
        idempotent_create=True,
        read_batch=READ_BATCH,
        page_size=listing.PAGE,
    )


@sturdy
class CardDav:
    """One address book."""

    def __init__(self, settings: CardDavSettings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        address = urlsplit(settings.base_url)
        origin = f"{address.scheme}://{address.netloc}"
        self._http = tools.http.at(origin, auth=Basic(settings.username, settings.password))
        self._found: Book | None = None
        self._seen = Seen()

    def objects(self) -> Sequence[Object]:
        """The contacts of the book."""
        return (Object(fields.OBJECT, fields.FIELDS, capabilities(self._looked_up()), "Contacts"),)

    def check(self) -> None:
        """Raise if there is no such address book, or it may not be read."""
        books.propfind(self._http, self._looked_up().path, 0, f"{dav.DAV}resourcetype")

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """Who may have changed, each with the ETag of the card; with None, everybody. Tombstones are told."""
        self._expect(object)
        book = self._book()
        for part in listing.parts(self._http, book, since):
            rows: list[Record | Gone] = []
            for id, etag in part.rows:
                ref = Ref(self._tools.app, object, id)
                rows.append(Gone(ref, told=True) if etag is None else Record(ref, {}, Version(etag)))
            yield Page(tuple(rows), part.cursor, facts=False, complete=part.complete)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """Cards by id, a hundred a call; one that the answer leaves out is asked for by itself."""
        found: dict[Ref, Record | Gone | Merged] = {}
        asked = list(dict.fromkeys(refs))
        for batch in in_chunks([ref for ref in asked if _sayable(ref)], READ_BATCH):
            found |= self._multiget(batch)
        for ref in asked:
            if ref not in found:
                found[ref] = self._one(ref) if _sayable(ref) else Gone(ref)
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One call each, with the ETag that the card must still have."""
        return each(writes, self._apply)

    def close(self) -> None:
        """Nothing of its own: the connections belong to the client."""

    # --- reading -----------------------------------------------------------------------------------------------

    def _multiget(self, refs: Sequence[Ref]) -> dict[Ref, Record | Gone | Merged]:
        book = self._book()
        answer = listing.report(self._http, book, dav.multiget([book.href(ref.id) for ref in refs]), depth=0)
        told = {one.path: one for one in answer.responses}
        found: dict[Ref, Record | Gone | Merged] = {}
        for ref in refs:
            one = told.get(f"{book.path}{ref.id}")
            if one is not None and one.status in _ABSENT:
                found[ref] = Gone(ref)
            elif one is not None and one.status < 400:
                text, etag = one.props.get(f"{dav.CARDDAV}address-data"), one.text(f"{dav.DAV}getetag")
                if text is not None and etag:
                    found[ref] = self._record(ref, "".join(text.itertext()), etag)
        return found

    def _one(self, ref: Ref) -> Record | Gone:
        answer = self._get(ref)
        if answer.status in _ABSENT:
            return Gone(ref)
        return self._record(ref, answer.text, _etag(answer))

    def _fetched(self, ref: Ref) -> tuple[str, str] | None:
        """The ETag and the text of a card as it is now; None where there is none."""
        found = self._one(ref)
        return self._seen.last(ref.id) if isinstance(found, Record) else None

    def _get(self, ref: Ref) -> Answer:
        # Not compressed: nginx and Apache change the ETag of what they compress, and the card's own is wanted.
        headers = {"Accept": "text/vcard", "Accept-Encoding": "identity"}
        return self._http.call("GET", self._book().href(ref.id), text=True, headers=headers, expect=_ABSENT)

    def _record(self, ref: Ref, text: str, etag: str) -> Record:
        card = cards.parsed(text)
        self._seen.keep(ref.id, etag, text)
        return Record(ref, fields.shown(card), Version(etag))

    # --- writing -----------------------------------------------------------------------------------------------

    def _apply(self, write: Write) -> Outcome:
        match write:
            case Create():
                return self._create(write)
            case Update(ref=ref, key=key):
                return self._update(write) if _sayable(ref) else Stale(key)
            case Delete(ref=ref, key=key):
                return self._delete(write) if _sayable(ref) else Stale(key)

    def _create(self, write: Create) -> Outcome:
        self._expect(write.object)
        given = write.fields.get("uid")
        uid = str(given) if given else str(uuid.uuid5(_OURS, write.key))
        id = f"{uuid.uuid5(_OURS, f'uid {uid}') if given else uid}.vcf"
        ref = Ref(self._tools.app, write.object, id)
        card = fields.new(write.fields, uid, self._settings.vcard)
        answer = self._put(ref, card.text(), {"If-None-Match": "*"})
        if answer.status == _UNMET:
            return Exists(write.key, ref)
        if answer.status in _ABSENT:
            raise Rejected("the address book is not there", hint="check base_url", code=str(answer.status))
        if answer.status in _REFUSALS:
            reason, href = self._refusal(answer)
            if reason == "no-uid-conflict":
                there = dav.path(href).removeprefix(self._book().path) if href else ""
                return Exists(write.key, Ref(ref.app, ref.object, there) if there and "/" not in there else None)
            return Refused(write.key, f"the server takes no such card: {reason}", code=reason)
        return Stored(write.key, ref, self._stored(ref, card, answer))

    def _update(self, write: Update) -> Outcome:
        ref, wanted = write.ref, write.expect.token if write.expect else ""
        for _ in range(_TRIES):
            known = self._seen.last(ref.id) or self._fetched(ref)
            if known and wanted and known[0] != wanted:
                known = self._fetched(ref)
            if known is None or (wanted and known[0] != wanted):
                return Stale(write.key)
            etag, text = known
            card = fields.changed(cards.parsed(text), write.patch)
            answer = self._put(ref, card.text(), {"If-Match": etag})
            if answer.status in _ABSENT:
                return Stale(write.key)
            if answer.status in _REFUSALS:
                reason, _ = self._refusal(answer)
                return Refused(write.key, f"the server takes no such card: {reason}", code=reason)
            if answer.status != _UNMET:
                return Stored(write.key, ref, self._stored(ref, card, answer))
            if wanted:
                return Stale(write.key)
        return Stale(write.key)

    def _delete(self, write: Delete) -> Outcome:
        headers = {"If-Match": write.expect.token} if write.expect else {}
        where = self._book().href(write.ref.id)
        answer = self._http.call("DELETE", where, text=True, headers=headers, expect=(*_ABSENT, _UNMET))
        return Stale(write.key) if answer.status >= 400 else Stored(write.key, write.ref)

    def _put(self, ref: Ref, text: str, headers: Mapping[str, str]) -> Answer:
        answer = self._http.call(
            "PUT",
            self._book().href(ref.id),
            content=text,
            text=True,
            headers={"Content-Type": "text/vcard; charset=utf-8", **headers},
            expect=(*_ABSENT, _UNMET, *_REFUSALS),
        )
        self._seen.forget(ref.id)
        return answer

    def _stored(self, ref: Ref, card: cards.Card, answer: Answer) -> Record:
        """The card that a write made: as it was sent if the server vouches for that by an ETag, else read again.

        A server that keeps something else than it was given names no ETag (RFC 6352, section 6.3.2.3).
        """
        try:
            if answer.headers.get("etag"):
                return Record(ref, fields.shown(card), Version(_etag(answer)))
            found = self._one(ref)
        except ConnectorError as lost:
            raise InDoubt(f"the card may have been written, and cannot be read again: {lost.message}") from lost
        if isinstance(found, Gone):
            raise InDoubt("the card was written, and is not there")
        return found

    def _refusal(self, answer: Answer) -> tuple[str, str | None]:
        """The precondition that the server names. Raises Unauthorised where it refuses without one."""
        reason, href = dav.condition(answer)
        if answer.status == 403 and reason in ("", "need-privileges"):
            raise Unauthorised(
                f"{self._tools.app}: the server forbids to write to the address book",
                hint="check that the user may write to it",
            )
        return reason or f"status {answer.status}", href

    # --- where -------------------------------------------------------------------------------------------------

    def _book(self) -> Book:
        return self._found or self._looked_up()

    def _looked_up(self) -> Book:
        self._found = books.find(self._http, self._settings.base_url, self._settings.book)
        return self._found

    def _expect(self, object: str) -> None:
        if object != fields.OBJECT:
            raise Rejected(f"an address book has contacts, no {object}", code="unknown_object")


def _sayable(ref: Ref) -> bool:
    """Whether an id can be that of a card: a name in the book, not a way out of it."""
    return bool(ref.id) and ref.id not in (".", "..") and not _UNSAYABLE.search(ref.id)


def _etag(answer: Answer) -> str:
    etag = answer.headers.get("etag", "")
    if not etag or not 200 <= answer.status < 300:
        raise BrokenProtocol("the server shows a card without an ETag", hint="check that it is a CardDAV server")
    return etag


_conforms: type[Connector] = CardDav
