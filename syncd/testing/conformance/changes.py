"""Listings: complete, resumable from every page, and blind to nothing that happens meanwhile."""

from __future__ import annotations

import pytest

from syncd.core.record import Record
from syncd.sdk.contract import Deletes
from syncd.testing.conformance.bench import APP, ZONES, Bench, Wrong, elsewhere, ids
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["ChangesContract"]


class ChangesContract(Ground):
    """`changes()`, in full and since a cursor."""

    def test_a_full_listing_shows_every_record(self, crowd: Bench) -> None:
        assert ids(crowd.pages()) == set(crowd.people())

    def test_a_full_listing_says_so_once_and_at_the_end(self, crowd: Bench) -> None:
        assert [page.complete for page in crowd.pages()] == [False] * (len(crowd.pages()) - 1) + [True]

    def test_an_empty_account_is_a_complete_listing_of_nobody(self, subject: str) -> None:
        with self.stage(subject, 0) as bench:
            for id_ in bench.people():
                bench.twin.person_delete(subject, id_)
            bench.settle()
            pages = bench.pages()
            assert ids(pages) == set()
            assert pages[-1].complete
            assert pages[-1].cursor

    def test_rows_name_their_app_and_object(self, bench: Bench) -> None:
        refs = [row.ref for page in bench.pages() for row in page.rows]
        assert {(ref.app, ref.object) for ref in refs} == {(APP, bench.subject)}

    def test_no_page_is_longer_than_declared(self, crowd: Bench) -> None:
        assert max(len(page.rows) for page in crowd.pages()) <= crowd.can.page_size

    def test_a_total_is_the_number_of_records(self, crowd: Bench) -> None:
        totals = {page.total for page in crowd.pages()} - {None}
        needs(totals, "a total")
        assert totals == {len(crowd.people())}

    def test_a_row_that_is_a_fact_equals_a_read(self, bench: Bench) -> None:
        rows = [row for page in bench.pages() if page.facts for row in page.rows if isinstance(row, Record)]
        needs(rows, "rows that are facts")
        read = bench.connector.read([row.ref for row in rows])
        assert [row for row in rows if row != read[row.ref]] == []

    def test_every_page_can_be_resumed_from_and_nobody_is_skipped(self, crowd: Bench) -> None:
        pages, everyone = crowd.pages(), set(crowd.people())
        for number, page in enumerate(pages, start=1):
            seen = ids(pages[:number]) | ids(crowd.pages(page.cursor))
            assert everyone - seen == set(), f"skipped after page {number} of {len(pages)}"

    def test_a_cursor_outlives_the_connector_that_gave_it(self, crowd: Bench) -> None:
        first = next(iter(crowd.connector.changes(crowd.subject, None)))
        crowd.connector.close()
        rest = crowd.open(self.settings).changes(crowd.subject, first.cursor)
        assert set(crowd.people()) - ids([first, *rest]) == set()

    def test_a_change_shows_in_the_next_listing(self, bench: Bench) -> None:
        name, (id_,), cursor = self.text(bench), bench.some(), bench.cursor()
        bench.person_edits(id_, name, "Changed")
        bench.settle()
        assert id_ in ids(bench.pages(cursor))

    def test_a_new_record_shows_in_the_next_listing(self, bench: Bench) -> None:
        cursor = bench.cursor()
        bench.pass_time()
        id_ = bench.twin.person_create(bench.subject, self.fields(bench, 901))
        bench.settle()
        assert id_ in ids(bench.pages(cursor))

    def test_a_listing_since_a_cursor_shows_less_than_everything(self, crowd: Bench) -> None:
        needs(crowd.can.incremental, "incremental listings")
        name, (one, other), cursor = self.text(crowd), crowd.some(2), crowd.cursor()
        for id_ in (one, other):
            crowd.clock.turn(86_400.0)
            crowd.person_edits(id_, name, f"Changed {id_}")
            crowd.settle()
            pages = crowd.pages(cursor)
            cursor = pages[-1].cursor
        assert other in ids(pages)
        assert len(ids(pages)) < len(crowd.people())
        assert not any(page.complete for page in pages)

    def test_changes_of_one_instant_that_fill_more_than_a_page_are_all_shown(self, crowd: Bench) -> None:
        name, cursor = self.text(crowd), self.moved_on(crowd)
        changed = crowd.some(crowd.can.page_size + 3)
        crowd.clock.turn(86_400.0)
        for id_ in changed:
            crowd.twin.person_edit(crowd.subject, id_, {name: f"Changed {id_}"})
        crowd.settle()
        pages = crowd.pages(cursor)
        assert set(changed) - ids(pages) == set()
        for number, page in enumerate(pages, start=1):
            assert set(changed) - ids(pages[:number]) - ids(crowd.pages(page.cursor)) == set()

    def test_a_clock_that_is_wrong_by_a_minute_skips_nobody(self, bench: Bench) -> None:
        name, (_, id_) = self.text(bench), bench.some(2)
        self.moved_on(bench)
        for wrong in (-60.0, 60.0):
            connector = bench.open(self.settings, Wrong(bench.clock, wrong))
            cursor = list(connector.changes(bench.subject, None))[-1].cursor
            bench.person_edits(id_, name, f"Changed {wrong}")
            bench.settle()
            assert id_ in ids(connector.changes(bench.subject, cursor)), f"a clock that is wrong by {wrong:g} s"

    def test_a_listing_does_not_depend_on_the_zone_of_the_machine(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        for place, zone in enumerate(ZONES):
            with elsewhere(zone):
                cursor = self.moved_on(bench, 980 + 2 * place)
                bench.person_edits(id_, name, f"Changed {zone}")
                bench.settle()
                shown = ids(bench.pages(cursor))
            assert id_ in shown, zone

    def test_a_change_within_the_instant_of_the_cursor_is_shown(self, bench: Bench) -> None:
        name, (one, other) = self.text(bench), bench.some(2)
        bench.person_edits(one, name, "Changed first")
        cursor = bench.cursor()
        bench.twin.person_edit(bench.subject, other, {name: "Changed in the same instant"})
        bench.settle()
        assert other in ids(bench.pages(cursor))

    def test_what_changes_while_pages_are_read_is_not_lost(self, crowd: Bench) -> None:
        name = self.text(crowd)
        listing = crowd.connector.changes(crowd.subject, None)
        first = next(listing)
        listed = min(ids([first]))
        unlisted = min(set(crowd.people()) - ids([first]))
        for id_ in (listed, unlisted):
            crowd.person_edits(id_, name, f"Changed {id_}")
        rest = list(listing)
        crowd.settle()
        assert {listed, unlisted} - ids([*rest, *crowd.pages(rest[-1].cursor)]) == set()

    def test_a_delete_while_pages_are_read_hides_nobody_else(self, crowd: Bench) -> None:
        listing = crowd.connector.changes(crowd.subject, None)
        first = next(listing)
        crowd.pass_time()
        crowd.twin.person_delete(crowd.subject, min(ids([first])))
        rest = list(listing)
        crowd.settle()
        seen = ids([first, *rest, *crowd.pages(rest[-1].cursor)])
        assert set(crowd.people()) - seen == set()

    def test_an_edit_or_a_delete_while_pages_are_read_moves_nobody_out_of_sight(self, crowd: Bench) -> None:
        name, everyone = self.text(crowd), crowd.some(len(crowd.people()))
        for id_ in everyone:  # each of another time, so that going on from the last of them shows nobody again
            crowd.person_edits(id_, name, f"Before {id_}")
        crowd.settle()
        for act in (self._edit, self._delete):
            listing = crowd.connector.changes(crowd.subject, None)
            first = next(listing)
            crowd.pass_time()
            for id_ in sorted(ids([first]))[:2]:
                act(crowd, id_)
            crowd.settle()
            rest = list(listing)
            seen = ids([first, *rest, *crowd.pages(rest[-1].cursor)])
            assert set(crowd.people()) - seen == set()

    def test_a_record_that_is_made_while_pages_are_read_is_not_lost(self, crowd: Bench) -> None:
        listing = crowd.connector.changes(crowd.subject, None)
        first = next(listing)
        crowd.pass_time()
        crowd.twin.person_create(crowd.subject, self.fields(crowd, 970))
        rest = list(listing)
        crowd.settle()
        seen = ids([first, *rest, *crowd.pages(rest[-1].cursor)])
        assert set(crowd.people()) - seen == set()

    def test_a_merge_shows_in_the_next_listing(self, bench: Bench) -> None:
        keep, lose = bench.some(2)
        cursor = bench.cursor()
        bench.pass_time()
        survivor = self.merged(bench, keep, lose)
        bench.settle()
        pages = bench.pages(cursor)
        assert lose not in ids(pages)
        told = bench.can.deletes is Deletes.TOLD
        needs(told or survivor != keep, "deletes that are told")
        assert {survivor, lose} & {row.ref.id for page in pages for row in page.rows}

    def test_a_restored_record_shows_in_the_next_listing_and_is_read(self, bench: Bench) -> None:
        (id_,) = bench.some()
        bench.twin.person_delete(bench.subject, id_)
        bench.settle()
        cursor = bench.cursor()
        bench.pass_time()
        try:
            bench.twin.person_restore(bench.subject, id_)
        except NotImplementedError:
            pytest.skip("nobody can restore records in this app")
        bench.settle()
        assert bench.seen(id_)
        assert id_ in ids(bench.pages(cursor))

    def test_reading_on_from_an_old_cursor_still_works(self, bench: Bench) -> None:
        name, (id_,), cursor = self.text(bench), bench.some(), bench.cursor()
        bench.clock.turn(30 * 86_400.0)
        bench.person_edits(id_, name, "Changed late")
        bench.settle()
        assert id_ in ids(bench.pages(cursor))

    def test_listing_changes_nothing(self, bench: Bench) -> None:
        before = bench.people()
        bench.pages(bench.cursor())
        assert bench.people() == before

    def _edit(self, bench: Bench, id: str) -> None:
        bench.twin.person_edit(bench.subject, id, {self.text(bench): "Changed meanwhile"})

    def _delete(self, bench: Bench, id: str) -> None:
        bench.twin.person_delete(bench.subject, id)
