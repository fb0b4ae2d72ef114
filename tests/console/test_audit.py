"""An audit for a person, and its files for a colleague: values only on demand, and nothing in them that acts."""

from __future__ import annotations

import csv
import stat
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

from syncd.console.audit import Audited, Point, table
from syncd.console.page import page
from tests.console.ground import Desk

EVIL = '<script>alert("x")</script>'
FOUND = Audited(
    at=datetime(2030, 1, 31, tzinfo=UTC),
    records={"people": {"crm": 2, "news": 1}},
    unlinked={"people": {"crm": 1, "news": 0}},
    unseen={},
    causes={"unexplained": 1},
    fields={"": {"linked, and not listed": 1}, "first": {"unexplained": 1}},
    differences=[
        {
            "sync": "people", "app": "crm", "record": "crm/contacts/1", "entity": "e1", "field": "first",
            "cause": "unexplained", "agreed": EVIL, "shown": "=HYPERLINK(1)",
        }
    ],
    duplicates=[{"sync": "people", "app": "crm", "field": "email", "records": ("a/b/1", "a/b/2"), "value": "+1"}],
    invalid=[{"sync": "people", "app": "crm", "record": "a/b/1", "field": "email", "type": "email", "value": "@x"}],
    options=[{"sync": "people", "app": "crm", "field": "stage", "option": "-odd", "records": 3}],
    coverage=[{"sync": "people", "app": "crm", "field": "first", "filled": 1, "records": 2, "share": 0.5}],
    trend=(),
    looked_at_again=0,
)  # fmt: skip


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def _tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(text)
    return parser.seen


def _point(differences: int, day: int) -> Point:
    at = datetime(2030, 1, day, tzinfo=UTC)
    return Point(
        at=at,
        records=3,
        differences=differences,
        unexplained=0,
        causes={},
        duplicates=0,
        invalid=0,
        options=0,
        filled=1.0,
    )


def _ask(desk: Desk, *words: str) -> Any:
    return desk.ask("audit", *words)


def test_an_audit_of_apps_that_agree_finds_nothing_that_differs(desk: Desk) -> None:
    desk.say("apply", "--yes")
    found = _ask(desk)
    assert found["differences"] == []
    assert found["records"] == {"people": {"crm": 6, "news": 6}}
    assert {one["field"] for one in found["coverage"]} == {"email", "first_name", "opted_out"}
    assert "everything is as agreed" in desk.say("audit").out


def test_an_audit_says_nothing_of_records_that_are_not_linked_yet(desk: Desk) -> None:
    said = desk.say("audit").out
    assert "everything that is linked is as agreed" in said
    assert "everything is as agreed" not in said


def test_an_edit_is_found_without_its_value_and_with_it_on_demand(desk: Desk) -> None:
    desk.say("apply", "--yes")
    id = next(iter(desk.records("crm")))
    desk.edit("crm", id, firstname="Secretname")
    said = desk.say("audit", "--json", "--html", str(desk.folder / "a.html"), "--csv", str(desk.folder / "a.csv"))
    assert said.code == 0
    files = (desk.folder / "a.html").read_text() + (desk.folder / "a.csv").read_text()
    assert "Secretname" not in said.out + files
    assert "edited there, not taken in yet" in said.out
    assert f"crm/contacts/{id}" in files
    (one,) = _ask(desk, "--values")["differences"]
    assert (one["record"], one["field"], one["shown"]) == (f"crm/contacts/{id}", "first_name", "Secretname")


def test_a_repair_gives_what_it_finds_to_the_ordinary_run(desk: Desk) -> None:
    desk.say("apply", "--yes")
    desk.edit("crm", next(iter(desk.records("crm"))), firstname="Ada")
    assert _ask(desk, "--repair", "5", "--by", "ada")["looked_at_again"] == 1
    assert "1 records are looked at again" in desk.say("audit", "--repair", "5").out
    desk.say("run", "--once")
    assert _ask(desk)["differences"] == []


def test_the_trend_grows_with_each_audit_of_everything_and_not_with_one_of_a_part(desk: Desk) -> None:
    desk.say("apply", "--yes")
    assert len(_ask(desk)["trend"]) == 1
    assert _ask(desk, "--sync", "people")["trend"] != []
    desk.edit("crm", next(iter(desk.records("crm"))), firstname="Ada")
    assert [point["differences"] for point in _ask(desk)["trend"]][-1] == 1
    assert "differences before: " in desk.say("audit").out


def test_an_app_that_is_paused_is_left_out_and_the_exit_code_says_so(desk: Desk) -> None:
    desk.say("apply", "--yes")
    desk.say("pause", "crm", "--reason", "we move")
    said = desk.say("audit")
    assert said.code == 4
    assert "crm was left out: it is paused: we move" in said.out


def test_a_mistake_of_the_command_line_is_told(desk: Desk) -> None:
    assert desk.say("audit", "--repair", "-1").code == 3
    said = desk.say("audit", "--sync", "peple")
    assert (said.code, "people" in said.err) == (3, True)


def test_a_file_that_cannot_be_written_is_told_with_its_place(desk: Desk) -> None:
    desk.say("apply", "--yes")
    said = desk.say("audit", "--csv", str(desk.folder / "nowhere" / "a.csv"))
    assert said.code == 3
    assert "a.csv: cannot be written" in said.err


def test_the_files_are_only_for_their_owner(desk: Desk) -> None:
    desk.say("apply", "--yes")
    target = desk.folder / "a.html"
    _ask(desk, "--html", str(target))
    assert stat.S_IMODE(Path(target).stat().st_mode) & 0o077 == 0


def test_no_cell_of_the_table_is_taken_for_a_formula() -> None:
    rows = list(csv.DictReader(StringIO(table(FOUND))))
    assert [row["finding"] for row in rows] == ["difference", "duplicate", "invalid", "option", "coverage"]
    assert rows[0]["shown"] == "'=HYPERLINK(1)"
    assert rows[1]["shown"] == "'+1"
    assert rows[2]["shown"] == "'@x"
    assert rows[3]["what"] == "option without partner: -odd"
    assert (rows[4]["count"], rows[4]["of"]) == ("1", "2")


def test_what_people_wrote_is_only_text_in_the_page() -> None:
    made = page(replace(FOUND, unseen={EVIL: EVIL}))
    assert EVIL not in made
    assert "&lt;script&gt;" in made
    assert {tag for tag, _ in _tags(made)}.isdisjoint({"script", "img", "link", "iframe", "a"})


def test_the_page_loads_nothing_and_knows_light_and_dark() -> None:
    made = page(replace(FOUND, trend=(_point(4, 1), _point(0, 8))))
    attributes = [name for _, attrs in _tags(made) for name in attrs]
    assert not {"src", "href", "onclick"} & set(attributes)
    assert "prefers-color-scheme: dark" in made
    assert "url(" not in made


def test_the_trend_is_drawn_once_there_are_two_audits() -> None:
    assert "<svg" not in page(replace(FOUND, trend=(_point(4, 1),)))
    drawn = page(replace(FOUND, trend=(_point(4, 1), _point(2, 8), _point(0, 15))))
    (line,) = [attrs["points"] for tag, attrs in _tags(drawn) if tag == "polyline"]
    assert len(str(line).split()) == 3


def test_a_long_table_of_the_page_is_cut_and_says_so() -> None:
    many = [{**FOUND.differences[0], "record": f"crm/contacts/{n}"} for n in range(600)]
    made = page(replace(FOUND, differences=many))
    assert "and 100 more; the CSV has all of them" in made
    assert "crm/contacts/599" not in made
