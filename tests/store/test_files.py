"""The place of a store: private files, copies, full disks, folders that may not be written, URLs that name nothing."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from syncd.errors import StoreError
from syncd.store import connect
from syncd.store.connect import address
from syncd.store.ports import Storage
from syncd.store.store import Store
from syncd.store.values import Entry, Event
from tests.store.ground import START, entity, key, question


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{path}", lambda: START)
    try:
        yield store
    finally:
        store.close()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_store_to_which_another_process_writes_just_now_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself does not wait for that, whatever time-out it is given."""
    path = tmp_path / "syncd.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE its_own (value)")
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    done.start()
    with opened(path) as store, store.read() as tx:
        assert tx.db.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    done.join()
    other.close()


def test_a_new_store_is_for_its_owner_s_eyes_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "syncd" / "syncd.db"
    before = os.umask(0o022)
    try:
        with opened(path) as store, store.begin() as tx:
            tx.meta.put("name", "value")
            assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    finally:
        os.umask(before)
    assert [mode(path.parent), mode(path.parent.parent)] == [0o700, 0o700]


def test_a_store_that_others_may_read_is_taken_from_them_and_its_folder_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    path = tmp_path / "syncd.db"
    with opened(path) as store, store.begin() as tx:
        tx.meta.put("name", "value")
        for file in tmp_path.iterdir():
            file.chmod(0o644)
        with opened(path):
            assert {mode(file) for file in tmp_path.iterdir()} == {0o600}
    assert mode(tmp_path) == 0o750


def test_a_tilde_is_the_home_of_who_runs_syncd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Store.open("sqlite:///~/syncd.db", lambda: START).close()
    assert (tmp_path / "syncd.db").exists()


@pytest.mark.parametrize("url", ["postgresql://ann@localhost/syncd", "postgres://ann@localhost/syncd"])
def test_a_url_of_postgresql_needs_no_driver_s_name(url: str) -> None:
    assert address(url).drivername == "postgresql+psycopg"
    assert address("postgresql+psycopg://ann@localhost/syncd") == address(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("syncd.db", "cannot be read"),
        ("mysql://ann:secret@localhost/syncd", "SQLite or PostgreSQL, not mysql"),
        ("postgresql://ann:secret@localhost:1/syncd", "lets this user in"),
    ],
)
def test_a_place_that_is_none_is_told_with_a_hint_and_without_a_password(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        Store.open(url, lambda: START)
    assert caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("password", ["a:secret", "a@secret", "[secret", "a@secret:b/c", "secret@"])
def test_a_password_with_odd_characters_is_told_how_to_write_and_no_part_of_it_is_shown(password: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(f"postgresql://ann:{password}@localhost:1/syncd", lambda: START)
    told = "".join(traceback.format_exception(caught.value))
    assert "secret" not in told
    assert caught.value.hint


@pytest.mark.parametrize("url", ["postgresql://ann:p@a:b/c@localhost/syncd", "postgresql://ann:p@b@localhost/syncd"])
def test_an_address_that_a_password_has_split_is_refused_with_how_to_write_it(url: str) -> None:
    with pytest.raises(StoreError, match=r"cannot be read\n.*%40"):
        address(url)


def test_a_password_behind_the_question_mark_is_not_shown_either() -> None:
    with pytest.raises(StoreError) as caught:
        Store.open("postgresql://ann@localhost:1/syncd?password=canary", lambda: START)
    assert "localhost:1/syncd" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="see that the folder exists"):
        Store.open(f"sqlite:///{tmp_path}/file/syncd.db", lambda: START)


def test_a_file_that_is_no_store_is_told_with_a_hint_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    path.write_text("a letter to Ann" * 100)
    with pytest.raises(StoreError, match="restore a backup, or name another file"):
        Store.open(f"sqlite:///{path}", lambda: START)
    assert path.read_text() == "a letter to Ann" * 100


def test_a_damaged_file_does_not_verify(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    with opened(path) as store, store.begin() as tx:
        for number in range(200):
            tx.meta.put(f"name{number}", "x" * 500)
    content = bytearray(path.read_bytes())
    content[-8000:-4000] = bytes(4000)
    path.write_bytes(content)
    with opened(path) as store:
        assert "integrity check" in store.verify()


def fill(store: Storage, size: int) -> None:
    with store.begin() as tx:
        tx.log.append(Entry(event=Event.PAUSED, app="crm", note="x" * size))
        tx.entities.put(entity(name="x" * size), [key("ann@example.com")])


def test_a_full_disk_stops_a_write_with_a_hint_and_nothing_else(tmp_path: Path) -> None:
    with opened(tmp_path / "syncd.db") as store:
        fill(store, 10)
        with store.read() as tx:
            pages = tx.db.execute(text("PRAGMA page_count")).scalar_one()
            tx.db.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
        with pytest.raises(StoreError, match="free some space"):
            fill(store, 100_000)
        with store.read() as tx:
            assert tx.entities.get(entity().id).value("name") == "x" * 10
            tx.db.execute(text("PRAGMA max_page_count = 100000"))
        fill(store, 100_000)
        assert store.verify() == ""


def test_a_store_that_may_not_be_written_stops_a_write_with_a_hint_and_can_be_read(tmp_path: Path) -> None:
    with opened(tmp_path / "syncd.db") as store:
        fill(store, 10)
        with store.read() as tx:
            tx.db.execute(text("PRAGMA query_only = 1"))
        with pytest.raises(StoreError, match="the right to write there"):
            fill(store, 20)
        with store.read() as tx:
            assert tx.entities.get(entity().id).value("name") == "x" * 10
            tx.db.execute(text("PRAGMA query_only = 0"))
        fill(store, 20)
        assert store.verify() == ""


def test_opening_a_store_that_is_up_to_date_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    with opened(path) as store, store.begin(), opened(path) as other, other.read() as tx:  # would wait, if it wrote
        assert tx.meta.get("name") is None


def test_a_copy_is_a_whole_store_for_its_owner_s_eyes_only(store: Storage, tmp_path: Path) -> None:
    fill(store, 10)
    with store.begin() as tx:
        tx.parked.park(question())
    store.copy(tmp_path / "copies" / "one.db")
    assert mode(tmp_path / "copies" / "one.db") == 0o600
    fill(store, 20)
    with opened(tmp_path / "copies" / "one.db") as copy:
        assert copy.verify() == ""
        with copy.begin() as tx:
            assert tx.entities.get(entity().id).value("name") == "x" * 10
            assert [work.field for work in tx.parked.open()] == ["phone"]
        fill(copy, 30)
        with copy.begin() as tx:
            tx.parked.withdraw(tx.parked.open(), "done")
            assert tx.parked.park(question()) == 2


def test_a_copy_takes_the_place_of_an_older_one(store: Storage, tmp_path: Path) -> None:
    for size in (1000, 10):
        fill(store, size)
        store.copy(tmp_path / "one.db")
    with opened(tmp_path / "one.db") as copy, copy.read() as tx:
        assert tx.entities.get(entity().id).value("name") == "x" * 10
        assert len(tx.log.find()) == 2


def test_a_copy_made_while_others_write_is_one_state_of_the_store(tmp_path: Path) -> None:
    path, stop = tmp_path / "syncd.db", threading.Event()

    def write() -> None:
        with opened(path) as writer:
            while not stop.is_set():
                with writer.begin() as tx:
                    tx.meta.put("count", str(tx.log.append(Entry(event=Event.PAUSED, note="x" * 2000))))

    with opened(path) as store:
        fill(store, 10)
        thread = threading.Thread(target=write)
        thread.start()
        try:
            for number in range(5):
                store.copy(tmp_path / f"{number}.db")
        finally:
            stop.set()
            thread.join()
    for number in range(5):
        with opened(tmp_path / f"{number}.db") as copy, copy.read() as tx:
            assert copy.verify() == ""
            assert tx.log.find(limit=1)[0].seq == int(tx.meta.get("count") or 1)


def test_a_copy_that_fails_leaves_no_half_file(store: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: Path, *_more: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    for part in ("_file", "_rows"):
        monkeypatch.setattr(f"syncd.store.copying.{part}", broken)
    with pytest.raises(StoreError, match="free some space"):
        store.copy(tmp_path / "one.db")
    assert not (tmp_path / "one.db").exists()


def test_a_store_is_not_copied_onto_itself(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    with opened(path) as store:
        fill(store, 10)
        with pytest.raises(StoreError, match="is the store itself"):
            store.copy(path)
        assert store.verify() == ""


def test_postgresql_without_its_driver_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"needs psycopg\n  pip install 'syncd\[postgres\]'"):
        Store.open("postgresql://ann@localhost/syncd", lambda: START)


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect._SERVER["connect_timeout"] == 10
    monkeypatch.setattr(connect, "_SERVER", {**connect._SERVER, "connect_timeout": 2})
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://ann@127.0.0.1:{mute.getsockname()[1]}/syncd"
        began = time.monotonic()
        with pytest.raises(StoreError, match="runs and can be reached from here"):
            Store.open(url, lambda: START)
        assert time.monotonic() - began < 8


def test_a_bound_in_the_address_of_the_server_goes_before_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://ann@127.0.0.1:{mute.getsockname()[1]}/syncd?connect_timeout=2"
        with pytest.raises(StoreError, match="runs and can be reached from here"):
            Store.open(url, lambda: START)


@pytest.mark.parametrize(("make", "waits"), [("open", 2), ("fleeting", 0)])
def test_a_commit_waits_for_the_disk_unless_the_file_is_thrown_away(tmp_path: Path, make: str, waits: int) -> None:
    file = tmp_path / "syncd.db"

    def clock() -> float:
        return START

    store = Store.fleeting(file, clock) if make == "fleeting" else Store.open(f"sqlite:///{file}", clock)
    try:
        with store.begin() as tx:
            assert tx.db.exec_driver_sql("PRAGMA synchronous").scalar() == waits
    finally:
        store.close()
