"""One process at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, StaticPool, create_engine, event

from syncd.daemon.lock import STALE, AlreadyRunning, Heart, Holder, last_beat, sole
from syncd.errors import StoreError
from syncd.settings import Config
from syncd.settings import Store as StoreSettings
from syncd.store.store import Store
from syncd.testing.clock import TurnedClock
from tests.daemon.company import Company

HERE = Holder(1, "here", "run", "2026-01-01T00:00:00+00:00")
THERE = Holder(2, "there", "run", "2026-01-01T00:00:00+00:00")


def stored_at(company: Company, url: str) -> Config:
    return replace(company.config, store=StoreSettings(url=url))


def test_a_second_process_is_told_who_is_there_and_since_when(company: Company) -> None:
    with sole(company.config, "apply") as held:
        with pytest.raises(AlreadyRunning) as refused, sole(company.config):
            pass
        assert str(os.getpid()) in str(refused.value)
        assert "syncd apply" in str(refused.value)
        assert f"since {held.holder.since[:19]}Z" in str(refused.value)
    assert refused.value.exit_code == 7


def test_a_store_of_two_names_is_refused_for_each_would_have_a_lock_of_its_own(company: Company) -> None:
    file = company.folder / "syncd.db"
    os.link(file, company.folder / "other.db")
    with pytest.raises(StoreError, match="another name") as refused, sole(company.config):
        pass
    assert "syncd backup" in f"{refused.value.hint}"
    (company.folder / "other.db").unlink()
    with sole(company.config):
        pass


def test_the_lock_is_free_again_afterwards(company: Company) -> None:
    with sole(company.config):
        pass
    with sole(company.config):
        pass


def test_what_a_killed_process_left_in_the_lock_file_keeps_nobody_out(company: Company) -> None:
    lock = company.folder / "syncd.db.lock"
    lock.write_text('{"pid": 999999, "host": "here", "doing": "run", "since": "2026-01-01T00:00:00+00:00"}')
    with sole(company.config):
        assert json.loads(lock.read_text())["pid"] == os.getpid()


def test_nobody_but_its_owner_may_read_the_lock_file(company: Company) -> None:
    with sole(company.config):
        assert (company.folder / "syncd.db.lock").stat().st_mode & 0o077 == 0


def test_a_holder_that_has_not_said_its_name_yet_is_respected_all_the_same(company: Company) -> None:
    with sole(company.config):
        (company.folder / "syncd.db.lock").write_text("")
        with pytest.raises(AlreadyRunning, match="has not said who it is"), sole(company.config):
            pass


def test_a_folder_that_cannot_be_written_is_named(company: Company, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="lock file"),
        sole(stored_at(company, f"sqlite:///{tmp_path / 'file' / 'x.db'}")),
    ):
        pass


def test_a_store_in_memory_needs_no_lock(company: Company) -> None:
    config = stored_at(company, "sqlite://")
    with sole(config) as one, sole(config) as other:
        one.check()
        other.check()


class Ticking(TurnedClock):
    """A clock at whose every tick something happens elsewhere."""

    def __init__(self, tick: Callable[[], None]) -> None:
        super().__init__()
        self._tick = tick

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._tick()


def nothing() -> None:
    """Nobody is there."""


def test_a_heart_that_stopped_elsewhere_is_waited_for_and_then_gone(tmp_path: Path) -> None:
    clock = Ticking(nothing)
    store = Store.open(f"sqlite:///{tmp_path / 's.db'}", clock.now)
    Heart(store, THERE, clock).beat()
    Heart(store, HERE, clock).listen()
    assert STALE <= sum(clock.slept) <= STALE + 1
    store.close()


def test_a_heart_that_beats_elsewhere_keeps_us_out(tmp_path: Path) -> None:
    clock = Ticking(nothing)
    store = Store.open(f"sqlite:///{tmp_path / 's.db'}", clock.now)
    elsewhere = Heart(store, THERE, clock)
    elsewhere.beat()
    clock._tick = elsewhere.beat
    with pytest.raises(AlreadyRunning, match="on there"):
        Heart(store, HERE, clock).listen()
    store.close()


def test_our_own_machine_is_believed_by_its_lock_alone(tmp_path: Path) -> None:
    clock = Ticking(nothing)
    store = Store.open(f"sqlite:///{tmp_path / 's.db'}", clock.now)
    Heart(store, HERE, clock).beat()
    Heart(store, replace(HERE, pid=3), clock).listen()
    assert clock.slept == []
    store.close()


def test_a_heart_shows_when_it_last_beat_and_signs_off(tmp_path: Path) -> None:
    clock = TurnedClock()
    store = Store.open(f"sqlite:///{tmp_path / 's.db'}", clock.now)
    assert last_beat(store) is None
    heart = Heart(store, HERE, clock)
    heart.beat()
    found = last_beat(store)
    assert found is not None
    assert (found.holder, found.at) == (HERE, clock.now())
    heart.rest()
    assert last_beat(store) is None
    store.close()


def test_a_heart_that_cannot_be_read_keeps_nobody_out(tmp_path: Path) -> None:
    clock = TurnedClock()
    store = Store.open(f"sqlite:///{tmp_path / 's.db'}", clock.now)
    for unreadable in ("{", "[]", '{"at": 1}', '{"holder": {"pid": 1}, "at": 1}'):
        with store.begin() as tx:
            tx.meta.put("heart", unreadable)
        assert last_beat(store) is None
    Heart(store, HERE, clock).listen()
    assert clock.slept == []
    store.close()


def test_a_folder_that_does_not_lock_is_named_and_the_next_try_is_free(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", no_locks)
        with pytest.raises(StoreError, match=r"syncd.db.lock: No locks available\n.*local disk"), sole(company.config):
            pass
    with sole(company.config):
        pass


def test_a_database_that_is_down_is_told_of_without_its_password(company: Company) -> None:
    config = stored_at(company, "postgresql://ada:canary@127.0.0.1:1/syncd")
    with (
        pytest.raises(StoreError, match=r"127.0.0.1:1/syncd: connection .*\n.*lets this user in") as told,
        sole(config),
    ):
        pass
    assert "canary" not in str(told.value)


def test_a_lock_that_is_lost_with_its_connection_is_noticed(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[sqlite3.Connection] = []

    def stand_in(_url: object, **_: object) -> Engine:
        """SQLite, with what is asked of PostgreSQL; tests/live has the real one."""
        made = create_engine("sqlite://", poolclass=StaticPool)

        @event.listens_for(made, "connect")
        def _functions(raw: sqlite3.Connection, _record: object) -> None:
            raw.create_function("set_config", 3, lambda *_: "")
            raw.create_function("current_schema", 0, lambda: "public")
            raw.create_function("hashtext", 1, len)
            raw.create_function("pg_try_advisory_lock", 2, lambda *_: True)
            lines.append(raw)

        return made

    monkeypatch.setattr("syncd.daemon.lock.server", stand_in)
    with sole(stored_at(company, "postgresql://db.example.com/syncd")) as held:
        held.check()
        lines[0].close()
        with pytest.raises(StoreError, match="the connection that held the lock is lost"):
            held.check()
