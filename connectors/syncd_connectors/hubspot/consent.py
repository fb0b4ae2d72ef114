"""Who may be mailed: an opt-out is read as a property and written through communication preferences.

HubSpot keeps consent by address, apart from the record, and its property `hs_email_optout` is read-only. So a write
that touches it becomes two: the properties first, then the consent of the address that the record has by then. Each
write still has one outcome:

- both went through, or consent alone was asked and went through: Stored.
- HubSpot refuses the consent (a person who unsubscribed by their own hand cannot be subscribed again by an app):
  Refused, naming the field. The other fields stand, and the reason says so.
- the consent was not sent, or may have been: Unknown where the other fields were stored, so that the engine looks;
  else as with any write.

A blank is never written: "not opted out" is no consent. Sources: specs communication-preferences v3 and v4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from syncd.core.record import Create, Delete, Outcome, Raw, Record, Ref, Refused, Stale, Stored, Unknown, Update, Write
from syncd.errors import BrokenProtocol, InDoubt, Rejected, Transient, Unauthorised, Unavailable
from syncd.sdk.http import Answer
from syncd.sdk.shapes import in_chunks
from syncd_connectors.hubspot.api import BATCH, Api
from syncd_connectors.hubspot.schema import CONSENT
from syncd_connectors.hubspot.wire import rows, trouble
from syncd_connectors.hubspot.writes import unsent

__all__ = ["Wish", "fulfil", "part"]

_STOPS: Final = (Transient, Unavailable, Unauthorised, BrokenProtocol)


@dataclass(frozen=True, slots=True)
class Wish:
    """A write that says whether a person may be mailed."""

    write: Create | Update
    opted_out: bool | None
    """True: may not be mailed any more. None: a blank, which asks for nothing."""
    alone: bool
    """The write asks for nothing else."""


def part(writes: Sequence[Write]) -> tuple[list[Write], list[Wish]]:
    """The writes of properties, and the wishes about consent that follow them."""
    plain: list[Write] = []
    wishes: list[Wish] = []
    for write in writes:
        given = {} if isinstance(write, Delete) else write.fields if isinstance(write, Create) else write.patch
        if isinstance(write, Delete) or CONSENT not in given:
            plain.append(write)
            continue
        rest = {name: raw for name, raw in given.items() if name != CONSENT}
        bare: Create | Update = replace(write, fields=rest) if isinstance(write, Create) else replace(write, patch=rest)
        wish = Wish(write, _wanted(given[CONSENT]), alone=isinstance(write, Update) and not rest)
        if not wish.alone:
            plain.append(bare)
        if wish.alone or wish.opted_out or (isinstance(write, Update) and wish.opted_out is False):
            wishes.append(wish)  # a new contact needs no opting in
    return plain, wishes


def fulfil(api: Api, wishes: Sequence[Wish], done: Mapping[str, Outcome], legal_basis: str) -> dict[str, Outcome]:
    """Write the consent of those whose other fields stand by now; key to outcome, for each of them.

    `done` holds the outcomes so far. Raises what a call raises only if nothing was sent before it.
    """
    ready = [wish for wish in wishes if wish.alone or isinstance(done.get(wish.write.key), Stored)]
    outcomes: dict[str, Outcome] = {}
    try:
        addresses = _addresses(api, [_ref(wish, done) for wish in ready])
    except _STOPS as stop:
        if not done:
            raise
        return _not_sent(ready, stop)
    for place, wish in enumerate(ready):
        try:
            outcomes[wish.write.key] = _one(api, wish, done, addresses, legal_basis)
        except InDoubt as doubt:
            outcomes[wish.write.key] = Unknown(wish.write.key, doubt.message)
        except Rejected as refused:
            outcomes[wish.write.key] = _refused(wish, refused.message, refused.code)
        except _STOPS as stop:
            if not done and not outcomes:
                raise
            return outcomes | _not_sent(ready[place:], stop)
    return outcomes


def _one(
    api: Api,
    wish: Wish,
    done: Mapping[str, Outcome],
    addresses: Mapping[str, str],
    legal_basis: str,
) -> Outcome:
    ref = _ref(wish, done)
    if wish.opted_out is None:
        return Stored(wish.write.key, ref)
    address = addresses.get(ref.id)
    if address is None:  # gone, or merged into another
        return Stale(wish.write.key) if wish.alone else Unknown(wish.write.key, "the contact is gone or was merged")
    if not address:
        return _refused(wish, "the contact has no address that could opt out or in", "NO_ADDRESS")
    answers = [api.unsubscribe_all(address)] if wish.opted_out else _subscribe(api, address, legal_basis)
    for answer in answers:
        if answer.status == 400:
            wrong = trouble(answer.json)
            return _refused(wish, wrong.message, wrong.code)
        if not wish.opted_out and _still_out(answer):
            return _refused(wish, "HubSpot took the opt-in, and the address stays opted out", "OPTED_OUT")
    return Stored(wish.write.key, ref, _shown(ref, wish, done))


def _still_out(answer: Answer) -> bool:
    """Whether the answer to an opt-in tells that nothing came of it (spec: v3, PublicSubscriptionStatus)."""
    return isinstance(answer.json, dict) and answer.json.get("status") == "NOT_SUBSCRIBED"


def _subscribe(api: Api, address: str, legal_basis: str) -> list[Answer]:
    """Opt in to every active type of subscription; stops at the first refusal."""
    answers: list[Answer] = []
    for kind in _kinds(api.subscriptions()):
        try:
            answers.append(api.subscribe(address, kind, legal_basis))
        except _STOPS as stop:
            if not answers:
                raise
            raise InDoubt(f"subscribed to some types, not to all: {stop.message}") from stop
        if answers[-1].status == 400:
            break
    return answers


def _kinds(answer: Answer) -> list[str]:
    match answer.json:
        case {"subscriptionDefinitions": list() as listed}:
            return [str(kind["id"]) for kind in listed if kind.get("isActive") and not kind.get("isInternal")]
    raise Unauthorised(
        "HubSpot does not show its subscription types", hint="give the app the scope communication_preferences.read"
    )


def _addresses(api: Api, refs: Sequence[Ref]) -> dict[str, str]:
    """The address that each contact has now."""
    found: dict[str, str] = {}
    for chunk in in_chunks([ref.id for ref in refs], BATCH):
        for row in rows(api.read("contacts", chunk, ("email",))):
            found[str(row["id"])] = str(row.get("properties", {}).get("email") or "")
    return found


def _ref(wish: Wish, done: Mapping[str, Outcome]) -> Ref:
    made = done.get(wish.write.key)
    if isinstance(made, Stored):
        return made.ref
    if isinstance(wish.write, Update):
        return wish.write.ref
    raise BrokenProtocol("a contact that was never made cannot opt out")


def _shown(ref: Ref, wish: Wish, done: Mapping[str, Outcome]) -> Record:
    """The record as the write left it: what HubSpot showed of its properties, and what it confirmed of the consent."""
    told: Mapping[str, Any] = {CONSENT: "true" if wish.opted_out else "false"}
    made = done.get(wish.write.key)
    if isinstance(made, Stored) and made.record is not None:
        return replace(made.record, fields={**made.record.fields, **told})
    return Record(ref, told)


def _refused(wish: Wish, reason: str, code: str) -> Refused:
    rest = "" if wish.alone else "; the other fields were stored"
    return Refused(wish.write.key, f"{reason}{rest}", CONSENT, code)


def _not_sent(
    wishes: Sequence[Wish], stop: Transient | Unavailable | Unauthorised | BrokenProtocol
) -> dict[str, Outcome]:
    alone = unsent((wish.write for wish in wishes if wish.alone), stop)
    reason = f"the fields were stored, the consent was not sent: {stop.message}"
    return alone | {wish.write.key: Unknown(wish.write.key, reason) for wish in wishes if not wish.alone}


def _wanted(raw: Raw) -> bool | None:
    """True: may not be mailed. None: nothing was said."""
    match raw:
        case True | "true":
            return True
        case False | "false":
            return False
    return None
