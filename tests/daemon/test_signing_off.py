"""The last that a daemon does to its store, and what becomes of one whose file is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog import wrap_logger
from structlog.testing import LogCapture, ReturnLogger
from structlog.typing import FilteringBoundLogger

from syncd.daemon.lock import Heart, Holder, last_beat
from syncd.daemon.signing_off import sign_off
from syncd.errors import StoreError
from syncd.store.generation import advance, beside, generation_file
from syncd.store.store import Store
from syncd.testing.clock import TurnedClock

HERE = Holder(1, "here", "run", "2026-01-01T00:00:00+00:00")


class Place:
    """A store at work, and what is said as it is left."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "syncd.db"
        url, clock = f"sqlite:///{self.file}", TurnedClock(1_800_000_000.0)
        self.store = Store.open(url, clock.now)
        self.generation = generation_file(url)
        self.heart = Heart(self.store, HERE, clock)
        self.heart.beat()
        advance(self.store, self.generation)
        self.said = LogCapture()
        self.log: FilteringBoundLogger = wrap_logger(ReturnLogger(), processors=[self.said])

    def leave(self) -> list[str]:
        sign_off(self.heart, self.store, self.generation, self.log)
        return [str(line["event"]) for line in self.said.entries]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.store.close()


def test_whoever_leaves_is_at_rest_and_the_store_is_the_newest(place: Place) -> None:
    assert place.generation is not None
    before = beside(place.generation)
    assert place.leave() == []
    after = beside(place.generation)
    assert before is not None
    assert after is not None
    assert after.number == before.number + 1
    assert last_beat(place.store) is None


def test_a_store_whose_file_is_gone_is_kept_and_never_in_place_of_another_that_was(place: Place) -> None:
    rescued = place.file.with_name("syncd.db.rescued")
    rescued.write_text("kept before")
    place.file.unlink()
    assert place.leave() == ["store failing", "store rescued"]
    assert rescued.read_text() == "kept before"
    with closing(sqlite3.connect(f"{rescued}1")) as db:
        assert db.execute("SELECT count(*) FROM meta").fetchone()[0] > 0


def test_one_that_cannot_be_kept_is_said_to_be_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_target: Path) -> None:
        raise StoreError("database or disk is full")

    monkeypatch.setattr(place.store, "copy", full)
    place.file.rename(place.file.with_name("away.db"))
    assert place.leave() == ["store failing", "store lost"]
    assert place.said.entries[-1]["reason"] == "database or disk is full"
