"""What must be true when a story is over, asked of the apps themselves, and of the change log."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from syncd.errors import StoreError
from syncd.store.store import Store
from syncd.testing.crash.scene import Door, Scene
from syncd.testing.crash.story import Told

__all__ = ["broken_promises", "unsound"]


def unsound(store: Path) -> str:
    """What is wrong with a store whose process has died, looked at in a copy; "" if nothing is."""
    with tempfile.TemporaryDirectory(prefix="syncd-crash-") as folder:
        for file in store.parent.glob(f"{store.name}*"):
            shutil.copy(file, folder)
        copy = Path(folder) / store.name
        if not copy.exists():
            return ""
        try:
            with closing(sqlite3.connect(copy)) as db:
                (said,) = db.execute("PRAGMA integrity_check").fetchone()
            if said != "ok":
                return f"integrity_check: {said}"
            opened = Store.open(f"sqlite:///{copy}", time.time)
            try:
                return opened.verify()
            finally:
                opened.close()
        except (sqlite3.Error, StoreError) as error:
            return f"the store does not open: {error}"


def broken_promises(scene: Scene, told: Told) -> Iterator[str]:
    """Every promise that was broken, in words."""
    for app, door in scene.doors.items():
        yield from (f"double: {address} is in {app} {len(ids)} times" for address, ids in door.ids().items() if ids[1:])
        yield from _astray(app, door, told)
        yield from _by_us(app, door, told)
    cards = [card for door in scene.doors.values() for card in door.cards().values()]
    said = _logged(scene.store) | {name for card in cards for name in (card.first_name, card.last_name)}
    yield from (f"lost edit: {name} stands nowhere and is not in the log" for name in told.lost if name not in said)


def _astray(app: str, door: Door, told: Told) -> Iterator[str]:
    """Where an app does not show what it must."""
    shown = door.cards()
    for address in sorted(told.cards.keys() | shown.keys()):
        there, due = shown.get(address), told.cards.get(address)
        if there is None:
            yield f"deleted by nobody: {address} is not in {app}"
        elif due is None:
            yield f"still there: {address} is in {app}, and a person deleted it"
        elif due.out and not there.out:
            yield f"re-subscribed: {address} is not opted out in {app}"
        elif there != due:
            yield f"lost edit: {address} in {app} is {there}, not {due}"


def _by_us(app: str, door: Door, told: Told) -> Iterator[str]:
    """What syncd wrote, and should not have, even for a moment."""
    part = door.part
    entries = [entry for entry in door.twin.journal.entries if entry.object == part.object]
    founder = {entry.id: entry.author for entry in reversed(entries)}
    address = {entry.id: str(entry.value).lower() for entry in entries if entry.field == part.fields["email"]}
    made = Counter(address[id] for id, author in founder.items() if author == "api")
    yield from (f"double: syncd made {who} in {app} {count} times" for who, count in made.items() if count > 1)
    out: set[str] = set()
    for entry in entries:
        who = address[entry.id]
        if entry.field == part.consent and str(entry.value).lower() in part.out:
            out.add(who)
        elif entry.author != "api":
            continue
        elif entry.field == part.consent and who in out:
            yield f"re-subscribed: {who} in {app} was {entry.value!r} for a time"
        elif entry.field == "" and who not in told.deleted:
            yield f"deleted by nobody: syncd deleted {who} in {app}"


def _logged(store: Path) -> set[str]:
    opened = Store.open(f"sqlite:///{store}", time.time)
    try:
        with opened.read() as tx:
            return {
                str(value)
                for entry in tx.log.find(limit=1_000_000)
                for what in entry.fields.values()
                for value in what.values()
            }
    finally:
        opened.close()
