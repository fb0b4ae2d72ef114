"""Taking changes back: what a person chooses in words, what it would come to, and doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from syncd.console.private import form_of, keep_private
from syncd.console.status import moment
from syncd.console.waits import unread
from syncd.core.record import EntityId
from syncd.engine.undo import MOST, Back, Chosen, Kept, Undo, choose, take_back, undoing
from syncd.engine.world import World
from syncd.errors import ConfigError, Halted
from syncd.store.ports import Storage, Transaction
from syncd.store.values import Entry, Event

__all__ = [
    "Order",
    "Reason",
    "Run",
    "TakenBack",
    "Undoing",
    "Value",
    "carry_out",
    "keep_order",
    "last_run",
    "prepare",
    "read_order",
    "runs",
    "shown",
]

FORM: Final = "undo-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was chosen, in words too, and what it comes to."""

    chosen: Chosen
    words: str
    undo: Undo


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One thing that would be taken back. `field` is "" where somebody who was deleted comes back."""

    sync: str
    entity: str
    label: str
    """What people know the entity by."""
    field: str
    now: Any
    then: Any
    undoes: int
    apps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why some changes stay as they are: how many, and the first of them."""

    reason: str
    count: int
    entity: str
    label: str
    field: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """What an undo would come to, for a person."""

    words: str
    values: int
    returns: int
    """People who were deleted and come back."""
    fields: Mapping[str, int]
    """Field to how many values of it would be another."""
    apps: Mapping[str, int]
    """App to how many of its records would be written."""
    samples: tuple[Value, ...]
    stay: tuple[Reason, ...]
    unread: tuple[str, ...]
    """Apps in which people may have typed what is not known yet, and why."""
    digest: str
    out: str = ""
    """The file that holds the whole of it, where one was asked for."""

    @property
    def pending(self) -> bool:
        """Whether there is anything to take back."""
        return bool(self.values or self.returns)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What was done. `entry`: the one that heads it in the log; name it to take this back again."""

    entry: int
    values: int
    returns: int
    stay: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: what began, when, by whom, and how many entries of each event there were until the next."""

    entry: int
    what: str
    by: str
    at: datetime | None
    events: Mapping[str, int]


def prepare(world: World, chosen: Chosen) -> Order:
    """What taking these back would come to. Raises ConfigError where nothing fits, or too much does."""
    with world.store.read() as tx:
        if chosen.undo and not _heads(tx.log.get(chosen.undo)):
            raise ConfigError(
                f"entry {chosen.undo} heads no undo", hint="`syncd undo` tells the number when it is done"
            )
        if chosen.run and not _began(tx.log.get(chosen.run)):
            raise ConfigError(f"entry {chosen.run} is no beginning of a run", hint="see: syncd runs")
        if chosen.seq and tx.log.get(chosen.seq) is None:
            raise ConfigError(f"there is no entry {chosen.seq}", hint="see: syncd log")
        entries = choose(tx, chosen)
        if len(entries) > MOST:
            raise ConfigError(f"that is more than {MOST} changes", hint="choose a shorter time, an app or a field")
        return Order(chosen=chosen, words=_words(chosen), undo=undoing(world, tx, entries, chosen.field))


def carry_out(world: World, order: Order, *, by: str) -> TakenBack:
    """Take back just what was shown. Raises Halted, with nothing done, if it would come to something else by now."""
    now = prepare(world, order.chosen)
    if now.undo.digest != order.undo.digest:
        raise Halted(
            "the world moved since this undo was shown: it would come to something else now",
            hint="look at it again with: syncd undo",
        )
    if not now.undo.back:
        raise Halted("there is nothing to take back", hint="`syncd undo` says why each change stays")
    entry, late = take_back(world, now.undo, by=by, what=order.words)
    missed = {(one.entity, one.field) for one in late}
    done = [one for one in now.undo.back if (one.entity, one.field) not in missed]
    values = sum(1 for one in done if one.field)
    with world.store.read() as tx:
        stay = _reasons(tx, late)
    return TakenBack(entry=entry, values=values, returns=len(done) - values, stay=stay)


def shown(world: World, order: Order, *, samples: int, out: str = "") -> Undoing:
    """An undo for a person: counts, the first `samples` things, and why the rest stays."""
    back = order.undo.back
    with world.store.read() as tx:
        return Undoing(
            words=order.words,
            values=sum(1 for one in back if one.field),
            returns=sum(1 for one in back if not one.field),
            fields=dict(sorted(Counter(one.field for one in back if one.field).items())),
            apps=dict(sorted(Counter(app for _, app in {(o.entity, app) for o in back for app in o.apps}).items())),
            samples=_values(tx, back[:samples]),
            stay=_reasons(tx, order.undo.kept),
            unread=tuple(unread(tx, dict.fromkeys(app for one in back for app in world.syncs[one.sync].apps))),
            digest=order.undo.digest,
            out=out,
        )


def keep_order(order: Order, path: Path) -> None:
    """Write an undo to a file for `syncd apply`. Raises ConfigError where that cannot be."""
    content = {
        "form": FORM,
        "digest": order.undo.digest,
        "words": order.words,
        "chosen": asdict(order.chosen),
        "back": [asdict(one) for one in order.undo.back],
        "kept": [asdict(one) for one in order.undo.kept],
    }
    keep_private([orjson.dumps(content, option=orjson.OPT_INDENT_2)], path)


def read_order(path: Path) -> Order | None:
    """An undo that `keep_order` wrote; None where the file holds something else. Raises ConfigError if altered."""
    if form_of(path) != FORM:
        return None
    try:
        data = orjson.loads(path.read_bytes())
        chosen = Chosen(**{**data["chosen"], "entity": data["chosen"]["entity"] and EntityId(data["chosen"]["entity"])})
        undo = Undo(back=tuple(_read_back(one) for one in data["back"]), kept=())
        words, same = str(data["words"]), data["digest"] == undo.digest
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{path} is no undo, or only a part of one", hint="make one with: syncd undo --out"
        ) from error
    if not same:
        raise ConfigError(f"{path} was altered after it was made", hint="make one with: syncd undo --out FILE")
    return Order(chosen=chosen, words=words, undo=undo)


def runs(store: Storage, limit: int) -> tuple[Run, ...]:
    """The latest runs, the newest of them last."""
    with store.read() as tx:
        began = tx.log.find(events=(Event.BEGAN,), limit=limit)
        ends = [None, *(entry.seq for entry in began)]
        return tuple(
            Run(
                entry=entry.seq,
                what=entry.note,
                by=entry.by,
                at=moment(entry.at),
                events=tx.log.counts(after=entry.seq, before=end),
            )
            for entry, end in reversed(list(zip(began, ends, strict=False)))
        )


def last_run(store: Storage) -> int:
    """The entry with which the latest run began. Raises ConfigError where none has."""
    with store.read() as tx:
        began = tx.log.find(events=(Event.BEGAN,), limit=1)
    if not began:
        raise ConfigError("nothing has run yet")
    return began[0].seq


def _heads(entry: Entry | None) -> bool:
    return entry is not None and entry.event is Event.UNDONE and entry.entity is None


def _began(entry: Entry | None) -> bool:
    return entry is not None and entry.event is Event.BEGAN


def _read_back(data: Mapping[str, Any]) -> Back:
    lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    return Back(**{**data, **lists, "entity": EntityId(data["entity"])})


def _values(tx: Transaction, back: Sequence[Back]) -> tuple[Value, ...]:
    labels = tx.entities.labels([one.entity for one in back])
    return tuple(
        Value(
            sync=one.sync,
            entity=one.entity,
            label=labels.get(one.entity, one.entity),
            field=one.field,
            now=one.now,
            then=one.then,
            undoes=one.undoes,
            apps=one.apps,
        )
        for one in back
    )


def _reasons(tx: Transaction, kept: Iterable[Kept]) -> tuple[Reason, ...]:
    """Alike reasons as one, but for the number of the entry that each names."""
    alike: dict[str, list[Kept]] = {}
    for one in kept:
        alike.setdefault(one.reason.partition(", in entry")[0].partition(", by entry")[0], []).append(one)
    labels = tx.entities.labels([many[0].entity for many in alike.values()])
    return tuple(
        Reason(
            reason=many[0].reason if len(many) == 1 else reason,
            count=len(many),
            entity=many[0].entity,
            label=labels.get(many[0].entity, many[0].entity),
            field=many[0].field,
            seq=many[0].seq,
        )
        for reason, many in sorted(alike.items(), key=lambda pair: -len(pair[1]))
    )


def _words(chosen: Chosen) -> str:
    """What was chosen, as a person would say it."""
    said = [
        f"change {chosen.seq}" if chosen.seq else "",
        f"the run that began with entry {chosen.run}" if chosen.run else "",
        f"the undo of entry {chosen.undo}" if chosen.undo else "",
        f"what {chosen.app} showed" if chosen.app else "",
        f"sync {chosen.sync}" if chosen.sync else "",
        f"record {chosen.entity}" if chosen.entity else "",
        f"field {chosen.field}" if chosen.field else "",
        f"since {moment(chosen.since):%Y-%m-%d %H:%M:%SZ}" if chosen.since is not None else "",
        f"until {moment(chosen.until):%Y-%m-%d %H:%M:%SZ}" if chosen.until is not None else "",
    ]
    return ", ".join(part for part in said if part)
