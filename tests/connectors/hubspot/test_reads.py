"""Records of HubSpot by id and by value: there, gone, merged; and what HubSpot remembers of them."""

from __future__ import annotations

import pytest

from syncd.core.record import Gone, Merged, Record
from syncd.errors import Rejected, Throttled, Unauthorised, Unavailable
from tests.connectors.hubspot.portal import Portal, ref


def test_what_is_there_what_is_in_the_bin_and_what_never_was_are_told_apart() -> None:
    portal = Portal(records=2)
    here, binned = portal.ids()
    portal.twin.person_delete("contacts", binned)

    found = portal.crm.read([ref(here), ref(binned), ref("99999")])

    assert isinstance(found[ref(here)], Record)
    assert found[ref(binned)] == Gone(ref(binned), told=True)
    assert found[ref("99999")] == Gone(ref("99999"), told=False)


def test_a_lost_permission_is_never_taken_for_a_tombstone() -> None:
    portal = Portal(records=1)
    (id_,) = portal.ids()
    portal.crm.objects()
    portal.misbehave(blind=True)

    assert portal.crm.read([ref(id_)]) == {ref(id_): Gone(ref(id_), told=False)}


def test_a_read_of_many_is_split_into_calls_of_a_hundred() -> None:
    portal = Portal(records=250)

    found = portal.crm.read([ref(id_) for id_ in portal.ids()])

    assert len(found) == 250
    assert portal.twin.calls["POST /crm/v3/objects/{kind}/batch/read"] == 3


def test_records_of_several_objects_are_read_in_one_call_of_ours() -> None:
    portal = Portal(records=1)
    refs = [ref(portal.ids()[0]), ref(portal.ids("companies")[0], "companies")]

    found = portal.crm.read(refs)

    assert all(isinstance(found[asked], Record) for asked in refs)


def test_the_ids_of_merged_records_lead_to_the_survivor() -> None:
    portal = Portal(records=3)
    keep, lose, other = portal.ids()

    survivor = portal.twin.person_merge("contacts", keep, lose)
    found = portal.crm.read([ref(keep), ref(lose), ref(other)])

    assert survivor not in (keep, lose)
    assert found[ref(keep)] == Merged(ref(keep), ref(survivor))
    assert found[ref(lose)] == Merged(ref(lose), ref(survivor))
    assert isinstance(found[ref(other)], Record)


def test_where_the_primary_keeps_its_id_only_the_other_is_merged() -> None:
    portal = Portal(records=2, knobs={"merge_id": "primary"})
    keep, lose = portal.ids()

    survivor = portal.twin.person_merge("contacts", keep, lose)
    found = portal.crm.read([ref(keep), ref(lose)])

    assert survivor == keep
    assert isinstance(found[ref(keep)], Record)
    assert found[ref(lose)] == Merged(ref(lose), ref(keep))


def test_a_survivor_of_a_survivor_is_found_by_the_first_id() -> None:
    portal = Portal(records=3)
    one, two, three = portal.ids()
    first = portal.twin.person_merge("contacts", one, two)
    second = portal.twin.person_merge("contacts", first, three)

    assert portal.crm.read([ref(two)]) == {ref(two): Merged(ref(two), ref(second))}


def test_a_survivor_that_does_not_say_whom_it_took_in_is_found_by_asking_alone() -> None:
    portal = Portal(records=2)
    keep, lose = portal.ids()
    survivor = portal.twin.person_merge("contacts", keep, lose)
    table = portal.twin.tables["contacts"]
    blank = {"hs_merged_object_ids": "", "hs_calculated_merged_vids": ""}
    table.put(table.live[survivor].changed(blank, portal.twin.now(), "AUTOMATION"))

    assert portal.crm.read([ref(lose)]) == {ref(lose): Merged(ref(lose), ref(survivor))}


def test_a_contact_is_found_by_its_address_however_that_is_written() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")

    found = portal.crm.find("contacts", "email", [" ADA@Example.com", "nobody@example.com", "not an address", ""])

    assert found == {
        " ADA@Example.com": (ref(id_),),
        "nobody@example.com": (),
        "not an address": (),
        "": (),
    }


def test_a_contact_made_a_moment_ago_is_found_by_address_though_the_search_index_lags() -> None:
    portal = Portal(knobs={"search_lag": 60.0})
    id_ = portal.contact(email="ada@example.com")

    assert portal.crm.find("contacts", "email", ["ada@example.com"]) == {"ada@example.com": (ref(id_),)}


def test_a_merged_contact_is_found_by_the_address_that_became_an_additional_one() -> None:
    portal = Portal()
    keep, lose = portal.contact(email="ada@example.com"), portal.contact(email="lovelace@example.com")
    survivor = portal.twin.person_merge("contacts", keep, lose)

    found = portal.crm.find("contacts", "email", ["lovelace@example.com", "ada@example.com"])

    assert found == {"lovelace@example.com": (ref(survivor),), "ada@example.com": (ref(survivor),)}


def test_a_contact_is_found_by_a_custom_unique_property() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", customer_number="C-17")

    assert "customer_number" in portal.crm.findable("contacts")
    assert portal.crm.find("contacts", "customer_number", ["C-17", "C-18"]) == {"C-17": (ref(id_),), "C-18": ()}


def test_companies_are_found_by_domain_all_of_them_for_domains_are_not_unique() -> None:
    portal = Portal()
    ids = [portal.twin.person_create("companies", {"name": f"Birch {n}", "domain": "birch.test"}) for n in range(230)]

    found = portal.crm.find("companies", "domain", ["Birch.test", "pine.test"])

    assert [holder.id for holder in found["Birch.test"]] == ids
    assert found["pine.test"] == ()


def test_a_field_that_cannot_be_looked_for_is_refused() -> None:
    with pytest.raises(Rejected):
        Portal().crm.find("contacts", "city", ["Bergen"])


def test_the_past_of_a_field_is_told_newest_first_with_who_wrote_it() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", city="Bergen")
    portal.clock.turn(60)
    with portal.api() as api:
        api.patch(f"/crm/v3/objects/contacts/{id_}", json={"properties": {"city": "Oslo"}})

    told = portal.crm.history(ref(id_), ["city", "phone"])

    assert [(past.value, past.by) for past in told["city"]] == [("Oslo", "INTEGRATION"), ("Bergen", "CRM_UI")]
    assert told["phone"] == ()
    assert portal.crm.history(ref("99999"), ["city"]) == {"city": ()}


def test_a_contact_is_associated_with_its_companies_the_primary_one_first() -> None:
    portal = Portal(records=1)
    (contact,) = portal.ids()
    (first,) = portal.ids("companies")
    second = portal.twin.person_create("companies", {"name": "Birch"})
    third = portal.twin.person_create("companies", {"name": "Pine"})
    lonely = portal.contact(email="ada@example.com")

    with portal.api() as api:
        pair = {"inputs": [{"from": {"id": contact}, "to": {"id": second}}]}
        api.post("/crm/v4/associations/contacts/companies/batch/associate/default", json=pair)
    portal.crm.associate([(ref(contact), ref(third, "companies"))])
    told = portal.crm.associated([ref(contact), ref(lonely)], "companies")

    assert told[ref(contact)] == (ref(third, "companies"), ref(first, "companies"), ref(second, "companies"))
    assert told[ref(lonely)] == ()
    assert portal.crm.associated([ref(third, "companies")], "contacts") == {ref(third, "companies"): (ref(contact),)}


def test_ties_of_a_firm_with_very_many_people_are_told_page_by_page() -> None:
    portal = Portal(records=1)
    (firm,) = portal.ids("companies")
    people = [portal.contact(email=f"p{number}@example.com") for number in range(1100)]
    portal.crm.associate([(ref(person), ref(firm, "companies")) for person in people])

    told = portal.crm.associated([ref(firm, "companies")], "contacts")[ref(firm, "companies")]

    assert {end.id for end in told} >= set(people)
    assert len(set(told)) == len(told)


def test_ties_are_removed_a_hundred_at_a_time() -> None:
    portal = Portal(records=1)
    (contact,) = portal.ids()
    firms = [portal.twin.person_create("companies", {"name": f"Firm {number}"}) for number in range(101)]
    pairs = [(ref(contact), ref(firm, "companies")) for firm in firms]
    portal.crm.associate(pairs)

    portal.crm.dissociate(pairs)

    assert not set(portal.crm.associated([ref(contact)], "companies")[ref(contact)]) & {firm for _, firm in pairs}
    assert portal.twin.calls["POST /crm/v4/associations/{start}/{end}/batch/archive"] == 2


def test_a_pair_of_which_one_is_gone_cannot_be_associated() -> None:
    portal = Portal(records=1)

    with pytest.raises(Rejected):
        portal.crm.associate([(ref(portal.ids()[0]), ref("99999", "companies"))])


def test_a_bad_token_pauses_the_app() -> None:
    portal = Portal(records=1, settings={"token": "pat-of-somebody-else"})

    with pytest.raises(Unauthorised):
        portal.crm.check()
    with pytest.raises(Unauthorised):
        portal.crm.read([ref(portal.ids()[0])])


def test_a_good_token_passes_the_check() -> None:
    Portal(records=1).crm.check()


def test_an_outage_is_no_evidence_of_anything() -> None:
    portal = Portal(records=1)
    (id_,) = portal.ids()
    portal.crm.objects()
    portal.misbehave(outage=True)

    with pytest.raises(Unavailable):
        portal.crm.read([ref(id_)])


def test_the_limits_of_the_portal_are_never_met_by_a_connector_that_keeps_its_pace() -> None:
    portal = Portal(records=50, limits=True)

    for _ in range(60):
        portal.crm.read([ref(portal.ids()[0])])
    cursor = portal.listing()[-1].cursor
    for _ in range(30):
        assert list(portal.since(cursor))

    assert portal.clock.slept  # it had to wait, and never was told to


def test_a_portal_with_a_smaller_plan_teaches_the_connector_its_limit() -> None:
    portal = Portal(records=1, limits=True, knobs={"calls_per_ten_seconds": 20})

    for _ in range(70):
        portal.crm.read([ref(portal.ids()[0])])

    assert sum(portal.clock.slept) > 25


def test_too_many_calls_from_elsewhere_are_throttled() -> None:
    portal = Portal(records=1, limits=True, knobs={"calls_per_ten_seconds": 5})
    with portal.api() as api:
        for _ in range(5):
            api.get("/crm/v3/objects/contacts")

    with pytest.raises(Throttled):
        portal.crm.check()


def test_companies_of_long_domains_are_found_in_searches_that_hubspot_takes() -> None:
    portal = Portal()
    domains = [f"{'a' * 60}.{number:02}.{'b' * 50}.test" for number in range(25)]
    ids = [portal.twin.person_create("companies", {"name": domain, "domain": domain}) for domain in domains]
    found = portal.crm.find("companies", "domain", domains)
    assert [ref.id for domain in domains for ref in found[domain]] == ids
