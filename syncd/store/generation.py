"""Which state of a store is the newest: a number in the store and the same in a file beside it, raised all the time.

An older copy that is put in the store's place has a lower number than the file, and so does not go unnoticed; nor does
a copy that was moved elsewhere without the file. The store is raised before the file: a crash between the two leaves
the store ahead, which is no copy. Whoever compares reads the file first, for the same reason.

PostgreSQL keeps beside each row the number of the transaction that wrote it. So a fact that holds this number itself
tells whether its row was written here or came out of a dump, without any file.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from syncd.errors import StoreError
from syncd.store.connect import address
from syncd.store.ports import Storage, Transaction

__all__ = ["Generation", "advance", "beside", "dumped", "generation_file", "kept", "misplaced", "out_of_place"]

_NAME = "generation"
_MARK = "generation_mark"


@dataclass(frozen=True, slots=True)
class Generation:
    """A state of a store: of which store, the how manieth, and since when (seconds since the epoch)."""

    store: str
    number: int
    at: float


def generation_file(url: str) -> Path | None:
    """The file beside a store; None for one that is no file."""
    place = address(url)
    lies = place.get_backend_name() == "sqlite" and place.database not in (None, "", ":memory:")
    return Path(f"{place.database}.generation") if lies else None


def beside(file: Path) -> Generation | None:
    """What the file says; None where there is none, or none that can be understood."""
    try:
        return _understood(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} cannot be read: {error}", hint="see that syncd's user may read it") from error


def kept(tx: Transaction) -> Generation | None:
    """What the store says."""
    return _understood(tx.meta.get(_NAME) or "")


def out_of_place(known: Generation | None, told: Generation | None, *, lived: bool) -> str:
    """Why the store is not the one that was last worked on here; "" if it is. `lived`: it has a change log."""
    if known is None and told is None:
        return ""
    if known is None:
        return "it is of before the last run here" if lived else "it is empty, and another was here before"
    if told is None:
        return "it was worked on elsewhere, or its file .generation is missing"
    if known.store != told.store:
        return "another store was here before"
    return "it is an older copy of the one that was here before" if known.number < told.number else ""


def dumped(tx: Transaction) -> str:
    """Why the rows of a database are not those that were written by syncd; "" if they are, or nobody can say."""
    written, holds = tx.meta.marked(_MARK), tx.meta.get(_MARK)
    return "its rows were put there by a restored dump" if written and holds and written != holds else ""


def misplaced(store: Storage, file: Path | None) -> tuple[str, Generation | None]:
    """Why the store is not the one that was last worked on here, "" if it is, and what it says itself. StoreError."""
    told = beside(file) if file is not None else None
    with store.read() as tx:
        known, lived = kept(tx), tx.log.get(1) is not None
        if file is None:
            return dumped(tx), known
    if told is None and known is not None:
        told = beside(file)  # another process may have begun the store between the two looks
    return out_of_place(known, told, lived=lived), known


def advance(store: Storage, file: Path | None) -> None:
    """Raise the number, in the store and then in the file.

    Raises StoreError, also where the store's file was removed, or another put in its place, while it is in use.
    """
    if not store.in_place:
        raise StoreError(
            "the store's file was removed or replaced while it is in use",
            hint="stop syncd, and put the file back, or what syncd then keeps beside it",
        )
    told = beside(file) if file is not None else None
    with store.begin() as tx:
        last = kept(tx) or Generation(secrets.token_hex(8), 0, 0.0)
        number = max(last.number, told.number if told is not None and told.store == last.store else 0) + 1
        new = replace(last, number=number, at=tx.now)
        tx.meta.put(_NAME, _words(new))
        if mark := tx.meta.mark():
            tx.meta.put(_MARK, mark)
    if file is not None:
        _write(file, _words(new))


def _words(generation: Generation) -> str:
    return f"{generation.store} {generation.number} {generation.at}"


def _understood(text: str) -> Generation | None:
    found = re.fullmatch(r"(\w+) (\d{1,18}) (\d{1,12}(?:\.\d+)?)", text, re.ASCII)
    return Generation(found[1], int(found[2]), float(found[3])) if found else None


def _write(file: Path, text: str) -> None:
    """The whole of it or what was there before, also after a power cut."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")  # a daemon and `syncd backup` may write at the same time
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as out:
            _given(handle, file.with_suffix(""))
            out.write(text)
            out.flush()
            os.fsync(handle)
        draft.replace(file)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}", hint="see that there is room") from error


def _given(handle: int, store: Path) -> None:
    """Whoever owns the store must be able to read what lies beside it, also where root has written that."""
    if os.geteuid() == 0 and store.exists():
        owner = store.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)
