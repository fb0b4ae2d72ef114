"""A sync as the admin wrote it, parsed and checked: which app keeps which canonical field where, and who wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from syncd.core.lens import UNTOLD, Lens, Misfit, view
from syncd.core.record import Fields, Record, Value

__all__ = ["Blank", "Computed", "Deletion", "FieldRule", "Filter", "Policy", "Seed", "Sync", "Way", "told"]


class Way(StrEnum):
    """In which direction a field goes between the entity and one app."""

    BOTH = "both"
    READ = "read"  # from the app only
    WRITE = "write"  # to the app only


class Policy(StrEnum):
    """What to do when two apps changed the same field, each without having seen the other's change."""

    PREFER = "prefer"
    """The first app in the rule's order that has a say."""
    NEWEST = "newest"
    """The later by the apps' own clocks, if later by more than the skew margin; else as PREFER. Names a risk."""
    FILLED = "filled"
    """A value beats a blank; else as PREFER."""
    MANUAL = "manual"
    UNION = "union"
    OR = "or"
    MAX = "max"
    MIN = "min"


class Blank(StrEnum):
    """What an app's emptying of a field that was filled means to the others."""

    PROPAGATE = "propagate"
    HOLD = "hold"
    IGNORE = "ignore"


class Deletion(StrEnum):
    """What becomes of the other records when one is deleted by a person."""

    HOLD = "hold"
    PROPAGATE = "propagate"
    ARCHIVE = "archive"
    IGNORE = "ignore"


class Seed(StrEnum):
    """Who seeds the entity when both sides are filled and there is no history."""

    PREFER = "prefer"
    NEWEST = "newest"
    ASK = "ask"


Filter: TypeAlias = Callable[[Fields], bool]


@dataclass(frozen=True, slots=True)
class Computed:
    """A one-way value computed from canonical fields, written to one app and never read back."""

    uses: tuple[str, ...]
    compute: Callable[[Fields], Value | Misfit]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """One canonical field: its type's name, a lens for each app that has it, and who wins."""

    name: str
    type: str
    lenses: Mapping[str, Lens]
    ways: Mapping[str, Way]
    policy: Policy = Policy.PREFER
    order: tuple[str, ...] = ()
    """Apps by rank: for PREFER, and for ties."""
    blank: Blank = Blank.PROPAGATE
    consent: bool = False
    """An opt-out: True means that the person may not be mailed. Joined by OR, kept in the register."""
    address: str = ""
    """For consent: the canonical field with the address that the opt-out is about."""
    channel: str = "email"
    """For consent: what the address is not to be used for. Opt-outs of one channel hold in every sync."""
    consent_sources: frozenset[str] = frozenset()
    """Apps whose own evidence of a new opt-in is believed."""
    default: Value = None
    """Given to a record that is being created where the entity has no value."""
    computed: Computed | None = None
    personal: bool = False
    partial: bool = False
    """Values of one app that another cannot carry are no question: they stay where they are."""
    refers: str = ""
    """For references: the sync whose entities this field points to."""
    more: Callable[[Value, Value], bool] | None = None
    """For MAX and MIN: whether the first value is greater than the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """What keeps one entity the same in two or more apps."""

    name: str
    entity: str
    apps: Mapping[str, str]
    """App name to the object it keeps there, in the order in which the admin named them."""
    rules: Mapping[str, FieldRule]
    match: tuple[tuple[str, ...], ...]
    """Each a tuple of canonical fields that together name an entity; tried in order."""
    seed: Seed = Seed.ASK
    seed_order: tuple[str, ...] = ()
    deletes: Deletion = Deletion.HOLD
    filters: Mapping[str, Filter] = field(default_factory=dict)
    filter_text: Mapping[str, str] = field(default_factory=dict)
    creates: frozenset[str] = frozenset()
    """Apps in which new records may be made."""
    digest: str = ""
    """Changes when anything in the mapping changes that can change what is written."""
    _mapped: Mapping[str, tuple[FieldRule, ...]] = field(init=False, repr=False, compare=False)
    _written: Mapping[str, tuple[tuple[FieldRule, Lens], ...]] = field(init=False, repr=False, compare=False)
    _window: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    consents: tuple[FieldRule, ...] = field(init=False, repr=False, compare=False)
    """The rules that carry an opt-out."""

    def __post_init__(self) -> None:
        """These are asked for with every record."""
        object.__setattr__(self, "consents", tuple(rule for rule in self.rules.values() if rule.consent))
        mapped = {app: tuple(rule for rule in self.rules.values() if app in rule.lenses) for app in self.apps}
        window = {
            app: tuple(dict.fromkeys(name for rule in rules for name in rule.lenses[app].window))
            for app, rules in mapped.items()
        }
        written = {
            app: tuple((rule, rule.lenses[app]) for rule in rules if rule.ways[app] is not Way.READ)
            for app, rules in mapped.items()
        }
        object.__setattr__(self, "_mapped", mapped)
        object.__setattr__(self, "_written", written)
        object.__setattr__(self, "_window", window)

    def mapped(self, app: str) -> tuple[FieldRule, ...]:
        """The rules that have a lens for this app."""
        return self._mapped.get(app, ())

    def written(self, app: str) -> tuple[tuple[FieldRule, Lens], ...]:
        """The rules by which this app is written to, each with the app's lens."""
        return self._written.get(app, ())

    def window(self, app: str) -> tuple[str, ...]:
        """Every field of the app that some rule looks at, each once."""
        return self._window.get(app, ())

    def is_personal(self, name: str) -> bool:
        """Whether a field says something of a person, or is made of one that does. What is mapped no more may well."""
        rule = self.rules.get(name)
        if rule is None:
            return True
        return rule.personal or (rule.computed is not None and any(map(self.is_personal, rule.computed.uses)))

    @property
    def names_people(self) -> bool:
        """Whether any of its fields is personal."""
        return any(map(self.is_personal, self.rules))


def told(sync: Sync, fact: Record) -> Fields:
    """What a record says of itself in canonical terms; what makes no sense is left out."""
    fields: dict[str, Value] = {}
    for rule in sync.mapped(fact.ref.app):
        seen = view(rule.lenses[fact.ref.app], fact.fields, {})
        if not isinstance(seen, UNTOLD):
            fields[rule.name] = seen
    return fields
