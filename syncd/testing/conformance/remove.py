"""Removals, and how an app lets on that a record is gone."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.core.record import Delete, Gone, Merged, Record, Stale, Stored, Version
from syncd.sdk.contract import Deletes, Page
from syncd.testing.conformance.bench import Bench, Wrong, ids
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["RemoveContract"]


class RemoveContract(Ground):
    """`write()` of deletes, and the declared way in which deletes show."""

    def delete(self, bench: Bench, id: str, expect: Version | None = None) -> Delete:
        """A delete with a key of its own."""
        needs(bench.can.removes, "removes")
        return Delete(bench.ref(id), bench.key(), expect)

    def test_a_removed_record_is_gone_for_reads_and_the_others_stay(self, bench: Bench) -> None:
        gone, *stay = bench.some(4)
        bench.store(self.delete(bench, gone))
        assert not isinstance(bench.fate(gone), Record)
        assert set(stay) <= set(bench.people())

    def test_removing_what_is_gone_already_is_no_error(self, bench: Bench) -> None:
        for id_ in (*bench.some(), "no-such-id"):
            bench.write(self.delete(bench, id_))
            again = self.delete(bench, id_)
            assert isinstance(bench.write(again)[again.key], Stored | Stale)

    def test_a_person_s_delete_is_told_where_declared(self, bench: Bench) -> None:
        needs(bench.can.deletes is Deletes.TOLD, "deletes that are told")
        cursor, (gone,) = bench.cursor(), bench.some()
        bench.pass_time()
        bench.twin.person_delete(bench.subject, gone)
        bench.settle()
        rows = [row for page in bench.pages(cursor) for row in page.rows if row.ref.id == gone]
        assert rows
        assert all(isinstance(row, Gone | Merged) for row in rows)

    def test_an_own_delete_is_told_where_declared(self, bench: Bench) -> None:
        needs(bench.can.deletes is Deletes.TOLD, "deletes that are told")
        cursor, (gone,) = bench.cursor(), bench.some()
        bench.pass_time()
        bench.store(self.delete(bench, gone))
        bench.settle()
        assert gone in _told(bench.pages(cursor))

    def test_deletes_of_one_instant_are_all_told_on_whichever_side_of_a_cursor(self, crowd: Bench) -> None:
        needs(crowd.can.deletes is Deletes.TOLD, "deletes that are told")
        cursor, (first, *others) = crowd.cursor(), crowd.some(crowd.can.page_size + 3)
        crowd.pass_time()
        crowd.twin.person_delete(crowd.subject, first)
        since = crowd.pages(cursor)[-1].cursor
        for id_ in others:
            crowd.twin.person_delete(crowd.subject, id_)
        crowd.settle()
        pages = crowd.pages(since)
        assert set(others) - _told(pages) == set()
        for number, page in enumerate(pages, start=1):
            assert set(others) - _told([*pages[:number], *crowd.pages(page.cursor)]) == set()

    def test_deletes_while_a_listing_is_read_are_told(self, crowd: Bench) -> None:
        needs(crowd.can.deletes is Deletes.TOLD, "deletes that are told")
        listing = crowd.connector.changes(crowd.subject, None)
        first = next(listing)
        gone = sorted(ids([first]))[:2]
        for id_ in gone:
            crowd.pass_time()
            crowd.twin.person_delete(crowd.subject, id_)
        crowd.settle()
        rest = list(listing)
        assert set(gone) - _told([*rest, *crowd.pages(rest[-1].cursor)]) == set()

    def test_a_clock_that_is_wrong_by_a_minute_hides_no_delete(self, bench: Bench) -> None:
        needs(bench.can.deletes is Deletes.TOLD, "deletes that are told")
        for wrong, gone in zip((-60.0, 60.0), bench.some(2), strict=True):
            connector = bench.open(self.settings, Wrong(bench.clock, wrong))
            cursor = list(connector.changes(bench.subject, None))[-1].cursor
            bench.pass_time()
            bench.twin.person_delete(bench.subject, gone)
            bench.settle()
            assert gone in _told(connector.changes(bench.subject, cursor)), f"a clock that is wrong by {wrong:g} s"

    def test_a_full_listing_no_longer_shows_a_deleted_record(self, bench: Bench) -> None:
        needs(bench.can.deletes is not Deletes.HIDDEN, "deletes that a listing shows")
        gone, *stay = bench.some(4)
        bench.twin.person_delete(bench.subject, gone)
        bench.settle()
        listed = ids(bench.pages())
        assert gone not in listed
        assert set(stay) <= listed

    def test_a_delete_of_another_version_is_stale_where_declared(self, bench: Bench) -> None:
        needs(bench.can.conditional, "conditional")
        name, (id_,) = self.text(bench), bench.some()
        expected = bench.seen(id_).version
        bench.person_edits(id_, name, "A person was faster")
        write = self.delete(bench, id_, expect=expected)
        assert isinstance(bench.write(write)[write.key], Stale)
        assert id_ in bench.people()


def _told(pages: Iterable[Page]) -> set[str]:
    """The ids of the records that pages show as no longer there."""
    return {row.ref.id for page in pages for row in page.rows if not isinstance(row, Record)}
