"""Putting a backup in a store's place. The file is taken for hostile until it is known for a store, whole and sound."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine

from syncd.errors import StoreError
from syncd.store.connect import begin, commit, private
from syncd.store.forgetting import AGAIN, BLIND, SALT
from syncd.store.migrations.upgrade import revisions, upgrade
from syncd.store.store import Store
from syncd.store.tables import ForgettingRow, ForgottenRow, SecretRow, table

__all__ = ["aside", "candidate", "put_in_place"]

_MAGIC: Final = b"SQLite format 3\x00"
_CHUNK: Final = 1024 * 1024
_SPARE: Final = 64 * 1024 * 1024
"""Bytes that stay free on the disk."""
_SIDES: Final = ("-wal", "-shm", "-journal")
_SHAPE: Final = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE NOT (type = 'index' AND name LIKE 'sqlite_autoindex_%')"
    " AND NOT (type = 'table' AND name IN ('sqlite_sequence', 'sqlite_stat1', 'sqlite_stat4'))"
)
_HINT: Final = "name a file that syncd backup wrote"


@contextmanager
def candidate(file: Path, place: Path, clock: Callable[[], float]) -> Iterator[Store]:
    """A private copy of a backup beside `place`, opened; it is gone at the end unless `put_in_place` has moved it.

    Only what a store of syncd can be is let in: SQLite's own form, exactly the tables of a schema that this syncd
    knows, nothing that would run (triggers, views), pages that are sound, a change log whose chain holds. Raises
    StoreError for anything else.
    """
    draft = place.with_name(f".{place.name}.restoring")
    _clear(draft)
    try:
        _copy(file, draft)
        _judge(draft, file)
        store = Store.open(f"sqlite:///{draft}", clock)
        try:
            wrong = store.verify()
            if wrong:
                raise StoreError(f"{file}: {wrong}", hint="take an older backup, one that syncd verify finds sound")
            yield store
        finally:
            store.close()
    finally:
        _clear(draft)


def put_in_place(store: Store, place: Path, replaced: Path) -> None:
    """Move what stands at `place` to `replaced`, if anything does, and a candidate to `place`. Raises StoreError."""
    draft = place.with_name(f".{place.name}.restoring")
    store.close()
    try:
        _carry_secrets(place, draft)
        _carry_forgotten(place, draft)
        with closing(sqlite3.connect(draft)) as db:
            db.execute("PRAGMA journal_mode = DELETE")  # all of it is in the one file that is moved
        _fold(place)
        for side in (*_SIDES, ""):  # a journal that stayed behind would be played into the store that comes
            old = Path(f"{place}{side}")
            if old.exists():
                old.rename(f"{replaced}{side}")
        draft.rename(place)
        _settled(place.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"store {place}: cannot be replaced: {error}", hint="see that there is room") from error


def aside(place: Path, moment: str) -> Path:
    """Where the store that is replaced is kept. `moment` is part of its name."""
    return place.with_name(f"{place.name}.replaced-{moment}")


def _copy(file: Path, draft: Path) -> None:
    """The bytes of a regular file, as many as it had when it was opened, if the disk has room for them."""
    try:
        for side in ("-wal", "-journal"):
            beside = Path(f"{file}{side}")
            if beside.exists() and beside.stat().st_size:
                raise StoreError(f"{file} is no whole copy: a part of it is in {beside.name}", hint=_HINT)
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as given:
            told = os.fstat(handle)
            size = told.st_size
            if not stat.S_ISREG(told.st_mode) or given.read(len(_MAGIC)) != _MAGIC:
                raise StoreError(f"{file} is no store", hint=_HINT)
            if size > shutil.disk_usage(draft.parent).free - _SPARE:
                raise StoreError(f"{file} has {size:,} bytes, for which the disk has no room", hint="free some space")
            given.seek(0)
            private(draft)
            with draft.open("wb") as out:
                left = size
                while left and (chunk := given.read(min(left, _CHUNK))):
                    out.write(chunk)
                    left -= len(chunk)
                out.flush()
                os.fsync(out.fileno())
    except OSError as error:
        raise StoreError(f"{file} cannot be copied: {error.strerror}", hint="see that syncd may read it") from error


def _judge(draft: Path, file: Path) -> None:
    """Raise StoreError unless the file is just what a syncd would have made. Nothing of it is run."""
    try:
        with closing(sqlite3.connect(f"file:{draft}?mode=rw", uri=True)) as db:
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA cell_size_check = ON")
            there = {tuple(row) for row in db.execute(_SHAPE)}
            if not any(row[:2] == ("table", "alembic_version") for row in there):
                raise StoreError(f"{file} is an SQLite file, and no store of syncd", hint=_HINT)
            found = db.execute("SELECT version_num FROM alembic_version LIMIT 2").fetchall()
            if len(found) != 1 or found[0][0] not in revisions():
                hint = "install the newer syncd again"
                raise StoreError(f"{file} has a schema that this syncd does not know", hint=hint)
            if there != _shape(found[0][0]):
                told = "has other tables than a store of syncd, or something in it that would run"
                raise StoreError(f"{file} {told}", hint=_HINT)
            sound = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if sound != "ok":
                raise StoreError(f"{file} is damaged: {sound}", hint="take an older backup")
    except sqlite3.Error as error:
        raise StoreError(f"{file} is no store, or is damaged: {error}", hint=_HINT) from error


def _shape(revision: str) -> set[tuple[object, ...]]:
    """What a store of a schema is made of."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as db:
            begin(db)
            upgrade(db, None, to=revision)
            commit(db)
            return {tuple(row) for row in db.exec_driver_sql(_SHAPE)}
    finally:
        engine.dispose()


def _carry_secrets(place: Path, draft: Path) -> None:
    """Secrets that change while running are taken along from the store that is replaced: the old ones may be void."""
    secret = table(SecretRow).name
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as old:
            rows = old.execute(f"SELECT app, name, value FROM {secret}").fetchall()  # noqa: S608 - our own table
    except sqlite3.Error:
        return  # there is none, or it is what a restore is for
    with closing(sqlite3.connect(draft)) as new, new:
        new.executemany(f"INSERT OR REPLACE INTO {secret} (app, name, value) VALUES (?, ?, ?)", rows)  # noqa: S608


def _carry_forgotten(place: Path, draft: Path) -> None:
    """Who was forgotten since the backup was made stays so: their hashes come along, and they are looked for anew.

    Not from a store that is no descendant of the backup: it hashes by another salt, which must not displace the
    backup's own, for by that the opt-outs in it hold.
    """
    tables = (table(ForgettingRow).name, table(ForgottenRow).name)
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as old:
            salt = old.execute("SELECT value FROM meta WHERE name = ?", (SALT,)).fetchone()
            kept = {name: old.execute(f"SELECT * FROM {name}").fetchall() for name in tables}  # noqa: S608 - our own
            blind = old.execute("SELECT * FROM opt_out WHERE address LIKE ?", (f"{BLIND}%",)).fetchall()
    except sqlite3.Error:
        return  # there is none, or one of before anybody could be forgotten, or it is what a restore is for
    with closing(sqlite3.connect(draft)) as new, new:
        own = new.execute("SELECT value FROM meta WHERE name = ?", (SALT,)).fetchone()
        if salt is None or own not in (None, salt):
            return
        for name, rows in [(name, rows) for name, rows in [*kept.items(), ("opt_out", blind)] if rows]:
            marks = ", ".join("?" * len(rows[0]))
            new.executemany(f"INSERT OR REPLACE INTO {name} VALUES ({marks})", rows)  # noqa: S608 - our own
        new.execute("DELETE FROM forgotten WHERE forgetting IN (SELECT id FROM forgetting WHERE lifted IS NOT NULL)")
        facts = [(SALT, salt[0]), (AGAIN, "yes")]
        new.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", facts)


def _fold(place: Path) -> None:
    """Bring what is in the journal of the old store into its file, if it can be read at all."""
    if not place.exists():
        return
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=rw", uri=True)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error:
        return  # it is kept as it is, journal and all


def _settled(folder: Path) -> None:
    """The names are on the disk, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _clear(draft: Path) -> None:
    for side in (*_SIDES, ""):
        Path(f"{draft}{side}").unlink(missing_ok=True)
