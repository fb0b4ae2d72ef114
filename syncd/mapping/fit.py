"""A sync's shape against what the apps really have: every name resolved, every promise checked, a `Sync` at the end."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from syncd.core.fieldmap import Computed, FieldRule, Filter, Seed, Sync, Way
from syncd.core.lens import Lens, Misfit
from syncd.core.record import Fields, Raw, Value
from syncd.errors import Problem
from syncd.mapping.cells import Spot, lens_of, property_of, way_of
from syncd.mapping.codec import json_text
from syncd.mapping.expressions import (
    Computation,
    ExpressionError,
    Names,
    compile_expression,
    condition,
)
from syncd.mapping.lenses import Part, Single
from syncd.mapping.policies import PolicyError, blank_policy, conflict_policy, seed_policy
from syncd.mapping.shape import Shaped
from syncd.mapping.types import TYPES, Kind, Options
from syncd.sdk.contract import FieldType, Object
from syncd.settings import Config
from syncd.spelling import suggest
from syncd.toml import Key

__all__ = ["fit"]

_PARTS: Final = ("first", "last")


def fit(
    shaped: Shaped, schemas: Mapping[str, Sequence[Object]], config: Config, problems: list[Problem]
) -> Sync | None:
    """Stage two: against the schemas. Adds to `problems` what does not fit; None if there is any."""
    return _Fitting(shaped, schemas, config, problems).sync()


@dataclasses.dataclass(slots=True)
class _Fitting:
    """One sync on its way; `problems` is the only thing that changes."""

    shaped: Shaped
    schemas: Mapping[str, Sequence[Object]]
    config: Config
    problems: list[Problem]

    def tell(self, key: Key, message: str, hint: str = "") -> None:
        """Note a problem at a key below the sync's table."""
        own = self.shaped.config
        self.problems.append(own.places.problem((*own.key, *key), message, hint))

    def sync(self) -> Sync | None:
        """The whole, or None."""
        before = len(self.problems)
        shape = self.shaped.sync
        objects = {app: found for app, name in shape.apps.items() if (found := self._object(app, name))}
        if len(objects) < len(shape.apps):
            return None
        match = self._match()
        rules = {name: rule for name in self.shaped.fields if (rule := self._rule(name, objects, match))}
        rules |= self._whole_names(rules, objects)
        creates = self._creates(objects, rules)
        filters, texts = self._filters()
        seed, seed_order = self._seed()
        if len(self.problems) > before:
            return None
        return Sync(
            name=self.shaped.config.name,
            entity=shape.entity,
            apps=dict(shape.apps),
            rules=rules,
            match=match,
            seed=seed,
            seed_order=seed_order,
            deletes=shape.deletes,
            filters=filters,
            filter_text=texts,
            creates=creates,
            digest=self._digest(rules, objects),
        )

    def _object(self, app: str, name: str) -> Object | None:
        found = {candidate.name: candidate for candidate in self.schemas.get(app, ())}
        if name not in found:
            self.tell(("apps", app), f'{app} has no object "{name}"', suggest(name, found))
        return found.get(name)

    def _match(self) -> tuple[tuple[str, ...], ...]:
        shape = self.shaped
        match = tuple(tuple([names] if isinstance(names, str) else names) for names in shape.sync.match)
        for index, names in enumerate(match):
            for name in names:
                if name not in shape.sync.fields:
                    self.tell(("match", index), f'there is no field "{name}"', suggest(name, shape.sync.fields))
        for app in shape.sync.apps:
            if not any(all(app in shape.cells.get(name, {}) for name in names) for names in match):
                self.tell(("match",), f"{app} has none of the match fields, so that its records match nothing")
        return match

    def _rule(self, name: str, objects: Mapping[str, Object], match: Sequence[Sequence[str]]) -> FieldRule | None:
        shape, at = self.shaped.fields[name], ("fields", name)
        if shape.type not in TYPES:
            self.tell((*at, "type"), f'there is no type "{shape.type}"', suggest(shape.type, TYPES))
            return None
        before = len(self.problems)
        kind = TYPES[shape.type]
        options = self._options(name)
        lenses: dict[str, Lens] = {}
        ways: dict[str, Way] = {}
        for app, cell in self.shaped.cells[name].items():
            spot = Spot(app, name, cell, kind, options, objects[app])
            lens = self._lens(spot, (*at, app))
            if lens is not None:
                lenses[app] = lens
                read_only = cell.part is not None or self.config.apps[app].read_only
                ways[app] = Way.READ if read_only else way_of(cell)
        if len(self.problems) > before:
            return None
        computed = self._computed(name, kind, options, ways)
        if computed is not None:
            ways = dict.fromkeys(ways, Way.WRITE)
        apps = [app for app in self.shaped.sync.apps if app in lenses]
        rule = FieldRule(
            name=name,
            type=kind.name,
            lenses={app: lenses[app] for app in apps},
            ways={app: ways[app] for app in apps},
            **self._who_wins(name, kind, apps, matches=any(name in names for names in match)),
            consent=kind.name == "consent",
            address=self._address(name, kind),
            consent_sources=self._sources(name, kind, apps),
            default=self._default(name, kind, options),
            computed=computed,
            personal=shape.personal or any(self._is_personal(app, lenses[app], objects) for app in apps),
            more=kind.more,
        )
        self._check_partners(rule)
        return rule if len(self.problems) == before else None

    def _options(self, name: str) -> Options:
        shape, at = self.shaped.fields[name], ("fields", name)
        try:
            ZoneInfo(shape.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.tell((*at, "zone"), f'there is no time zone "{shape.zone}"', 'such as "Europe/Berlin"')
            return Options()
        return Options(region=shape.region, zone=shape.zone, distinct=shape.empty == "distinct")

    def _lens(self, spot: Spot, at: Key) -> Lens | None:
        if not spot.cell.part:
            short = isinstance(self.shaped.fields[spot.canonical].cells[spot.app], str)
            return lens_of(spot, lambda key, message, hint: self.tell(at if short else (*at, *key), message, hint))
        halves = self._halves(spot.app, spot.cell.field)
        missing = [part for part in _PARTS if part not in halves]
        if missing:
            self.tell((*at, "part"), f'no field says part = "{missing[0]}" of {spot.cell.field}', "both are needed")
            return None
        found = property_of(spot.cell.field, spot.object)
        if found is None or found[1] or found[0].type is not FieldType.TEXT:
            names = spot.object.fields
            self.tell((*at, "field"), f'{spot.app} has no text "{spot.cell.field}"', suggest(spot.cell.field, names))
            return None
        return Part(found[0], spot.kind, halves["first"], halves["last"], spot.cell.part == "last")

    def _halves(self, app: str, field: str) -> dict[str, str]:
        """The canonical fields that are the parts of one app field, by part."""
        return {
            cells[app].part or "": name
            for name, cells in self.shaped.cells.items()
            if app in cells and cells[app].part and cells[app].field == field
        }

    def _whole_names(self, rules: Mapping[str, FieldRule], objects: Mapping[str, Object]) -> dict[str, FieldRule]:
        """For each app field of which two canonical fields are parts: the computed field that writes it whole."""
        made: dict[str, FieldRule] = {}
        for name, cells in self.shaped.cells.items():
            for app, cell in cells.items():
                writes = cell.part == "first" and cell.way != "read" and not self.config.apps[app].read_only
                if not writes or name not in rules:
                    continue
                halves = self._halves(app, cell.field)
                title = f"{halves['first']}_{halves['last']}_{app}"
                lens = Single(title, objects[app].fields[cell.field], TYPES["text"])
                made[title] = FieldRule(
                    name=title,
                    type="text",
                    lenses={app: lens},
                    ways={app: Way.WRITE},
                    order=(app,),
                    computed=Computed((halves["first"], halves["last"]), Whole(halves["first"], halves["last"])),
                    personal=rules[name].personal,
                )
        return made

    def _computed(self, name: str, kind: Kind, options: Options, ways: Mapping[str, Way]) -> Computed | None:
        source, at = self.shaped.fields[name].expr, ("fields", name, "expr")
        if not source:
            return None
        if Way.READ in ways.values():
            self.tell(at, "a computed field is written only", 'drop way = "read"')
            return None
        try:
            compiled = compile_expression(source, self._names(without=name))
        except ExpressionError as error:
            self.tell(at, str(error), error.hint)
            return None
        return Computed(compiled.uses, Computation(compiled, kind, options))

    def _names(self, without: str = "") -> Names:
        """What an expression may use: everything that is not itself computed."""
        fields = self.shaped.fields
        return Names({name: shape.type for name, shape in fields.items() if name != without and not shape.expr})

    def _who_wins(self, name: str, kind: Kind, apps: Sequence[str], *, matches: bool) -> dict[str, Any]:
        shape, at = self.shaped.fields[name], ("fields", name)
        try:
            policy, order = conflict_policy(shape.conflict, kind, apps, list(self.shaped.sync.apps))
        except PolicyError as error:
            self.tell((*at, "conflict"), str(error), error.hint)
            return {}
        try:
            blank = blank_policy(shape.blank, matches=matches)
        except PolicyError as error:
            self.tell((*at, "blank"), str(error), error.hint)
            return {}
        return {"policy": policy, "order": order, "blank": blank}

    def _address(self, name: str, kind: Kind) -> str:
        """The canonical field with the address that an opt-out is about: as said, or the only e-mail there is."""
        fields, asked = self.shaped.fields, self.shaped.fields[name].address
        if kind.name != "consent":
            if asked:
                self.tell(("fields", name, "address"), "only a consent has an address")
            return ""
        emails = [other for other, shape in fields.items() if shape.type in {"email", "phone"}]
        if asked:
            if asked not in emails:
                self.tell(("fields", name, "address"), f'there is no e-mail field "{asked}"', suggest(asked, emails))
            return asked
        only = [other for other in emails if fields[other].type == "email"]
        if len(only) != 1:
            self.tell(("fields", name), "which address the consent is about is not clear", 'say address = "email"')
            return ""
        return only[0]

    def _sources(self, name: str, kind: Kind, apps: Sequence[str]) -> frozenset[str]:
        sources = self.shaped.fields[name].opt_in_from
        for index, app in enumerate(sources):
            if kind.name != "consent" or app not in apps:
                message = f'there is no app "{app}" with this consent'
                self.tell(("fields", name, "opt_in_from", index), message, suggest(app, apps))
        return frozenset(sources)

    def _default(self, name: str, kind: Kind, options: Options) -> Value:
        given = self.shaped.fields[name].default
        value = kind.clean(tuple(given) if isinstance(given, list) else given, options)
        if isinstance(value, Misfit):
            self.tell(("fields", name, "default"), f"{value.found!r} is no {kind.name}: {value.reason}")
            return None
        return value

    def _is_personal(self, app: str, lens: Lens, objects: Mapping[str, Object]) -> bool:
        return any(objects[app].fields[name].personal for name in lens.window)

    def _check_partners(self, rule: FieldRule) -> None:
        """Every option that one app has must mean something in each of the others that is written."""
        shape = self.shaped.fields[rule.name]
        if rule.type not in {"choice", "choices"} or shape.partial:
            return
        stated = shape.options
        for app, lens in rule.lenses.items():
            if rule.ways[app] is Way.READ or not isinstance(lens, Single):
                continue
            orphans = [
                value
                for value in (stated if stated is not None else self._vocabulary(rule, app))
                if isinstance(lens.put(_as(rule.type, value), {}), Misfit)
            ]
            if orphans:
                listed = ", ".join(f'"{orphan}"' for orphan in orphans[:8])
                more = f" and {len(orphans) - 8} more" if len(orphans) > 8 else ""
                hint = "add values = { ... }, or say partial = true to leave such records as they are"
                self.tell(("fields", rule.name, app), f"no option in {app} for {listed}{more}", hint)

    def _vocabulary(self, rule: FieldRule, without: str) -> list[str]:
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

    def _creates(self, objects: Mapping[str, Object], rules: Mapping[str, FieldRule]) -> frozenset[str]:
        asked, apps = self.shaped.sync.creates, self.shaped.sync.apps
        able = [app for app in apps if objects[app].capabilities.creates and not self.config.apps[app].read_only]
        for index, app in enumerate(asked or ()):
            if app not in able:
                why = "cannot make new records" if app in apps else "is no app of this sync"
                self.tell(("creates", index), f'"{app}" {why}', suggest(app, able))
        creates = [app for app in (able if asked is None else asked) if app in able]
        for app in creates if len(rules) >= len(self.shaped.fields) else ():
            given = {
                name
                for rule in rules.values()
                if app in rule.lenses and rule.ways[app] is not Way.READ
                for name in rule.lenses[app].window
            }
            for name, field in objects[app].fields.items():
                if field.required and field.creatable and name not in given:
                    self.tell(("apps", app), f'{app} needs "{name}" to make a record, and no field gives it')
        return frozenset(creates)

    def _filters(self) -> tuple[dict[str, Filter], dict[str, str]]:
        filters: dict[str, Filter] = {}
        texts = self.shaped.sync.filters
        for app, source in texts.items():
            try:
                filters[app] = condition(source, self._names())
            except ExpressionError as error:
                self.tell(("filters", app), str(error), error.hint)
        return filters, dict(texts)

    def _seed(self) -> tuple[Seed, tuple[str, ...]]:
        try:
            return seed_policy(self.shaped.sync.first, list(self.shaped.sync.apps))
        except PolicyError as error:
            self.tell(("first",), str(error), error.hint)
            return Seed.ASK, ()

    def _digest(self, rules: Mapping[str, FieldRule], objects: Mapping[str, Object]) -> str:
        """Of everything that can change what is written: the mapping, and what it uses of the schemas."""
        used = {
            f"{app}.{name}": _facts(objects[app], name)
            for rule in rules.values()
            for app, lens in rule.lenses.items()
            for name in lens.window
        }
        frozen = [app for app in self.shaped.sync.apps if self.config.apps[app].read_only]
        text = json_text([self.shaped.config.data, used, frozen])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Whole:
    """Both names with a space between."""

    first: str
    last: str

    def __call__(self, fields: Fields) -> Value:
        """The full name."""
        halves = (str(fields.get(name) or "") for name in (self.first, self.last))
        return " ".join(half for half in halves if half) or None


def _facts(object: Object, name: str) -> dict[str, Raw]:
    field = object.fields[name]
    facts = dataclasses.asdict(field)
    facts["options"] = [option.value for option in field.options]
    return {key: value for key, value in facts.items() if key not in {"label", "personal"}}


def _as(kind: str, value: str) -> Value:
    return (value,) if kind == "choices" else value
