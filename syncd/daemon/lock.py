"""One process at a time: a lock that dies with its holder, and a heartbeat that others can see."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, NullPool, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from syncd.errors import StoreError, SyncdError
from syncd.sdk.contract import Clock
from syncd.settings import Config
from syncd.store.connect import address, explained, server, shown
from syncd.store.ports import Storage, Transaction

__all__ = [
    "BEAT",
    "STALE",
    "AlreadyRunning",
    "Beat",
    "Heart",
    "Held",
    "Holder",
    "last_beat",
    "sole",
    "sole_on",
    "still",
]

BEAT: Final = 10.0
"""Seconds between two heartbeats."""
STALE: Final = 2.5 * BEAT
"""A heart that has not beaten for so many seconds has stopped."""

_KEY: Final = 0x5359_4E43
_META: Final = "heart"


class AlreadyRunning(SyncdError):
    """Another process works on this store."""

    exit_code = 7


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a store."""

    pid: int
    host: str
    doing: str
    since: str
    """ISO 8601, UTC."""

    def __str__(self) -> str:
        return f"syncd {self.doing}, process {self.pid} on {self.host}, since {self.since[:19]}Z"


@dataclass(frozen=True, slots=True)
class Held:
    """The lock, while it is ours."""

    holder: Holder
    check: Callable[[], None]
    """Raises StoreError if the lock has been lost."""


def sole(config: Config, doing: str = "run") -> AbstractContextManager[Held]:
    """The same for the store that is configured."""
    return sole_on(config.store.url, doing)


@contextmanager
def sole_on(store: str, doing: str) -> Iterator[Held]:
    """Be the only process that works on a store. Raises AlreadyRunning, or StoreError.

    Beside an SQLite file stands a lock file, whose lock the system takes back when its holder dies; in PostgreSQL it is
    an advisory lock, which ends with its connection. `doing` is what others are told: "run", "apply", "restore".
    """
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = Holder(os.getpid(), socket.gethostname(), doing, since)
    url = address(store)
    if url.get_backend_name() != "sqlite":
        with _advisory(url, holder) as held:
            yield held
    elif url.database in (None, "", ":memory:"):
        yield Held(holder, _never_lost)
    else:
        _one_name(Path(url.database))
        with _file(Path(f"{url.database}.lock"), holder):
            yield Held(holder, _never_lost)


def _one_name(file: Path) -> None:
    """A file of two names has two locks, and two journals: SQLite would mix them up (sqlite.org, How To Corrupt)."""
    if file.exists() and file.stat().st_nlink > 1:
        raise StoreError(
            f"{file} has another name, too: it is linked", hint="remove that name; for a copy use: syncd backup FILE"
        )


@contextmanager
def _file(path: Path, holder: Holder) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"cannot make the lock file {path}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(_named(os.pread(handle, 4096, 0))) from None
        except OSError as error:
            hint = "put the store on a local disk: network folders do not lock reliably"
            raise StoreError(f"cannot lock {path}: {error.strerror}", hint=hint) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
        try:
            yield
        finally:
            # Emptied, never removed: somebody may have opened it already and would lock a file that nobody sees.
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


@contextmanager
def _advisory(url: URL, holder: Holder) -> Iterator[Held]:
    with ExitStack() as closing:
        with explained(url):
            engine = server(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            db = closing.enter_context(engine.connect())
            rival = _rival(db, holder)
        if rival:
            raise _busy(rival)

        turn = threading.Lock()

        def check() -> None:
            try:
                with turn:
                    db.execute(text("SELECT 1"))
            except SQLAlchemyError as error:
                raise StoreError(f"store {shown(url)}: the connection that held the lock is lost") from error

        yield Held(holder, check)


def _rival(db: Connection, holder: Holder) -> str:
    """Take the lock of this database and schema for as long as the connection lives: "", or who has it."""
    ours = {"key": _KEY, "name": str(holder)[:63]}
    db.execute(text("SELECT set_config('application_name', :name, false)"), ours)
    if db.execute(text("SELECT pg_try_advisory_lock(:key, hashtext(current_schema()))"), ours).scalar_one():
        return ""
    who = text(
        "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)"
        " WHERE locktype = 'advisory' AND classid = :key AND granted LIMIT 1"
    )
    return str(db.execute(who, ours).scalar() or "another process")


def _busy(who: str) -> AlreadyRunning:
    return AlreadyRunning(f"another process works on this store: {who}", hint="stop it first, or let it do the work")


def _named(content: bytes) -> str:
    try:
        return str(Holder(**json.loads(content)))
    except (ValueError, TypeError):
        return "it has not said who it is"


def _never_lost() -> None:
    """A lock that the system keeps for as long as we live."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life."""

    holder: Holder
    at: float
    """Seconds since the epoch."""
    waiting: tuple[str, ...] = ()
    """Syncs that stand still, since their mapping in the file is not the one that was applied."""


def last_beat(store: Storage) -> Beat | None:
    """The last sign of life of a daemon on this store; None if it has signed off, or there never was one.

    One that is older than `STALE` seconds is that of a daemon that did not get to sign off.
    """
    with store.read() as tx:
        found = tx.meta.get(_META)
    try:
        told = json.loads(found) if found else None
        return Beat(Holder(**told["holder"]), float(told["at"]), tuple(told.get("waiting", ()))) if told else None
    except (ValueError, TypeError, KeyError):
        return None


def still(tx: Transaction) -> None:
    """Nobody is at work on this store: it is a copy of one where somebody was."""
    tx.meta.put(_META, "")


class Heart:
    """The sign of life of the process that holds the lock, kept in the store."""

    def __init__(self, store: Storage, holder: Holder, clock: Clock, waiting: Sequence[str] = ()) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._waiting = tuple(waiting)

    def listen(self) -> None:
        """Make sure that no other machine works on this store, where its folder is shared and the lock is not.

        A heart elsewhere that has beaten lately is watched until it beats again (raises AlreadyRunning) or is stale.
        """
        first = last_beat(self._store)
        while (last := last_beat(self._store)) is not None and first is not None:
            if last.holder.host == self._holder.host or not 0 <= self._clock.now() - last.at < STALE:
                return
            if last.at != first.at:
                raise _busy(str(last.holder))
            self._clock.sleep(1.0)

    def beat(self) -> None:
        """Show that we live. Raises StoreError if the store cannot take it."""
        with self._store.begin() as tx:
            tx.meta.put(_META, json.dumps(asdict(Beat(self._holder, tx.now, self._waiting))))

    def rest(self) -> None:
        """Say that we are done."""
        with self._store.begin() as tx:
            tx.meta.put(_META, "")
