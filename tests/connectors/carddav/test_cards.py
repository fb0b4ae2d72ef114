"""Cards: what is read from one, and that a write leaves every line alone that it was not asked about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import BrokenProtocol, Rejected
from syncd_connectors.carddav.card import escaped, parsed, parts, plain
from syncd_connectors.carddav.fields import changed, new, shown

RICH = """BEGIN:VCARD
VERSION:3.0
PRODID:-//Telephone//EN
UID:0F8E-1
N:Example;Ann;Marie;Dr.;
FN:Ann Example
item1.EMAIL;type=INTERNET;type=HOME:home@example.com
item2.EMAIL;type=INTERNET;type=pref:work@example.com
item2.X-ABLabel:_$!<Work>!$_
TEL;TYPE="cell,voice":+12025550101
X-SOCIALPROFILE;type=x;x-user=ann:https://social.example/ann
NOTE:one\\, two\\; three\\nfour
ORG:Alder\\; Works;Sales;North
ADR;TYPE=HOME:;Flat 2;1 Long Street;Oslo;;0150;Norway
CATEGORIES:Friends,Tennis
CATEGORIES:Book\\, club
URL:https://example.com/?a=1,2;b
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEB
 AQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/2wBDAQMDAwQDBA
BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12
this is no line of a card
END:VCARD
""".replace("\n", "\r\n")


def _card(*lines: str, version: str = "3.0") -> str:
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])


def test_a_card_shows_its_fields() -> None:
    assert shown(parsed(RICH)) == {
        "uid": "0F8E-1",
        "kind": "individual",
        "fn": "Ann Example",
        "n.family": "Example",
        "n.given": "Ann",
        "n.additional": "Marie",
        "n.prefix": "Dr.",
        "n.suffix": None,
        "email": "work@example.com",
        "tel": "+12025550101",
        "org": "Alder; Works",
        "org.unit": "Sales",
        "title": None,
        "note": "one, two; three\nfour",
        "url": "https://example.com/?a=1,2;b",
        "adr.street": "1 Long Street",
        "adr.city": "Oslo",
        "adr.region": None,
        "adr.code": "0150",
        "adr.country": "Norway",
        "categories": ["Friends", "Tennis", "Book, club"],
    }


def test_a_card_that_is_not_changed_is_to_the_letter_what_it_was() -> None:
    assert parsed(RICH).text() == RICH


@pytest.mark.parametrize(
    ("patch", "old", "line"),
    [
        ({"email": "new@example.com"}, "item2.EMAIL", "item2.EMAIL;type=INTERNET;type=pref:new@example.com"),
        ({"tel": "+12025550199"}, "TEL", 'TEL;TYPE="cell,voice":+12025550199'),
        ({"adr.city": "Bergen, N"}, "ADR", "ADR;TYPE=HOME:;Flat 2;1 Long Street;Bergen\\, N;;0150;Norway"),
        ({"org": "Birch"}, "ORG", "ORG:Birch;Sales;North"),
        ({"org.unit": None}, "ORG", "ORG:Alder\\; Works;;North"),
        ({"note": "a\nb; c"}, "NOTE", "NOTE:a\\nb\\; c"),
        ({"url": "https://example.org/x,y"}, "URL", "URL:https://example.org/x,y"),
        ({"bday": "1990-04-12"}, "BDAY", "BDAY:1990-04-12"),
        ({"n.suffix": "PhD"}, "N:", "N:Example;Ann;Marie;Dr.;PhD"),
    ],
)
def test_a_write_changes_one_line_and_leaves_the_others_to_the_letter(
    patch: dict[str, Any], old: str, line: str
) -> None:
    expected = [line if was.startswith(old) else was for was in RICH.split("\r\n")]
    assert changed(parsed(RICH), patch).text().split("\r\n") == expected


def test_what_is_emptied_is_taken_out_and_the_next_one_shows() -> None:
    card = changed(parsed(RICH), {"email": None, "url": ""})
    assert shown(card)["email"] == "home@example.com"
    assert shown(card)["url"] is None
    assert "URL" not in card.text()


def test_categories_are_written_as_one_list() -> None:
    card = changed(parsed(RICH), {"categories": ["Friends", "Chess, fast"]})
    assert [line.text for line in card.all("CATEGORIES")] == ["CATEGORIES:Friends,Chess\\, fast"]
    assert changed(card, {"categories": []}).all("CATEGORIES") == []


@pytest.mark.parametrize(
    ("value", "day"), [("19900412", "1990-04-12"), ("1990-04-12T00:00:00Z", "1990-04-12"), ("", None)]
)
def test_a_birthday_is_a_date_in_either_form(value: str, day: str | None) -> None:
    assert shown(parsed(_card(f"BDAY:{value}")))["bday"] == day


@pytest.mark.parametrize("line", ["BDAY:--0412", "BDAY;VALUE=text:in spring", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12"])
def test_a_birthday_that_is_no_date_is_not_shown_and_not_called_blank(line: str) -> None:
    assert "bday" not in shown(parsed(_card(line)))


def test_in_vcard_4_preference_is_a_number_and_a_telephone_an_address() -> None:
    text = _card(
        "EMAIL;PREF=2:second@example.com",
        "EMAIL;PREF=1:first@example.com",
        "TEL;VALUE=uri;TYPE=cell:tel:+12025550101",
        "KIND:Group",
        version="4.0",
    )
    card = parsed(text)
    assert shown(card)["email"] == "first@example.com"
    assert shown(card)["tel"] == "+12025550101"
    assert shown(card)["kind"] == "group"
    assert "TEL;VALUE=uri;TYPE=cell:tel:+12025550199" in changed(card, {"tel": "+12025550199"}).text()
    assert "TEL;TYPE=cell:12 ext. 3\r\n" in changed(card, {"tel": "12 ext. 3"}).text()
    assert "BDAY:19900412\r\n" in changed(card, {"bday": "1990-04-12"}).text()


def test_the_displayed_name_follows_the_parts_of_the_name_it_was_made_of() -> None:
    card = parsed(_card("N:Example;Ann;;;", "FN:Ann Example"))
    assert shown(changed(card, {"n.family": "Other"}))["fn"] == "Ann Other"


def test_a_displayed_name_of_its_own_stays() -> None:
    card = parsed(_card("N:Example;Ann;;;", "FN:Annie"))
    assert shown(changed(card, {"n.family": "Other"}))["fn"] == "Annie"
    assert shown(changed(card, {"n.family": "Other", "fn": "A. Other"}))["fn"] == "A. Other"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"n.given": "Ann", "n.family": "Example"}, "Ann Example"),
        ({"fn": "Annie", "n.given": "Ann"}, "Annie"),
        ({"email": "ann@example.com"}, "ann@example.com"),
        ({"org": "Alder, Works"}, "Alder, Works"),
        ({}, "Unnamed"),
    ],
)
def test_a_new_card_has_a_displayed_name_whatever_it_is_made_of(fields: dict[str, str], name: str) -> None:
    card = parsed(new(fields, "u-1", "3.0").text())
    assert shown(card)["fn"] == name
    assert shown(card)["uid"] == "u-1"
    assert {"VERSION", "UID", "N", "FN"} <= {line.name for line in card.lines}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"), ("bday", "spring"), ("url", "a\nb"), ("note", "bell \x07"), ("fn", ""),
        ("title", 7), ("uid", "other"), ("kind", "group"), ("no.such", "x"), ("note", "\ud800"), ("categories", [1]),
    ],
)  # fmt: skip
def test_what_no_card_can_hold_is_refused_by_field(field: str, value: Any) -> None:
    with pytest.raises(Rejected) as refused:
        changed(parsed(RICH), {field: value})
    assert refused.value.field == field


@pytest.mark.parametrize("text", ["", "<html></html>", "BEGIN:VCARD\r\nFN:x", "FN:x\r\nEND:VCARD"])
def test_what_is_no_card_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(BrokenProtocol):
        parsed(text)


def test_a_card_of_an_old_version_keeps_its_bare_types() -> None:
    card = parsed(_card("TEL;HOME;VOICE:123", version="2.1"))
    assert shown(card)["tel"] == "123"
    assert "TEL;HOME;VOICE:456\r\n" in changed(card, {"tel": "456"}).text()


TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")) | st.just("\n"), max_size=120)


@given(TEXT)
def test_text_comes_back_as_it_was_written(text: str) -> None:
    assert plain(escaped(text)) == text


@given(st.lists(TEXT, min_size=1, max_size=7))
def test_parts_come_back_as_they_were_written(texts: list[str]) -> None:
    assert [plain(part) for part in parts(";".join(escaped(text) for text in texts))] == texts


@given(TEXT)
def test_a_long_line_is_folded_and_read_whole(text: str) -> None:
    card = changed(parsed(RICH), {"note": text})
    assert max(len(line.encode()) for line in card.text().split("\r\n") if not line.startswith(("PHOTO", " "))) <= 75
    assert shown(parsed(card.text()))["note"] == (text or None)
