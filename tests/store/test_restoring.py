"""What is let in as a backup, and what happens to the store that it replaces."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from syncd.errors import StoreError
from syncd.store import restoring
from syncd.store.connect import begin, commit, engine
from syncd.store.migrations.upgrade import upgrade
from syncd.store.restoring import aside, candidate, put_in_place
from syncd.store.store import Store
from syncd.store.values import Entry, Event
from tests.store.ground import START


def clock() -> float:
    return START


def made(path: Path, *notes: str) -> Path:
    """A store with these entries in its change log, and a secret."""
    store = Store.open(f"sqlite:///{path}", clock)
    with store.begin() as tx:
        for note in notes:
            tx.log.append(Entry(event=Event.PAUSED, app="crm", note=note))
        tx.apps.keep_secret("crm", "refresh", f"secret of {path.name}")
    store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    return path


def notes(path: Path) -> list[str]:
    store = Store.open(f"sqlite:///{path}", clock)
    with store.read() as tx:
        found = [entry.note for entry in tx.log.find()]
    store.close()
    return found


def restore(file: Path, place: Path) -> None:
    with candidate(file, place, clock) as store:
        put_in_place(store, place, aside(place, "then"))


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return made(tmp_path / "backup.db", "then")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return made(tmp_path / "syncd.db", "now", "later")


def test_a_backup_takes_the_store_s_place_and_the_store_is_kept(backup: Path, place: Path) -> None:
    restore(backup, place)
    assert notes(place) == ["then"]
    assert notes(aside(place, "then")) == ["later", "now"]
    assert place.stat().st_mode & 0o777 == 0o600
    assert notes(backup) == ["then"]
    assert not list(place.parent.glob(".*restoring*"))


def test_what_is_in_the_journal_of_the_store_is_kept_with_it_and_not_played_into_the_other(
    backup: Path, place: Path
) -> None:
    writer = sqlite3.connect(place)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO meta (name, value) VALUES ('late', 'yes')")
    writer.commit()
    wal, main = Path(f"{place}-wal").read_bytes(), place.read_bytes()
    writer.close()
    place.write_bytes(main)
    Path(f"{place}-wal").write_bytes(wal)  # as after a power cut
    restore(backup, place)
    assert notes(place) == ["then"]
    with closing(sqlite3.connect(place)) as db:
        assert db.execute("SELECT count(*) FROM meta WHERE name = 'late'").fetchone() == (0,)
    with closing(sqlite3.connect(aside(place, "then"))) as db:
        assert db.execute("SELECT value FROM meta WHERE name = 'late'").fetchone() == ("yes",)


def test_changing_secrets_are_those_of_the_store_that_was_replaced(backup: Path, place: Path) -> None:
    restore(backup, place)
    store = Store.open(f"sqlite:///{place}", clock)
    with store.read() as tx:
        assert tx.apps.secret("crm", "refresh") == "secret of syncd.db"
    store.close()


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000])
def test_a_store_that_is_broken_or_not_there_can_be_replaced(backup: Path, place: Path, content: bytes) -> None:
    place.write_bytes(content)
    restore(backup, place)
    assert notes(place) == ["then"]
    assert aside(place, "then").read_bytes() == content
    place.unlink()
    restore(backup, place)
    assert notes(place) == ["then"]


def of_an_older_schema(path: Path) -> None:
    path.unlink()
    made = engine(f"sqlite:///{path}")
    with made.connect() as db:
        begin(db)
        upgrade(db, None, to="0001")
        commit(db)
    made.dispose()
    run(path, "PRAGMA journal_mode = DELETE")


def test_a_backup_of_an_older_syncd_is_brought_up_to_date(backup: Path, place: Path) -> None:
    of_an_older_schema(backup)
    restore(backup, place)
    assert notes(place) == []


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def altered(path: Path) -> None:
    run(path, "UPDATE change SET note = 'never'")


def with_a_trigger(path: Path) -> None:
    run(path, "CREATE TRIGGER t AFTER INSERT ON change BEGIN DELETE FROM opt_out; END")


def with_a_hidden_trigger(path: Path) -> None:
    run(path, "CREATE TRIGGER t AFTER INSERT ON change BEGIN DELETE FROM opt_out; END")
    run(path, "PRAGMA writable_schema = ON", "UPDATE sqlite_master SET name = 'sqlite_autoindex_t' WHERE name = 't'")


def with_a_view(path: Path) -> None:
    run(path, "CREATE VIEW v AS SELECT 1")


def with_a_view_for_its_version(path: Path) -> None:
    run(path, "DROP TABLE alembic_version", "CREATE VIEW alembic_version AS SELECT '0003' AS version_num")


def with_another_column(path: Path) -> None:
    run(path, "ALTER TABLE opt_out ADD COLUMN more TEXT")


def of_a_newer_syncd(path: Path) -> None:
    run(path, "UPDATE alembic_version SET version_num = '9999'")


def of_two_versions(path: Path) -> None:
    run(path, "INSERT INTO alembic_version VALUES ('0001')")


def of_something_else(path: Path) -> None:
    path.unlink()
    run(path, "CREATE TABLE letters (text TEXT)")


def a_letter(path: Path) -> None:
    path.write_text("dear Ann")


def only_begun(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def with_a_journal(path: Path) -> None:
    Path(f"{path}-wal").write_bytes(b"the rest")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def damaged(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", [(f"n{n}", "x" * 500) for n in range(200)])
    content = bytearray(path.read_bytes())
    content[-8000:-4000] = bytes(4000)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (truncated, "damaged|malformed"),
        (damaged, "damaged|malformed"),
        (altered, "the change log does not fit from entry 1 on"),
        (with_a_trigger, "something in it that would run"),
        (with_a_hidden_trigger, "something in it that would run|damaged"),
        (with_a_view, "something in it that would run"),
        (with_a_view_for_its_version, "no store of syncd"),
        (with_another_column, "other tables"),
        (of_a_newer_syncd, "does not know"),
        (of_two_versions, "does not know"),
        (of_something_else, "no store of syncd"),
        (a_letter, "is no store"),
        (only_begun, "is no store"),
        (with_a_journal, "no whole copy"),
        (a_pipe, "is no store"),
        (a_folder, "cannot be copied"),
    ],
)
def test_what_is_no_sound_store_is_refused_and_nothing_is_replaced(
    spoil: Callable[[Path], None], told: str, backup: Path, place: Path
) -> None:
    spoil(backup)
    with pytest.raises(StoreError, match=told) as caught:
        restore(backup, place)
    assert caught.value.hint
    assert notes(place) == ["later", "now"]
    assert not list(place.parent.glob(".*restoring*"))


def test_a_file_for_which_there_is_no_room_is_refused(
    backup: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "_SPARE", 1 << 60)
    with pytest.raises(StoreError, match="no room"):
        restore(backup, place)


def test_a_folder_that_lets_nothing_be_moved_is_told(backup: Path, place: Path) -> None:
    with candidate(backup, place, clock) as store:
        aside(place, "then").mkdir()
        with pytest.raises(StoreError, match="cannot be replaced"):
            put_in_place(store, place, aside(place, "then"))
    assert notes(place) == ["later", "now"]
