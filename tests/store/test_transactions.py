"""A transaction lands whole or not at all; readers see one state; writers take turns."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

import pytest
from sqlalchemy import text

from syncd.core.record import EntityId
from syncd.errors import StoreError
from syncd.store.ports import Storage, Transaction
from syncd.store.store import Store
from syncd.store.values import Entry, Event, OptOut
from tests.store.ground import START, debt, entity, key, link, question, ref, write


def everything(tx: Transaction) -> None:
    """Write something into each part."""
    tx.entities.put(entity(), [key("ann@example.com")])
    tx.links.put("people", link())
    tx.hints.add([ref()], START)
    tx.deliveries.owe(debt())
    tx.intents.put([write()])
    tx.parked.park(question())
    tx.optouts.add(OptOut("mail", "ann@example.com", START, "news", 1))
    tx.apps.pause("crm", "by hand")
    tx.meta.put("name", "value")
    tx.log.append(Entry(event=Event.PAUSED, app="crm"))


def found(store: Storage) -> list[Any]:
    """What of it is there."""
    with store.read() as tx:
        return [
            tx.entities.count("people"),
            len(tx.entities.by_key(key("ann@example.com"))),
            len(tx.links.all("people")),
            tx.hints.count("crm"),
            tx.deliveries.count("crm"),
            len(tx.intents.open()),
            len(tx.parked.open()),
            tx.optouts.count(),
            int(bool(tx.apps.get("crm").paused)),
            int(tx.meta.get("name") is not None),
            len(tx.log.find()),
        ]


NOTHING, ALL = [0] * 11, [1] * 11


def test_what_a_transaction_did_lands_whole(store: Storage) -> None:
    with store.begin() as tx:
        everything(tx)
    assert found(store) == ALL
    assert store.verify() == ""


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_nothing_of_a_transaction_that_fails_lands(store: Storage, stop: type[BaseException]) -> None:
    def fail(tx: Transaction) -> None:
        everything(tx)
        tx.flush()
        raise stop

    with pytest.raises(stop), store.begin() as tx:
        fail(tx)
    assert found(store) == NOTHING
    with store.begin() as tx:
        everything(tx)
    assert found(store) == ALL


def test_nothing_lands_if_the_process_dies_just_before_the_commit(store: Storage) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    store.on_commit = die
    with pytest.raises(KeyboardInterrupt), store.begin() as tx:
        everything(tx)
    assert found(store) == NOTHING


def test_what_is_written_while_reading_is_rolled_back(store: Storage) -> None:
    with store.read() as tx:
        everything(tx)
        tx.flush()
        assert tx.entities.count("people") == 1
    assert found(store) == NOTHING


def test_a_transaction_within_a_transaction_is_a_mistake_that_shows(store: Storage) -> None:
    with store.begin() as tx:
        everything(tx)
        with pytest.raises(RuntimeError, match="within a transaction"), store.begin():
            pass
    assert found(store) == ALL


def test_threads_take_turns(store: Storage) -> None:
    def work() -> None:
        for _ in range(10):
            with store.begin() as tx:
                tx.meta.put("count", str(int(tx.meta.get("count") or 0) + 1))
                tx.log.append(Entry(event=Event.PAUSED, app="crm"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert tx.meta.get("count") == "40"
        assert len(tx.log.find()) == 40
    assert store.verify() == ""


def shared(place: str) -> str:
    if place == "sqlite://":
        pytest.skip("memory is one process's own")
    return place


def test_a_reader_sees_one_state_while_others_write(place: str) -> None:
    one, two = Store.open(shared(place), lambda: START), Store.open(place, lambda: START)
    with one.read() as reader:
        assert reader.meta.get("name") is None
        with two.begin() as tx:
            everything(tx)
        assert reader.meta.get("name") is None
        assert reader.entities.count("people") == 0
    assert found(one) == ALL
    one.close()
    two.close()


def count_up(place: str, name: str, ready: Any) -> None:
    """What each of the processes does: open the store, and add to it what the other must not lose."""
    ready.wait()
    store = Store.open(place, lambda: START)
    for number in range(20):
        with store.begin() as tx:
            tx.meta.put("count", str(int(tx.meta.get("count") or 0) + 1))
            tx.log.append(Entry(event=Event.PAUSED, app=name))
            tx.entities.put(entity(EntityId(f"{name}{number}")), [key("shared@example.com")])
    store.close()


def test_two_processes_that_make_and_fill_one_store_lose_nothing(place: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(2)
    both = [spawn.Process(target=count_up, args=(shared(place), name, ready)) for name in ("a", "b")]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    store = Store.open(place, lambda: START)
    with store.read() as tx:
        assert tx.meta.get("count") == "40"
        assert tx.log.counts() == {"paused": 40}
        assert len(tx.entities.holders("people", [key("shared@example.com")])[key("shared@example.com")]) == 40
    assert store.verify() == ""
    store.close()


def test_a_writer_that_waits_too_long_says_so(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.connect._PATIENCE", 1)
    one, two = Store.open(shared(place), lambda: START), Store.open(place, lambda: START)
    with one.begin(), pytest.raises(StoreError, match="another process is writing for long"), two.begin():
        pass
    with two.begin() as tx:
        everything(tx)
    assert found(one) == ALL
    one.close()
    two.close()


def test_a_mistake_of_ours_is_told_without_the_values_it_was_made_with(database: Store) -> None:
    insert = text("INSERT INTO meta (name, value) VALUES ('ann@example.com', 'x')")
    with database.begin() as tx:
        tx.db.execute(insert)
    with pytest.raises(StoreError) as caught, database.begin() as tx:
        tx.db.execute(insert)
    assert "ann@example.com" not in str(caught.value)
