"""What a person should know of, as it stands now: names, counts and numbers, no reason that may quote a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from syncd.alerts.news import LOOKED, Trouble
from syncd.daemon.health import AppHealth, Signs, examine
from syncd.daemon.space import Space
from syncd.destinations import Severity
from syncd.engine.remedies import Stopped, stopped_by
from syncd.engine.setback import setback
from syncd.engine.world import World
from syncd.store.ports import Transaction
from syncd.store.values import IntentState, ParkedKind

__all__ = ["WAITING", "Patience", "standing", "store_down"]

_SWEEPS: Final = 3
"""Intervals after which a full comparison is overdue."""
_DOUBT: Final = 3600.0
"""Seconds after which a write whose outcome is not known is worth a word: reads settle it in minutes."""

_STOPPED: Final[Mapping[Stopped | None, str]] = {
    Stopped.GUARD: "a guard stopped it",
    Stopped.LOGIN: "it refuses the credentials",
    Stopped.ANSWER: "it answers what its connector does not know",
    Stopped.SETTINGS: "the configuration does not fit it any more",
    Stopped.PROMISE: "a promise would have been broken, which is a defect of syncd",
    Stopped.PERSON: "a person paused it",
    None: "something stopped it",
}
WAITING: Final[Mapping[str, tuple[str, Sequence[ParkedKind]]]] = {
    "conflicts": (
        "conflicts that wait for a person",
        (ParkedKind.CONFLICT, ParkedKind.OPT_IN, ParkedKind.BLANK, ParkedKind.LOOP),
    ),
    "holds": ("deletes, or a mass of changes, that wait for a yes", (ParkedKind.HOLD, ParkedKind.GUARD)),
    "quarantine": (
        "refused or doubtful records in quarantine",
        (ParkedKind.QUARANTINE, ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE),
    ),
}
"""The command that lists it, to what waits there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long what may stand before it is worth a word, in seconds."""

    failing: float
    sweeps: Mapping[str, float]
    """App to seconds between two full comparisons."""


def standing(world: World, signs: Signs, patience: Patience, space: Space) -> list[Trouble]:
    """Everything that stands. `space`: what there is room for. Raises StoreError."""
    health = examine(world, signs)
    with world.store.read() as tx:
        apps = [app for name in signs.intervals for app in _app(world, tx, name, health.apps[name], signs, patience)]
        return [*_store(signs, space), *_set_back(tx), *apps, *_mappings(signs), *_waiting(tx)]


def store_down(why: str) -> Trouble:
    """The store cannot be used."""
    return Trouble(
        group="store",
        severity=Severity.URGENT,
        since=0.0,
        text=f"the store cannot be used, and nothing is read or written: {why}",
        hint="syncd goes on by itself once it holds; docs/operations.md has what to look for",
        good="the store holds again",
    )


def store_lost(why: str) -> Trouble:
    """The store is lost to this process, which therefore ends."""
    return replace(
        store_down(why),
        text=f"syncd ends, for its store cannot be used: {why}",
        hint="it goes on once it is started anew, which systemd does by itself, and the store holds",
    )


def _store(signs: Signs, space: Space) -> Iterator[Trouble]:
    if signs.trouble:
        yield store_down(signs.trouble)
    if space.scarce:
        yield Trouble(
            group="disk",
            severity=Severity.WARNING,
            since=0.0,
            text="the disk under the store is nearly full",
            hint="free some space, or syncd will stop until there is some",
            good="there is room again beside the store",
        )
    if space.crowded:
        yield Trouble(
            group="memory",
            severity=Severity.WARNING,
            since=0.0,
            text="syncd uses nearly all the memory that daemon.memory lets it use, and takes in no webhooks",
            hint="at the limit it stops for whoever runs it to start it anew; if that comes again, raise daemon.memory",
            good="syncd uses less memory again",
        )


def _set_back(tx: Transaction) -> Iterator[Trouble]:
    back = setback(tx)
    if back is not None:
        yield Trouble(
            group="setback",
            severity=Severity.URGENT,
            since=back.noticed,
            text=f"the store was set back, and nothing is written: {back.why}",
            hint="syncd status has what would be written and how to go on",
            good="it was agreed to go on from the store that was set back",
        )


def _go_on(why: Stopped | None, app: str) -> str:
    """What to do about an app that is paused. To resume one that a guard has stopped is a yes to all that it shows."""
    if why is Stopped.GUARD:
        return f"syncd status and syncd holds say what it saw and how to answer; syncd resume {app} accepts all of it"
    return f"syncd status has the reason; go on with: syncd resume {app}"


def _app(
    world: World, tx: Transaction, name: str, health: AppHealth, signs: Signs, patience: Patience
) -> Iterator[Trouble]:
    """What there is to say of an app; of one that is paused or does not answer, no more than that."""
    state = tx.apps.get(name)
    failing_since = state.failing_since if state.failing and state.failing_since is not None else tx.now
    quiet_since = tx.now - health.answered if health.answered is not None else signs.started
    listed = min(tx.cursors.get(s.name, name).listed_at or 0.0 for s in world.syncs.values() if name in s.apps)
    swept = max(listed, signs.started)
    if health.state == "held":
        return
    if health.state == "paused":
        why = stopped_by(tx, name)
        yield Trouble(
            group=f"paused:{name}",
            severity=Severity.NOTICE if why is Stopped.PERSON else Severity.URGENT,
            since=state.paused_at or tx.now,
            text=f"{name} is paused: {_STOPPED[why]}",
            hint=_go_on(why, name),
            good=f"{name} is not paused any more",
        )
    elif tx.now - failing_since >= patience.failing:
        yield Trouble(
            group=f"failing:{name}",
            severity=Severity.WARNING,
            since=failing_since,
            text=f"{name} does not answer",
            hint="it is tried again by itself, and nothing that it is owed is forgotten; syncd status has the reason",
            good=f"{name} answers again",
        )
    elif health.state == "silent" and not state.failing and tx.now - quiet_since >= patience.failing:
        yield Trouble(
            group=f"silent:{name}",
            severity=Severity.WARNING,
            since=quiet_since,
            text=f"{name} has answered no poll for long, and shows no error either",
            hint="see the log; a restart of syncd does no harm",
            good=f"{name} answers polls again",
        )
    elif tx.now - swept > _SWEEPS * patience.sweeps[name]:
        yield Trouble(
            group=f"sweep:{name}",
            severity=Severity.WARNING,
            since=swept,
            text=f"the full comparison of {name} is overdue",
            hint="polls and webhooks go on; what they miss is not found meanwhile. Is the vendor's quota spent?",
            good=f"{name} was compared in full",
        )
    yield from _writes(tx, name)


def _writes(tx: Transaction, name: str) -> Iterator[Trouble]:
    doubts = [intent.at for intent in tx.intents.open(name, IntentState.UNKNOWN)]
    if doubts and tx.now - min(doubts) > _DOUBT:
        yield Trouble(
            group=f"doubt:{name}",
            severity=Severity.WARNING,
            since=min(doubts),
            text=f"what became of some writes to {name} has not been known for over an hour",
            hint=f"they are looked for by themselves; see: syncd log --app {name}",
            good=f"what became of every write to {name} is known again",
        )
    suspected = int(tx.meta.get(f"suspected:{name}") or 0)
    if suspected:
        yield Trouble(
            group=f"suspected:{name}",
            severity=Severity.WARNING,
            since=0.0,
            text=f"edits in {name} that may have been overwritten as they were typed: {suspected} so far",
            hint=f"what is known of them is in: syncd log --app {name}",
            mark=suspected,
        )


def _mappings(signs: Signs) -> Iterator[Trouble]:
    for sync in signs.waiting:
        yield Trouble(
            group=f"mapping:{sync}",
            severity=Severity.NOTICE,
            since=signs.started,
            text=f"the mapping of {sync} is not in force, and {sync} stands still",
            hint="stop syncd, then: syncd plan, syncd apply",
            good=f"the mapping of {sync} is in force",
        )


def _waiting(tx: Transaction) -> Iterator[Trouble]:
    counts = tx.parked.counts()
    for listing, (what, kinds) in WAITING.items():
        count = sum(counts.get(kind, 0) for kind in kinds)
        if not count:
            continue
        numbers = tx.parked.newest(kinds, LOOKED)
        (oldest,) = tx.parked.open(kinds, limit=1)
        yield Trouble(
            group=f"waiting:{listing}",
            severity=Severity.NOTICE,
            since=oldest.opened,
            text=f"{what}: {count}",
            hint=f"look at them with: syncd {listing}",
            good=f"nothing waits any more in: syncd {listing}",
            mark=numbers[0],
            numbers=numbers,
        )
