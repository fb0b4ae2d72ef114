"""What a story has come by: which observations met which states, which rules were applied, which apps could what.

A campaign adds these up. A cell that stays empty, or a rule that was never applied, says that the stories are too tame.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from syncd.core.entity import Link, LinkState
from syncd.core.record import Gone, Merged, Record
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, IntentState
from syncd.testing.simulator.app import SimApp
from syncd.testing.simulator.lens import canonical

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = [
    "APP",
    "CELLS",
    "IMPOSSIBLE",
    "INTENTS",
    "LINKS",
    "OFTEN",
    "ROWS",
    "SHOWN",
    "Coverage",
    "cells",
    "impossible",
    "rare",
    "unseen",
]

Fact: TypeAlias = Record | Gone | Merged

OFTEN: Final = 1000
"""In a campaign, every rule and every capability is to be met once in so many stories."""
LINKS: Final = ("no link", *(state.value for state in LinkState))
INTENTS: Final = ("no write", *(state.value for state in IntentState))
SHOWN: Final = ("same", "edited", "emptied", "veiled", "gone", "tombstone", "merged")

_NEVER_SEEN: Final = "what is not linked has not been seen before, so nothing can be another than it was"
IMPOSSIBLE: Final[Mapping[tuple[str, str, str], str]] = MappingProxyType(
    {
        ("no link", "*", "edited"): _NEVER_SEEN,
        ("no link", "*", "emptied"): _NEVER_SEEN,
        ("no link", "*", "veiled"): _NEVER_SEEN,
        ("no link", "inflight", "*"): "only a linked record is written to, and only a link that is gone is dropped",
        ("missing", "inflight", "*"): "nothing is written to a record that was missed, and the app's turn, in which "
        "alone it can be missed, is held until the outcome is stored",
        ("gone", "inflight", "*"): "nothing is written to a record that is gone, and the app's turn, in which alone it "
        "can be found to be, is held until the outcome is stored",
    }
)
"""Cells that no story can come to, and why; "*" is each of them. A death makes what was on its way unknown."""


def _possible(*cell: str) -> bool:
    return not any(all(own in (one, "*") for own, one in zip(rule, cell, strict=True)) for rule in IMPOSSIBLE)


CELLS: Final = tuple(
    f"{link} / {intent} / {shown}"
    for link in LINKS
    for intent in INTENTS
    for shown in SHOWN
    if _possible(link, intent, shown)
)
"""{state of the link} x {state of a write to the record} x {what the app shows}, as far as a story can come to it."""

ROWS: Final = (
    # the merge: protocol 1.6, docs/merge.md
    "agreed: agreed",
    "taken: edited",
    "taken: first filled",
    "seeded: first = prefer APP",
    "lost: first = prefer APP",
    "seeded: first = newest",
    "lost: first = newest",
    "asked: first = ask",
    "taken: conflict = prefer APP",
    "lost: conflict = prefer APP",
    "taken: conflict = newest",
    "lost: conflict = newest",
    "taken: conflict = filled",
    "lost: conflict = filled",
    "asked: conflict = manual",
    "taken: conflict = union",
    "lost: conflict = union",
    "held: blank = hold",
    "lost: blank = ignore",
    "lost: APP is only written to",
    # consent: protocol 1.12
    "taken: an opt-out always wins",
    "lost: an opt-out always wins",
    "held: an opt-in against an opt-out",
    "taken: APP is a consent source",
    # writes and doubts: protocol 1.8, 1.9
    "sent: create",
    "sent: update",
    "coerced: create",
    "coerced: update",
    "doubted: create",
    "doubted: update",
    "doubted: delete",
    "resolved: applied",
    "resolved: not applied",
    "refused",
    # identity: protocol 1.10
    "linked: new",
    "linked: found by email",
    "linked: found after a create in doubt",
    "linked: made by a create in doubt",
    "linked: fused",
    "parked: duplicate",
    "parked: ambiguous",
    # deletes, filters, merges: protocol 1.11
    "gone",
    "gone: merged by the app",
    "returned: the record is back in the app",
    "returned: edited elsewhere: an edit beats a delete",
    "returned: APP was yet to be told: an edit beats a delete",
    "decided: delete approved",
    "decided: delete refused",
    "removed",
    "left",
    "parked: hold",
    "parked: loop",
    "paused",
    # what the operator says: docs/operations.md
    "forgetting",
    "forgotten",
    "parked: forgotten",
    "decided: whoever was forgotten may come back",
    "undone",
    "undone: a value",
    "returned: its delete was taken back",
    "decided: said to be somebody else's",
    "decided: said whose it is",
    "decided: said whose it is, in place of another",
)
"""What must be seen at some time in a campaign: each rule of the protocol."""

APP: Final = "app: "
"""What the names of capabilities begin with."""
_NAMES: Final = re.compile(r"\b(crm|news|shop)\b")


class Coverage:
    """Watches one story."""

    def __init__(self, story: Simulation) -> None:
        self._story = story
        self._seen: Counter[str] = Counter()
        for app in story.apps.values():
            app.observe = self._observe

    def counted(self) -> Mapping[str, int]:
        """Everything, by name."""
        with self._story.store.read() as tx:
            self._seen.update(_rows(tx, self._story.words.log(tx)))
        for app in self._story.apps.values():
            self._seen.update(f"{APP}{fact}" for fact in _facts(app))
        profile = self._story.fates.profile
        self._seen.update(f"fault: {f.name}" for f in fields(profile) if getattr(profile, f.name))
        return dict(sorted(self._seen.items()))

    def _observe(self, facts: Iterable[Fact]) -> None:
        with self._story.store.read() as tx:
            for fact in facts:
                link = tx.links.get("people", fact.ref)
                intent = tx.intents.of_refs(fact.ref.app, [fact.ref]).get(fact.ref)
                state = link.state.value if link else "no link"
                flight = intent.state.value if intent else "no write"
                self._seen[f"{state} / {flight} / {_shown(fact, link)}"] += 1


def cells(seen: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Every cell of the matrix with its count."""
    for name in CELLS:
        yield name, seen.get(name, 0)


def unseen(seen: Mapping[str, int]) -> list[str]:
    """The rules that were never applied."""
    return [row for row in ROWS if not seen.get(row)]


def impossible(seen: Mapping[str, int]) -> list[str]:
    """Cells that no story can come to, and one has: then a reason in `IMPOSSIBLE` is wrong, or the engine is."""
    every = (f"{link} / {intent} / {shown}" for link in LINKS for intent in INTENTS for shown in SHOWN)
    return [name for name in every if name not in CELLS and seen.get(name)]


def rare(seen: Mapping[str, int], stories: int) -> list[str]:
    """The rules and capabilities that were met, and less than once in a thousand of so many stories."""
    names = [*ROWS, *(name for name in seen if name.startswith(APP))]
    return [name for name in names if 0 < seen.get(name, 0) * OFTEN < stories]


def _shown(fact: Fact, link: Link | None) -> str:
    match fact:
        case Merged():
            return "merged"
        case Gone(_, told):
            return "tombstone" if told else "gone"
    if link is None:
        return "same"
    if any(name not in fact.fields for name in link.seen):
        return "veiled"
    news = [name for name, raw in link.seen.items() if fact.fields[name] != raw]
    emptied = [name for name in news if canonical(fact.fields[name]) is None]
    return "emptied" if emptied else "edited" if news else "same"


def _rows(tx: Transaction, entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        for what in entry.fields.values():
            if what.get("verdict"):
                yield _NAMES.sub("APP", f"{what['verdict']}: {what.get('rule')}")
        note = entry.note
        match entry.event:
            case Event.SENT | Event.COERCED | Event.DOUBTED:
                yield f"{entry.event}: {note.partition(':')[0]}"
            case Event.RESOLVED:
                yield f"resolved: {'not applied' if 'not applied' in note else 'applied'}"
            case Event.LINKED:
                yield f"linked: {'fused' if note.startswith('fused') else _alike(note)}"
            case Event.UNDONE if entry.entity is not None:
                yield "undone: a value"
            case Event.GONE if "merged" in note:
                yield "gone: merged by the app"
            case Event.RETURNED if "was yet to be told" in note:
                yield "returned: APP was yet to be told: an edit beats a delete"
            case Event.RETURNED | Event.DECIDED:
                yield f"{entry.event}: {_alike(note)}"
            case event:
                yield str(event.value)
    number = 1
    while (work := tx.parked.get(number)) is not None:
        yield f"parked: {'forgotten' if 'forgotten' in work.detail else work.kind}"
        number += 1


def _alike(note: str) -> str:
    """The note without the numbers of records and orders."""
    return re.sub(r"in place of .*", "in place of another", re.sub(r" by order \d+", "", note))


def _facts(app: SimApp) -> Iterator[str]:
    able = app.capabilities
    for name in ("incremental", "conditional", "returns_record", "archives"):
        yield f"{name} {'yes' if getattr(able, name) else 'no'}"
    yield f"deletes {able.deletes.value}"
    yield f"unique {'yes' if able.unique else 'no'}"
    yield f"finds {'yes' if app.finds else 'no'}"
    yield f"index lags {'yes' if able.list_lag else 'no'}"
    yield f"webhooks {'yes' if app.calls_back else 'no'}"
    yield f"batches of {able.write_batch}"
    yield f"pages of {able.page_size}"
    for field in app.keeps:
        yield f"rewrites {field}"
