"""The writes of a plan, kept in a file: there may be millions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from syncd.core.record import Create, Delete, Raws, Record, Ref, Update, Write
from syncd.engine.scratch import Scratch

__all__ = ["NEW", "Planned", "Writes", "name_of", "planned"]

NEW: Final = "new-"
"""How the id of a record begins that would be made."""

_TABLES: Final = (
    "CREATE TABLE write (place INTEGER PRIMARY KEY, body)",
    "CREATE TABLE name (name, place, PRIMARY KEY (name, place)) WITHOUT ROWID",
    "CREATE TABLE taken (place INTEGER PRIMARY KEY)",
)
_KINDS: Final = ("create", "update", "delete")
_MOST: Final = 1 << 40
"""No app has as many writes: those of each have their own range of places."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One write of a plan. `fields`: the app's field to [what stands there, what would]."""

    kind: str
    app: str
    object: str
    record: str
    fields: Mapping[str, Sequence[Any]]

    @property
    def write(self) -> Write:
        """What would be written. Raises ValueError for a kind that there is not."""
        after = {name: new for name, (_, new) in self.fields.items()}
        match self.kind:
            case "create":
                return Create(self.app, self.object, after, "")
            case "update":
                return Update(Ref(self.app, self.object, self.record), after, "")
            case "delete":
                return Delete(Ref(self.app, self.object, self.record), "")
        raise ValueError(self.kind)


class Writes(Collection[Planned]):
    """Writes, app by app in the order of `apps`, and those of an app as they came. Memory stays flat."""

    def __init__(self, folder: Path, apps: Sequence[str] = ()) -> None:
        self._scratch = Scratch(folder, "writes.db", _TABLES)
        self._counts: dict[str, dict[str, int]] = {app: dict.fromkeys(_KINDS, 0) for app in apps}

    def add(self, one: Planned) -> None:
        """One more. Raises ValueError for a kind that there is not."""
        name = name_of(one.write)
        kinds = self._counts.setdefault(one.app, dict.fromkeys(_KINDS, 0))
        place = list(self._counts).index(one.app) * _MOST + sum(kinds.values())
        kinds[one.kind] += 1
        body = orjson.dumps([one.kind, one.app, one.object, one.record, one.fields], default=str)
        self._scratch.put("INSERT INTO write VALUES (?, ?)", (place, body))
        self._scratch.put("INSERT INTO name VALUES (?, ?)", (name, place))

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """App to kind of write to how many; an app that is not written to is left out."""
        return {app: dict(kinds) for app, kinds in self._counts.items() if any(kinds.values())}

    def names(self) -> Iterator[bytes]:
        """What makes each of them that write and no other, in order."""
        return (name for (name,) in self._scratch.rows("SELECT name FROM name ORDER BY name"))

    @property
    def digest(self) -> str:
        """The same for those that write the same."""
        told = hashlib.blake2b(digest_size=8)
        for name in self.names():
            told.update(name)
        return told.hexdigest()

    def untaken(self) -> None:
        """All of them may be taken, once each."""
        self._scratch.put("DELETE FROM taken")

    def take(self, names: Sequence[bytes]) -> bool:
        """Take one that has one of these names; False if there is none, or none is left."""
        for name in names:
            found = self._scratch.one(_LEFT, (name,))
            if found:
                self._scratch.put("INSERT INTO taken VALUES (?)", found)
                return True
        return False

    def __len__(self) -> int:
        return sum(sum(kinds.values()) for kinds in self._counts.values())

    def __iter__(self) -> Iterator[Planned]:
        for (body,) in self._scratch.rows("SELECT body FROM write ORDER BY place"):
            yield Planned(*orjson.loads(body))

    def __contains__(self, one: object) -> bool:
        return any(known == one for known in self)


_LEFT: Final = (
    "SELECT place FROM name WHERE name = ? AND NOT EXISTS (SELECT 1 FROM taken WHERE taken.place = name.place) LIMIT 1"
)


def planned(write: Write, before: Record | None) -> Planned:
    """A write as a plan shows it; `before` is what stands in the record."""
    shown = before.fields if before else {}
    match write:
        case Create(name, object, fields, _):
            return Planned("create", name, object, "", {key: [None, value] for key, value in fields.items()})
        case Delete(ref, _, _):
            changes = {key: [value, None] for key, value in shown.items()}
            return Planned("delete", ref.app, ref.object, ref.id, changes)
        case Update(ref, patch, _, _):
            changes = {key: [shown.get(key), value] for key, value in patch.items()}
            return Planned("update", ref.app, ref.object, ref.id, changes)


def name_of(write: Write) -> bytes:
    """What makes two writes the same write: all but the key, the version they expect, and ids yet to be given."""
    match write:
        case Create(app, object, fields, _):
            told = f"create {app}/{object} {_known(fields)}"
        case Update(ref, patch, _, _):
            told = f"update {ref} {_known(patch)}"
        case Delete(ref, _, _):
            told = f"delete {ref}"
    return hashlib.blake2b(told.encode(), digest_size=16).digest()


def _known(fields: Raws) -> str:
    """The fields as text: the same before and after they have been in a file as JSON."""
    known = {name: NEW if str(raw).startswith(NEW) else raw for name, raw in fields.items()}
    return json.dumps(known, sort_keys=True, ensure_ascii=False, default=str)
