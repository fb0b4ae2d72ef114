"""What threads ask of the store at the same time is done in one transaction, and each hears of its own part."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from syncd.daemon.together import Together
from syncd.errors import StoreError
from syncd.store.memory import MemoryStore
from syncd.store.ports import Transaction
from tests.daemon.house import eventually


class Slow:
    """A store whose first transaction takes until it is let go on."""

    def __init__(self) -> None:
        self.store = MemoryStore(lambda: 0.0)
        self.begun = 0
        self.go = threading.Event()
        self.failure: BaseException | None = None

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        self.begun += 1
        if self.begun == 1:
            assert self.go.wait(10)
        elif self.failure is not None:
            raise self.failure
        with self.store.begin() as tx:
            yield tx


def asked(store: Slow) -> list[Future[int]]:
    """Five who ask: the first is at work while the others come."""
    together: Together[int] = Together(store.begin)

    def note(number: int) -> int:
        def act(tx: Transaction) -> int:
            tx.meta.put(f"told {number}", "yes")
            return number

        return together.run(act)

    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(note, 0)
        eventually(lambda: store.begun == 1, "one is at work")
        others = [pool.submit(note, number) for number in range(1, 5)]
        eventually(lambda: len(together._waiting) == 4, "the others wait")
        store.go.set()
    return [first, *others]


def test_who_comes_while_one_is_at_work_is_done_with_the_next() -> None:
    store = Slow()
    assert [one.result() for one in asked(store)] == [0, 1, 2, 3, 4]
    assert store.begun == 2
    with store.store.read() as tx:
        assert [tx.meta.get(f"told {number}") for number in range(5)] == ["yes"] * 5


def test_where_the_store_fails_everybody_of_that_transaction_hears_of_it_and_nobody_else() -> None:
    store = Slow()
    store.failure = StoreError("database or disk is full")
    first, *others = asked(store)
    assert first.result() == 0
    for one in others:
        with pytest.raises(StoreError, match="disk is full"):
            one.result()


def test_where_something_else_goes_wrong_nobody_waits_for_ever() -> None:
    store = Slow()
    store.failure = RuntimeError("a mistake of ours")
    first, *others = asked(store)
    assert first.result() == 0
    kinds = sorted(type(one.exception()).__name__ for one in others if not one.cancelled())
    assert kinds.count("RuntimeError") == 1
    assert set(kinds) <= {"RuntimeError", CancelledError.__name__}
