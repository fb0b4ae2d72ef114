"""Hints, cursors, deliveries and intents: work on its way is what was last said of it, in any order of saying."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.record import Cursor
from syncd.store.ports import Storage
from syncd.store.values import IntentKind, IntentState, Progress
from tests.store.ground import ANN, BEN, START, debt, entity, ref, write


def test_a_hint_is_due_at_its_time_until_it_is_dropped(store: Storage) -> None:
    with store.begin() as tx:
        tx.hints.add([ref("2"), ref("1"), ref("1")], START)
        tx.hints.add([ref("3")], START + 60)
        tx.hints.add([ref("1", "news")], START)
    with store.begin() as tx:
        assert tx.hints.due("crm", "contacts", START, 10) == [ref("1"), ref("2")]
        assert tx.hints.due("crm", "contacts", START, 1) == [ref("1")]
        tx.hints.drop([ref("1"), ref("2"), ref("unknown")], tx.now)
        tx.hints.drop([], tx.now)
        assert tx.hints.due("crm", "contacts", START, 10) == []
        assert tx.hints.count("crm") == 1
    with store.read() as tx:
        assert tx.hints.due("crm", "contacts", START + 60, 10) == [ref("3")]
        assert tx.hints.due("crm", "firms", START + 60, 10) == []


def test_the_tries_of_a_hint_are_counted_until_it_is_dropped_whoever_hints_at_it_again(store: Storage) -> None:
    with store.begin() as tx:
        tx.hints.add([ref("1")], START)
        assert tx.hints.tries(ref("1")) == tx.hints.tries(ref("2")) == 0
        tx.hints.postpone(ref("1"), START + 60)
        tx.hints.postpone(ref("2"), START + 60)
        tx.hints.postpone(ref("2"), START + 90)
    with store.begin() as tx:
        assert (tx.hints.tries(ref("1")), tx.hints.tries(ref("2"))) == (1, 2)
        assert tx.hints.due("crm", "contacts", START + 60, 10) == [ref("1")]
        tx.hints.add([ref("2")], START)
        assert tx.hints.tries(ref("2")) == 2
        tx.hints.drop([ref("1"), ref("2")], START)
    with store.read() as tx:
        assert (tx.hints.tries(ref("1")), tx.hints.tries(ref("2"))) == (1, 0)


def test_a_cursor_is_where_it_was_last_put(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.cursors.get("people", "crm") == Progress()
        tx.cursors.put("people", "crm", Progress(Cursor("a"), None, 1.5))
        tx.cursors.put("people", "crm", Progress(Cursor("b"), 1.0, 2.5))
        tx.cursors.put("firms", "crm", Progress(None, 3.0, None))
        assert tx.cursors.get("people", "crm") == Progress(Cursor("b"), 1.0, 2.5)
    with store.read() as tx:
        assert tx.cursors.get("people", "crm") == Progress(Cursor("b"), 1.0, 2.5)
        assert tx.cursors.get("firms", "crm") == Progress(None, 3.0, None)


def test_debts_about_those_who_are_deleted_are_counted(store: Storage) -> None:
    with store.begin() as tx:
        tx.entities.put(entity(ANN), [])
        tx.entities.put(replace(entity(BEN), deleted=True), [])
        tx.entities.flush()
        for own in (debt(ANN), debt(BEN, START + 9), debt(BEN, app="news"), debt(BEN, sync="firms")):
            tx.deliveries.owe(own)
        assert [tx.deliveries.removals(app, "people") for app in ("crm", "news", "shop")] == [1, 1, 0]


def test_debts_come_urgent_first_then_by_time(store: Storage) -> None:
    with store.begin() as tx:
        tx.deliveries.owe(debt(ANN, START - 5))
        tx.deliveries.owe(debt(BEN, START, urgent=True))
        tx.deliveries.owe(debt(BEN, START - 9, sync="firms"))
        tx.deliveries.owe(debt(BEN, START + 9, app="news"))
        assert [(d.sync, d.entity) for d in tx.deliveries.due("crm", START, 10)] == [
            ("people", BEN),
            ("firms", BEN),
            ("people", ANN),
        ]
        assert [d.entity for d in tx.deliveries.due("crm", START, 10, sync="firms")] == [BEN]
        assert tx.deliveries.due("news", START, 10) == []
        assert tx.deliveries.next_due("news") == START + 9
        assert tx.deliveries.next_due("shop") is None
        assert [tx.deliveries.count("crm"), tx.deliveries.count("news")] == [3, 1]
        assert [tx.deliveries.count("crm", most=most) for most in (1, 3, 9)] == [1, 3, 3]


def test_a_debt_becomes_due_the_earlier_and_stays_urgent_within_a_transaction(store: Storage) -> None:
    with store.begin() as tx:
        tx.deliveries.owe(debt(due=START, urgent=True))
        tx.deliveries.owe(debt(due=START - 5))
        tx.deliveries.owe(debt(due=START + 5, cause=3))
        assert tx.deliveries.get("people", "crm", ANN) == debt(due=START - 5, urgent=True, cause=3)


def test_a_debt_becomes_due_the_earlier_and_stays_urgent_across_transactions(store: Storage) -> None:
    for due, urgent in ((START, False), (START + 5, True), (START - 5, False), (START + 9, False)):
        with store.begin() as tx:
            tx.deliveries.owe(debt(due=due, urgent=urgent))
    with store.read() as tx:
        assert tx.deliveries.get("people", "crm", ANN) == debt(due=START - 5, urgent=True)


def test_a_debt_that_is_noted_again_for_no_cause_keeps_the_one_it_had(store: Storage) -> None:
    with store.begin() as tx:
        tx.deliveries.owe(debt(cause=3))
        tx.deliveries.owe(debt())
        assert tx.deliveries.get("people", "crm", ANN) == debt(cause=3)
    with store.begin() as tx:
        tx.deliveries.owe(debt())
    with store.begin() as tx:
        assert tx.deliveries.get("people", "crm", ANN) == debt(cause=3)
        tx.deliveries.owe(debt(cause=5))
        assert tx.deliveries.get("people", "crm", ANN) == debt(cause=5)


def test_a_debt_that_is_noted_again_keeps_the_count_of_its_attempts(store: Storage) -> None:
    with store.begin() as tx:
        tx.deliveries.owe(debt())
        tx.deliveries.postpone(debt(), START + 60)
        tx.deliveries.postpone(debt(), START + 120)
        assert tx.deliveries.get("people", "crm", ANN) == debt(due=START + 120, attempts=2)
        assert tx.deliveries.due("crm", START, 10) == []
        tx.deliveries.owe(debt(due=START + 1))
    with store.read() as tx:
        assert tx.deliveries.get("people", "crm", ANN) == debt(due=START + 1, attempts=2)


def test_a_settled_debt_is_gone_and_a_new_one_knows_nothing_of_it(store: Storage) -> None:
    with store.begin() as tx:
        tx.deliveries.owe(debt(due=START - 60, urgent=True))
        tx.deliveries.postpone(debt(), START - 60)
    with store.begin() as tx:
        tx.deliveries.settle(debt())
        assert tx.deliveries.get("people", "crm", ANN) is None
    with store.begin() as tx:
        tx.deliveries.owe(debt(due=START - 60, urgent=True))
    with store.begin() as tx:
        tx.deliveries.settle(debt())
        tx.deliveries.owe(debt())
        assert tx.deliveries.get("people", "crm", ANN) == debt()
        tx.deliveries.settle(debt())
    with store.read() as tx:
        assert tx.deliveries.count("crm") == 0


def test_a_write_is_open_until_its_outcome_is_stored(store: Storage) -> None:
    with store.begin() as tx:
        tx.intents.put([write()])
        assert tx.intents.of_entities([ANN, BEN], "crm") == {ANN: write()}
    with store.begin() as tx:
        assert [tx.intents.get(app, "w1") for app in ("crm", "news")] == [write(), None]
        assert tx.intents.of_refs("crm", [ref(), ref("9")]) == {ref(): write()}
        assert tx.intents.of_refs("news", [ref()]) == {}
        tx.intents.drop(["w1"])
        assert tx.intents.get("crm", "w1") is None
        assert tx.intents.of_entities([ANN], "crm") == {}
        assert tx.intents.of_refs("crm", [ref()]) == {}
        assert tx.intents.open() == []
    with store.read() as tx:
        assert tx.intents.open("crm") == []


def test_a_write_in_doubt_stays_open_and_says_so(store: Storage) -> None:
    doubtful = replace(write(), state=IntentState.UNKNOWN, at=START + 5, attempts=2)
    with store.begin() as tx:
        tx.intents.put([write(), write("w2", BEN, ref=None, kind=IntentKind.CREATE, app="news")])
        assert tx.intents.of_entities([ANN], "crm") == {ANN: write()}
        tx.intents.put([doubtful])
        assert tx.intents.of_entities([ANN], "crm") == {ANN: doubtful}
        assert tx.intents.of_entities([BEN], "news")[BEN].ref is None
    with store.read() as tx:
        assert tx.intents.open(state=IntentState.UNKNOWN) == [doubtful]
        assert [intent.key for intent in tx.intents.open()] == ["w2", "w1"]


def test_a_write_that_is_dropped_and_put_again_is_open(store: Storage) -> None:
    with store.begin() as tx:
        tx.intents.put([write()])
        tx.intents.drop(["w1"])
        tx.intents.put([write(attempts=1)])
        assert tx.intents.of_refs("crm", [ref()]) == {ref(): write(attempts=1)}
    with store.read() as tx:
        assert tx.intents.open("crm") == [write(attempts=1)]


def test_hints_that_came_after_a_moment_are_told_apart(store: Storage) -> None:
    with store.begin() as tx:
        tx.hints.add([ref("1"), ref("2")], START)
        tx.hints.add([ref("2"), ref("3")], START + 1)
        tx.hints.add([ref("4", "news")], START + 1)
        tx.hints.postpone(ref("5"), START + 60)
        assert tx.hints.between("crm", "contacts", START, START + 1) == {ref("2"), ref("3")}
        assert tx.hints.between("crm", "firms", START, START + 1) == frozenset()


def test_the_keys_of_open_writes_are_those_in_the_store(store: Storage) -> None:
    with store.begin() as tx:
        tx.intents.put([write("w1"), write("w2", BEN), write("w3", app="news")])
        tx.intents.drop(["w2"])
        assert tx.intents.keys("crm") == {"w1"}
    with store.read() as tx:
        assert (tx.intents.keys("crm"), tx.intents.keys("news")) == ({"w1"}, {"w3"})
        assert tx.intents.keys("shop") == frozenset()
