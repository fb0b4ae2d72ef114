"""A simulated Mailchimp account with one audience, on the routes of the Marketing API 3.0.

Real in the twin: identity (hash of the address, contact id, address in the path), statuses and the compliance state,
archive and permanent deletion, merge fields with their types and the 255-byte cut, batch subscribe with its errors in
a 200, asynchronous batches, webhooks with signatures, ten connections at once, problem documents.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import httpx

from syncd.testing.population import Person, person
from syncd.testing.twin import Author, Call, Hook, Setup, Twin, answer
from syncd_connectors.mailchimp.twin.audience import INTERESTS, Audience, Source
from syncd_connectors.mailchimp.twin.rules import Trouble
from syncd_connectors.mailchimp.twin.store import Member

__all__ = ["API_KEY", "LIST_ID", "Account"]

API_KEY: Final = "twin-us1"
LIST_ID: Final = "57afe96172"
CATEGORY_ID: Final = "c0ffee1234"
CONNECTIONS: Final = 10
"""Simultaneous connections of one user (Mailchimp docs, rate-limits)."""
_SEED_SPAN: Final = 30 * 86_400
_AUTHORS: Final[Mapping[Source, Author]] = {"user": "person", "admin": "person", "api": "api"}


class Account(Twin):
    """The account: who is let in, who lives there, what people do, and which webhooks are owed."""

    name: ClassVar[str] = "mailchimp"
    objects: ClassVar[tuple[str, ...]] = ("members",)
    credentials: ClassVar[Mapping[str, str]] = {"api_key": "twin-us1"}
    also: ClassVar[Mapping[str, str]] = {"audience": "Customers", "webhook_secret": "nobody-guesses-this-path"}

    def __init__(self, setup: Setup, *, double_optin: bool = False) -> None:
        super().__init__(setup)
        self.webhooks: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, str] = {}
        self._under_way = 0
        self._counting = threading.Lock()
        self._seeding = True
        self.audience = Audience(
            LIST_ID, "Customers", now=self._now, chance=self.random, note=self._note, fire=self._fire
        )
        self.audience.double_optin = double_optin
        self._seed_at = setup.clock.now()
        for number in range(setup.start, setup.start + setup.records):
            self._seed_at = setup.clock.now() - _SEED_SPAN * (1 - (number - setup.start) / setup.records)
            self._settle_in(person(setup.seed, number))
        self._seeding = False

    # --- the door ----------------------------------------------------------------------------------------------

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; refuse it when ten are under way already."""
        if not self.setup.limits or request.url.path.startswith("/_people"):
            return super().handle(request)
        with self._counting:
            crowded = self._under_way >= CONNECTIONS
            self._under_way += not crowded
        if crowded:
            return problem("TooManyRequests", "You have exceeded the limit of 10 simultaneous connections.", 429)
        try:
            return super().handle(request)
        finally:
            with self._counting:
                self._under_way -= 1

    def refuses(self, call: Call) -> httpx.Response | None:
        """Basic with any user, or Bearer (Mailchimp docs, authentication)."""
        if call.path.startswith("/_results/"):
            return None
        kind, _, given = call.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            given = b64decode(given).decode().partition(":")[2]
        if not given:
            return problem("API Key Missing", "Your request did not include an API key.", 401)
        if given != API_KEY or self.faults.revoked:
            return problem("API Key Invalid", "Your API key may be invalid, or you've attempted the wrong DC.", 401)
        return None

    def throttled(self, call: Call) -> httpx.Response:
        """Without Retry-After: Mailchimp sends none."""
        return problem("TooManyRequests", f"You have exceeded your limit: {call.path}", 429)

    def not_found(self, call: Call) -> httpx.Response:
        """The problem document of a path or record that is not there."""
        return problem("Resource Not Found", "The requested resource could not be found.", 404, instance=call.path)

    def date(self) -> dict[str, str]:
        """The Date header: the app's own idea of now."""
        return {"Date": format_datetime(datetime.fromtimestamp(int(self.clock.now()), UTC), usegmt=True)}

    # --- the people's side -------------------------------------------------------------------------------------

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Everybody who is not archived."""
        self._known(object)
        return {member.contact_id: member.flat() for member in self.audience.members if not member.archived}

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """Somebody with access to the account edits a contact; the screens take what the API refuses."""
        with self.lock:
            self.audience.change(self._member(object, id), nested(fields), "admin")

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """Somebody adds a contact by hand."""
        self._known(object)
        body = nested(fields)
        with self.lock:
            return self.audience.create(body, "admin", body.get("status", "subscribed")).contact_id

    def person_delete(self, object: str, id: str) -> None:
        """Somebody archives a contact: what the screens call removing."""
        with self.lock:
            self.audience.archive(self._member(object, id), "admin")

    def person_opt_out(self, object: str, id: str) -> None:
        """The person uses the unsubscribe link."""
        with self.lock:
            self.audience.opt_out(self._member(object, id))

    def person_merge(self, object: str, keep: str, lose: str) -> str:
        """Mailchimp has no merge: always a KeyError."""
        raise KeyError(f"{object}: {keep} and {lose} cannot be merged, Mailchimp has no merge")

    def person_forget(self, object: str, id: str) -> None:
        """Somebody deletes a contact for good."""
        with self.lock:
            self.audience.forget(self._member(object, id), "admin")

    def person_bounce(self, object: str, id: str) -> None:
        """The address bounces: the contact is cleaned."""
        with self.lock:
            self.audience.bounce(self._member(object, id))

    # --- what happens inside -----------------------------------------------------------------------------------

    def attempt(self, act: Callable[[], httpx.Response]) -> httpx.Response:
        """Run a handler's body; a Trouble becomes its problem document."""
        try:
            return act()
        except Trouble as trouble:
            fields = [{"field": field, "message": message} for field, message in trouble.fields]
            return problem(trouble.title, trouble.detail, trouble.status, errors=fields)
        except json.JSONDecodeError:
            return problem("JSON Parse Exception", "We encountered an unspecified JSON parsing error.", 400)

    def _known(self, object: str) -> None:
        if object != "members":
            raise KeyError(object)

    def _member(self, object: str, id: str) -> Member:
        self._known(object)
        member = self.audience.members.by_contact[id]
        if member.archived:
            raise KeyError(id)
        return member

    def _now(self) -> float:
        return self._seed_at if self._seeding else self.clock.now()

    def _note(self, source: Source, member: Member, changes: Mapping[str, Any]) -> None:
        author = "app" if self._seeding else _AUTHORS[source]
        self.journal.note(self._now(), author, "members", member.contact_id, changes)

    def _fire(self, source: Source, event: str, member: Member, more: Mapping[str, str]) -> None:
        for number, hook in self.webhooks.items():
            if hook["events"].get(event) and hook["sources"].get(source):
                self.owe(self._hook(number, hook["url"], event, member, more))

    def _hook(self, number: str, url: str, event: str, member: Member, more: Mapping[str, str]) -> Hook:
        row = member.wire(LIST_ID)
        data = {"list_id": LIST_ID, **more}
        if event == "upemail":
            data["new_id"] = row["id"]
        else:
            data |= {"id": row["id"], "email": member.email, "email_type": member.email_type}
            data |= {f"merges][{tag}": str(value) for tag, value in member.merges.items()}
        fired = datetime.fromtimestamp(int(self.clock.now()), UTC).strftime("%Y-%m-%d %H:%M:%S")
        form = {"type": event, "fired_at": fired} | {f"data[{name}]": value for name, value in data.items()}
        body = urlencode(form).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "user-agent": "MailChimp"}
        secret = self.secrets.get(number)
        if secret is not None:
            headers["x-mailchimp-signature"] = signature(secret, int(self.clock.now()), body)
        return Hook(url, headers, body)

    def _settle_in(self, somebody: Person) -> None:
        sloppy = random.Random(f"{self.name}:{self.setup.seed}:dirty:{somebody.number}")
        if sloppy.random() < self.setup.dirty:
            somebody = _untidy(somebody, sloppy)
        member = self.audience.create(_body_of(somebody), "admin", "subscribed")
        if somebody.opted_out:
            self.audience.opt_out(member)


def problem(title: str, detail: str, status: int, *, instance: str = "", errors: Any = None) -> httpx.Response:
    """An error as Mailchimp words it: application/problem+json (RFC 7807)."""
    body = {
        "type": "https://mailchimp.com/developer/marketing/docs/errors/",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance or hashlib.sha256(f"{title}{detail}".encode()).hexdigest()[:32],
    }
    if errors:
        body["errors"] = errors
    headers = {"content-type": "application/problem+json; charset=utf-8"}
    return answer(status, json.dumps(body), headers)


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names to the nesting of the API."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        group, dot, key = name.partition(".")
        if dot:
            body.setdefault(group, {})[key] = value
        else:
            body[name] = value
    return body


def signature(secret: str, at: int, body: bytes) -> str:
    """The value of X-Mailchimp-Signature (Mailchimp docs, webhooks)."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _body_of(somebody: Person) -> dict[str, Any]:
    interests = dict(zip(INTERESTS, (somebody.number % 2 == 0, somebody.number % 3 == 0), strict=True))
    address = {
        "addr1": f"{1 + somebody.number % 90} Example Street",
        "city": somebody.city,
        "state": somebody.region,
        "zip": somebody.postcode,
        "country": somebody.country,
    }
    merges = {
        "FNAME": somebody.first,
        "LNAME": somebody.last,
        "ADDRESS": address if somebody.city else "",
        "PHONE": somebody.phone,
        "BIRTHDAY": somebody.birthday.replace("-", "/"),
        "COMPANY": somebody.company,
        "STAGE": somebody.stage.capitalize(),
        "SCORE": somebody.number % 100,
    }
    tags = [name for name, every in (("Newsletter", 2), ("Partner", 5)) if somebody.number % every == 0]
    return {"email_address": somebody.email, "merge_fields": merges, "interests": interests, "tags": tags}


def _untidy(somebody: Person, sloppy: random.Random) -> Person:
    """The same person, entered in a hurry."""
    match sloppy.randrange(5):
        case 0:
            return replace(somebody, email=somebody.email.title())
        case 1:
            return replace(somebody, first=f" {somebody.first} ", last=somebody.last.upper())
        case 2:
            digits = somebody.phone.removeprefix("+1")
            return replace(somebody, phone=f"({digits[:3]}) {digits[3:6]}-{digits[6:]}")
        case 3:
            return replace(somebody, phone="", company=f"{somebody.company}  ")
    return replace(somebody, first=somebody.first.lower(), city="", company="")
