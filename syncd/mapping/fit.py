"""What a sync means, held against what the apps really have: every name resolved, every promise checked."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from syncd.core.fieldmap import Computed, Deletion, FieldRule, Sync, Way
from syncd.core.lens import Lens, Misfit
from syncd.core.record import Fields, Raw, Value
from syncd.mapping.cells import Spot, lens_of, property_of, way_of
from syncd.mapping.codec import json_text
from syncd.mapping.lenses import Part, Single
from syncd.mapping.meaning import Meaning, Meant
from syncd.mapping.mistakes import Notes
from syncd.mapping.types import TYPES
from syncd.sdk.contract import FieldType, Object
from syncd.settings import AppConfig
from syncd.spelling import suggest
from syncd.toml import Key

__all__ = ["fit"]

_PARTS: Final = ("first", "last")


def fit(
    meant: Meant, schemas: Mapping[str, Sequence[Object]], apps: Mapping[str, AppConfig], note: Notes
) -> Sync | None:
    """The sync; None where anything was noted, here or before: a mapping with a mistake in it is not used."""
    named = {app: name for app, name in meant.sync.apps.items() if app in apps}
    objects = {app: found for app, name in named.items() if (found := _object(app, name, schemas, note))}
    if len(objects) < len(meant.sync.apps):
        return None
    read_only = frozenset(app for app in objects if apps[app].read_only)
    return _Fitting(meant, objects, read_only, note).sync()


def _object(app: str, name: str, schemas: Mapping[str, Sequence[Object]], note: Notes) -> Object | None:
    found = {candidate.name: candidate for candidate in schemas.get(app, ())}
    if name not in found:
        note(("apps", app), f'{app} has no object "{name}"', suggest(name, found))
    return found.get(name)


@dataclasses.dataclass(frozen=True, slots=True)
class _Fitting:
    """One sync on its way to its apps."""

    meant: Meant
    objects: Mapping[str, Object]
    read_only: frozenset[str]
    note: Notes

    def sync(self) -> Sync | None:
        """The whole, or None."""
        meant, shape = self.meant, self.meant.sync
        rules = {name: rule for name, field in meant.fields.items() if (rule := self._rule(field)) is not None}
        rules |= {rule.name: rule for rule in self._whole_names(rules)}
        self._check_owners(rules.values())
        creates = self._creates()
        self._check_archives()
        if len(rules) >= len(shape.fields):
            self._check_needs(creates, rules.values())
        if self.note.problems:
            return None
        return Sync(
            name=self.note.config.name,
            entity=shape.entity,
            apps=dict(shape.apps),
            rules=rules,
            match=meant.match,
            seed=meant.seed,
            seed_order=meant.seed_order,
            deletes=shape.deletes,
            filters=meant.filters,
            filter_text=dict(shape.filters),
            creates=creates,
            digest=self._digest(rules.values(), creates),
        )

    def _rule(self, field: Meaning) -> FieldRule | None:
        before = len(self.note.problems)
        lenses = {app: lens for app in field.cells if (lens := self._lens(field, app)) is not None}
        if len(self.note.problems) > before:
            return None
        rule = FieldRule(
            name=field.name,
            type=field.kind.name,
            lenses=lenses,
            ways={app: self._way(field, app) for app in lenses},
            policy=field.policy,
            order=field.order,
            blank=field.blank,
            consent=field.kind.name == "consent",
            address=field.address,
            channel=field.shape.channel,
            consent_sources=field.sources,
            default=field.default,
            computed=field.computed,
            personal=field.shape.personal
            or any(self.objects[app].fields[name].personal for app, lens in lenses.items() for name in lens.window),
            more=field.kind.more,
            partial=field.shape.partial,
            refers=field.shape.to,
        )
        self._check_partners(rule, field)
        return rule if len(self.note.problems) == before else None

    def _way(self, field: Meaning, app: str) -> Way:
        cell = field.cells[app]
        if app in self.read_only or cell.part:
            return Way.READ
        return Way.WRITE if field.computed else way_of(cell)

    def _lens(self, field: Meaning, app: str) -> Lens | None:
        cell, at = field.cells[app], ("fields", field.name, app)
        spot = Spot(app, field.name, cell, field.kind, field.options, self.objects[app])
        if cell.part:
            return self._part(spot, at)
        short = isinstance(field.shape.cells[app], str)
        return lens_of(spot, lambda key, message, hint: self.note(at if short else (*at, *key), message, hint))

    def _part(self, spot: Spot, at: Key) -> Lens | None:
        halves, name = self.meant.halves(spot.app, spot.cell.field), spot.cell.field
        missing = [part for part in _PARTS if part not in halves]
        if missing:
            self.note((*at, "part"), f'no field says part = "{missing[0]}" of {name}', "both are needed")
            return None
        found = property_of(name, spot.object)
        if found is None:
            nearest = suggest(name, spot.object.fields)
            self.note((*at, "field"), f'{spot.app} has no property "{name}" in {spot.object.name}', nearest)
            return None
        if found[1] or found[0].type is not FieldType.TEXT:
            what = f"{found[0].name} is of type {found[0].type}, and a full name stands in a text"
            self.note((*at, "field"), what)
            return None
        return Part(found[0], spot.kind, halves["first"], halves["last"], spot.cell.part == "last")

    def _whole_names(self, rules: Mapping[str, FieldRule]) -> Iterable[FieldRule]:
        """For each app field of which two canonical fields are parts: the computed field that writes it whole."""
        for name, field in self.meant.fields.items():
            for app, cell in field.cells.items():
                if cell.part != "first" or cell.way == "read" or app in self.read_only or name not in rules:
                    continue
                halves = self.meant.halves(app, cell.field)
                title = f"{halves['first']}_{halves['last']}_{app}"
                yield FieldRule(
                    name=title,
                    type="text",
                    lenses={app: Single(title, self.objects[app].fields[cell.field], TYPES["text"])},
                    ways={app: Way.WRITE},
                    order=(app,),
                    computed=Computed((halves["first"], halves["last"]), _Whole(halves["first"], halves["last"])),
                    personal=rules[name].personal,
                )

    def _check_partners(self, rule: FieldRule, field: Meaning) -> None:
        """Every option that one app has must mean something in each of the others that is written."""
        if rule.type not in {"choice", "choices"} or field.shape.partial:
            return
        for app, lens in rule.lenses.items():
            if rule.ways[app] is Way.READ or not isinstance(lens, Single):
                continue
            known = field.shape.options if field.shape.options is not None else _vocabulary(rule, app)
            orphans = [value for value in known if isinstance(lens.put(_as(rule.type, value), {}), Misfit)]
            if orphans:
                listed = ", ".join(f'"{orphan}"' for orphan in orphans[:8])
                more = f" and {len(orphans) - 8} more" if len(orphans) > 8 else ""
                hint = "add values = { ... }, or say partial = true to leave such records as they are"
                self.note(("fields", rule.name, app), f"no option in {app} for {listed}{more}", hint)

    def _check_owners(self, rules: Iterable[FieldRule]) -> None:
        """What an app has in one place is written by one field: two would undo each other for ever."""
        owners: dict[str, list[tuple[str, tuple[str, ...]]]] = {app: [] for app in self.objects}
        for rule in rules:
            for app, lens in rule.lenses.items():
                if rule.ways[app] is Way.READ:
                    continue
                for place in _places(lens):
                    other = next((name for name, taken in owners[app] if _overlap(place, taken)), None)
                    if other is not None:
                        what = f'{".".join(place)} is written by the field "{other}" already'
                        self.note(("fields", rule.name, app), what, 'say way = "read" in one of the two')
                owners[app] += [(rule.name, place) for place in _places(lens)]

    def _creates(self) -> frozenset[str]:
        """The apps in which records may be made: those asked for, of those that can."""
        asked, apps = self.meant.sync.creates, self.meant.sync.apps
        able = [app for app in apps if self.objects[app].capabilities.creates and app not in self.read_only]
        for index, app in enumerate(asked or ()):
            if app not in able:
                why = "cannot make new records" if app in apps else "is no app of this sync"
                self.note(("creates", index), f'"{app}" {why}', suggest(app, able))
        return frozenset(app for app in able if asked is None or app in asked)

    def _check_archives(self) -> None:
        """Where removing is for good, `deletes = "archive"` would be a promise that nobody keeps."""
        if self.meant.sync.deletes is not Deletion.ARCHIVE:
            return
        able = [app for app in self.objects if self.objects[app].capabilities.archives or app in self.read_only]
        unable = [app for app in self.objects if app not in able]
        if unable:
            why = f"{', '.join(unable)} cannot archive: deleting there is for good"
            self.note(("deletes",), why, '"hold" asks a person first')

    def _check_needs(self, creates: Iterable[str], rules: Iterable[FieldRule]) -> None:
        """What an app needs to make a record, some field must give it."""
        for app in creates:
            given = {
                name
                for rule in rules
                if app in rule.lenses and rule.ways[app] is not Way.READ
                for name in rule.lenses[app].window
            }
            for name, field in self.objects[app].fields.items():
                if field.required and field.creatable and name not in given:
                    self.note(("apps", app), f'{app} needs "{name}" to make a record, and no field gives it')

    def _digest(self, rules: Iterable[FieldRule], creates: Iterable[str]) -> str:
        """Of everything that can change what is written: the mapping, and what it uses of the schemas."""
        used = {
            f"{app}.{name}": _facts(self.objects[app], name)
            for rule in rules
            for app, lens in rule.lenses.items()
            for name in lens.window
        }
        text = json_text([self.note.config.data, used, sorted(self.read_only), sorted(creates)])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class _Whole:
    """Both names with a space between."""

    first: str
    last: str

    def __call__(self, fields: Fields) -> Value:
        halves = (str(fields.get(name) or "") for name in (self.first, self.last))
        return " ".join(half for half in halves if half) or None


def _places(lens: Lens) -> list[tuple[str, ...]]:
    """What a lens writes: fields of the app, or a path inside one."""
    return [(lens.field.name, *lens.path)] if isinstance(lens, Single) else [(name,) for name in lens.window]


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))


def _vocabulary(rule: FieldRule, without: str) -> list[str]:
    """The canonical values that the other apps can show."""
    found: dict[str, None] = {}
    for app, lens in rule.lenses.items():
        if app == without or rule.ways[app] is Way.WRITE or not isinstance(lens, Single):
            continue
        if lens.words is not None:
            found |= dict.fromkeys(str(value) for value in lens.words.meanings.values())
        elif not lens.path:
            found |= dict.fromkeys(option.value for option in lens.field.options)
    return list(found)


def _facts(object: Object, name: str) -> dict[str, Raw]:
    """What matters of an app's field. Tags come and go by the day, and what takes any option is written alike."""
    field = object.fields[name]
    facts = dataclasses.asdict(field)
    facts["options"] = [] if field.open_options else [option.value for option in field.options]
    return {key: value for key, value in facts.items() if key not in {"label", "personal"}}


def _as(kind: str, value: str) -> Value:
    return (value,) if kind == "choices" else value
