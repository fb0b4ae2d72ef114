"""What every route of the simulated portal stands on: its state, its rules, and its side of people."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal

import httpx

from syncd.testing.twin import Author, Call, Setup, Twin, answer
from syncd_connectors.hubspot.twin.hooks import signed_hook
from syncd_connectors.hubspot.twin.merging import Ties, merged_ids, merged_values, move_ties
from syncd_connectors.hubspot.twin.properties import Invalid, Property, born_with, instant, stored
from syncd_connectors.hubspot.twin.records import Row, Standing, Table, normal
from syncd_connectors.hubspot.twin.refusals import PORTAL, Refusal, invalid

__all__ = ["HubSpotGround", "flag"]

_LONGEST_ADDRESS: Final = 8192
_TYPES: Final = {
    **dict.fromkeys(("contacts", "contact", "0-1"), "contacts"),
    **dict.fromkeys(("companies", "company", "0-2"), "companies"),
    **dict.fromkeys(("deals", "deal", "0-3"), "deals"),
}
_SINGULAR: Final = {"contacts": "contact", "companies": "company", "deals": "deal"}
_MODIFIED: Final = {"contacts": "lastmodifieddate"}
_SOURCE: Final[Mapping[Author, str]] = {"person": "CRM_UI", "api": "INTEGRATION", "app": "AUTOMATION"}
_NEEDS: Final = {"contacts": ("email", "firstname", "lastname"), "companies": ("name", "domain")}


class HubSpotGround(Twin):
    """The state of a simulated portal, and what people, the API and the portal itself do to it.

    `search_lag` is in seconds. `search_cap` is the number of results that one search query may page through.
    `merge_id` says whether the survivor of a merge gets a new id, as most portals do, or keeps the primary's.
    """

    name: ClassVar[str] = "hubspot"
    objects: ClassVar[tuple[str, ...]] = ("contacts", "companies", "deals")
    credentials: ClassVar[Mapping[str, str]] = {"token": "pat-twin"}
    also: ClassVar[Mapping[str, str]] = {"app_secret": "twin-app-secret"}
    wilful: ClassVar[frozenset[str]] = frozenset({"lifecyclestage"})  # it only moves forward

    def __init__(
        self,
        setup: Setup,
        *,
        token: str = "pat-twin",  # noqa: S107  # the twin's doorbell, not a secret
        app_secret: str = "twin-app-secret",  # noqa: S107
        hook_url: str = "",
        search_lag: float = 0.0,
        search_cap: int = 10_000,
        calls_per_ten_seconds: int = 190,
        searches_per_second: int = 5,
        merge_id: Literal["new", "primary"] = "new",
    ) -> None:
        super().__init__(setup)
        self.token = token
        self.app_secret = app_secret
        self.hook_url = hook_url
        self.search_lag = search_lag
        self.search_cap = search_cap
        self.calls_per_ten_seconds = calls_per_ten_seconds
        self.searches_per_second = searches_per_second
        self.merge_id = merge_id
        self.properties = {kind: {p.name: p for p in known} for kind, known in born_with().items()}
        self.tables = {kind: self._table(kind) for kind in self.objects}
        self.opted_out: dict[str, set[str]] = {}
        """Address to the ids of the subscriptions it opted out of; "all" among them."""
        self.own_word: set[str] = set()
        """Addresses whose opt-out came from the person: no app may take it back."""
        self.ties: Ties = {}
        self._next_id = 1000
        self._events: list[dict[str, Any]] = []
        self._recent: deque[float] = deque()
        self._searches: deque[float] = deque()

    # --- time, identity, refusals ------------------------------------------------------------------------

    def now(self) -> int:
        """Epoch milliseconds by the twin's clock."""
        return int(self.clock.now() * 1000)

    def kind(self, named: str) -> str | None:
        """The object type by its name or type id."""
        return _TYPES.get(named)

    def modified_property(self, kind: str) -> str:
        """The property that holds the time of the last change."""
        return _MODIFIED.get(kind, "hs_lastmodifieddate")

    def refuse(self, status: int, category: str, message: str) -> httpx.Response:
        """An error answer."""
        return Refusal(status, category, message).response(self.uuid())

    def no_such_type(self, kind: str) -> httpx.Response:
        """The refusal of an object type that the portal does not have."""
        return self.refuse(400, "VALIDATION_ERROR", f"Unable to infer object type from: {kind}")

    def refuses(self, call: Call) -> httpx.Response | None:
        """401 without the right token; 429 beyond the budget (HubSpot docs, usage-guidelines)."""
        if self.faults.revoked or call.headers.get("authorization") != f"Bearer {self.token}":
            return self.refuse(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if len(call.url) > _LONGEST_ADDRESS:
            return self.refuse(414, "URI_TOO_LONG", "The request address is too long.")
        if not self.setup.limits:
            return None
        now = self.clock.now()
        if call.path.endswith("/search"):
            if _full(self._searches, now, 1.0, self.searches_per_second):
                return self.throttled(call)
        elif _full(self._recent, now, 10.0, self.calls_per_ten_seconds):
            return self.throttled(call)
        return None

    def throttled(self, call: Call) -> httpx.Response:
        """The 429 of HubSpot; it promises no Retry-After."""
        search = call.path.endswith("/search")
        policy = "SECONDLY" if search else "TEN_SECONDLY_ROLLING"
        return answer(
            429,
            {
                "status": "error",
                "message": f"You have reached your {policy.lower()} limit.",
                "errorType": "RATE_LIMIT",
                "correlationId": self.uuid(),
                "policyName": policy,
                "category": "RATE_LIMITS",
            },
        )

    def not_found(self, call: Call) -> httpx.Response:
        """The 404 for a path that HubSpot does not have."""
        return self.refuse(404, "OBJECT_NOT_FOUND", f"resource not found: {call.path}")

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer, tell what is left of the budget, and owe the webhooks of what was done."""
        response = super().handle(request)
        if request.url.path.startswith("/_people"):
            self.flush()
        elif not request.url.path.endswith("/search"):
            left = max(0, self.calls_per_ten_seconds - len(self._recent))
            response.headers["X-HubSpot-RateLimit-Max"] = str(self.calls_per_ten_seconds)
            response.headers["X-HubSpot-RateLimit-Remaining"] = str(left)
            response.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000"
        return response

    def told(
        self, results: Sequence[Mapping[str, Any]], errors: Sequence[Mapping[str, Any]], status: int
    ) -> httpx.Response:
        """The answer to a batch: `status` if all went well, 207 where there are errors."""
        at = instant(self.now())
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
        return answer(207, body | {"numErrors": len(errors), "errors": errors}) if errors else answer(status, body)

    # --- writing -----------------------------------------------------------------------------------------

    def create(self, kind: str, given: Mapping[str, Any], author: Author) -> Row | Refusal:
        """Make a record."""
        values = self.vetted(kind, given, None)
        if isinstance(values, Refusal):
            return values
        at = self.now()
        filled = {name: value for name, value in values.items() if value}
        return self._stand(kind, Row(self._new_id(), {}, at, at), filled, author, "creation")

    def update(self, kind: str, row: Row, given: Mapping[str, Any], author: Author) -> Row | Refusal:
        """Change properties of a record. What already stands so is no change and leaves its time alone."""
        values = self.vetted(kind, given, row)
        if isinstance(values, Refusal):
            return values
        if author == "api" and _moves_back(self.properties[kind], row.values, values):
            del values["lifecyclestage"]  # a person may, an app may not, and is not told
        changes = {name: value for name, value in values.items() if value != row.values.get(name, "")}
        return self._stand(kind, row, changes, author, "propertyChange") if changes else row

    def vetted(self, kind: str, given: Mapping[str, Any], row: Row | None) -> dict[str, str] | Refusal:
        """The values that would come to stand in a row, or in a new one; nothing is written."""
        values = self._checked(kind, given, row.values if row else {})
        if isinstance(values, Refusal):
            return values
        needs = _NEEDS.get(kind, ())
        if row is None and needs and not any(values.get(name) for name in needs):
            message = f"Error creating {_SINGULAR[kind].upper()}. At least one of these must be set: {needs}"
            return Refusal(400, "VALIDATION_ERROR", message)
        taken = self._taken(kind, values, row.id if row else "")
        if taken is not None:
            return taken
        return values | (self.consent_values(values["email"]) if kind == "contacts" and "email" in values else {})

    def archive(self, kind: str, row: Row, author: Author) -> None:
        """Put a record in the bin, from where a person may fetch it back for 90 days."""
        at = self.now()
        table = self.tables[kind]
        table.drop(row, at)
        table.archived[row.id] = replace(row, archived=at, modified=at)
        self.journal.note(at / 1000, author, kind, row.id, {"": None})
        self.happened(kind, row.id, "deletion", author)

    def purge(self, kind: str, row: Row, author: Author) -> None:
        """Forget a record for good."""
        self.archive(kind, row, author)
        del self.tables[kind].archived[row.id]

    def merge(self, kind: str, primary: Row, loser: Row, author: Author) -> Row:
        """Merge two records: the primary's values win, blanks are filled, the other address becomes an additional one.

        Source: HubSpot docs, changelog updated-merge-functionality; knowledge base, merge-records.
        """
        at, table = self.now(), self.tables[kind]
        keeps_id = self.merge_id == "primary"
        merged = merged_ids(primary, loser, keeps_id=keeps_id)
        values = merged_values(kind, primary, loser, merged, at)
        table.drop(loser, at)
        table.drop(primary, at)
        for gone in (loser.id, *([] if keeps_id else [primary.id])):
            self.journal.note(at / 1000, author, kind, gone, {"": None})
        survivor = Row(
            primary.id if keeps_id else self._new_id(),
            {},
            min(primary.created, loser.created),
            at,
            merged=merged,
            past={name: (Standing(value, at, "MERGE"), *primary.history(name)) for name, value in values.items()},
        )
        survivor = self._stand(kind, survivor, values, author, "")
        table.survivor |= {id_: survivor.id for id_ in (primary.id, loser.id) if id_ != survivor.id}
        move_ties(self.ties, kind, (primary.id, loser.id), survivor.id)
        self.happened(
            kind,
            primary.id,
            "merge",
            author,
            primaryObjectId=int(primary.id),
            mergedObjectIds=[int(loser.id)],
            newObjectId=int(survivor.id),
            numberOfPropertiesMoved=len(set(loser.values) - set(primary.values)),
        )
        return survivor

    def consent_values(self, address: str) -> dict[str, str]:
        """What the read-only opt-out properties say about an address; "" where it never spoke."""
        out = self.opted_out.get(normal("email", address))
        if out is None:
            return {}
        return {
            "hs_email_optout": "true" if "all" in out else "false",
            **{f"hs_email_optout_{id_}": str(bool({id_, "all"} & out)).lower() for id_ in ("101", "102")},
        }

    def opt_out(self, address: str, subscriptions: Iterable[str], author: Author) -> None:
        """An address opts out of subscriptions, or of "all"."""
        folded = normal("email", address)
        self.opted_out.setdefault(folded, set()).update(subscriptions)
        if author == "person":
            self.own_word.add(folded)
        self._show_consent(folded, author)

    def opt_in(self, address: str, subscription: str, author: Author) -> None:
        """An address takes an opt-out back."""
        folded = normal("email", address)
        self.opted_out.setdefault(folded, set()).difference_update({subscription, "all"})
        self._show_consent(folded, author)

    def tie(self, kind: str, id: str, to: str, to_id: str, types: Iterable[int]) -> None:
        """Associate two records, in one direction."""
        ends = self.ties.setdefault((kind, to), {}).setdefault(id, {})
        ends.setdefault(to_id, set()).update(types)

    def flush(self) -> None:
        """Owe the webhooks of all that happened since the last time, at most 100 events in each."""
        events, self._events = self._events, []
        if not self.hook_url:
            return
        for start in range(0, len(events), 100):
            self.owe(signed_hook(self.hook_url, events[start : start + 100], self.app_secret, self.now()))

    # --- inside ------------------------------------------------------------------------------------------

    def _table(self, kind: str) -> Table:
        unique = [p.name for p in self.properties[kind].values() if p.unique]
        own = ["email"] if kind == "contacts" else []
        return Table([*own, *unique], lambda: int(self.search_lag * 1000))

    def _new_id(self) -> str:
        self._next_id += 1
        return str(self._next_id)

    def _checked(self, kind: str, given: Mapping[str, Any], standing: Mapping[str, str]) -> dict[str, str] | Refusal:
        values: dict[str, str] = {}
        wrong: list[Invalid] = []
        for name, value in given.items():
            known = self.properties[kind].get(name)
            if known is None:
                wrong.append(Invalid(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            elif known.read_only:
                message = f'"{name}" is a read only property; its value cannot be set.'
                wrong.append(Invalid(name, "READ_ONLY_VALUE", message))
            else:
                kept = stored(known, value, standing.get(name, ""))
                if isinstance(kept, Invalid):
                    wrong.append(kept)
                else:
                    values[name] = kept
        return invalid(wrong) if wrong else values

    def _taken(self, kind: str, values: Mapping[str, str], id: str) -> Refusal | None:
        table = self.tables[kind]
        for name in table.owners:
            value = values.get(name, "")
            other = table.by(name, value) if value else None
            if other is None or other.id == id:
                continue
            if name == "email":
                message = f"Contact already exists. Existing ID: {other.id}"
                return Refusal(409, "CONFLICT", message, {"existingId": [other.id]})
            message = f"Cannot set {name}={value}. {other.id} already has that value."
            return invalid([Invalid(name, "CONFLICTING_UNIQUE_VALUE", message)])
        return None

    def _stand(self, kind: str, row: Row, changes: Mapping[str, str], author: Author, event: str) -> Row:
        at = self.now()
        changed = row.changed(changes, at, _SOURCE[author])
        self.tables[kind].put(changed)
        self.journal.note(at / 1000, author, kind, row.id, changes)
        if event == "creation":
            self.happened(kind, row.id, "creation", author)
        if event:
            for name, value in changes.items():
                self.happened(kind, row.id, "propertyChange", author, propertyName=name, propertyValue=value)
        return changed

    def _show_consent(self, address: str, author: Author) -> None:
        row = self.tables["contacts"].by("email", address)
        if row is None:
            return
        shown = self.consent_values(row.values.get("email", ""))
        changes = {name: value for name, value in shown.items() if value != row.values.get(name)}
        if changes:
            self._stand("contacts", row, changes, author, "propertyChange")

    def happened(self, kind: str, id: str, what: str, author: Author, **more: Any) -> None:
        """Remember an event for the next webhook, where somebody listens."""
        if not self.hook_url:
            return
        self._events.append(
            {
                "eventId": self.random.getrandbits(31),
                "subscriptionId": 1,
                "portalId": PORTAL,
                "appId": 54321,
                "occurredAt": self.now(),
                "subscriptionType": f"{_SINGULAR[kind]}.{what}",
                "attemptNumber": 0,
                "objectId": int(id),
                "changeSource": _SOURCE[author],
                **more,
            }
        )

    def born(self, kind: str, values: Mapping[str, str], at: int) -> str:
        """Let a record stand that was made by a person before the story begins; its id."""
        row = Row(self._new_id(), {name: value for name, value in values.items() if value}, at, at)
        self.tables[kind].put(row)
        self.journal.note(at / 1000, "person", kind, row.id, row.values)
        return row.id


def _moves_back(known: Mapping[str, Property], standing: Mapping[str, str], values: Mapping[str, str]) -> bool:
    """Whether the lifecycle stage would move against its order (HubSpot docs, contacts, "update contacts")."""
    before, after = standing.get("lifecyclestage", ""), values.get("lifecyclestage", "")
    if not before or not after:
        return False
    order = [value for value, _ in known["lifecyclestage"].options]
    return order.index(after) < order.index(before)


def flag(call: Call, name: str) -> bool:
    """A yes or no in the address. HubSpot's own Python client writes True with a capital letter."""
    return call.query.get(name, "").lower() == "true"


def _full(times: deque[float], now: float, window: float, most: int) -> bool:
    while times and times[0] <= now - window:
        times.popleft()
    if len(times) >= most:
        return True
    times.append(now)
    return False
