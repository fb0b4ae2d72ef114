"""What is erased of the change log is vouched for, and what is kept of whoever was forgotten says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from syncd.store.forgetting import SALT, Forgetting, blinded
from syncd.store.ports import Storage
from syncd.store.store import Store
from syncd.store.values import Entry, Event, OptOut
from tests.store.ground import ANN, BEN, START, key, question, ref

ORDER = Forgetting(entities=(ANN,), by="op", reason="asked by letter", cause=1)
TOLD = Entry(
    event=Event.MERGED, sync="people", entity=ANN, ref=ref(), fields={"phone": {"old": None, "new": "1"}}, note="a note"
)
VOUCH = Entry(event=Event.FORGOTTEN, sync="people", entity=ANN, by="op")


def filled(store: Storage) -> None:
    with store.begin() as tx:
        for n in range(1, 7):
            tx.log.append(replace(TOLD, entity=ANN if n % 2 else BEN, note=f"note {n}"))


def test_an_erased_entry_says_nothing_and_the_chain_still_fits(store: Storage) -> None:
    filled(store)
    with store.begin() as tx:
        assert tx.log.erase([1, 3, 4], ("fields", "note", "record"), VOUCH) == 7
        left = tx.log.get(3)
        assert left is not None
        assert (left.fields, left.note, left.ref, left.app, left.event) == ({}, "", None, "crm", Event.MERGED)
        voucher = tx.log.get(7)
        assert voucher is not None
        assert (voucher.fields["erased"]["runs"], voucher.fields["erased"]["count"]) == ([[1, 1], [3, 4]], 3)
    assert store.verify() == ""
    with store.read() as tx:
        assert tx.log.loose(2) is None
        assert tx.log.loose(500) is None
    with store.begin() as tx:
        assert tx.log.append(TOLD) == 8
    assert store.verify() == ""


def test_what_was_erased_already_is_vouched_for_once(store: Storage) -> None:
    filled(store)
    with store.begin() as tx:
        tx.log.erase([2], ("fields",), replace(VOUCH, event=Event.EXPIRED))
        seq = tx.log.erase([1, 2, 7], ("fields",), VOUCH)
        voucher = tx.log.get(seq)
        assert voucher is not None
        assert voucher.fields["erased"]["runs"] == [[1, 1]]
        kept = tx.log.get(7)
        assert kept is not None
        assert kept.fields["erased"]["count"] == 1
    assert store.verify() == ""


def erased_twice(store: Storage) -> None:
    """Values of 2 to 5 have expired; of those, 2 and 4 are then of somebody who is forgotten, as is 6."""
    filled(store)
    with store.begin() as tx:
        tx.log.erase([2, 3, 4, 5], ("fields",), replace(VOUCH, event=Event.EXPIRED, entity=None))
        tx.log.erase([2, 4, 6], ("fields", "note", "record"), VOUCH)


def test_what_expired_before_the_person_was_forgotten_is_erased_whole(store: Storage) -> None:
    erased_twice(store)
    with store.read() as tx:
        left = [tx.log.get(seq) for seq in (2, 3, 4)]
        assert [(one.note, one.ref) for one in left if one] == [("", None), ("note 3", ref()), ("", None)]
        assert tx.log.loose(4) is None
        assert tx.log.loose(500) is None
    assert store.verify() == ""


@pytest.mark.parametrize(
    "hand",
    [
        "UPDATE change SET note = 'another' WHERE seq = 2",
        "UPDATE change SET note = 'another' WHERE seq = 3",
        "UPDATE change SET note = 'another' WHERE seq = 6",
        "UPDATE change SET note = '', record = '' WHERE seq = 5",
        "UPDATE change SET fields = replace(fields, 'was', 'wax') WHERE seq = 8",
        "UPDATE change SET fields = replace(fields, '[4,4]', '[5,5]') WHERE seq = 8",
    ],
)
def test_whoever_alters_what_was_left_after_a_second_erasure_is_found_out(database: Store, hand: str) -> None:
    erased_twice(database)
    with database.begin() as tx:
        assert tx.db.execute(text(hand)).rowcount == 1
    assert "does not fit" in database.verify()


def test_old_notes_that_may_quote_a_value_count_as_something_that_is_still_said(store: Storage) -> None:
    with store.begin() as tx:
        for event, note in ((Event.REFUSED, "update: 555 is no phone"), (Event.REFUSED, ""), (Event.GONE, "absent")):
            tx.log.append(Entry(event=event, sync="people", entity=ANN, ref=ref(), note=note))
    with store.begin() as tx:
        assert [entry.seq for entry in tx.log.aged(START + 1, 0, 9)] == [1]
        tx.log.erase([1], ("fields", "note"), replace(VOUCH, event=Event.EXPIRED))
        assert not tx.log.aged(START + 1, 0, 9)
    assert store.verify() == ""


def test_nothing_to_erase_is_vouched_for_as_well(store: Storage) -> None:
    with store.begin() as tx:
        tx.log.erase([], ("fields",), VOUCH)
    assert store.verify() == ""


@pytest.mark.parametrize(
    "hand",
    [
        "UPDATE change SET fields = '\"erased\"' WHERE seq = 5",
        "UPDATE change SET note = 'another' WHERE seq = 3",
        "UPDATE change SET at = 1.0 WHERE seq = 1",
        "UPDATE change SET fields = '{}' WHERE seq = 3",
        "UPDATE change SET fields = '{}' WHERE seq = 7",
        "UPDATE change SET fields = 'no JSON' WHERE seq = 7",
    ],
)
def test_whoever_erases_by_another_hand_or_alters_what_is_left_is_found_out(database: Store, hand: str) -> None:
    filled(database)
    with database.begin() as tx:
        tx.log.erase([1, 3], ("fields", "note"), VOUCH)
    assert database.verify() == ""
    with database.begin() as tx:
        tx.db.execute(text(hand))
    assert "does not fit" in database.verify()


def test_the_end_of_the_log_is_sound_though_a_voucher_there_names_what_is_before(store: Storage) -> None:
    filled(store)
    with store.begin() as tx:
        tx.log.erase([1, 6], ("fields",), VOUCH)
        assert tx.log.loose(1) is None
        assert tx.log.loose(2) is None


def test_keys_of_the_forgotten_are_known_until_a_person_lifts_them(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.forgotten.known([key("ann@example.com")]) == {}
        id = tx.forgotten.ask(ORDER)
        tx.forgotten.remember([key("ann@example.com")], id)
        assert tx.forgotten.known([key("ann@example.com"), key("ben@example.com")]) == {key("ann@example.com"): id}
        assert tx.forgotten.open() == {ANN: replace(ORDER, id=id, asked=START)}
        done = replace(ORDER, id=id, asked=START, done=START, certificate={"apps": [1]})
        tx.forgotten.put(done)
        assert tx.forgotten.open() == {}
        assert tx.forgotten.get(id) == done
        assert tx.forgotten.all() == [done]
        assert tx.forgotten.get(99) is None
        tx.forgotten.lift(id)
        assert tx.forgotten.known([key("ann@example.com")]) == {}


def test_an_opt_out_holds_by_the_hash_of_its_address_and_can_be_lifted(store: Storage) -> None:
    optout: Any = OptOut("news", "ann@example.com", START, "crm", 1)
    with store.begin() as tx:
        tx.optouts.add(optout)
        tx.optouts.conceal("news", "ann@example.com")
        assert tx.optouts.of("news", ["ann@example.com"]) == {"ann@example.com": optout}, "no salt yet: as it was"
        tx.forgotten.remember([key("ann@example.com")], 1)
        tx.optouts.conceal("news", "ann@example.com")
        tx.optouts.conceal("news", "nobody@example.com")
        assert tx.optouts.of("news", ["ann@example.com", "ben@example.com"]) == {"ann@example.com": optout}
        assert tx.optouts.count() == 1
        tx.optouts.lift("news", "ann@example.com", START)
        assert tx.optouts.of("news", ["ann@example.com"]) == {}


def test_an_opt_out_that_was_lifted_once_takes_nothing_back_that_stands_by_its_hash(store: Storage) -> None:
    """As it is after a restore: the backup knows of the lifting, the store that was replaced of an opt-out after it."""
    optout = OptOut("news", "ann@example.com", START, "crm", 1)
    with store.begin() as tx:
        tx.forgotten.remember([key("ann@example.com")], 1)
        tx.optouts.add(optout)
        tx.optouts.lift("news", "ann@example.com", START)
        salt = tx.meta.get(SALT) or ""
        tx.optouts.add(replace(optout, address=blinded(salt, ("news", "ann@example.com"))))
        tx.optouts.conceal("news", "ann@example.com")
        assert tx.optouts.of("news", ["ann@example.com"]) == {"ann@example.com": optout}
        tx.optouts.lift("news", "ann@example.com", START)
        tx.optouts.add(optout)
        tx.optouts.conceal("news", "ann@example.com")
        assert tx.optouts.of("news", ["ann@example.com"]) == {"ann@example.com": optout}


def test_erased_work_is_closed_and_says_nothing(store: Storage) -> None:
    with store.begin() as tx:
        answered = tx.parked.park(question(detail={"theirs": "1"}))
        tx.parked.close(answered, "1", "op")
        tx.parked.park(question(app="crm", ref=ref(), detail={"theirs": "2"}))
        tx.parked.erase(tx.parked.ever([ANN], []))
        assert tx.parked.open() == []
        told = [(work.reason, work.detail, work.ref, work.answer) for work in tx.parked.ever([ANN], [])]
        assert told == [("", {}, None, "forgotten")] * 2, "an answer may be a value"
        assert tx.parked.park(question(app="crm", ref=ref())) == answered + 2
