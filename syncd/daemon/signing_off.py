"""The last that a daemon does to its store; and where the store's file was removed meanwhile, what is kept of it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from syncd.daemon.lock import Heart
from syncd.errors import StoreError
from syncd.store.generation import advance
from syncd.store.ports import Storage

__all__ = ["sign_off"]


def sign_off(heart: Heart, store: Storage, beside: Path | None, log: Any) -> None:
    """Say in the store that nobody is at work on it any more, and that this is its newest state.

    `beside`: the file of its generation; None for a store that is no file.
    """
    try:
        heart.rest()
        advance(store, beside)
    except StoreError as failed:
        log.critical("store failing", reason=failed.message)
        if beside is not None and not store.in_place:
            _rescue(store, _free(beside.with_suffix(".rescued")), log)


def _free(file: Path) -> Path:
    """The name, or the next one that nothing has: what was rescued before is not written over."""
    names = (file.with_name(f"{file.name}{number or ''}") for number in itertools.count())
    return next(name for name in names if not name.exists())


def _rescue(store: Storage, kept: Path, log: Any) -> None:
    """A file that was removed while it is in use is gone with this process: keep what is in it."""
    try:
        store.copy(kept)
    except StoreError as failed:
        log.critical("store lost", reason=failed.message)
    else:
        log.critical("store rescued", file=str(kept), hint="put it back with: syncd restore FILE")
