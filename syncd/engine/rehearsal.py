"""Where a plan is rehearsed: a folder of our own that holds people's data, and is gone when the rehearsal is over.

The system takes back the lock on a folder when its process dies, however it dies: a folder that can be locked is a
leftover. So this holds among containers too, where a number of a process says nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from syncd.errors import StoreError
from syncd.store.ports import Storage

__all__ = ["clear_rehearsals", "rehearsal"]

_PREFIX: Final = ".syncd-plan-"


@contextmanager
def rehearsal(store: Storage) -> Iterator[Path]:
    """A new folder beside the store that only its owner may open; leftovers of others are removed first.

    A store that is no file is rehearsed in the system's folder for such things. Raises StoreError if nothing can be
    written there.
    """
    clear_rehearsals(store)
    try:
        folder, handle = _locked(_place(store))
    except OSError as error:
        raise StoreError(f"a plan cannot be rehearsed in {_place(store)}: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def clear_rehearsals(store: Storage) -> None:
    """Remove what rehearsals that were killed have left behind."""
    for folder in _place(store).glob(f"{_PREFIX}*"):
        try:
            handle = _lock(folder, fcntl.LOCK_NB)
        except OSError:
            continue  # somebody rehearses there, or it is not ours
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _place(store: Storage) -> Path:
    return store.folder or Path(tempfile.gettempdir())


def _locked(place: Path) -> tuple[Path, int]:
    """A new folder and the handle of its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        handle = _lock(folder)
        if folder.exists():  # else somebody took it for a leftover before it was locked
            return folder, handle
        os.close(handle)


def _lock(folder: Path, how: int = 0) -> int:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
    except OSError:
        os.close(handle)
        raise
    return handle
