"""A guess at which fields are the same; never one that loses anything."""

from __future__ import annotations

from dataclasses import replace

from syncd.console.pairing import Pair, email, pairs, people
from syncd.sdk.contract import Capabilities, Deletes, Field, FieldType, Object


def kind(name: str, *fields: Field) -> Object:
    return Object(name, {field.name: field for field in fields}, Capabilities(incremental=True, deletes=Deletes.TOLD))


def text(name: str, label: str = "") -> Field:
    return Field(name=name, type=FieldType.TEXT, label=label)


MAIL = Field(name="mail", type=FieldType.EMAIL)


def paired(one: Field, other: Field) -> list[Pair]:
    found = pairs({"a": kind("contacts", MAIL, one), "b": kind("members", replace(MAIL, name="e"), other)})
    return [pair for pair in found if pair.name != "email"]


def test_people_live_where_there_is_an_address_and_a_likely_name() -> None:
    deals, posts, contacts = kind("deals", text("contact")), kind("posts", MAIL), kind("contacts", MAIL)
    assert people([deals, posts, contacts]) is contacts
    assert people([deals]) is None


def test_the_address_that_the_app_keeps_unique_is_the_one_to_match_by() -> None:
    work, own = replace(MAIL, name="work"), replace(MAIL, name="private_mail", unique=True)
    assert email(kind("contacts", work, own)) is own


def test_fields_pair_by_name_by_label_and_by_the_short_names_of_newsletters() -> None:
    assert paired(text("city"), text("City")) == [Pair("city", "text", {"a": "city", "b": "City"})]
    assert paired(text("f1", "Shoe size"), text("merge.X", "shoe size"))[0].cells == {"a": "f1", "b": "merge.X"}
    assert paired(text("firstname"), text("merge_fields.FNAME"))[0].name == "first_name"
    assert paired(text("city"), text("country")) == []


def test_what_cannot_go_both_ways_is_never_proposed() -> None:
    city = text("city")
    assert paired(city, replace(city, writable=False)) == []
    assert paired(replace(city, consent=True), city) == []
    assert paired(replace(city, type=FieldType.REFERENCE), city) == []
    assert paired(replace(city, type=FieldType.BOOLEAN), city) == []


def test_the_type_is_the_most_telling_one_that_both_fields_carry() -> None:
    phone = Field(name="phone", type=FieldType.PHONE)
    assert paired(phone, text("phone"))[0].type == "phone"
    assert paired(phone, phone)[0].type == "phone"
    score = Field(name="score", type=FieldType.DECIMAL)
    assert paired(score, replace(score, type=FieldType.INTEGER))[0].type == "decimal"


def test_one_field_is_never_two() -> None:
    found = list(pairs({"a": kind("c", MAIL, text("city"), text("citys")), "b": kind("m", MAIL, text("city"))}))
    assert [pair.cells.get("b") for pair in found] == ["mail", "city"]
