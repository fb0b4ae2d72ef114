"""The example of the documentation, from TOML to lenses that read and write."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.fieldmap import Blank, Deletion, Policy, Seed, Sync
from syncd.core.lens import Misfit
from syncd.core.record import ABSENT
from syncd.mapping import describe
from tests.mapping.ground import people

EXAMPLE = """
[syncs.people.fields.first_name]
type = "text"
crm  = "firstname"
news = "merge_fields.FNAME"
conflict = "newest"

[syncs.people.fields.stage]
type = "choice"
crm  = "lifecyclestage"
news = { field = "merge_fields.STAGE", values = { customer = "Customer", lead = "Lead" } }

[syncs.people.fields.opted_out]
type = "consent"
crm  = "hs_email_optout"
news = { field = "status", values = { true = "unsubscribed", false = "subscribed" } }

[syncs.people.filters]
news = 'stage == "customer" && email != ""'
"""


@pytest.fixture
def sync(tmp_path: Path) -> Sync:
    return people(tmp_path, EXAMPLE)


def test_the_sync_says_what_the_file_says(sync: Sync) -> None:
    assert (sync.name, sync.entity, dict(sync.apps)) == ("people", "person", {"crm": "contacts", "news": "members"})
    assert sync.match == (("email",),)
    assert (sync.seed, sync.seed_order, sync.deletes) == (Seed.PREFER, ("crm", "news"), Deletion.HOLD)
    assert sync.creates == {"crm", "news"}
    assert list(sync.rules) == ["email", "first_name", "stage", "opted_out"]
    assert sync.rules["first_name"].policy is Policy.NEWEST
    assert sync.rules["email"].blank is Blank.HOLD
    assert (sync.rules["opted_out"].consent, sync.rules["opted_out"].address) == (True, "email")


def test_values_go_from_one_app_to_the_other(sync: Sync) -> None:
    stage = sync.rules["stage"].lenses
    assert stage["crm"].get({"lifecyclestage": "customer"}, {}) == "customer"
    assert stage["news"].put("customer", {"merge_fields.STAGE": ""}) == {"merge_fields.STAGE": "Customer"}
    assert stage["news"].get({"merge_fields.STAGE": "Lead"}, {}) == "lead"
    assert sync.rules["email"].lenses["news"].get({"email_address": " Ada@Example.com"}, {}) == "ada@example.com"


def test_consent_is_true_where_the_person_opted_out(sync: Sync) -> None:
    opted_out = sync.rules["opted_out"].lenses
    assert opted_out["crm"].get({"hs_email_optout": "true"}, {}) is True
    assert opted_out["news"].put(value=True, raws={}) == {"status": "unsubscribed"}
    assert isinstance(opted_out["news"].get({"status": "cleaned"}, {}), Misfit)


def test_what_an_app_did_not_show_is_absent(sync: Sync) -> None:
    assert sync.rules["first_name"].lenses["crm"].get({"email": "x"}, {}) is ABSENT


def test_the_filter_lets_customers_with_an_address_through(sync: Sync) -> None:
    passes = sync.filters["news"]
    assert passes({"stage": "customer", "email": "ada@example.com"})
    assert not passes({"stage": "lead", "email": "ada@example.com"})
    assert not passes({"stage": "customer", "email": None})


def test_the_table_for_people_shows_directions(sync: Sync) -> None:
    row = describe(sync)[1]
    assert (row.field, row.type, row.conflict, row.blank) == ("first_name", "text", "newest", "propagate")
    assert dict(row.apps) == {"crm": "↔ firstname", "news": "↔ merge_fields.FNAME"}
