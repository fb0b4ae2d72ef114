"""The twin's own side: who lives there, what persons do, and what the journal tells of it."""

from __future__ import annotations

import pytest

from syncd.testing.clock import TurnedClock
from syncd.testing.twin import JournalEntry, Setup
from syncd_connectors.bottlecrm.twin import BottleCrmTwin
from syncd_connectors.bottlecrm.twin_forms import FormError, clean_custom


def twin(records: int = 0, *, seed: int = 1, start: int = 0, dirty: float = 0.0) -> BottleCrmTwin:
    return BottleCrmTwin(Setup(clock=TurnedClock(), records=records, seed=seed, start=start, dirty=dirty))


def test_two_twins_know_the_persons_whose_numbers_they_share() -> None:
    here, there = twin(20).records("contacts").values(), twin(20, start=10).records("contacts").values()
    assert len({row["email"] for row in here} & {row["email"] for row in there}) == 10


def test_everybody_works_for_an_account_that_is_there() -> None:
    crm = twin(30)
    names = {id: row["name"] for id, row in crm.records("accounts").items()}
    people = crm.records("contacts").values()
    assert [row for row in people if names[row["account"]] != row["organization"]] == []


def test_sloppy_records_differ_from_tidy_ones_and_are_the_same_for_the_same_seed() -> None:
    tidy, sloppy, again = (twin(30, dirty=share).records("contacts") for share in (0.0, 0.5, 0.5))
    assert sloppy == again
    changed = [id for id in tidy if tidy[id]["email"] != sloppy[id]["email"]]
    assert 0 < len(changed) < 30


def test_a_merge_fills_what_is_blank_and_deletes_the_other_for_good() -> None:
    crm = twin()
    keep = crm.person_create("contacts", {"first_name": "Ada", "last_name": "Byron", "city": "London"})
    lose = crm.person_create(
        "contacts", {"first_name": "A.", "last_name": "Lovelace", "email": "ada@example.com", "city": "Paris"}
    )
    assert crm.person_merge("contacts", keep, lose) == keep
    (kept,) = crm.records("contacts").values()
    assert (kept["last_name"], kept["city"], kept["email"]) == ("Byron", "London", "ada@example.com")


def test_a_wish_to_be_left_alone_is_kept_as_do_not_call() -> None:
    crm = twin(1)
    (id,) = crm.records("contacts")
    crm.person_edit("contacts", id, {"do_not_call": False})
    crm.person_opt_out("contacts", id)
    assert crm.records("contacts")[id]["do_not_call"] is True


def test_a_converted_lead_makes_an_account_and_a_contact_once() -> None:
    crm = twin()
    for number in (1, 2):
        lead = {"first_name": "Ada", "email": f"ada.{number}@example.com", "company_name": "Engines"}
        crm.person_edit("leads", crm.person_create("leads", lead), {"status": "converted"})
    assert [row["name"] for row in crm.records("accounts").values()] == ["Engines"]
    assert len(crm.records("contacts")) == 2


def test_a_converted_lead_stays_converted() -> None:
    crm = twin()
    lead = crm.person_create("leads", {"first_name": "Ada", "status": "assigned"})
    crm.person_edit("leads", lead, {"status": "converted"})
    for status in ("assigned", "converted"):
        with pytest.raises(ValueError, match="converted lead cannot be changed"):
            crm.person_edit("leads", lead, {"status": status})


def test_the_form_refuses_a_person_as_it_refuses_the_api() -> None:
    crm = twin(1)
    (id,) = crm.records("contacts")
    with pytest.raises(ValueError, match="Enter a valid email address"):
        crm.person_edit("contacts", id, {"email": "nobody"})
    with pytest.raises(ValueError, match="This field is required"):
        crm.person_create("accounts", {})


def test_what_nobody_has_cannot_be_edited_or_deleted() -> None:
    crm = twin()
    with pytest.raises(KeyError):
        crm.person_edit("contacts", "nobody", {})
    with pytest.raises(KeyError):
        crm.person_delete("contacts", "nobody")


def test_the_journal_tells_who_wrote_what_and_what_is_gone() -> None:
    crm = twin()
    id = crm.person_create("accounts", {"name": "Engines"})
    crm.clock.sleep(5)
    crm.person_delete("accounts", id)
    now = crm.clock.now()
    assert crm.journal.entries == [
        JournalEntry(now - 5, "person", "accounts", id, "name", "Engines"),
        JournalEntry(now, "person", "accounts", id, "", None),
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"annual_revenue": "a lot"}, "A valid number is required"),
        ({"number_of_employees": "many"}, "A valid integer is required"),
    ],
)
def test_what_is_no_number_is_refused_by_the_form(fields: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        twin().person_create("accounts", {"name": "Engines", **fields})


def test_a_custom_field_refuses_what_is_no_number() -> None:
    shoe_size = {"field_type": "number"}
    assert clean_custom(shoe_size, "42") == 42.0
    with pytest.raises(FormError, match="must be a number"):
        clean_custom(shoe_size, "large")
