"""Commands that keep the store and the web console safe: verify, backup, restore, key, console."""

from __future__ import annotations

import getpass
import sys
import time
from pathlib import Path
from typing import Literal

from syncd.console.commands import COMMON, Common
from syncd.errors import ConfigError, Problem, StoreError

__all__ = ["backup", "console", "key", "restore", "verify"]


def verify(*, common: Common = COMMON) -> int:
    """Check that the store is sound and that nobody has altered the change log."""
    from syncd.console import show
    from syncd.console.console import opened
    from syncd.store.generation import generation_file, misplaced

    outline = common.outline()
    with opened(outline) as store:
        wrong = store.verify()
        beside = generation_file(outline.store)
        known_here = beside is None or beside.exists()  # a backup that is looked at where it lies is no store in use
        if not wrong and known_here and (elsewhere := misplaced(store, beside)[0]):
            raise StoreError(
                f"this is not the store that syncd last worked on here: {elsewhere}",
                hint="put that one back, or start syncd: it writes nothing until you have seen what this one leads to",
            )
        with store.read() as tx:
            entries = sum(tx.log.counts().values())
    if wrong:
        raise StoreError(wrong, hint="stop syncd, keep this file, and restore the last backup that verifies")
    words = f"the store is sound, and the chain of {entries} entries in the change log holds"
    return common.answer({"sound": True, "entries": entries}, lambda: [show.words(words, "green")])


def backup(file: Path, /, *, common: Common = COMMON) -> int:
    """Write a consistent copy of the store, while the daemon runs. It holds people's data.

    Parameters
    ----------
    file
        Where to; it must not exist yet.
    """
    from syncd.console import show
    from syncd.console.console import opened
    from syncd.daemon.lock import STALE, last_beat
    from syncd.engine.setback import notice
    from syncd.store.generation import advance, generation_file

    outline = common.outline()
    with opened(outline) as store:
        try:
            file.touch(mode=0o600, exist_ok=False)
        except FileExistsError as error:
            raise ConfigError([Problem(str(file), "is there already", "name another file")]) from error
        except OSError as error:
            raise ConfigError([Problem(str(file), f"cannot be written: {error.strerror}")]) from error
        try:
            store.copy(file)
        except StoreError:
            file.unlink(missing_ok=True)
            raise
        beat = last_beat(store)
        if beat is None or time.time() - beat.at > STALE:  # else a daemon is at work, which has looked
            notice(store, generation_file(outline.store))  # a copy is noticed still, though the number is raised now
        advance(store, generation_file(outline.store))  # from now on the copy is older than the store
    size = file.stat().st_size
    return common.answer({"file": str(file), "bytes": size}, lambda: [show.words(f"{file}: {size:,} bytes")])


def restore(file: Path | None = None, /, *, common: Common = COMMON) -> int:
    """Put a backup in the store's place. Nothing is written to any app until you agree to what that leads to.

    The file is looked at before: that it is a store, whole and sound. The store that stood there is kept beside it.

    Parameters
    ----------
    file
        What `syncd backup` wrote. Without it, the store as it stands is said to be an older copy: for a database that
        was restored by its own tools.
    """
    from syncd.console import show
    from syncd.console.restore import declare
    from syncd.console.restore import restore as put

    outline = common.outline()
    done = declare(outline) if file is None else put(outline, file)
    return common.answer(done, lambda: show.restored(done))


def key(action: Literal["rotate", "forget"], /, *, common: Common = COMMON) -> int:
    """Seal the secrets that change while running with a new key, or let go of those that no key opens.

    Parameters
    ----------
    action
        rotate: seal everything with a new key; where the configuration has the keys, with the first of them.
        forget: remove what cannot be opened any more. The apps are to be authorised anew.
    """
    from syncd.app import seal_of
    from syncd.console import show
    from syncd.console.console import opened
    from syncd.daemon.lock import sole
    from syncd.store.sealing import forget, rotate

    config, outline = common.whole(), common.outline()
    with sole(config, "key"), opened(outline) as store:
        if action == "forget":
            lost = [f"{app}: {name}" for app, name in forget(store, seal_of(config))]
            words = f"forgotten: {', '.join(lost)}" if lost else "every secret can be opened: nothing was forgotten"
            return common.answer({"forgotten": lost}, lambda: [show.words(words)])
        count = rotate(store, seal_of(config))
    return common.answer({"sealed": count}, lambda: [show.words(f"{count} secrets are sealed anew")])


def console(action: Literal["password"], /, *, common: Common = COMMON) -> int:
    """Make the hash of a password for the web console, to stand in the configuration or where that says.

    The password is asked for, or read from standard input; it is stored nowhere.

    Parameters
    ----------
    action
        password: make a hash.
    """
    from syncd.access import RECOMMENDED, hashed
    from syncd.console import show
    from syncd.console.voice import note

    del action
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if getpass.getpass("once more: ") != password:
            raise ConfigError("the two were not the same")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    made = hashed(password)
    if len(password) < RECOMMENDED:
        note(f"it would be safer with {RECOMMENDED} characters or more: a few words")
    return common.answer({"hash": made}, lambda: [show.words(made)])
