"""What each type makes of what apps show, and what it refuses to write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.core.bounds import LONGEST, bounded
from syncd.core.lens import Misfit
from syncd.core.record import ABSENT, Record, Ref, Value
from syncd.mapping.lenses import Joined, Part, Single, Words
from syncd.mapping.types import TYPES, Options
from syncd.sdk.contract import Field, FieldType, Option

T = FieldType

LOCAL = "date:%d.%m.%Y %H:%M"


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


def lens(kind: str, carrier: FieldType, codec: str = "", of: Options | None = None, **facts: Any) -> Single:
    return Single("it", Field(name="f", type=carrier, codec=codec, **facts), TYPES[kind], of or Options())


def read(kind: str, carrier: FieldType, raw: Any, codec: str = "", *, held: Value = None, **options: Any) -> Any:
    return lens(kind, carrier, codec, Options(**options)).get({"f": raw}, {"it": held})


def written(kind: str, carrier: FieldType, value: Value, codec: str = "", zone: str = "UTC", **facts: Any) -> Any:
    put = lens(kind, carrier, codec, Options(zone=zone), **facts).put(value, {})
    return put if isinstance(put, Misfit) else put["f"]


@pytest.mark.parametrize(
    ("kind", "carrier", "codec", "raw", "value"),
    [
        ("text", T.TEXT, "", " Ada ", "Ada"),
        ("text", T.TEXT, "", "Zoe\u0308", "Zo\u00eb"),
        ("text", T.TEXT, "", "", None),
        ("text", T.TEXT, "", "  ", None),
        ("text", T.TEXT, "", None, None),
        ("email", T.EMAIL, "", " Ada@Example.COM", "ada@example.com"),
        ("email", T.TEXT, "", "someone@crm.test", "someone@crm.test"),
        ("email", T.TEXT, "", "Jörg@BÜCHER.example.com", "jörg@bücher.example.com"),
        ("phone", T.PHONE, "", "+1 (202) 555-0123", "+12025550123"),
        ("phone", T.PHONE, "", "+44 20 7183 8750 x5", "+442071838750 ext. 5"),
        ("integer", T.INTEGER, "string", "42", 42),
        ("integer", T.DECIMAL, "", 42.0, 42),
        ("integer", T.TEXT, "", "-7", -7),
        ("decimal", T.DECIMAL, "", 1.10, "1.1"),
        ("decimal", T.DECIMAL, "string", "001.100", "1.1"),
        ("decimal", T.DECIMAL, "", -0.0, "0"),
        ("decimal", T.DECIMAL, "", "1E+3", "1000"),
        ("boolean", T.BOOLEAN, "string", "true", True),
        ("boolean", T.BOOLEAN, "Yes/No", "no", False),
        ("boolean", T.BOOLEAN, "", False, False),
        ("consent", T.BOOLEAN, "string", "", None),
        ("date", T.DATE, "", "2024-02-29", "2024-02-29"),
        ("date", T.DATE, "epoch-ms", 1709164800000, "2024-02-29"),
        ("date", T.DATE, "date:%m/%d/%Y", "02/29/2024", "2024-02-29"),
        ("date", T.DATE, "date:%m/%d", "02/29", "1604-02-29"),
        ("date", T.INSTANT, "", "2024-02-29T23:30:00Z", "2024-02-29"),
        ("instant", T.INSTANT, "", "2024-02-29T12:00:00+02:00", "2024-02-29T10:00:00Z"),
        ("instant", T.INSTANT, "epoch-ms", "1709200800500", "2024-02-29T10:00:00.500000Z"),
        ("instant", T.INSTANT, "", "2024-02-29 10:00:00", "2024-02-29T10:00:00Z"),
        ("choices", T.CHOICES, "", ["b", " a ", "b", ""], ("a", "b")),
        ("choices", T.CHOICES, "sep:;", "b;a;", ("a", "b")),
        ("choices", T.CHOICES, "", [], None),
        ("reference", T.REFERENCE, "", 17, "17"),
        ("address", T.ADDRESS, "", {"city": "Lyon", "a": ""}, '{"a":"","city":"Lyon"}'),
        ("address", T.ADDRESS, "", {}, None),
        ("json", T.JSON, "", [1, 2], "[1,2]"),
    ],
)
def test_a_raw_value_has_one_canonical_form(
    kind: str, carrier: FieldType, codec: str, raw: object, value: Value
) -> None:
    got = read(kind, carrier, raw, codec)
    assert (type(got), got) == (type(value), value)


@pytest.mark.parametrize(
    ("kind", "carrier", "raw", "reason"),
    [
        ("text", T.TEXT, 5, "is not a text"),
        ("text", T.TEXT, "\ud83d", "has half a character in it"),
        ("email", T.TEXT, "ada at example", "is no e-mail address: An email address must have an @-sign."),
        ("phone", T.TEXT, "020 7183 8750", ('is no phone number; numbers without a country code need region = "GB" or '
         "the like")),
        ("phone", T.TEXT, "+310000000", "is no phone number"),
        ("phone", T.TEXT, "+1202", "is too short or too long for a phone number"),
        ("integer", T.INTEGER, 1.5, "is not a whole number of at most 63 bits"),
        ("integer", T.INTEGER, 2**63, "is not a whole number of at most 63 bits"),
        ("integer", T.INTEGER, True, "is not a number"),
        ("integer", T.INTEGER, 10**40, "is out of range"),
        ("integer", T.TEXT, "many", "is not a number, expected a whole number"),
        ("decimal", T.DECIMAL, float("nan"), "is not a number"),
        ("decimal", T.DECIMAL, "1e999999999", "is out of range"),
        ("boolean", T.BOOLEAN, "perhaps", "is neither true nor false"),
        ("date", T.DATE, "2024-02-30", "day is out of range for month"),
        ("date", T.TEXT, "tomorrow", "expected a date such as 2024-01-31"),
        ("instant", T.TEXT, "noon", "expected a time such as 2024-01-31T12:00:00Z"),
        ("choices", T.CHOICES, "a", "is not a list of texts"),
        ("address", T.ADDRESS, "Lyon", "is not an object"),
        ("json", T.JSON, nested(5000), "is nested too deeply"),
        ("text", T.TEXT, nested(5000), "is not a text"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_misfit_with_its_reason(
    kind: str, carrier: FieldType, raw: object, reason: str
) -> None:
    got = read(kind, carrier, raw)
    assert isinstance(got, Misfit)
    assert got.reason == reason


@pytest.mark.parametrize(
    ("kind", "carrier", "codec", "value", "raw"),
    [
        ("integer", T.INTEGER, "string", 42, "42"),
        ("integer", T.TEXT, "", 42, "42"),
        ("decimal", T.DECIMAL, "", "1.1", 1.1),
        ("decimal", T.DECIMAL, "", "0.1234567890123456789", "0.1234567890123456789"),
        ("decimal", T.DECIMAL, "string", "1.1", "1.1"),
        ("decimal", T.INTEGER, "", "3", 3),
        ("decimal", T.DECIMAL, "", str(2**63), str(2**63)),
        ("decimal", T.DECIMAL, "", "1000000000000000000000", "1000000000000000000000"),
        ("boolean", T.BOOLEAN, "string", False, "false"),
        ("boolean", T.BOOLEAN, "Yes/No", True, "Yes"),
        ("date", T.DATE, "epoch-ms", "2024-02-29", 1709164800000),
        ("date", T.DATE, "date:%m/%d", "1985-02-28", "02/28"),
        ("date", T.INSTANT, "", "2024-02-29", "2024-02-29T00:00:00Z"),
        ("instant", T.DATE, "", "2024-02-29T23:59:59Z", "2024-02-29"),
        ("instant", T.INSTANT, "epoch-ms", "2024-02-29T10:00:00.500000Z", 1709200800500),
        ("choices", T.CHOICES, "sep:;", ("a", "b"), "a;b"),
        ("choices", T.CHOICES, "", None, []),
        ("address", T.ADDRESS, "", '{"city":"Lyon"}', {"city": "Lyon"}),
        ("text", T.TEXT, "", None, None),
    ],
)
def test_a_canonical_value_is_written_as_the_app_writes_it(
    kind: str, carrier: FieldType, codec: str, value: Value, raw: object
) -> None:
    assert written(kind, carrier, value, codec) == raw


@pytest.mark.parametrize(
    ("kind", "carrier", "value", "facts", "reason"),
    [
        ("text", T.TEXT, "abcdef", {"max_chars": 5}, "f holds 5 characters, this has 6"),
        ("text", T.TEXT, "ééé", {"max_bytes": 5}, "f holds 5 bytes, this has 6"),
        ("text", T.TEXT, None, {"clearable": False}, "f cannot be emptied"),
        ("text", T.TEXT, None, {"required": True}, "f cannot be emptied"),
        ("choice", T.CHOICE, "c", {"options": (Option("a"), Option("b"))}, 'f has no option for it; it has "a", "b"'),
        ("choices", T.CHOICES, ("a", "c"), {"options": (Option("a"),)}, 'f has no option "c"; it has "a"'),
        ("choices", T.CHOICES, ("a;b",), {"codec": "sep:;"}, "f cannot hold ';' inside a member"),
        ("choices", T.CHOICES, ("abc",), {"max_chars": 2}, "f holds 2 characters in a member, this has 3"),
        ("decimal", T.INTEGER, "1.5", {}, "is not a whole number of at most 63 bits"),
        ("date", T.DATE, "1604-02-29", {}, "the year of 02-29 is not known"),
        ("json", T.JSON, '"Lyon"', {}, "is not an object"),
        ("json", T.JSON, "[" * 5000 + "]" * 5000, {}, "is nested too deeply"),
    ],
)
def test_what_does_not_fit_is_never_cut(
    kind: str, carrier: FieldType, value: Value, facts: dict[str, Any], reason: str
) -> None:
    got = written(kind, carrier, value, **facts)
    assert isinstance(got, Misfit)
    assert got.reason == reason


def test_options_that_the_app_adds_by_itself_are_no_misfit() -> None:
    facts: dict[str, Any] = {"options": (Option("a"),), "open_options": True}
    assert written("choice", T.CHOICE, "c", **facts) == "c"
    assert written("choices", T.CHOICES, ("c",), **facts) == ["c"]


def test_a_region_gives_phone_numbers_their_country() -> None:
    assert read("phone", T.PHONE, "020 7183 8750", region="GB") == "+442071838750"


def test_an_empty_text_can_be_a_value_of_its_own() -> None:
    assert read("text", T.TEXT, "", distinct=True) == ""
    assert read("text", T.TEXT, None, distinct=True) is None


@pytest.mark.parametrize(
    ("zone", "instant", "day"),
    [
        ("Europe/Berlin", "2024-03-30T23:30:00Z", "2024-03-31"),
        ("Europe/Berlin", "2024-10-27T22:59:00Z", "2024-10-27"),
        ("America/New_York", "2024-03-10T04:59:00Z", "2024-03-09"),
        ("UTC", "2024-03-10T23:59:59Z", "2024-03-10"),
    ],
)
def test_a_day_begins_where_the_zone_says(zone: str, instant: str, day: str) -> None:
    assert read("date", T.INSTANT, instant, zone=zone) == day
    assert written("instant", T.DATE, instant, zone=zone) == day


@pytest.mark.parametrize(
    ("zone", "instant", "local"),
    [
        ("UTC", "2024-07-01T10:00:00Z", "01.07.2024 10:00"),
        ("Europe/Berlin", "2024-07-01T10:00:00Z", "01.07.2024 12:00"),
        ("America/New_York", "2024-01-01T03:30:00Z", "31.12.2023 22:30"),
    ],
)
def test_a_time_without_an_offset_is_that_of_the_zone_when_read_and_when_written(
    zone: str, instant: str, local: str
) -> None:
    assert read("instant", T.INSTANT, local, LOCAL, zone=zone) == instant
    assert written("instant", T.INSTANT, instant, LOCAL, zone=zone) == local


def test_a_date_only_field_does_not_cost_an_instant_its_time() -> None:
    assert read("instant", T.DATE, "2024-02-29", held="2024-02-29T15:00:00Z") == "2024-02-29T15:00:00Z"
    assert read("instant", T.DATE, "2024-03-01", held="2024-02-29T15:00:00Z") == "2024-03-01T00:00:00Z"


def test_a_birthday_keeps_the_year_that_another_app_knows() -> None:
    assert read("date", T.DATE, "02/28", "date:%m/%d", held="1985-02-28") == "1985-02-28"
    assert read("date", T.DATE, "03/01", "date:%m/%d", held="1985-02-28") == "1604-03-01"


def test_what_says_the_same_already_stays_as_a_person_wrote_it() -> None:
    assert lens("phone", T.PHONE).put("+12025550123", {"f": "+1 (202) 555-0123"}) == {"f": "+1 (202) 555-0123"}
    assert lens("email", T.EMAIL).put("a@example.com", {"f": "A@Example.com"}) == {"f": "A@Example.com"}
    assert lens("phone", T.PHONE).put("+12025550124", {"f": "+1 (202) 555-0123"}) == {"f": "+12025550124"}


def test_a_path_reaches_into_an_object_and_leaves_the_rest() -> None:
    city = Single("it", Field(name="f", type=T.ADDRESS), TYPES["text"], path=("place", "city"))
    assert city.get({"f": {"place": {"city": " Lyon "}}}, {}) == "Lyon"
    assert city.get({"f": None}, {}) is None
    assert city.get({}, {}) is ABSENT
    assert city.put("Oslo", {"f": {"zip": "1", "place": {"x": 1}}}) == {
        "f": {"zip": "1", "place": {"x": 1, "city": "Oslo"}}
    }
    assert city.put("Oslo", {"f": None}) == {"f": {"place": {"city": "Oslo"}}}
    assert city.put(None, {"f": {"place": {}}}) == {"f": {"place": {}}}
    assert city.settles({"f": {"place": {"city": " Lyon "}}}) == {"f": {"place": {"city": "Lyon"}}}
    assert city.settles({"g": "of another field"}) == {}
    assert city.get({"f": {"place": {"city": ["x"]}}}, {}) == Misfit("is not one value", "['x']")
    assert isinstance(city.get({"f": {"place": {"city": nested(5000)}}}, {}), Misfit)


def test_what_was_not_kept_for_its_length_makes_no_sense_and_is_not_written_over() -> None:
    mark = bounded(Record(Ref("crm", "people", "1"), {"f": "x" * (LONGEST + 1)})).fields["f"]
    told = Misfit("is longer than the 1048576 characters that syncd keeps of a field", "1048577 characters")
    assert lens("text", T.TEXT).get({"f": mark}, {}) == told
    city = Single("it", Field(name="f", type=T.ADDRESS), TYPES["text"], path=("place", "city"))
    assert city.get({"f": mark}, {}) == city.put("Oslo", {"f": mark}) == told
    assert city.settles({"f": mark}) == {"f": mark}
    both = Joined("it", Field(name="f", type=T.TEXT), Field(name="g", type=T.TEXT), TYPES["text"])
    assert both.get({"f": mark, "g": "Lee"}, {}) == told


def test_a_number_inside_an_object_is_read_as_the_number_it_is() -> None:
    score = Single("it", Field(name="f", type=T.JSON), TYPES["integer"], path=("score",))
    assert score.get({"f": {"score": 42}}, {}) == 42
    assert isinstance(score.get({"f": {"score": 1.5}}, {}), Misfit)


def test_several_words_of_an_app_may_mean_one_thing() -> None:
    words = Words(
        {True: "unsubscribed", False: "subscribed"}, {"unsubscribed": True, "subscribed": False, "cleaned": True}
    )
    status = Single("it", Field(name="f", type=T.CHOICE), TYPES["consent"], words=words)
    assert status.get({"f": "cleaned"}, {}) is True
    assert status.put(value=True, raws={"f": "cleaned"}) == {"f": "cleaned"}
    assert status.put(value=False, raws={"f": "cleaned"}) == {"f": "subscribed"}
    strange = status.get({"f": "pending"}, {})
    assert isinstance(strange, Misfit)
    assert strange.reason == 'is not among the values mapped: "unsubscribed", "subscribed", "cleaned"'
    lenient = Words(words.raws, words.meanings, others=False)
    assert (
        Single("it", Field(name="f", type=T.CHOICE), TYPES["consent"], words=lenient).get({"f": "pending"}, {}) is False
    )


def test_a_value_without_a_word_in_the_app_is_a_misfit() -> None:
    words = Words({"lead": "Lead"}, {"Lead": "lead"})
    got = Single("it", Field(name="f", type=T.CHOICE), TYPES["choice"], words=words).put("customer", {})
    assert got == Misfit('has no value in this app; there is one for: "lead"', "customer")


@pytest.mark.parametrize(
    ("value", "raws", "patch"),
    [
        ("Ada Lovelace", {}, {"a": "Ada", "b": "Lovelace"}),
        ("Juan de la Vega", {}, {"a": "Juan", "b": "de la Vega"}),
        ("Mary Ann Smith", {"a": "Mary Ann", "b": "Jones"}, {"a": "Mary Ann", "b": "Smith"}),
        ("Peter Van Horn", {"a": "Mary", "b": "Van Horn"}, {"a": "Peter", "b": "Van Horn"}),
        ("Madonna", {"a": "x", "b": "y"}, {"a": "Madonna", "b": None}),
        ("Mary  Ann Smith", {"a": " Mary ", "b": "Ann Smith"}, {"a": "Mary", "b": "Ann Smith"}),
        ("Mary Ann", {"a": " Mary ", "b": "Ann"}, {"a": " Mary ", "b": "Ann"}),
        (None, {"a": "x", "b": "y"}, {"a": None, "b": None}),
    ],
)
def test_a_full_name_goes_into_two_fields(value: Value, raws: dict[str, Any], patch: dict[str, Any]) -> None:
    name = Joined("it", Field(name="a", type=T.TEXT), Field(name="b", type=T.TEXT), TYPES["text"])
    assert name.put(value, raws) == patch


def test_a_full_name_of_which_one_half_does_not_fit_is_not_written_by_halves() -> None:
    last = Field(name="b", type=T.TEXT, max_chars=5)
    name = Joined("it", Field(name="a", type=T.TEXT), last, TYPES["text"])
    assert name.put("Ada Lovelace", {}) == Misfit("b holds 5 characters, this has 8", "Lovelace")


def test_the_half_of_a_name_that_is_shown_settles_alone() -> None:
    name = Joined("it", Field(name="a", type=T.TEXT), Field(name="b", type=T.TEXT), TYPES["text"])
    assert name.settles({"b": " Lovelace "}) == {"b": "Lovelace"}


def test_half_a_name_is_read_clean_and_replaced_in_its_place() -> None:
    last = Part(Field(name="f", type=T.TEXT), TYPES["text"], "first", "it", wants_last=True)
    first = replace(last, wants_last=False)
    assert first.get({"f": " Juan  Vega "}, {}) == "Juan"
    assert last.get({"f": "Juan"}, {}) is None
    assert last.get({"f": None}, {}) is None
    assert last.get({}, {}) is ABSENT
    assert isinstance(last.get({"f": 5}, {}), Misfit)
    assert isinstance(last.get({"f": "\ud83d"}, {}), Misfit)
    assert last.put("Vega", {"f": "Juan Carlos Pérez"}) == {"f": "Juan Carlos Vega"}
    assert first.put(None, {"f": "Juan Vega"}) == {"f": "Vega"}
    assert first.settles({"f": " Juan "}) == {"f": " Juan "}


def test_a_full_name_is_absent_unless_both_halves_are_shown() -> None:
    name = Joined("it", Field(name="a", type=T.TEXT), Field(name="b", type=T.TEXT), TYPES["text"])
    assert name.get({"a": "Ada"}, {}) is ABSENT
    assert name.get({"a": "Ada", "b": ""}, {}) == "Ada"
    assert isinstance(name.get({"a": 5, "b": ""}, {}), Misfit)


@pytest.mark.parametrize(
    ("kind", "less", "greater"),
    [
        ("integer", 9, 10),
        ("decimal", "9.5", "10"),
        ("date", "2024-02-29", "2024-03-01"),
        ("instant", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00.500000Z"),
    ],
)
def test_greater_is_by_meaning_and_not_by_text(kind: str, less: Value, greater: Value) -> None:
    more = TYPES[kind].more
    assert more is not None
    assert more(greater, less)
    assert not more(less, greater)


def test_what_was_read_before_is_read_the_same_again_however_much_came_between() -> None:
    remembers = lens("text", T.TEXT)
    texts = [f" Text {number} " for number in range(5000)]
    assert [remembers.get({"f": text}, {}) for text in [*texts, *texts]] == [text.strip() for text in [*texts, *texts]]
