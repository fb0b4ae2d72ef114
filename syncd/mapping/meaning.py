"""What a sync's table means, as far as that can be known without a look at any app.

Types, policies, defaults, consent, expressions, and how records match. `fit.py` holds it against the apps' schemas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import SUPPORTED_REGIONS

from syncd.core.fieldmap import Blank, Computed, Filter, Policy, Seed
from syncd.core.lens import Misfit
from syncd.core.record import Value
from syncd.mapping.expressions import Computation, Names, compile_expression, condition
from syncd.mapping.mistakes import Mistake, Notes
from syncd.mapping.policies import blank_policy, conflict_policy, seed_policy
from syncd.mapping.shape import Cell, FieldShape, Shaped, SyncShape
from syncd.mapping.types import TYPES, Kind, Options
from syncd.spelling import suggest

__all__ = ["Meaning", "Meant", "meant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one field's table means."""

    name: str
    shape: FieldShape
    cells: Mapping[str, Cell]
    kind: Kind
    options: Options
    policy: Policy
    order: tuple[str, ...]
    blank: Blank
    address: str
    sources: frozenset[str]
    default: Value
    computed: Computed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a sync's table means. Fields with a mistake in them are left out."""

    sync: SyncShape
    fields: Mapping[str, Meaning]
    match: tuple[tuple[str, ...], ...]
    seed: Seed
    seed_order: tuple[str, ...]
    filters: Mapping[str, Filter]

    def halves(self, app: str, field: str) -> Mapping[str, str]:
        """The canonical fields that are the parts of one app field, by part."""
        return {
            cell.part: name
            for name, meaning in self.fields.items()
            if (cell := meaning.cells.get(app)) is not None and cell.part and cell.field == field
        }


def meant(shaped: Shaped, note: Notes) -> Meant:
    """Make sense of a shape; what makes none is noted."""
    sync = shaped.sync
    match = _match(shaped, note)
    names = Names({name: shape.type for name, shape in shaped.fields.items() if not shape.expr})
    seed, seed_order = Seed.ASK, tuple(sync.apps)
    with note.at("first"):
        seed, seed_order = seed_policy(sync.first, seed_order)
    filters: dict[str, Filter] = {}
    for app, source in sync.filters.items() if shaped.whole else ():  # else some name might only seem unknown
        with note.at("filters", app):
            filters[app] = condition(source, names)
    fields = {
        name: meaning
        for name in shaped.fields
        if (meaning := _meaning(name, shaped, names, note, matches=any(name in key for key in match))) is not None
    }
    _check_channels(fields, note)
    return Meant(sync=sync, fields=fields, match=match, seed=seed, seed_order=seed_order, filters=filters)


def _check_channels(fields: Mapping[str, Meaning], note: Notes) -> None:
    """Two consents about one address must not be taken for one."""
    taken: dict[tuple[str, str], str] = {}
    for name, field in fields.items():
        if field.kind.name == "consent":
            other = taken.setdefault((field.address, field.shape.channel), name)
            if other != name:
                what = f'is "{field.shape.channel}", as that of {other}: an opt-out of one would be one of both'
                note(("fields", name, "channel"), what, 'name another, such as "product"')


def _match(shaped: Shaped, note: Notes) -> tuple[tuple[str, ...], ...]:
    known = shaped.sync.fields
    match = tuple((names,) if isinstance(names, str) else tuple(names) for names in shaped.sync.match)
    strange = [(index, name) for index, names in enumerate(match) for name in names if name not in known]
    for index, name in strange:
        note(("match", index), f'there is no field "{name}"', suggest(name, known))
    for app in shaped.sync.apps if shaped.whole and not strange else ():
        if not any(all(app in shaped.cells.get(name, {}) for name in names) for names in match):
            note(("match",), f"{app} has none of the match fields, so that its records match nothing")
    return match


def _meaning(name: str, shaped: Shaped, names: Names, note: Notes, *, matches: bool) -> Meaning | None:
    shape, cells, at = shaped.fields[name], shaped.cells[name], ("fields", name)
    if shape.type not in TYPES:
        note((*at, "type"), f'there is no type "{shape.type}"', suggest(shape.type, TYPES))
        return None
    before = len(note.problems)
    kind = TYPES[shape.type]
    apps = [app for app in shaped.sync.apps if app in cells]
    options = Options(region=shape.region, distinct=shape.empty == "distinct")
    policy, order, blank = Policy.PREFER, tuple(apps), Blank.PROPAGATE
    address, default = "", None
    computed = None
    with note.at(*at, "zone"):
        options = Options(shape.region, _zone(shape.zone), shape.empty == "distinct")
    with note.at(*at, "region"):
        _check_region(shape.region)
    with note.at(*at, "conflict"):
        policy, order = conflict_policy(shape.conflict, kind, apps, list(shaped.sync.apps))
    with note.at(*at, "blank"):
        blank = blank_policy(shape.blank, matches=matches)
    with note.at(*at, "address"):
        address = _address(shape, kind, shaped.fields)
    if bool(shape.to) is not (kind.name == "reference"):
        what = "only a reference has it" if shape.to else "is needed: the sync whose records this points to"
        note((*at, "to"), what, "")
    with note.at(*at, "default"):
        default = _default(shape, kind, options)
    with note.at(*at, "expr"):
        computed = _computed(shape, cells, kind, options, names)
    _check_sources(shape, kind, apps, name, note)
    if len(note.problems) > before:
        return None
    return Meaning(
        name=name,
        shape=shape,
        cells={app: cells[app] for app in apps},
        kind=kind,
        options=options,
        policy=policy,
        order=order,
        blank=blank,
        address=address,
        sources=frozenset(shape.opt_in_from),
        default=default,
        computed=computed,
    )


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Mistake(f'there is no time zone "{name}"', 'such as "Europe/Berlin"') from error


def _address(shape: FieldShape, kind: Kind, fields: Mapping[str, FieldShape]) -> str:
    """The canonical field with the address that an opt-out is about: as said, or the only e-mail there is."""
    if kind.name != "consent":
        if shape.address:
            raise Mistake("only a consent has an address")
        return ""
    emails = [name for name, other in fields.items() if other.type == "email"]
    if shape.address:
        if shape.address not in emails:
            raise Mistake(f'there is no e-mail field "{shape.address}"', suggest(shape.address, emails))
        return shape.address
    if len(emails) != 1:
        raise Mistake("is needed to tell whose consent this is", suggest("", emails))
    return emails[0]


def _default(shape: FieldShape, kind: Kind, options: Options) -> Value:
    given = shape.default
    value = kind.clean(tuple(given) if isinstance(given, list) else given, options)
    if isinstance(value, Misfit):
        raise Mistake(f"{value.found!r} is no {kind.name}: {value.reason}")
    return value


def _check_region(region: str) -> None:
    if region and region not in SUPPORTED_REGIONS:
        raise Mistake(f'there is no region "{region}"', 'write the two letters of ISO 3166, such as "GB"')


def _computed(
    shape: FieldShape, cells: Mapping[str, Cell], kind: Kind, options: Options, names: Names
) -> Computed | None:
    if not shape.expr:
        return None
    if kind.name == "consent":
        raise Mistake(
            "a consent is given or taken back by somebody, and is not computed", "map the fields that bear it"
        )
    if any(cell.way == "read" for cell in cells.values()):
        raise Mistake("a computed field is written only", 'drop way = "read"')
    compiled = compile_expression(shape.expr, names)
    return Computed(compiled.uses, Computation(compiled, kind, options))


def _check_sources(shape: FieldShape, kind: Kind, apps: Sequence[str], name: str, note: Notes) -> None:
    for index, app in enumerate(shape.opt_in_from):
        if kind.name != "consent" or app not in apps:
            key = ("fields", name, "opt_in_from", index)
            note(key, f'there is no app "{app}" with this consent', suggest(app, apps))
