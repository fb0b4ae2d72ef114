"""The laws from the side of values: whatever is agreed on, written to an app and read back, is what was agreed on.

`test_laws.py` begins with what apps show; here it begins with what entities hold, in every type, over every kind of app
field, with limits, zones, half-kept values and words of the app's own.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.lens import Lens, Misfit
from syncd.core.record import Absent, Raws, Value
from syncd.mapping.lenses import Joined, Part, Single, Words
from syncd.mapping.types import TYPES, Options
from syncd.sdk.contract import Field, FieldType, Option
from tests.effort import effort
from tests.mapping.test_laws import CASES, NAMES, RAWS

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
_TURNS = [
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2011, 12, 30, tzinfo=UTC),
]
"""Around these moments clocks are put on or back somewhere, or a day is left out."""

GLYPHS = [
    "a",
    "e\u0301",
    "é",
    "ﬁ",
    "İ",
    "ß",
    "👩\u200d👧",
    "🇩🇪",
    "日",
    "\u200b",
    "\u00a0",
    " ",
    "\n",
    "'",
    '"',
    ";",
    "=",
    "0",
]
TEXTS = st.lists(st.sampled_from(GLYPHS), max_size=8).map("".join) | st.text(max_size=20)
INSTANTS = st.builds(
    lambda turn, seconds: (turn + timedelta(seconds=seconds)).isoformat(),
    st.sampled_from(_TURNS),
    st.integers(-90_000, 90_000),
) | st.integers(-(10**12), 10**13).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC).isoformat())
DECIMALS = st.decimals(-(10**12), 10**12, allow_nan=False, places=4).map(str) | st.sampled_from(
    ["0.1", "-0", "1e3", "0.30000000000000004", "100", "1.10", "99999999999999999999.99", "1e-7"]
)
PHONES = st.integers(2_012_000_000, 2_012_999_999).map(lambda n: f"+1{n}") | st.sampled_from(
    ["+442071838750 ext. 5", "(202) 555-0123", "+49 30 123456", "+39 06 698", "202.555.0123 x7"]
)
PLACES = st.dictionaries(st.sampled_from(["city", "zip", "addr1", "é"]), TEXTS | st.none(), max_size=3).map(json.dumps)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "email": st.emails() | st.sampled_from(["ADA@Example.COM", "zoë@example.com", "a+b@sub.example.com"]),
    "phone": PHONES,
    "integer": st.integers(-(2**62), 2**62),
    "decimal": DECIMALS,
    "boolean": st.booleans(),
    "consent": st.booleans(),
    "date": st.dates(date(1800, 1, 1), date(2200, 1, 1)).map(date.isoformat) | INSTANTS,
    "instant": INSTANTS,
    "choice": st.sampled_from(["a", "b", "c", "stranger", "É"]),
    "choices": st.lists(st.sampled_from(["a", "b", "c d", "É", "x;y", ""]), max_size=4).map(tuple),
    "reference": st.sampled_from(["1", "007", "a-1", "é"]) | st.integers(1, 10**15).map(str),
    "address": PLACES,
    "json": PLACES | st.lists(st.integers() | st.none() | TEXTS, max_size=3).map(json.dumps),
}


def shown(lens: Lens, value: Value, raws: Raws) -> Raws | None:
    """What an app shows after a value was written to it; None where it cannot carry the value."""
    patch = lens.put(value, raws)
    if isinstance(patch, Misfit):
        return None
    assert set(patch) <= set(lens.window)
    json.dumps(patch, allow_nan=False).encode()  # it can be sent
    return lens.settles({**raws, **patch})


def hold(lens: Lens, name: str, value: Value, raws: Raws, edited: Raws) -> None:
    """The laws, for a value that is agreed on while `raws` stand in the app, and for an edit there later."""
    kept = shown(lens, value, raws)
    if kept is None:
        return
    entity = {name: value}
    assert lens.get(kept, entity) == value, "PutGet: our own write comes back as what was agreed on"
    assert lens.settles(kept) == kept, "stable: what an app makes of it, it makes of it once"
    assert shown(lens, value, kept) == kept, "GetPut: to write it again changes nothing"
    now, ours, seen = lens.get(edited, {}), lens.get(kept, {}), lens.get(edited, entity)
    if not isinstance(now, Misfit | Absent) and now != ours:
        assert seen != value or now == value, "an edit in the app is never taken for what it cannot carry"


@pytest.mark.parametrize(
    ("kind", "carrier", "codec", "raws"), CASES, ids=["-".join(map(str, case[:3])) for case in CASES]
)
def test_what_is_agreed_on_is_read_back_from_every_kind_of_field(
    kind: str, carrier: FieldType, codec: str, raws: st.SearchStrategy[Any]
) -> None:
    @given(
        plain=st.none() | VALUES[kind],
        standing=st.none() | raws,
        edited=st.none() | raws,
        zone=st.sampled_from(ZONES),
        blank=st.sampled_from([None, ""]),
        room=st.sampled_from([None, None, 5]),
    )
    @effort(12)
    def holds(plain: Any, standing: Any, edited: Any, zone: str, blank: Any, room: int | None) -> None:
        field = Field(name="f", type=carrier, codec=codec, blank=blank, max_chars=room, max_bytes=room and room + 1)
        options = Options(region="US", zone=zone)
        value = TYPES[kind].clean(plain, options)
        if not isinstance(value, Misfit):
            hold(Single("it", field, TYPES[kind], options), "it", value, {"f": standing}, {"f": edited})
            hold(Single("it", field, TYPES[kind], options), "it", value, {}, {"f": edited})

    holds()


@given(text=TEXTS, room=st.integers(1, 6))
@example(text="👩\u200d👧", room=2)
@example(text="e\u0301e\u0301", room=2)
@effort(150)
def test_a_text_that_does_not_fit_is_refused_and_never_cut(text: str, room: int) -> None:
    lens = Single("it", Field(name="f", type=FieldType.TEXT, max_chars=room), TYPES["text"])
    value = TYPES["text"].clean(text, Options())
    if isinstance(value, str):
        patch = lens.put(value, {})
        assert isinstance(patch, Misfit) is (len(value) > room)
        assert isinstance(patch, Misfit) or patch["f"] == value


@given(text=TEXTS)
@effort(100)
def test_two_ways_to_write_the_same_letters_are_the_same(text: str) -> None:
    import unicodedata

    lens = Single("it", Field(name="f", type=FieldType.TEXT), TYPES["text"])
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert len({lens.get({"f": form}, {}) for form in forms}) == 1


@given(moment=INSTANTS, zone=st.sampled_from(ZONES))
@effort(150)
def test_a_day_keeps_the_time_that_it_cannot_show(moment: str, zone: str) -> None:
    """The time of an instant stays in the entity while the app shows its day, in whatever zone; an edit takes it."""
    options = Options(zone=zone)
    lens = Single("it", Field(name="f", type=FieldType.DATE), TYPES["instant"], options)
    value = TYPES["instant"].clean(moment, options)
    if isinstance(value, Misfit):
        return
    kept = shown(lens, value, {})
    assert kept is not None
    local = datetime.fromisoformat(str(value)).astimezone(ZoneInfo(zone)).date()
    assert kept == {"f": local.isoformat()}
    assert lens.get(kept, {"it": value}) == value
    if local.year < 9999:
        later = {"f": (local + timedelta(days=2)).isoformat()}
        assert lens.get(later, {"it": value}) != value


WORDS = Words(
    {"lead": "open", "cold": "open", "customer": "won", True: "yes"},
    {"open": "lead", "won": "customer", "new": "lead", "yes": True},
    others="other",
)


@given(
    value=st.sampled_from([None, "lead", "cold", "customer", "other", "nowhere", True]),
    standing=st.sampled_from([None, "", "new", "open", "won", "odd", "yes"]),
    edited=st.sampled_from([None, "", "new", "open", "won", "odd"]),
)
@effort(100)
def test_several_values_under_one_word_stay_apart(value: Value, standing: str | None, edited: str | None) -> None:
    options = tuple(map(Option, ["new", "open", "won", "odd", "yes"]))
    field = Field(name="f", type=FieldType.CHOICE, options=options)
    hold(Single("it", field, TYPES["choice"], words=WORDS), "it", value, {"f": standing}, {"f": edited})


@given(
    city=st.none() | TEXTS.map(lambda text: TYPES["text"].clean(text, Options())),
    standing=st.none() | st.just("") | RAWS[FieldType.ADDRESS],
    edited=st.none() | RAWS[FieldType.ADDRESS],
    path=st.sampled_from([("city",), ("home", "city")]),
)
@effort(100)
def test_a_part_of_an_address_leaves_the_others_alone(
    city: Value | Misfit, standing: Any, edited: Any, path: tuple[str, ...]
) -> None:
    if isinstance(city, Misfit):
        return
    lens = Single("it", Field(name="f", type=FieldType.ADDRESS), TYPES["text"], path=path)
    hold(lens, "it", city, {"f": standing}, {"f": edited})
    kept = shown(lens, city, {"f": standing})
    if isinstance(standing, dict) and kept is not None:
        others = {name: value for name, value in standing.items() if name != path[0]}
        assert {name: value for name, value in kept["f"].items() if name != path[0]} == others


@given(full=st.none() | NAMES, first=st.none() | NAMES, last=st.none() | NAMES, new=st.tuples(NAMES, NAMES))
@effort(150)
def test_a_name_in_two_halves_is_read_back_whole(
    full: str | None, first: str | None, last: str | None, new: tuple[str, str]
) -> None:
    text = TYPES["text"]
    lens = Joined("it", Field(name="a", type=FieldType.TEXT), Field(name="b", type=FieldType.TEXT), text)
    value = text.clean(full, Options())
    if not isinstance(value, Misfit):
        hold(lens, "it", value, {"a": first, "b": last}, {"a": new[0], "b": new[1]})
        hold(lens, "it", value, {}, {"a": new[0], "b": new[1]})


@given(full=st.none() | NAMES, first=NAMES, last=NAMES)
@effort(100)
def test_the_halves_of_a_full_name_are_the_whole_of_it(full: str | None, first: str, last: str) -> None:
    text, entity = TYPES["text"], {"first": first.strip() or None, "last": last.strip() or None}
    field = Field(name="name", type=FieldType.TEXT)
    halves = [
        Part(field, text, "first", "last", wants_last=wants).get({"name": full}, entity) for wants in (False, True)
    ]
    whole = " ".join(str(half) for half in halves if half)
    assert whole.split() == str(text.clean(full, Options()) or "").split()
