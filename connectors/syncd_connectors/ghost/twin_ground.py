"""What every route of the simulated Ghost stands on: its site, whom it lets in, its side of people, its webhooks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import httpx

from syncd.testing.population import Person, person
from syncd.testing.twin import Author, Call, Hook, Setup, Twin, answer
from syncd_connectors.ghost.members import ID
from syncd_connectors.ghost.twin_filter import Row, UnreadableFilterError, parse
from syncd_connectors.ghost.twin_site import Change, Member, Refusal, Site, shown_time

__all__ = ["ADMIN", "ADMIN_KEY", "GhostGround", "as_listed", "said"]

ADMIN: Final = "/ghost/api/admin"
ADMIN_KEY: Final = f"{'6a' * 12}:{'c0de' * 16}"
"""The twin's doorbell, not a secret."""
_NEWSLETTERS: Final = (("Weekly", "weekly", True), ("Product news", "product-news", False))
_DAY: Final = 86_400
_KINDS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("BadRequestError", "Request not understood error"),
    404: ("NotFoundError", "Resource not found error"),
    422: ("ValidationError", "Validation error"),
}


class GhostGround(Twin):
    """One site. It has the quirks that the connector's `members` and `listing` tell of."""

    name: ClassVar[str] = "ghost"
    objects: ClassVar[tuple[str, ...]] = ("members",)
    credentials: ClassVar[Mapping[str, str]] = {"admin_key": ADMIN_KEY}
    also: ClassVar[Mapping[str, str]] = {"webhook_secret": "the-twin-signs-with-this"}

    def __init__(
        self,
        setup: Setup,
        *,
        admin_key: str = ADMIN_KEY,
        newsletters: Sequence[tuple[str, str, bool]] = _NEWSLETTERS,
    ) -> None:
        """`newsletters`: name, slug, and whether new members get it."""
        super().__init__(setup)
        self.admin_key = admin_key
        self.site = Site(f"{self.random.getrandbits(40):010x}", newsletters)
        self.webhooks: dict[str, dict[str, Any]] = {}
        for number in range(setup.start, setup.start + setup.records):
            kept = self._kept(person(setup.seed, number))
            self.noted("person", self.site.add(kept, self.uuid(), self.seconds() - _DAY, "import"))

    def seconds(self) -> int:
        """The time, in the only resolution that Ghost has."""
        return int(self.clock.now())

    # --- whom it lets in, and how it refuses -------------------------------------------------------------

    def refuses(self, call: Call) -> httpx.Response | None:
        """403 without a token, 401 for one that is not ours or not good any more (Ghost 6.65)."""
        if call.path == f"{ADMIN}/site/":
            return None
        given = call.headers.get("authorization", "")
        if not given.startswith("Ghost "):
            return self._error(403, "NoPermissionError", "Authorization failed")
        flaw = "Unknown Admin API Key" if self.faults.revoked else self._flaw(given.removeprefix("Ghost "))
        return None if flaw is None else self._error(401, "UnauthorizedError", flaw)

    def not_found(self, call: Call) -> httpx.Response:
        """Ghost's own words for a route that it does not have, which name no route."""
        return self._error(404, "NotFoundError", "Resource not found" if call.path else "")

    def answered(self, what: str, act: Callable[[], Any], *, status: int = 200) -> httpx.Response:
        """What `act` returns, or Ghost's refusal of it."""
        try:
            return answer(status, act())
        except Refusal as refusal:
            kind, words = _KINDS[refusal.status]
            return self._error(refusal.status, kind, f"{words}, cannot {what}.", refusal)

    def member(self, id: str, *, reading: bool = False) -> Member:
        """A member by id. Raises Refusal."""
        if not ID.fullmatch(id):
            raise Refusal("Validation (matches) failed for id undefined.id")
        if id not in self.site.members or (reading and self.faults.blind):
            raise Refusal("Member not found.", status=404)
        return self.site.members[id]

    def listing(
        self, call: Call, name: str, rows: Mapping[str, Row], order: str, shown: Callable[[str], Mapping[str, Any]]
    ) -> httpx.Response:
        """A page: filter, order, cut. Ghost gives fifteen rows unasked and never more than a hundred."""

        def act() -> Mapping[str, Any]:
            try:
                test = parse(call.query.get("filter", ""))
            except UnreadableFilterError:
                raise Refusal("Error parsing filter", status=400) from None
            found = [(which, row) for which, row in rows.items() if test(row)]
            for key in reversed(order.split(",")):
                column, _, direction = key.strip().partition(" ")
                found.sort(key=_by(column), reverse=direction == "desc")
            limit, page = min(int(call.query.get("limit", "15")), 100), int(call.query.get("page", "1"))
            pages = max(1, -(-len(found) // limit))
            pagination = {
                "page": page,
                "limit": limit,
                "pages": pages,
                "total": len(found),
                "next": page + 1 if page < pages else None,
                "prev": page - 1 if page > 1 else None,
            }
            cut = found[(page - 1) * limit : page * limit]
            return {name: [shown(which) for which, _ in cut], "meta": {"pagination": pagination}}

        return self.answered(f"list {name}", act)

    # --- the people's side -------------------------------------------------------------------------------

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """All members, by the connector's field names."""
        _expect(object)
        return {member.id: self._fields(member) for member in self.site.members.values()}

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """A person changes fields in Ghost's admin. Raises KeyError for an unknown member."""
        _expect(object)
        self.noted("person", self.site.edit(self.site.members[id], self._wire(fields), self.seconds(), "admin"))

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """A person makes a member in Ghost's admin; its id."""
        _expect(object)
        change = self.site.add(self._wire(fields), self.uuid(), self.seconds(), "admin")
        self.noted("person", change)
        return change.member.id

    def person_delete(self, object: str, id: str) -> None:
        """A person deletes a member. Raises KeyError for an unknown one."""
        _expect(object)
        self.remove("person", self.site.members[id])

    def person_opt_out(self, object: str, id: str) -> None:
        """The member unsubscribes from everything, by the link in a mail. Raises KeyError for an unknown one."""
        _expect(object)
        self.noted("person", self.site.edit(self.site.members[id], {"newsletters": []}, self.seconds(), "member"))

    def _kept(self, someone: Person) -> dict[str, Any]:
        """A person as this site keeps them; some sloppily, as the setup says."""
        name, email = f"{someone.first} {someone.last}", someone.email
        if self.random.random() < self.setup.dirty:
            name, email = self.random.choice([(f" {name.upper()}  ", email.title()), ("", email.upper()), ("", email)])
        return {"email": email, "name": name, "subscribed": not someone.opted_out}

    def _wire(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The connector's field names to Ghost's own."""
        by_slug = {newsletter.slug: newsletter.id for newsletter in self.site.newsletters.values()}
        wire = {name: "" if value is None else value for name, value in fields.items()}
        if "newsletters" in wire:
            wire["newsletters"] = [{"id": by_slug[slug]} for slug in wire["newsletters"]]
        return wire

    def _fields(self, member: Member) -> dict[str, Any]:
        slugs = sorted(self.site.newsletters[which].slug for which in self.site.subscribed_to(member))
        return {
            "email": member.email,
            "name": member.name,
            "note": member.note,
            "labels": sorted(self.site.labels[which].name for which in member.labels),
            "newsletters": slugs,
            "subscribed": bool(slugs),
            "email_suppression.suppressed": member.suppressed,
        }

    # --- what a change sets off --------------------------------------------------------------------------

    def noted(self, author: Author, change: Change) -> None:
        """Write a change down, and tell those who asked to be told. Where nothing changed, Ghost says nothing."""
        if not change.made and not change.before:
            return
        member, fields = change.member, self._fields(change.member)
        changed = {*change.before, "subscribed"} if "newsletters" in change.before else set(change.before)
        values = {name: value for name, value in fields.items() if change.made or name in changed}
        self.journal.note(self.clock.now(), author, "members", member.id, values)
        event = "member.added" if change.made else "member.edited"
        self._tell(event, as_listed(self.shown(member)), change.before)

    def remove(self, author: Author, member: Member) -> None:
        """Delete a member, and say so."""
        previous = as_listed(self.shown(member))
        self.site.delete(member)
        self.journal.note(self.clock.now(), author, "members", member.id, {"": None})
        self._tell("member.deleted", {}, previous)

    def shown(self, member: Member) -> dict[str, Any]:
        """A member as a read shows it."""
        newsletters = self.site.shown_newsletters(member)
        return {
            "id": member.id,
            "uuid": member.uuid,
            "email": member.email,
            "name": member.name,
            "note": member.note,
            "geolocation": None,
            "subscribed": bool(newsletters),
            "created_at": shown_time(member.created),
            "updated_at": shown_time(member.updated),
            "labels": self.site.shown_labels(member),
            "subscriptions": [],
            "comped": False,
            "email_count": 0,
            "email_opened_count": 0,
            "email_open_rate": None,
            "status": "free",
            "last_seen_at": None,
            "attribution": {"id": None, "type": None, "url": None, "title": None},
            "tiers": [],
            "email_suppression": {"suppressed": member.suppressed, "info": None},
            "newsletters": newsletters,
        }

    def _tell(self, event: str, current: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
        sent = str(int(self.clock.now() * 1000))
        body = json.dumps({"member": {"current": current, "previous": previous}}).encode()
        for hook in self.webhooks.values():
            if hook["event"] != event:
                continue
            headers = {"Content-Type": "application/json"}
            if hook["secret"]:
                digest = hmac.new(hook["secret"].encode(), body + sent.encode(), hashlib.sha256).hexdigest()
                headers["X-Ghost-Signature"] = f"sha256={digest}, t={sent}"
            self.owe(Hook(hook["target_url"], headers, body))

    def _flaw(self, given: str) -> str | None:
        """What is wrong with a token."""
        key_id, _, secret = self.admin_key.partition(":")
        try:
            header, claims, signature = given.split(".")
            head, life = _decoded(header), _decoded(claims)
        except (ValueError, binascii.Error):
            return "Invalid token"
        right = hmac.new(bytes.fromhex(secret), f"{header}.{claims}".encode(), hashlib.sha256).digest()
        if head.get("kid") != key_id:
            return "Unknown Admin API Key"
        if base64.urlsafe_b64encode(right).rstrip(b"=").decode() != signature:
            return "Invalid token: invalid signature"
        if life.get("aud") != "/admin/":
            return r"Invalid token: jwt audience invalid. expected: /\/?admin\/?$/"
        return "Invalid token: jwt expired" if life.get("exp", 0) <= self.clock.now() else None

    def _error(self, status: int, kind: str, message: str, refusal: Refusal | None = None) -> httpx.Response:
        error = {
            "message": message,
            "context": refusal.context if refusal else None,
            "type": kind,
            "details": [{"instancePath": refusal.path, "message": refusal.detail}]
            if refusal and refusal.path
            else None,
            "property": refusal.property if refusal else None,
            "help": None,
            "code": None,
            "id": self.uuid(),
            "ghostErrorCode": None,
        }
        return answer(status, {"errors": [error]})


def said(call: Call, name: str) -> Mapping[str, Any]:
    """The one object of a request's body. Raises Refusal for a body without it, or with an empty one."""
    try:
        body = call.json()
    except ValueError:
        body = None
    match body:
        case dict() if body.get(name) and body[name][0]:
            found: Mapping[str, Any] = body[name][0]
            return found
    raise Refusal(f"No root key ('{name}') provided.", status=400)


def as_listed(shown: Mapping[str, Any]) -> dict[str, Any]:
    """A member as listings and webhooks show it: without what only a read looks up."""
    return {name: value for name, value in shown.items() if name not in ("attribution", "tiers")}


def _by(column: str) -> Callable[[tuple[str, Row]], Any]:
    return lambda entry: entry[1].get(column)


def _expect(object: str) -> None:
    if object != "members":
        raise KeyError(object)


def _decoded(part: str) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found if isinstance(found, dict) else {}
