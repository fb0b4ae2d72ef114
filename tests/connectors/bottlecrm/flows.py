"""What holds of BottleCRM, whoever plays it: run on the twin by default, and on the real server under `live`.

That both pass keeps the twin honest. The real server's records outlive a test, so no test counts on an empty CRM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from syncd.core.record import (
    Create,
    Delete,
    Exists,
    Gone,
    Outcome,
    Raws,
    Record,
    Ref,
    Refused,
    Stale,
    Stored,
    Update,
    Write,
)
from syncd.errors import Unauthorised, Unavailable
from syncd.sdk.contract import FieldType, Object, Option, Page
from syncd_connectors.bottlecrm.connector import BottleCrm

__all__ = ["Crm", "Flows", "new"]

APP = "crm"
MODELS = {"contacts": "Contact", "accounts": "Account", "leads": "Lead"}


def new(stem: str = "x") -> str:
    """A word that was never used before."""
    return f"{stem}{uuid4().hex[:12]}"


def fresh(object: str) -> dict[str, Any]:
    """The least that a new record needs, and what makes it unlike all others."""
    address = f"{new()}@example.com"
    return {
        "contacts": {"first_name": "Ada", "last_name": "Lovelace", "email": address},
        "accounts": {"name": new("Works ")},
        "leads": {"first_name": "Ada", "email": address},
    }[object]


@dataclass(frozen=True, slots=True)
class Crm:
    """The app from both sides: `connector` is ours, `people` is a person's own client on the same routes."""

    connector: BottleCrm
    people: httpx.Client

    def asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the app answers to a person, which must be a success."""
        response = self.people.request(method, f"/api/{path}/", json=body)
        assert response.is_success, response.text
        return response.json()

    def added(self, object: str, **fields: Any) -> Ref:
        """A record that a person makes."""
        made = self.asked("POST", object, {**fresh(object), **fields})
        return Ref(APP, object, made["id"])

    def edited(self, ref: Ref, **fields: Any) -> None:
        """A person changes a record."""
        self.asked("PATCH", f"{ref.object}/{ref.id}", fields)

    def deleted(self, ref: Ref) -> None:
        """A person deletes a record."""
        self.asked("DELETE", f"{ref.object}/{ref.id}")

    def defined(self, object: str, kind: str, options: Sequence[Mapping[str, str]] | None = None) -> str:
        """The connector's name of a custom field that an administrator adds."""
        key = new("cf_")
        body = {"target_model": MODELS[object], "key": key, "label": "Plan", "field_type": kind, "options": options}
        self.asked("POST", "custom-fields", body)
        return f"custom_fields.{key}"

    def seen(self, ref: Ref) -> Record:
        """The record as the connector reads it; it must be there."""
        found = self.connector.read([ref])[ref]
        assert isinstance(found, Record)
        return found

    def outcome(self, write: Write) -> Outcome:
        """What becomes of one write."""
        (outcome,) = self.connector.write([write])
        assert outcome.key == write.key
        return outcome

    def stored(self, write: Write) -> Record:
        """The record after a write that must succeed."""
        outcome = self.outcome(write)
        assert isinstance(outcome, Stored), outcome
        return self.seen(outcome.ref)

    def created(self, object: str, **fields: Any) -> Record:
        """A record that the connector makes."""
        return self.stored(Create(APP, object, {**fresh(object), **fields}, new()))

    def updated(self, ref: Ref, patch: Raws) -> Record:
        """A record that the connector changes."""
        return self.stored(Update(ref, patch, new()))

    def listed(self, object: str) -> Mapping[str, Record]:
        """A whole listing by id, which must be complete."""
        pages = list(self.connector.changes(object, None))
        assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
        return living(pages)

    def object(self, name: str) -> Object:
        """An object as discovered now."""
        return next(found for found in self.connector.objects() if found.name == name)


def living(pages: Sequence[Page]) -> Mapping[str, Record]:
    """The records on some pages, by id."""
    return {row.ref.id: row for page in pages for row in page.rows if isinstance(row, Record)}


every_object = pytest.mark.parametrize("object", ["contacts", "accounts", "leads"])


class Flows:
    """The specification. A subclass has the fixtures `crm` and `stranger`."""

    # --- the account ---------------------------------------------------------------------------------------------

    def test_the_account_tells_its_own_options(self, crm: Crm) -> None:
        tag = crm.asked("POST", "tags", {"name": new("tag ")})["tag"]
        fields = crm.object("contacts").fields
        assert Option(tag["id"], tag["name"]) in fields["tags"].options
        assert "DE" in {option.value for option in fields["country"].options}
        assert "referral" in {option.value for option in fields["source"].options}
        assert "BANKING" in {option.value for option in crm.object("accounts").fields["industry"].options}
        assert len(fields["assigned_to"].options) == 1

    @every_object
    def test_a_custom_field_is_discovered_with_its_options(self, crm: Crm, object: str) -> None:
        name = crm.defined(object, "dropdown", [{"value": "a", "label": "Annual"}])
        field = crm.object(object).fields[name]
        assert (field.type, field.options) == (FieldType.CHOICE, (Option("a", "Annual"),))

    def test_a_token_that_the_app_does_not_know_is_told(self, stranger: BottleCrm) -> None:
        with pytest.raises(Unauthorised):
            stranger.check()

    def test_a_good_token_is_content(self, crm: Crm) -> None:
        crm.connector.check()

    def test_leads_that_are_switched_off_are_away_and_not_deleted(self, crm: Crm) -> None:
        lead = crm.added("leads")
        crm.asked("PUT", "org/modules", {"off": ["leads"], "order": []})
        try:
            assert [found.name for found in crm.connector.objects()] == ["contacts", "accounts"]
            with pytest.raises(Unavailable):
                crm.connector.read([lead])
            with pytest.raises(Unavailable):
                list(crm.connector.changes("leads", None))
            with pytest.raises(Unavailable):
                crm.connector.write([Update(lead, {"first_name": "Eve"}, new())])
        finally:
            crm.asked("PUT", "org/modules", {"off": [], "order": []})
        assert crm.seen(lead)

    # --- what is read --------------------------------------------------------------------------------------------

    @every_object
    def test_a_row_of_a_listing_equals_a_read(self, crm: Crm, object: str) -> None:
        name = crm.defined(object, "number")
        crm.connector.objects()
        ref = crm.added(object, custom_fields={name.removeprefix("custom_fields."): 3}, country="DE")
        row = crm.listed(object)[ref.id]
        assert row == crm.seen(ref)
        assert (row.fields[name], row.fields["country"]) == (3, "DE")

    @every_object
    def test_a_custom_field_without_a_value_is_blank_and_not_absent(self, crm: Crm, object: str) -> None:
        name = crm.defined(object, "text")
        crm.connector.objects()
        assert crm.seen(crm.added(object)).fields[name] is None

    @pytest.mark.parametrize("object", ["contacts", "leads"])
    def test_a_persons_edit_makes_a_later_version(self, crm: Crm, object: str) -> None:
        ref = crm.added(object)
        before = crm.seen(ref)
        crm.edited(ref, city="Oslo")
        after = crm.seen(ref)
        assert after.fields["city"] == "Oslo"
        assert before.version.at is not None
        assert after.version.at is not None
        assert after.version.at > before.version.at
        assert after.created == before.created

    @every_object
    def test_a_deleted_record_is_gone(self, crm: Crm, object: str) -> None:
        ref = crm.added(object)
        crm.deleted(ref)
        assert crm.connector.read([ref]) == {ref: Gone(ref)}
        assert ref.id not in crm.listed(object)

    def test_closed_leads_and_inactive_accounts_are_listed(self, crm: Crm) -> None:
        lead, account = crm.added("leads", status="closed"), crm.added("accounts", is_active=False)
        assert crm.listed("leads")[lead.id].fields["status"] == "closed"
        assert crm.listed("accounts")[account.id].fields["is_active"] is False

    def test_a_converted_lead_leaves_the_list_and_lives_on(self, crm: Crm) -> None:
        lead = crm.added("leads")
        address = crm.seen(lead).fields["email"]
        crm.edited(lead, status="converted")
        assert lead.id not in crm.listed("leads")
        assert crm.seen(lead).fields["status"] == "converted"
        # The address stays taken, and no search shows by whom.
        again = crm.outcome(Create(APP, "leads", {"email": address}, "again"))
        assert again == Exists("again", None)
        assert len(crm.connector.find("contacts", "email", [address])[address]) == 1

    @every_object
    def test_nobody_is_stepped_over_while_others_go_and_come(self, crm: Crm, object: str) -> None:
        for _ in range(205 - len(crm.listed(object))):
            crm.added(object)
        listing = crm.connector.changes(object, None)
        first = next(listing)
        everyone = set(crm.listed(object))
        gone = [row.ref for row in first.rows][:11]  # more than two pages have in common
        for ref in gone:
            crm.deleted(ref)
        newcomer = crm.added(object)
        pages = [first, *listing]
        assert everyone - set(living(pages)) == set()
        assert pages[-1].complete
        assert newcomer.id in crm.listed(object)

    # --- what is found -------------------------------------------------------------------------------------------

    def test_an_address_is_found_whole_and_in_any_case(self, crm: Crm) -> None:
        local = new()
        ref = crm.added("contacts", email=f"{local}+news@example.com")
        crm.added("contacts", email=f"an.{local}+news@example.com")
        asked = [f"{local}+NEWS@Example.com", local, f"{local[:-1]}_+news@example.com", "%", ""]
        found = crm.connector.find("contacts", "email", asked)
        assert [list(found[value]) for value in asked] == [[ref], [], [], [], []]

    @pytest.mark.parametrize("value", ["a' OR '1'='1", "\\", "*", "_", "ü@example.com", "(a)", "a,b", "[null]"])
    def test_a_cunning_value_finds_nobody(self, crm: Crm, value: str) -> None:
        crm.added("contacts")
        assert list(crm.connector.find("contacts", "email", [value])[value]) == []

    @every_object
    def test_a_unique_value_finds_its_record(self, crm: Crm, object: str) -> None:
        (field,) = crm.connector.findable(object)
        ref = crm.added(object)
        value = crm.seen(ref).fields[field]
        assert list(crm.connector.find(object, field, [value])[value]) == [ref]

    # --- what is written -----------------------------------------------------------------------------------------

    def test_every_kind_of_field_is_kept_as_it_was_sent(self, crm: Crm) -> None:
        account = crm.added("accounts")
        tag = crm.asked("POST", "tags", {"name": new("tag ")})["tag"]["id"]
        names = {
            "dropdown": crm.defined("contacts", "dropdown", [{"value": "a", "label": "A"}]),
            **{kind: crm.defined("contacts", kind) for kind in ("text", "number", "date", "checkbox")},
        }
        (owner,) = crm.object("contacts").fields["assigned_to"].options
        sent = {
            "phone": "+1 (202) 555-0199",
            "do_not_call": True,
            "linkedin_url": "https://www.linkedin.com/in/ada",
            "country": "GB",
            "source": "referral",
            "source_detail": "a friend",
            "description": "Zoë 李\nO'Brien <b> & \"\\ 🌍",
            "account": account.id,
            "tags": [tag],
            "assigned_to": [owner.value],
            "is_active": False,
            names["dropdown"]: "a",
            names["text"]: "gold",
            names["number"]: 2.5,
            names["date"]: "2026-02-28",
            names["checkbox"]: False,
        }
        made = crm.created("contacts", **sent)
        assert {name: made.fields[name] for name in sent} == sent
        assert made.fields["phone_e164"] == "+12025550199"

    def test_money_numbers_and_days_of_a_lead_are_kept(self, crm: Crm) -> None:
        sent = {
            "opportunity_amount": "1000.50",
            "currency": "EUR",
            "probability": 40,
            "close_date": "2026-12-24",
            "status": "in process",
            "rating": "HOT",
            "industry": "ENERGY",
        }
        made = crm.created("leads", **sent)
        assert {name: made.fields[name] for name in sent} == sent

    def test_a_decimal_comes_back_with_two_places(self, crm: Crm) -> None:
        made = crm.created("accounts", annual_revenue=7, number_of_employees=3)
        assert (made.fields["annual_revenue"], made.fields["number_of_employees"]) == ("7.00", 3)

    def test_text_comes_back_trimmed(self, crm: Crm) -> None:
        assert crm.created("contacts", title="  Countess ").fields["title"] == "Countess"

    @every_object
    def test_an_update_changes_only_what_it_names(self, crm: Crm, object: str) -> None:
        one, other = crm.defined(object, "text"), crm.defined(object, "text")
        crm.connector.objects()
        before = crm.created(object, **{one: "one", other: "other", "city": "Oslo", "state": "Viken"})
        after = crm.updated(before.ref, {one: "new", "city": "Bergen"})
        changed = {name for name in before.fields if before.fields[name] != after.fields[name]}
        assert changed - {"updated_at"} == {one, "city"}

    @every_object
    def test_every_field_that_may_be_cleared_is_cleared_by_its_blank(self, crm: Crm, object: str) -> None:
        filled = {"city": "Oslo", "country": "DE", "phone": "+12025550100", "description": "tall"}
        custom = crm.defined(object, "text")
        fields = crm.object(object).fields
        made = crm.created(object, **filled, **{custom: "gold"})
        blanks = {
            field.name: field.blank
            for field in fields.values()
            if field.writable and field.clearable and field.type is not FieldType.CHOICES
        }
        after = crm.updated(made.ref, blanks)
        assert {name: after.fields[name] for name in blanks} == blanks

    @every_object
    def test_ties_are_cleared_by_an_empty_list(self, crm: Crm, object: str) -> None:
        tag = crm.asked("POST", "tags", {"name": new("tag ")})["tag"]["id"]
        made = crm.created(object, tags=[tag])
        assert made.fields["tags"] == [tag]
        assert crm.updated(made.ref, {"tags": []}).fields["tags"] == []

    @every_object
    def test_a_second_record_with_a_unique_value_meets_the_first(self, crm: Crm, object: str) -> None:
        (field,) = crm.connector.findable(object)
        first = crm.created(object)
        value = first.fields[field].upper()
        met = crm.outcome(Create(APP, object, {**fresh(object), field: value}, "second"))
        assert met == Exists("second", first.ref)

    @every_object
    def test_an_update_to_a_value_that_is_taken_is_refused(self, crm: Crm, object: str) -> None:
        (field,) = crm.connector.findable(object)
        first, second = crm.created(object), crm.created(object)
        refused = crm.outcome(Update(second.ref, {field: first.fields[field]}, "taken"))
        assert isinstance(refused, Refused)
        assert refused.field == field

    def test_an_account_cannot_change_the_case_of_its_own_name(self, crm: Crm) -> None:
        account = crm.created("accounts")
        refused = crm.outcome(Update(account.ref, {"name": account.fields["name"].upper()}, "louder"))
        assert isinstance(refused, Refused)
        assert refused.field == "name"

    @pytest.mark.parametrize(
        ("object", "field", "value"),
        [
            ("contacts", "first_name", "x" * 256),
            ("contacts", "first_name", ""),
            ("contacts", "email", "nobody"),
            ("contacts", "email", "x" * 250 + "@example.com"),
            ("contacts", "phone", "call me"),
            ("contacts", "phone", "+" + "1" * 25),
            ("contacts", "postcode", "1" * 65),
            ("contacts", "linkedin_url", "ada"),
            ("contacts", "country", "XX"),
            ("contacts", "source", "no such source"),
            ("contacts", "source", None),
            ("contacts", "do_not_call", None),
            ("contacts", "account", "00000000-0000-4000-8000-000000000000"),
            ("contacts", "account", "no id"),
            ("contacts", "tags", ["no id"]),
            ("accounts", "name", None),
            ("accounts", "website", "example"),
            ("accounts", "number_of_employees", "many"),
            ("accounts", "annual_revenue", -1),
            ("accounts", "currency", "XXX"),
            ("leads", "first_name", ""),
            ("leads", "probability", 101),
            ("leads", "close_date", "tomorrow"),
            ("leads", "rating", "hot"),
            ("leads", "opportunity_amount", "1.005"),
        ],
    )
    def test_a_value_that_does_not_fit_is_refused_and_its_field_named(
        self, crm: Crm, object: str, field: str, value: Any
    ) -> None:
        made = crm.created(object)
        refused = crm.outcome(Update(made.ref, {field: value}, "unfit"))
        assert isinstance(refused, Refused)
        assert refused.field == field
        assert refused.reason
        assert crm.seen(made.ref).fields == made.fields

    def test_a_custom_value_that_does_not_fit_is_refused_and_its_field_named(self, crm: Crm) -> None:
        name = crm.defined("contacts", "dropdown", [{"value": "a", "label": "A"}])
        crm.connector.objects()
        refused = crm.outcome(Create(APP, "contacts", {**fresh("contacts"), name: "z"}, "unfit"))
        assert isinstance(refused, Refused)
        assert (refused.field, refused.reason) == (name, "must be one of ['a']")

    @pytest.mark.parametrize("missing", ["first_name", "last_name"])
    def test_a_create_without_a_required_field_is_refused(self, crm: Crm, missing: str) -> None:
        fields = {name: value for name, value in fresh("contacts").items() if name != missing}
        refused = crm.outcome(Create(APP, "contacts", fields, "short"))
        assert isinstance(refused, Refused)
        assert refused.field == missing

    def test_a_field_that_the_app_would_drop_in_silence_is_refused(self, crm: Crm) -> None:
        ref = crm.added("contacts")
        crm.edited(ref, nonsense="dropped", phone_e164="+15555550100")  # the app says that all is well
        for field in ("nonsense", "phone_e164", "created_at", "custom_fields.unheard_of"):
            refused = crm.outcome(Update(ref, {field: "x"}, "silent"))
            assert isinstance(refused, Refused)
            assert refused.field == field

    def test_syncd_converts_no_lead(self, crm: Crm) -> None:
        lead = crm.created("leads")
        refused = crm.outcome(Update(lead.ref, {"status": "converted"}, "convert"))
        assert isinstance(refused, Refused)
        assert crm.seen(lead.ref) == lead

    @every_object
    def test_a_delete_is_for_good_and_a_second_one_is_stale(self, crm: Crm, object: str) -> None:
        made = crm.created(object)
        assert crm.outcome(Delete(made.ref, "one")) == Stored("one", made.ref)
        assert crm.outcome(Delete(made.ref, "two")) == Stale("two")
        assert crm.outcome(Update(made.ref, {"city": "Oslo"}, "three")) == Stale("three")
        assert crm.connector.read([made.ref]) == {made.ref: Gone(made.ref)}

    def test_an_account_that_goes_leaves_its_people(self, crm: Crm) -> None:
        account = crm.created("accounts")
        contact = crm.created("contacts", account=account.ref.id)
        crm.outcome(Delete(account.ref, "close"))
        assert crm.seen(contact.ref).fields["account"] is None
