"""Writes to HubSpot: each has an outcome of its own, whatever becomes of its neighbours."""

from __future__ import annotations

import pytest

from syncd.core.record import Exists, Refused, Stale, Stored, Unknown, Unsent
from syncd.errors import Throttled, Unauthorised
from syncd_connectors.hubspot.writes import batches
from tests.connectors.hubspot.portal import Portal, create, delete, ref, update


def test_an_update_changes_only_the_fields_in_its_patch_and_shows_what_was_stored() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", firstname="Ada", city="Lyon")

    outcome = portal.write(update(id_, "w", city="Bergen", vip=True, score=7))["w"]

    assert isinstance(outcome, Stored)
    assert outcome.record is not None
    assert outcome.record.fields["city"] == "Bergen"
    assert outcome.record.fields["vip"] == "true"
    assert portal.stored(ref(id_)) == {
        "email": "ada@example.com",
        "firstname": "Ada",
        "city": "Bergen",
        "vip": "true",
        "score": "7",
    }


def test_the_outcome_shows_what_the_portal_made_of_a_value() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")

    outcome = portal.write(update(id_, "w", email="  Ada.L@EXAMPLE.com", last_seen_at="1767225600000"))["w"]

    assert isinstance(outcome, Stored)
    assert outcome.record is not None
    assert outcome.record.fields["email"] == "ada.l@example.com"
    assert outcome.record.fields["last_seen_at"] == "2026-01-01T00:00:00.000Z"


def test_a_blank_clears_a_field() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", city="Lyon", phone="1")

    outcome = portal.write(update(id_, "w", city="", phone=None))["w"]

    assert isinstance(outcome, Stored)
    assert outcome.record is not None
    assert (outcome.record.fields["city"], outcome.record.fields["phone"]) == ("", "")
    assert portal.stored(ref(id_)) == {"email": "ada@example.com"}


def test_a_new_contact_is_stored_under_the_id_the_portal_gives_it() -> None:
    portal = Portal()

    outcome = portal.write(create("w", email="ada@example.com", interests=["news", "offers"]))["w"]

    assert isinstance(outcome, Stored)
    assert portal.stored(outcome.ref) == {"email": "ada@example.com", "interests": "news;offers"}


def test_a_create_that_meets_the_same_address_names_the_record_that_is_there() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")

    outcomes = portal.write(create("w", email="ADA@example.com"), create("v", email="bob@example.com"))

    assert outcomes["w"] == Exists("w", ref(id_))
    assert isinstance(outcomes["v"], Stored)


def test_a_create_that_meets_a_custom_unique_value_names_the_record_too() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", customer_number="C-17")

    assert portal.write(create("w", email="bob@example.com", customer_number="C-17"))["w"] == Exists("w", ref(id_))


def test_an_update_to_an_address_that_somebody_else_has_is_refused() -> None:
    portal = Portal()
    portal.contact(email="ada@example.com")
    bob = portal.contact(email="bob@example.com")

    outcome = portal.write(update(bob, "w", email="ada@example.com"))["w"]

    assert isinstance(outcome, Refused)
    assert portal.stored(ref(bob))["email"] == "bob@example.com"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("email", "not an address", "INVALID_EMAIL"),
        ("lifecyclestage", "friend", "INVALID_OPTION"),
        ("interests", "news;knitting", "INVALID_OPTION"),
        ("member_since", "yesterday", "INVALID_DATE"),
        ("no_such_property", "x", "PROPERTY_DOESNT_EXIST"),
        ("createdate", "2026-01-01T00:00:00Z", "READ_ONLY_VALUE"),
    ],
)
def test_a_value_that_cannot_stand_is_refused_by_field_and_code_and_spoils_no_other_record(
    name: str, value: str, code: str
) -> None:
    portal = Portal(records=2)
    one, two = portal.ids()

    outcomes = portal.write(update(one, "bad", city="Bergen", **{name: value}), update(two, "good", city="Bergen"))

    refused = outcomes["bad"]
    assert isinstance(refused, Refused)
    assert (refused.field, refused.code) == (name, code)
    assert isinstance(outcomes["good"], Stored)
    assert portal.stored(ref(one)).get("city") != "Bergen"


def test_outcomes_are_matched_by_key_though_the_portal_answers_in_another_order() -> None:
    portal = Portal(records=100)

    outcomes = portal.write(*(update(id_, f"w{id_}", city=f"City {id_}") for id_ in portal.ids()))

    assert len(outcomes) == 100
    for id_ in portal.ids():
        stored = outcomes[f"w{id_}"]
        assert isinstance(stored, Stored)
        assert stored.ref == ref(id_)
        assert stored.record is not None
        assert stored.record.fields["city"] == f"City {id_}"


def test_an_update_of_a_record_that_is_gone_is_stale() -> None:
    portal = Portal(records=2)
    one, two = portal.ids()
    portal.twin.person_delete("contacts", one)

    outcomes = portal.write(update(one, "gone", city="Bergen"), update(two, "here", city="Bergen"))

    assert outcomes["gone"] == Stale("gone")
    assert isinstance(outcomes["here"], Stored)


def test_an_update_of_a_record_that_was_merged_away_must_be_looked_at() -> None:
    portal = Portal(records=2)
    keep, lose = portal.ids()
    portal.twin.person_merge("contacts", keep, lose)

    assert isinstance(portal.write(update(lose, "w", city="Bergen"))["w"], Unknown)


def test_a_delete_puts_the_record_in_the_bin() -> None:
    portal = Portal(records=2)
    one, two = portal.ids()

    outcomes = portal.write(delete(one, "w"), delete("99999", "v"))

    assert outcomes["w"] == Stored("w", ref(one))
    assert isinstance(outcomes["v"], Stored)  # gone is gone
    assert portal.ids() == [two]
    assert one in portal.twin.tables["contacts"].archived


def test_a_delete_of_a_record_that_was_merged_away_spares_its_survivor() -> None:
    portal = Portal(records=3)
    keep, lose, other = portal.ids()
    survivor = portal.twin.person_merge("contacts", keep, lose)

    outcomes = portal.write(delete(lose, "w"), delete(other, "v"))

    assert outcomes["w"] == Stale("w")
    assert isinstance(outcomes["v"], Stored)
    assert portal.ids() == [survivor]


def test_creates_updates_and_deletes_of_several_objects_may_come_mixed() -> None:
    portal = Portal(records=2)
    one, two = portal.ids()

    outcomes = portal.write(
        create("a", email="ada@example.com"),
        update(one, "b", city="Bergen"),
        create("c", "companies", name="Birch"),
        delete(two, "d"),
        create("e", "deals", dealname="Big one", amount=1200),
    )

    assert all(isinstance(outcome, Stored) for outcome in outcomes.values())
    assert list(outcomes) == ["a", "b", "c", "d", "e"]


def test_a_record_that_is_written_twice_is_never_twice_in_one_batch() -> None:
    portal = Portal(records=2)
    one, two = portal.ids()

    outcomes = portal.write(
        update(one, "a", city="Bergen"), update(two, "b", city="Bergen"), update(one, "c", city="Lyon")
    )

    assert all(isinstance(outcome, Stored) for outcome in outcomes.values())
    assert portal.stored(ref(one))["city"] == "Lyon"


def test_batches_hold_a_hundred_writes_of_one_kind_at_most() -> None:
    writes = [create(f"c{n}", email=f"{n}@example.com") for n in range(250)] + [delete("1", "d")]

    assert [len(batch) for batch in batches(writes)] == [100, 100, 50, 1]


def test_a_lost_answer_leaves_each_record_of_its_batch_in_doubt_and_the_other_batches_alone() -> None:
    portal = Portal(records=250)
    portal.crm.objects()
    writes = [update(id_, id_, city="Bergen") for id_ in portal.ids()]
    draws = iter([0.9, 0.1, 0.9])  # the second of the three calls is applied, and its answer lost
    portal.misbehave(after=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    outcomes = portal.crm.write(writes)

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Stored] * 100 + [Unknown] * 100 + [Stored] * 50
    assert all(portal.stored(ref(id_))["city"] == "Bergen" for id_ in portal.ids())


def test_after_two_doubts_in_a_row_nothing_more_is_sent() -> None:
    portal = Portal(records=350)
    portal.misbehave(error_after=1.0)

    outcomes = portal.crm.write([update(id_, id_, city="Bergen") for id_ in portal.ids()])

    assert [type(outcome) for outcome in outcomes] == [Unknown] * 200 + [Unsent] * 150


def test_a_throttled_call_is_raised_as_such_where_nothing_was_sent_before_it() -> None:
    portal = Portal(records=1)
    portal.misbehave(throttle=1.0)

    with pytest.raises(Throttled):
        portal.write(update(portal.ids()[0], "w", city="Bergen"))


def test_a_throttled_call_after_others_went_through_leaves_the_rest_unsent() -> None:
    portal = Portal(records=250)
    portal.crm.objects()
    draws = iter([0.9, 0.1])  # the second call is throttled, and there is no third
    portal.misbehave(throttle=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    outcomes = portal.crm.write([update(id_, id_, city="Bergen") for id_ in portal.ids()])

    assert [type(outcome) for outcome in outcomes] == [Stored] * 100 + [Unsent] * 150


def test_a_revoked_token_is_raised_where_nothing_was_sent_before_it() -> None:
    portal = Portal(records=1)
    portal.misbehave(revoked=True)

    with pytest.raises(Unauthorised):
        portal.write(update(portal.ids()[0], "w", city="Bergen"))


def test_a_call_that_was_cut_off_before_it_was_applied_is_in_doubt_all_the_same() -> None:
    portal = Portal(records=1)
    portal.misbehave(before=1.0)

    outcome = portal.write(update(portal.ids()[0], "w", city="Bergen"))["w"]

    assert isinstance(outcome, Unknown)
    assert portal.stored(ref(portal.ids()[0]))["city"] != "Bergen"


def test_rounds_keep_the_order_of_writes_to_one_record() -> None:
    writes = [update("1", f"w{n}", city=str(n)) for n in range(4)]

    assert [[write.key for write in batch] for batch in batches(writes)] == [["w0"], ["w1"], ["w2"], ["w3"]]
