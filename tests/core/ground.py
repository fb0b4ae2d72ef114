"""A hub of small apps for tests of the core: what each app shows, what each link has seen, and the entity between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.core.compose import composed, settled
from syncd.core.entity import Entity, Held, Link
from syncd.core.fieldmap import FieldRule, Seed, Sync, Way
from syncd.core.lens import Lens, Misfit, View
from syncd.core.merge import Merge, Verdict, merge
from syncd.core.record import ABSENT, EntityId, Raw, Raws, Record, Ref, Value, Version
from syncd.testing.simulator.lens import Plain

__all__ = [
    "APPS",
    "NOON",
    "SKEW",
    "Day",
    "Hub",
    "Word",
    "a_rule",
    "a_sync",
    "fact",
    "first_hub",
    "greater",
    "hub",
    "linked",
    "only",
    "pulled",
    "settled_hub",
]

APPS = ("crm", "news", "shop")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SKEW = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text that two canonical fields share: the first, or what follows it."""

    name: str
    first: bool

    @property
    def window(self) -> tuple[str, ...]:
        return (self.name,)

    def get(self, raws: Raws, entity: Mapping[str, Value]) -> View:
        if self.name not in raws:
            return ABSENT
        first, _, rest = str(raws[self.name] or "").partition(" ")
        return (first if self.first else rest) or None

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        if isinstance(value, str) and self.first and " " in value:
            return Misfit("one word", value)
        first, _, rest = str(raws.get(self.name) or "").partition(" ")
        pair = (value or "", rest) if self.first else (first, value or "")
        return {self.name: f"{pair[0]} {pair[1]}".rstrip()}

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        return raws


@dataclass(frozen=True, slots=True)
class Day:
    """A point in time of which the app keeps the day, here in a field of its own or in an older one."""

    @property
    def window(self) -> tuple[str, ...]:
        return ("day", "date")

    def get(self, raws: Raws, entity: Mapping[str, Value]) -> View:
        day, known = raws.get("day") or raws.get("date"), entity.get("met")
        return known if isinstance(known, str) and day and known.startswith(day) else day

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw]:
        return {"day": str(value)[:10]}

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        return raws


def greater(one: Value, other: Value) -> bool:
    """Whole numbers and texts by their own order."""
    return str(one) > str(other)


def a_rule(name: str = "phone", apps: Sequence[str] = APPS, **more: Any) -> FieldRule:
    """A plain field of all apps; the earlier named app is preferred."""
    lenses: dict[str, Lens] = {app: Plain(name) for app in apps}
    told = {"type": "text", "lenses": lenses, "ways": dict.fromkeys(apps, Way.BOTH), "order": tuple(apps), **more}
    return FieldRule(name=name, **told)


def a_sync(*rules: FieldRule, apps: Sequence[str] = APPS, **more: Any) -> Sync:
    own = {rule.name: rule for rule in rules or (a_rule(),)}
    told = {"match": (("email",),), "apps": dict.fromkeys(apps, "contacts"), **more}
    return Sync(name="people", entity="person", rules=own, **told)


def linked(app: str = "crm", **more: Any) -> Link:
    return replace(Link(EntityId("ann"), Ref(app, "contacts", "1")), **more)


def fact(app: str = "crm", at: datetime | None = None, created: datetime | None = None, **fields: Raw) -> Record:
    return Record(Ref(app, "contacts", "1"), fields, Version("", at), created)


@dataclass
class Hub:
    """An entity, its links, and what each app holds."""

    sync: Sync
    entity: Entity
    links: dict[str, Link]
    apps: dict[str, dict[str, Raw]] = field(default_factory=dict)

    def edit(self, app: str, **fields: Raw) -> None:
        """Somebody edits the record in an app."""
        self.apps.setdefault(app, {}).update(fields)

    def pull(self, app: str, at: datetime | None = None) -> Merge:
        """Take in what an app shows."""
        result = merge(self.entity, self.links[app], fact(app, at, **self.apps.get(app, {})), self.sync, skew=SKEW)
        self.entity, self.links[app] = result.entity, result.link
        return result

    def owed(self, app: str, parked: frozenset[str] = frozenset()) -> Mapping[str, Value]:
        return self.links[app].owed(self.entity, self.sync, parked)

    def push(self, app: str) -> Raws:
        """Write to an app what it is owed; what was written."""
        link, shown = self.links[app], self.apps.setdefault(app, {})
        done = composed(self.entity, self.sync, app, shown, self.owed(app))
        shown.update(done.patch)
        link = replace(link, seen={**link.seen, **done.patch})
        sent, _ = settled(self.entity, link, self.sync, done.goal)
        self.links[app] = replace(link, sent=sent)
        return done.patch

    def told(self) -> Mapping[str, Value]:
        return dict(self.entity.fields)


def hub(sync: Sync, agreed: Mapping[str, Value] | None = None, author: str = "crm") -> Hub:
    """A hub in which all apps and the entity hold the same values, or one without any history."""
    apps = tuple(sync.apps)
    made = Hub(sync, Entity(EntityId("ann"), sync.name), {app: linked(app) for app in apps})
    if agreed is None:
        return made
    held = {name: Held(value, 1, author) for name, value in agreed.items()}
    made.entity = replace(made.entity, held=held)
    for app in apps:
        made.edit(app, **{name: list(value) if isinstance(value, tuple) else value for name, value in agreed.items()})
        made.links[app] = replace(made.links[app], seen=dict(made.apps[app]))
    return made


def only(result: Merge) -> tuple[Verdict, Value, Value, str]:
    """The one verdict there is: verdict, old, new, rule."""
    [verdict] = result.verdicts
    return verdict.verdict, verdict.old, verdict.new, verdict.rule


def settled_hub(value: Value, **rule: Any) -> Hub:
    return hub(a_sync(a_rule(**rule)), {"phone": value})


def first_hub(
    ours: Value, author: str = "news", seed: Seed = Seed.ASK, order: tuple[str, ...] = (), **rule: Any
) -> Hub:
    """The entity holds a value; no app has ever shown us anything."""
    made = hub(a_sync(a_rule(**rule), seed=seed, seed_order=order))
    made.entity = made.entity.holding("phone", Held(ours, 4, author, NOON))
    return made


def pulled(made: Hub, app: str = "crm", at: Any = None, **fields: Any) -> Merge:
    made.edit(app, **fields)
    return made.pull(app, at)
