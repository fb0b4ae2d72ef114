"""What changed in HubSpot: full listings and what the search tells since a moment."""

from __future__ import annotations

import pytest

from syncd.core.record import Cursor, Record
from syncd.errors import BrokenProtocol
from tests.connectors.hubspot.portal import Portal, found_ids, rows


def test_a_full_listing_shows_every_record_as_a_fact_and_says_when_it_is_complete() -> None:
    portal = Portal(records=250)

    pages = portal.listing()

    assert [len(page.rows) for page in pages] == [100, 100, 50]
    assert [page.complete for page in pages] == [False, False, True]
    assert all(page.facts for page in pages)
    assert found_ids(pages) == portal.ids()


def test_an_empty_portal_is_one_complete_page() -> None:
    (page,) = Portal().listing()

    assert page.rows == ()
    assert page.complete


def test_a_full_listing_goes_on_from_the_cursor_of_any_page() -> None:
    portal = Portal(records=250)
    first, *_ = portal.listing()

    rest = list(portal.since(first.cursor))

    assert found_ids([first, *rest]) == portal.ids()
    assert rest[-1].complete


def test_a_record_that_changes_during_the_listing_is_among_the_changes_after_it() -> None:
    portal = Portal(records=250)
    early = portal.ids()[0]
    pages = portal.crm.changes("contacts", None)
    next(pages)
    portal.clock.turn(10)
    portal.twin.person_edit("contacts", early, {"city": "Bergen"})
    *_, last = pages

    later = list(portal.since(last.cursor))

    assert early in found_ids(later)


def test_a_wide_listing_reads_its_records_by_batch_instead_of_in_the_address() -> None:
    portal = Portal(records=120)
    with portal.api() as api:
        for number in range(300):
            made = {"name": f"a_rather_long_property_name_{number}", "label": "x", "type": "string"}
            body = made | {"fieldType": "text", "groupName": "information"}
            assert api.post("/crm/v3/properties/contacts", json=body).status_code == 201
    portal.twin.person_edit("contacts", portal.ids()[7], {"a_rather_long_property_name_299": "kept"})

    pages = portal.listing()

    assert found_ids(pages) == portal.ids()
    assert rows(pages)[7].fields["a_rather_long_property_name_299"] == "kept"


def test_a_search_that_cannot_ask_for_all_properties_tells_who_changed_all_the_same() -> None:
    portal = Portal(records=3)
    with portal.api() as api:
        for number in range(100):
            made = {"name": f"a_rather_long_property_name_{number}", "label": "x", "type": "string"}
            body = made | {"fieldType": "text", "groupName": "information"}
            assert api.post("/crm/v3/properties/contacts", json=body).status_code == 201
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)
    portal.twin.person_edit("contacts", portal.ids()[1], {"a_rather_long_property_name_9": "kept"})

    (hint,) = rows(list(portal.since(cursor)))

    assert hint.fields == {}
    found = portal.crm.read([hint.ref])[hint.ref]
    assert isinstance(found, Record)
    assert hint.version == found.version


def test_changes_since_a_cursor_are_hints_in_the_order_of_change() -> None:
    portal = Portal(records=10)
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)
    changed = [portal.ids()[number] for number in (7, 2, 5)]
    for id_ in changed:
        portal.clock.turn(1)
        portal.twin.person_edit("contacts", id_, {"city": "Bergen"})

    pages = list(portal.since(cursor))

    assert found_ids(pages) == changed
    assert not any(page.facts or page.complete for page in pages)


def test_nothing_new_is_one_empty_page_with_a_cursor() -> None:
    portal = Portal(records=10)
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)

    (page,) = portal.since(cursor)

    assert page.rows == ()
    assert next(portal.since(page.cursor)).rows == ()


def test_every_page_of_an_incremental_run_may_be_resumed_and_nothing_is_skipped() -> None:
    portal = Portal(records=450)
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)
    for id_ in portal.ids():
        portal.clock.turn(0.25)
        portal.twin.person_edit("contacts", id_, {"city": "Bergen"})

    seen: set[str] = set()
    for _ in range(4):
        page = next(portal.since(cursor))
        seen |= set(found_ids([page]))
        cursor = page.cursor

    assert seen == set(portal.ids())


def test_a_run_passes_the_search_cap_because_it_never_pages_by_offset() -> None:
    portal = Portal(records=1000, knobs={"search_cap": 200})
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)
    for id_ in portal.ids():
        portal.clock.turn(0.01)
        portal.twin.person_edit("contacts", id_, {"city": "Bergen"})

    assert sorted(set(found_ids(list(portal.since(cursor))))) == sorted(portal.ids())


def test_an_import_that_stamps_a_thousand_records_with_one_millisecond_is_passed_by_id() -> None:
    portal = Portal(records=1000, knobs={"search_cap": 200})
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)
    for id_ in portal.ids():
        portal.twin.person_edit("contacts", id_, {"city": "Bergen"})
    portal.clock.turn(1)
    portal.twin.person_edit("contacts", portal.ids()[0], {"city": "Oslo"})

    pages = list(portal.since(cursor))

    assert sorted(set(found_ids(pages))) == sorted(portal.ids())
    assert found_ids(pages)[-1] == portal.ids()[0]


def test_a_record_edited_while_the_run_pages_pushes_no_other_over_the_edge() -> None:
    portal = Portal(records=400)
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)
    for id_ in portal.ids():
        portal.clock.turn(1)
        portal.twin.person_edit("contacts", id_, {"city": "Bergen"})

    run = portal.since(cursor)
    pages = [next(run)]
    portal.clock.turn(1)
    portal.twin.person_edit("contacts", portal.ids()[0], {"city": "Oslo"})  # leaves the first page for the end
    pages += run

    assert set(found_ids(pages)) == set(portal.ids())


def test_a_change_that_the_index_shows_late_is_found_by_the_next_run() -> None:
    portal = Portal(records=10, knobs={"search_lag": 60.0})
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)
    late = portal.ids()[3]
    portal.twin.person_edit("contacts", late, {"city": "Bergen"})

    first = list(portal.since(cursor))
    portal.clock.turn(61)
    second = list(portal.since(first[-1].cursor))

    assert late not in found_ids(first)
    assert late in found_ids(second)


def test_a_late_change_is_found_also_when_the_run_was_broken_off_and_resumed_much_later() -> None:
    portal = Portal(records=450)
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(3600)
    late, *others = portal.ids()
    portal.twin.search_lag = 60.0
    portal.twin.person_edit("contacts", late, {"city": "Bergen"})
    portal.twin.search_lag = 0.0
    for id_ in others:
        portal.clock.turn(0.1)
        portal.twin.person_edit("contacts", id_, {"city": "Bergen"})

    broken_off = next(portal.since(cursor))
    portal.clock.turn(600)
    rest = list(portal.since(broken_off.cursor))
    next_run = list(portal.since(rest[-1].cursor))

    assert set(found_ids([broken_off, *rest])) == set(others)
    assert late in found_ids(next_run)


def test_a_poll_that_follows_a_poll_looks_back_no_further_than_the_overlap() -> None:
    portal = Portal(records=10)
    portal.clock.turn(3600)
    portal.twin.person_edit("contacts", portal.ids()[0], {"city": "Bergen"})
    cursor = portal.listing()[-1].cursor
    portal.clock.turn(600)
    settled = list(portal.since(cursor))[-1].cursor

    assert found_ids(list(portal.since(settled))) == []


def test_companies_are_listed_by_the_time_property_of_their_own() -> None:
    portal = Portal(records=30)
    cursor = portal.listing("companies")[-1].cursor
    portal.clock.turn(3600)
    changed = portal.ids("companies")[0]
    portal.twin.person_edit("companies", changed, {"city": "Bergen"})

    assert found_ids(list(portal.since(cursor, "companies"))) == [changed]


@pytest.mark.parametrize("cursor", ["", "[]", "12", '{"page": 2}', '{"after": "3"}'])
def test_a_cursor_of_somebody_else_is_no_cursor(cursor: str) -> None:
    with pytest.raises(BrokenProtocol):
        list(Portal().since(Cursor(cursor)))


def test_a_record_shows_its_properties_flat_and_a_blank_as_an_empty_string() -> None:
    portal = Portal(records=1)
    portal.twin.person_edit("contacts", portal.ids()[0], {"phone": ""})

    (record,) = rows(portal.listing())

    assert record.fields["lifecyclestage"] in ("lead", "customer", "opportunity", "subscriber")
    assert record.fields["phone"] == ""  # emptied
    assert record.fields["vip"] == ""  # never filled
    assert record.version.at is not None
    assert record.created is not None
    assert record.created < record.version.at
