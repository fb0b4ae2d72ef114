"""Listing members: nobody is lost, however they move."""

from __future__ import annotations

import pytest

from syncd.errors import BrokenProtocol, Rejected, Transient
from syncd.sdk import Gone, Page, Record
from tests.connectors.mailchimp.ground import MEMBERS, ground, ids, rows


def test_a_full_listing_names_everybody_once_and_is_complete_on_its_last_page_only() -> None:
    g = ground(records=25, page_size=10)
    pages = g.changes()
    assert ids(pages) == g.ids
    assert [page.complete for page in pages] == [False, False, False, True]
    assert pages[0].total == 25


def test_a_row_is_a_fact_with_its_time_and_its_fields_by_dotted_name() -> None:
    g = ground(records=1)
    (page, _) = g.changes()
    (row,) = page.rows
    assert page.facts
    assert isinstance(row, Record)
    assert row == g.shown(row.ref)
    assert row.fields["merge_fields.FNAME"] == "Quentin"
    assert row.fields["interests.a1f0c3d2e5"] is True
    assert row.fields["tags"] == ["Newsletter", "Partner"]
    assert row.version.at is not None
    assert row.fields["last_changed"] == row.version.at.isoformat()


def test_after_a_cursor_only_what_changed_since_is_listed() -> None:
    g = ground(records=5)
    cursor = g.cursor()
    assert ids(g.changes(cursor)) == []
    g.twin.person_edit("members", g.ids[3], {"merge_fields.FNAME": "Zora"})
    assert ids(g.changes(cursor)) == [g.ids[3]]


def test_a_change_in_the_very_second_of_a_listing_is_in_the_next_one() -> None:
    g = ground(records=3)
    cursor = g.changes()[-1].cursor
    g.twin.person_edit("members", g.ids[0], {"merge_fields.FNAME": "Zora"})
    assert g.ids[0] in ids(g.changes(cursor))


def test_every_page_may_be_resumed_from_and_nobody_is_skipped() -> None:
    g = ground(records=23, page_size=5)
    whole = g.changes()
    for place, page in enumerate(whole[:-1]):
        rest = g.changes(page.cursor)
        assert set(ids(whole[: place + 1])) | set(ids(rest)) == set(g.ids)
        assert [p.complete for p in rest] == [False] * (len(rest) - 1) + [True]


def test_members_that_move_between_two_pages_hide_nobody() -> None:
    g = ground(records=30, page_size=7)
    before = list(g.ids)

    def somebody_edits(page: int) -> None:
        if 1 <= page <= 3:
            g.clock.turn(1)
            for place in (0, 1, 6 * page):  # seen ones, and the very one that the next page should begin with
                g.twin.person_edit("members", before[place], {"merge_fields.SCORE": 1000 + page})

    with g.before_answer(MEMBERS, somebody_edits):
        listed = rows(g.changes())
    assert {row.ref.id for row in listed} == set(before)
    last = {row.ref: row for row in listed}
    assert all(row == g.shown(ref) for ref, row in last.items())


def test_a_thousand_changes_in_one_second_are_paged_through() -> None:
    g = ground(records=40, page_size=6)
    cursor = g.cursor()
    for who in g.ids:
        g.twin.person_edit("members", who, {"merge_fields.SCORE": -1})
    pages = g.changes(cursor)
    assert sorted(ids(pages)) == sorted(g.ids)
    assert len(ids(pages)) == 40


def test_members_that_leave_a_crowded_second_while_it_is_read_hide_nobody() -> None:
    g = ground(records=40, page_size=6)
    cursor = g.cursor()
    crowd = list(g.ids)
    for who in crowd:
        g.twin.person_edit("members", who, {"merge_fields.SCORE": -1})

    def somebody_edits(page: int) -> None:
        if page in {2, 5}:
            g.clock.turn(1)
            g.twin.person_edit("members", crowd[page], {"merge_fields.SCORE": page})

    with g.before_answer(MEMBERS, somebody_edits):
        assert set(ids(g.changes(cursor))) == set(crowd)


def test_an_anchor_that_changes_and_comes_to_stand_in_its_old_place_is_not_believed() -> None:
    g = ground(records=4, page_size=2)
    first, anchor, unseen, last = g.ids

    def three_of_four_edit(page: int) -> None:
        if page == 1:
            for who in (anchor, first, last):
                g.clock.turn(1)
                g.twin.person_edit("members", who, {"merge_fields.SCORE": 1000})

    with g.before_answer(MEMBERS, three_of_four_edit):
        assert unseen in ids(g.changes())


def test_a_second_that_is_overtaken_again_and_again_is_given_up_for_now() -> None:
    g = ground(records=40, page_size=5)
    cursor = g.cursor()
    crowd = list(g.ids)
    for who in crowd:
        g.twin.person_edit("members", who, {"merge_fields.SCORE": -1})
    g.clock.turn(1)

    def the_first_in_line_edits(page: int) -> None:
        g.twin.person_edit("members", crowd[page], {"merge_fields.SCORE": page})

    listed: list[Page] = []
    with g.before_answer(MEMBERS, the_first_in_line_edits), pytest.raises(Transient, match="change faster"):
        listed += g.app.changes("members", cursor)
    listed += g.changes(cursor)
    assert set(ids(listed)) == set(crowd)


def test_an_archived_member_is_gone_and_the_listing_tells() -> None:
    g = ground(records=3)
    cursor = g.cursor()
    ref = g.ref(1)
    g.twin.person_delete("members", ref.id)
    assert rows(g.changes(cursor)) == [Gone(ref, told=True)]
    assert Gone(ref, told=True) in rows(g.changes())


def test_a_member_deleted_for_good_is_missing_from_a_full_listing() -> None:
    g = ground(records=3)
    cursor = g.cursor()
    ref = g.ref(1)
    g.twin.person_forget("members", ref.id)
    assert rows(g.changes(cursor)) == []
    assert ref.id not in ids(g.changes())


def test_without_a_date_from_mailchimp_the_next_run_goes_back_by_all_the_difference_clocks_may_have() -> None:
    g = ground(records=2)
    g.twin.date = dict  # type: ignore[method-assign]
    cursor = g.changes()[-1].cursor
    g.clock.turn(-100)  # Mailchimp's clock is behind ours
    g.twin.person_edit("members", g.ids[0], {"merge_fields.FNAME": "Zora"})
    g.clock.turn(100)
    assert g.ids[0] in ids(g.changes(cursor))


def test_a_cursor_of_somebody_else_is_refused() -> None:
    g = ground(records=1)
    for strange in ('{"page": 3}', "3", "{"):
        with pytest.raises(BrokenProtocol, match="not a cursor"):
            g.changes(strange)  # type: ignore[arg-type]


def test_an_unknown_object_is_refused_at_once() -> None:
    with pytest.raises(Rejected, match="contacts"):
        ground().app.changes("contacts", None)
