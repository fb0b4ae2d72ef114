"""Every type, over every kind of app field that carries it, keeps the laws of lenses for whatever an app may show."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.fieldmap import FieldRule, Way
from syncd.core.lens import Lens, Misfit
from syncd.core.record import Value
from syncd.mapping import check_laws
from syncd.mapping.lenses import Joined, Part, Single, Words, split_name
from syncd.mapping.types import TYPES, Options
from syncd.sdk.contract import Field, FieldType, Option
from tests.effort import effort

TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "",
        " ",
        " Ada ",
        "e\u0301",
        "ada@Example.COM",
        "+1 202-555-0123",
        "42",
        "007",
        "1.50",
        "2024-02-29",
        "true",
        "\ud83d",
    ]
)
INSTANTS = st.integers(-(10**15), 10**16).map(lambda us: datetime.fromtimestamp(us / 10**6, UTC).isoformat())
DATES = st.dates(date(1700, 1, 1), date(2200, 1, 1))
RAWS: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: TEXT,
    FieldType.EMAIL: TEXT | st.emails(),
    FieldType.PHONE: TEXT | st.integers(10**8, 10**11).map("+{}".format),
    FieldType.INTEGER: st.integers() | st.integers().map(str),
    FieldType.DECIMAL: st.floats(allow_nan=True) | st.decimals(-(10**9), 10**9, places=3).map(str) | st.integers(),
    FieldType.BOOLEAN: st.sampled_from([True, False, "true", "FALSE", "perhaps"]),
    FieldType.DATE: DATES.map(date.isoformat),
    FieldType.INSTANT: INSTANTS,
    FieldType.CHOICE: st.sampled_from(["a", "b", "c", "stranger", ""]),
    FieldType.CHOICES: st.lists(st.sampled_from(["a", "b", " c ", ""])),
    FieldType.REFERENCE: st.integers(1) | TEXT,
    FieldType.ADDRESS: st.dictionaries(st.sampled_from(["city", "zip"]), st.text(max_size=5)),
    FieldType.JSON: st.dictionaries(st.text(max_size=3), st.integers() | st.none() | st.lists(st.booleans())),
}
CODECS: dict[FieldType, list[tuple[str, st.SearchStrategy[Any]]]] = {
    FieldType.INTEGER: [("string", st.integers().map(str))],
    FieldType.DECIMAL: [("string", st.decimals(-(10**9), 10**9, places=2).map(str))],
    FieldType.BOOLEAN: [("string", st.sampled_from(["true", "false"])), ("yes/no", st.sampled_from(["yes", "no"]))],
    FieldType.DATE: [
        ("epoch-ms", st.integers(0, 10**13)),
        ("date:%m/%d/%Y", DATES.map(lambda day: f"{day.month:02}/{day.day:02}/{day.year}")),
        ("date:%m/%d", DATES.map(lambda day: f"{day.month:02}/{day.day:02}")),
    ],
    FieldType.INSTANT: [("epoch-ms", st.integers(0, 10**13) | st.integers(0, 10**13).map(str))],
    FieldType.CHOICES: [("sep:;", st.lists(st.sampled_from(["a", "b", "", " c"])).map(";".join))],
}
CASES = [
    (kind.name, carrier, codec, raws)
    for kind in TYPES.values()
    for carrier in sorted(kind.carriers)
    for codec, raws in [("", RAWS[carrier]), *CODECS.get(carrier, ())]
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]


def rule(lens: Lens, kind: str, way: Way = Way.BOTH) -> FieldRule:
    return FieldRule(name="it", type=kind, lenses={"app": lens}, ways={"app": way})


def broken(lens: Lens, kind: str, *samples: dict[str, Any]) -> list[str]:
    return [str(breach) for breach in check_laws(rule(lens, kind), "app", samples)]


@pytest.mark.parametrize(
    ("kind", "carrier", "codec", "raws"), CASES, ids=["-".join(map(str, case[:3])) for case in CASES]
)
def test_the_laws_hold_for_whatever_an_app_shows(
    kind: str, carrier: FieldType, codec: str, raws: st.SearchStrategy[Any]
) -> None:
    @given(raw=st.none() | raws, zone=st.sampled_from(ZONES), blank=st.sampled_from([None, ""]))
    @effort(25)
    def holds(raw: Any, zone: str, blank: object) -> None:
        field = Field(name="f", type=carrier, codec=codec, blank=blank)
        options = Options(region="US", zone=zone)
        assert broken(Single("it", field, TYPES[kind], options), kind, {"f": raw}) == []

    holds()


@given(kind=st.sampled_from(sorted(TYPES)), text=TEXT | st.emails())
@effort(400)
def test_cleaning_twice_is_cleaning_once(kind: str, text: str) -> None:
    once = TYPES[kind].clean(text, Options(region="GB"))
    if not isinstance(once, Misfit):
        assert TYPES[kind].clean(once, Options(region="GB")) == once


@given(
    kind=st.sampled_from(sorted(TYPES)),
    raw=SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2),
    carrier=st.sampled_from(FieldType),
)
@effort(500)
def test_no_raw_value_is_ever_an_exception(kind: str, raw: Any, carrier: FieldType) -> None:
    lens = Single("it", Field(name="f", type=carrier), TYPES[kind])
    lens.get({"f": raw}, {})
    lens.settles({"f": raw})


@given(
    carrier=st.sampled_from(FieldType),
    value=st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=3)).map(tuple),
)
@effort(300)
def test_no_canonical_value_is_ever_an_exception(carrier: FieldType, value: Value) -> None:
    Single("it", Field(name="f", type=carrier, max_chars=5), TYPES["text"]).put(value, {})


@given(
    raw=st.sampled_from(["new", "open", "won", "lost", "odd", "", None]), held=st.sampled_from([None, "lead", "cold"])
)
def test_a_table_of_values_keeps_the_laws_where_several_values_look_alike(raw: str | None, held: str | None) -> None:
    words = Words(
        {"lead": "open", "cold": "open", "customer": "won"}, {"open": "lead", "won": "customer", "new": "lead"}
    )
    field = Field(name="f", type=FieldType.CHOICE, options=tuple(map(Option, ["new", "open", "won", "lost", "odd"])))
    lens = Single("it", field, TYPES["choice"], words=words)
    assert broken(lens, "choice", {"f": raw}) == []
    if raw == "open" and held:
        assert lens.get({"f": raw}, {"it": held}) == held


NAMES = st.text(st.sampled_from("ab é'-\u00a0 "), max_size=12) | st.sampled_from(
    ["Juan de la Vega", "Mary Ann Smith", "Dr. Martin Luther King Jr.", "Vega, Juan", "Madonna", " a  b "]
)


@given(first=st.none() | NAMES, last=st.none() | NAMES)
@settings(deadline=None)
def test_a_full_name_in_two_fields_keeps_the_laws(first: str | None, last: str | None) -> None:
    lens = Joined("it", Field(name="a", type=FieldType.TEXT), Field(name="b", type=FieldType.TEXT), TYPES["text"])
    assert broken(lens, "text", {"a": first, "b": last}) == []


@given(full=NAMES, first=NAMES, last=NAMES)
@settings(deadline=None)
def test_a_split_name_joins_to_what_it_was(full: str, first: str, last: str) -> None:
    a, b = split_name(full.strip(), first.strip(), last.strip())
    assert " ".join(half for half in (a, b) if half).strip() == full.strip()


@given(full=st.none() | NAMES)
@settings(deadline=None)
def test_the_parts_of_a_name_keep_the_laws_of_reading(full: str | None) -> None:
    for wants_last in (False, True):
        lens = Part(Field(name="name", type=FieldType.TEXT), TYPES["text"], "first", "it", wants_last=wants_last)
        assert list(check_laws(rule(lens, "text", Way.READ), "app", [{"name": full}])) == []


def test_a_lens_that_lies_is_found() -> None:
    class Forgetful(Single):
        def put(self, value: Value, raws: Any) -> Any:
            return {"f": str(value)[:2]}

    lens = Forgetful("it", Field(name="f", type=FieldType.TEXT), TYPES["text"])
    said = broken(lens, "text", {"f": "Ada"})
    assert "app, it: 'two  words' would be read back as 'tw' (the law PutGet)" in said
    assert any("(the law GetPut)" in line for line in said)
