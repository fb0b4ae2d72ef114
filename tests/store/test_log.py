"""The change log: append-only, found by what it is about, and proof against a hand in the tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from syncd.store.ports import Storage, Transaction
from syncd.store.store import Store
from syncd.store.values import Entry, Event
from tests.store.ground import ANN, BEN, START, ref

MERGED = Entry(
    event=Event.MERGED,
    sync="people",
    entity=ANN,
    ref=ref(),
    app="crm",
    fields={"phone": {"old": None, "new": "1", "rule": "edited"}, "tags": {"new": ["a"]}},
    cause=None,
    note="as listed",
    by="op",
    mapping="digest",
)


def notes(tx: Transaction, **asked: Any) -> list[str]:
    return [entry.note for entry in tx.log.find(**asked)]


def test_an_entry_comes_back_as_it_was_appended(store: Storage) -> None:
    with store.begin() as tx:
        assert [tx.log.append(MERGED), tx.log.append(replace(MERGED, cause=1))] == [1, 2]
        found = tx.log.get(2)
        assert found is not None
        assert replace(found, hash="") == replace(MERGED, cause=1, seq=2, at=START)
        assert tx.log.get(3) is None
    with store.begin() as tx:
        assert tx.log.append(MERGED) == 3
    with store.read() as tx:
        assert [entry.seq for entry in tx.log.find()] == [3, 2, 1]


def test_an_entry_about_a_record_is_about_its_app(store: Storage) -> None:
    with store.begin() as tx:
        tx.log.append(replace(MERGED, app=""))
        tx.log.append(Entry(event=Event.PAUSED, app="news"))
        assert [(entry.app, entry.ref) for entry in tx.log.find()] == [("news", None), ("crm", ref())]


def test_entries_are_found_by_what_they_are_about(store: Storage) -> None:
    with store.begin() as tx:
        tx.log.append(replace(MERGED, note="ann"))
        tx.log.append(replace(MERGED, note="ben", entity=BEN, sync="firms", fields={"e_mail": {"new": '"phone":{'}}))
        tx.log.append(Entry(event=Event.PAUSED, app="news", note="news"))
        assert notes(tx) == ["news", "ben", "ann"]
        assert notes(tx, entity=ANN) == ["ann"]
        assert notes(tx, app="crm") == ["ben", "ann"]
        assert notes(tx, sync="firms") == ["ben"]
        assert notes(tx, events=[Event.PAUSED, Event.RESUMED]) == ["news"]
        assert notes(tx, field="phone") == ["ann"]
        assert notes(tx, field="eXmail") == []
        assert notes(tx, since=START + 1) == []
        assert notes(tx, after=1, limit=1) == ["news"]
        assert tx.log.counts() == {"merged": 2, "paused": 1}
        assert tx.log.count(app="crm", sync="people", event=Event.MERGED, since=START) == 1
        assert tx.log.count(app="crm", sync="people", event=Event.MERGED, since=START + 1) == 0


def test_the_log_is_followed_from_an_entry_on_by_what_an_app_brought_about(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.log.last() == 0
        tx.log.append(replace(MERGED, note="first"))
        tx.log.append(replace(MERGED, note="elsewhere", sync="firms"))
        tx.log.append(Entry(event=Event.PAUSED, app="crm", note="paused"))
        tx.log.append(replace(MERGED, note="second"))
        assert tx.log.last() == 4

        def followed(**more: Any) -> list[str]:
            asked = {"app": "crm", "sync": "people", "events": (Event.MERGED,), "since": START, "after": 0, **more}
            return [entry.note for entry in tx.log.follow(**asked)]

        assert followed() == ["first", "second"]
        assert followed(events=(Event.MERGED, Event.PAUSED), sync="firms") == ["elsewhere"]
        assert followed(after=1) == ["second"]
        assert followed(since=START + 1) == []
        assert followed(app="news") == []
    with store.read() as tx:
        assert tx.log.last() == 4


def filled(store: Storage) -> None:
    for _ in range(2):
        with store.begin() as tx:
            tx.log.append(MERGED)
            tx.log.append(Entry(event=Event.PAUSED, app="news"))


def test_entries_are_found_by_a_text_that_they_tell_of_in_any_case_and_whole(store: Storage) -> None:
    with store.begin() as tx:
        tx.log.append(replace(MERGED, note="old", fields={"email": {"old": "Ann@example.com", "new": "x"}}))
        tx.log.append(replace(MERGED, note="longer", fields={"email": {"old": "joann@example.com.test", "new": "x"}}))
        tx.log.append(replace(MERGED, note="wild", fields={"email": {"old": "%_", "new": 'a "quoted" one'}}))
        assert notes(tx, value="ann@EXAMPLE.com") == ["old"]
        assert notes(tx, value="%_") == ["wild"]
        assert notes(tx, value='A "quoted" one') == ["wild"]
        assert notes(tx, value="%") == []


def test_an_untouched_log_fits_empty_or_full(store: Storage) -> None:
    assert store.verify() == ""
    filled(store)
    assert store.verify() == ""


@pytest.mark.parametrize("now", [1_800_000_000, 0.1 + 0.2, 1_799_999_999.999_999_8])
def test_the_log_fits_whatever_the_clock_says(place: str, now: float) -> None:
    store = Store.open(place, lambda: now)
    filled(store)
    assert store.verify() == ""
    store.close()


TAMPERINGS = {
    "a changed value": ("""UPDATE change SET fields = '{}' WHERE seq = 3""", 3),
    "a changed person": ("""UPDATE change SET "by" = 'nobody' WHERE seq = 1""", 1),
    "a changed time": ("""UPDATE change SET at = at + 0.001 WHERE seq = 4""", 4),
    "a changed cause": ("""UPDATE change SET cause = 1 WHERE seq = 3""", 3),
    "a changed hash": ("""UPDATE change SET hash = 'f00' WHERE seq = 3""", 3),
    "the first removed": ("DELETE FROM change WHERE seq = 1", 1),
    "one in the middle removed": ("DELETE FROM change WHERE seq = 3", 3),
    "the last removed": ("DELETE FROM change WHERE seq = 4", 4),
    "all removed": ("DELETE FROM change", 1),
    "two exchanged": ("UPDATE change SET seq = CASE seq WHEN 1 THEN -2 WHEN 2 THEN -1 ELSE seq END", 1),
    "one more at the end": (
        """INSERT INTO change SELECT 5, at, event, sync, entity, app, object, record, fields, cause, note, "by",
           mapping, hash FROM change WHERE seq = 4""",
        5,
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_the_chain_notices(database: Store, what: str) -> None:
    statement, place = TAMPERINGS[what]
    filled(database)
    with database.begin() as tx:
        tx.db.execute(text(statement))
        tx.db.execute(text("UPDATE change SET seq = -seq WHERE seq < 0"))
    assert database.verify() == f"the change log does not fit from entry {place} on"


def test_entries_that_follow_a_loss_do_not_cover_it(database: Store) -> None:
    filled(database)
    with database.begin() as tx:
        tx.db.execute(text("DELETE FROM change WHERE seq > 2"))
    with database.begin() as tx:
        assert tx.log.append(MERGED) == 5
    assert database.verify() == "the change log does not fit from entry 3 on"


AT_THE_END = {
    "a changed time": 4,
    "a changed hash": 4,
    "one in the middle removed": 3,
    "the last removed": 4,
    "all removed": 1,
    "one more at the end": 5,
}
"""What the last entry shows by itself."""


@pytest.mark.parametrize("what", TAMPERINGS)
def test_the_end_of_the_chain_notices_what_was_done_to_it_and_only_that(database: Store, what: str) -> None:
    filled(database)
    with database.read() as tx:
        assert [tx.log.loose(last) for last in (0, 1, 3, 4, 100)] == [None] * 5
    with database.begin() as tx:
        tx.db.execute(text(TAMPERINGS[what][0]))
        tx.db.execute(text("UPDATE change SET seq = -seq WHERE seq < 0"))
    with database.read() as tx:
        assert tx.log.loose(100) == TAMPERINGS[what][1]
        assert tx.log.loose(1) == AT_THE_END.get(what)


def test_an_empty_log_ends_as_it_should(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.log.loose(1) is None
        tx.log.append(MERGED)
        assert tx.log.loose(1) is None


def test_who_was_told_of_often_is_found_among_many(store: Storage) -> None:
    sent = replace(MERGED, event=Event.SENT)
    with store.begin() as tx:
        for entry in (sent, replace(sent, event=Event.COERCED), replace(sent, entity=BEN), MERGED):
            tx.log.append(entry)
        tx.log.append(replace(sent, entity=BEN, app="news", ref=ref("1", "news")))

        def told(least: int, **more: Any) -> set[str]:
            asked = {"app": "crm", "events": (Event.SENT, Event.COERCED), "since": START, **more}
            return set(tx.log.often([ANN, BEN], least=least, **asked))

        assert (told(1), told(2), told(3)) == ({ANN, BEN}, {ANN}, set())
        assert told(1, since=START + 1) == set()
        assert told(1, app="news") == {BEN}
        assert tx.log.often([], app="crm", events=(Event.SENT,), since=START, least=1) == []


def test_entries_are_found_by_the_record_they_are_about(store: Storage) -> None:
    with store.begin() as tx:
        tx.log.append(replace(MERGED, ref=ref("1"), note="first"))
        tx.log.append(replace(MERGED, ref=ref("2"), note="another"))
        tx.log.append(replace(MERGED, ref=None, note="of nobody"))
        tx.log.append(replace(MERGED, ref=ref("1"), sync="firms", note="second"))
        assert notes(tx, ref=ref("1")) == ["second", "first"]
        assert notes(tx, ref=ref("1"), sync="people", limit=1) == ["first"]
        assert notes(tx, ref=ref("3")) == []


def test_entries_of_long_ago_that_still_say_something_are_found_oldest_first(store: Storage) -> None:
    filled(store)
    with store.begin() as tx:
        tx.log.append(MERGED)
        tx.log.erase([1], ("fields",), Entry(event=Event.EXPIRED))
        assert [entry.seq for entry in tx.log.aged(START + 1, 0, 10)] == [3, 5]
        assert [entry.seq for entry in tx.log.aged(START + 1, 3, 10)] == [5]
        assert [entry.seq for entry in tx.log.aged(START + 1, 0, 1)] == [3]
        assert tx.log.aged(START, 0, 10) == []
