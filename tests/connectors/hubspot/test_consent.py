"""Who may be mailed: read as a property of the contact, written for its address."""

from __future__ import annotations

import httpx
import pytest

from syncd.core.record import Create, Raw, Record, Refused, Stale, Stored, Unknown, Unsent
from syncd.errors import Unauthorised
from syncd.testing.twin import Call
from tests.connectors.hubspot.portal import APP, Portal, ref, update

OPTOUT = "hs_email_optout"


def shown(portal: Portal, id: str) -> Raw:
    found = portal.crm.read([ref(id)])[ref(id)]
    assert isinstance(found, Record)
    return found.fields[OPTOUT]


def contact_with(**fields: Raw) -> Create:
    return Create(APP, "contacts", fields, "w")


def test_an_unsubscribe_in_the_portal_is_seen_in_the_record() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    portal.twin.person_opt_out("contacts", id_)

    assert shown(portal, id_) == "true"


def test_one_who_never_spoke_has_neither_opted_out_nor_in() -> None:
    portal = Portal()

    assert shown(portal, portal.contact(email="ada@example.com")) == ""


@pytest.mark.parametrize("raw", [True, "true"])
def test_an_opt_out_is_written_for_the_address_of_the_contact(raw: Raw) -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")

    outcome = portal.write(update(id_, "w", **{OPTOUT: raw}))["w"]

    assert isinstance(outcome, Stored)
    assert outcome.record is not None
    assert outcome.record.fields == {OPTOUT: "true"}
    assert shown(portal, id_) == "true"
    assert portal.twin.opted_out == {"ada@example.com": {"all"}}


def test_an_opt_out_may_come_with_other_fields_and_is_for_the_address_they_leave() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")

    outcome = portal.write(update(id_, "w", email="lovelace@example.com", city="Bergen", **{OPTOUT: True}))["w"]

    assert isinstance(outcome, Stored)
    assert outcome.record is not None
    assert outcome.record.fields["city"] == "Bergen"
    assert outcome.record.fields[OPTOUT] == "true"
    assert portal.twin.opted_out == {"lovelace@example.com": {"all"}}


def test_a_contact_may_be_made_opted_out() -> None:
    portal = Portal()

    outcome = portal.write(contact_with(email="ada@example.com", **{OPTOUT: True}))["w"]

    assert isinstance(outcome, Stored)
    assert shown(portal, outcome.ref.id) == "true"


def test_a_contact_made_with_an_address_that_opted_out_long_ago_is_opted_out() -> None:
    portal = Portal()
    portal.twin.opt_out("ada@example.com", ("all",), "person")

    outcome = portal.write(contact_with(email="ada@example.com", **{OPTOUT: False}))["w"]

    assert isinstance(outcome, Stored)
    assert shown(portal, outcome.ref.id) == "true"


def test_a_blank_says_nothing_and_writes_nothing() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    portal.twin.person_opt_out("contacts", id_)

    outcome = portal.write(update(id_, "w", **{OPTOUT: ""}))["w"]

    assert isinstance(outcome, Stored)
    assert shown(portal, id_) == "true"


def test_an_opt_out_by_an_app_may_be_taken_back() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    portal.write(update(id_, "out", **{OPTOUT: True}))

    outcome = portal.write(update(id_, "in", **{OPTOUT: False}))["in"]

    assert isinstance(outcome, Stored)
    assert shown(portal, id_) == "false"


def test_an_opt_out_by_the_person_cannot_be_taken_back_and_the_refusal_names_the_field() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    portal.twin.person_opt_out("contacts", id_)

    outcome = portal.write(update(id_, "w", city="Bergen", **{OPTOUT: False}))["w"]

    assert isinstance(outcome, Refused)
    assert outcome.field == OPTOUT
    assert "the other fields were stored" in outcome.reason
    assert portal.stored(ref(id_))["city"] == "Bergen"
    assert shown(portal, id_) == "true"


def test_an_opt_in_that_leaves_the_address_opted_out_is_no_opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    portal.write(update(id_, "out", **{OPTOUT: True}))
    monkeypatch.setattr(portal.twin, "opt_in", lambda *_: None)

    outcome = portal.write(update(id_, "in", **{OPTOUT: False}))["in"]

    assert isinstance(outcome, Refused)
    assert (outcome.field, outcome.code) == (OPTOUT, "OPTED_OUT")


def test_a_contact_without_an_address_cannot_opt_out() -> None:
    portal = Portal()
    id_ = portal.contact(firstname="Ada")

    outcome = portal.write(update(id_, "w", **{OPTOUT: True}))["w"]

    assert isinstance(outcome, Refused)
    assert outcome.field == OPTOUT


def test_an_opt_out_of_a_contact_that_was_merged_away_must_be_read_again() -> None:
    portal = Portal(records=2)
    keep, lose = portal.ids()
    portal.twin.person_merge("contacts", keep, lose)

    assert portal.write(update(lose, "w", **{OPTOUT: True}))["w"] == Stale("w")


def test_an_opt_in_that_stops_half_way_is_a_doubt() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    portal.write(update(id_, "out", **{OPTOUT: True}))
    draws = iter([0.9, 0.9, 0.9, 0.1])  # address, types and the first opt-in go well, the second is throttled
    portal.misbehave(throttle=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    assert isinstance(portal.write(update(id_, "in", **{OPTOUT: False}))["in"], Unknown)


def test_an_opt_out_that_the_account_does_not_take_is_refused_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal()
    ada, bob = (portal.contact(email=f"{name}@example.com") for name in ("ada", "bob"))

    def unknown(call: Call) -> httpx.Response | None:
        return httpx.Response(404, json={"message": "no such subscriber"}) if "ada" in call.path else None

    monkeypatch.setattr(portal.twin, "refuses", unknown)
    outcomes = portal.write(*(update(id_, id_, city="Bergen", **{OPTOUT: True}) for id_ in (ada, bob)))

    refused = outcomes[ada]
    assert isinstance(refused, Refused)
    assert refused.field == OPTOUT
    assert isinstance(outcomes[bob], Stored)
    assert portal.twin.opted_out == {"bob@example.com": {"all"}}


def test_fields_that_were_refused_take_no_consent_with_them() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")

    outcome = portal.write(update(id_, "w", lifecyclestage="friend", **{OPTOUT: True}))["w"]

    assert isinstance(outcome, Refused)
    assert outcome.field == "lifecyclestage"
    assert portal.twin.opted_out == {}


def test_a_lost_answer_to_an_opt_out_is_a_doubt() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    draws = iter([0.9, 0.1])  # the address is read, then the answer to the unsubscribe is lost
    portal.misbehave(after=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    assert isinstance(portal.write(update(id_, "w", **{OPTOUT: True}))["w"], Unknown)
    assert portal.twin.opted_out == {"ada@example.com": {"all"}}


def test_fields_stored_and_consent_not_sent_must_be_looked_at() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    draws = iter([0.9, 0.9, 0.1])  # the fields are stored, the address is read, the unsubscribe is throttled
    portal.misbehave(throttle=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    outcome = portal.write(update(id_, "w", city="Bergen", **{OPTOUT: True}))["w"]

    assert isinstance(outcome, Unknown)
    assert portal.stored(ref(id_))["city"] == "Bergen"
    assert portal.twin.opted_out == {}


def test_an_opt_out_that_was_not_sent_after_others_were_stays_unsent() -> None:
    portal = Portal()
    ids = [portal.contact(email=f"{name}@example.com") for name in ("ada", "bob")]
    draws = iter([0.9, 0.9, 0.1])  # the addresses are read, the first opts out, the second is throttled
    portal.misbehave(throttle=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    outcomes = portal.write(*(update(id_, id_, **{OPTOUT: True}) for id_ in ids))

    assert [type(outcomes[id_]) for id_ in ids] == [Stored, Unsent]


def test_a_revoked_token_is_raised_where_only_consent_was_asked() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    portal.misbehave(revoked=True)

    with pytest.raises(Unauthorised):
        portal.write(update(id_, "w", **{OPTOUT: True}))
