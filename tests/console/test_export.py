"""Everything that is known of a person, handed out to whoever asks for it by right."""

from __future__ import annotations

import json
import stat

import pytest

from tests.console.ground import Desk


@pytest.fixture
def known(desk: Desk) -> tuple[Desk, str]:
    """In sync, with somebody who was edited and has opted out since."""
    desk.say("apply", "--yes")
    id = next(iter(desk.records("news")))
    email = desk.records("news")[id]["email_address"]
    desk.edit("news", id, merge_fields__FNAME="Edited", status="unsubscribed")
    desk.say("run", "--once")
    return desk, email


def test_an_export_has_values_records_history_and_opt_outs(known: tuple[Desk, str]) -> None:
    desk, email = known
    told = desk.ask("export", email)
    (sync,) = told["known"]
    agreed = {one["field"]: one for one in sync["agreed"]}
    assert agreed["first_name"]["value"] == "Edited"
    assert agreed["first_name"]["author"] == "news"
    assert agreed["first_name"]["set_at"]
    assert {record["record"].partition("/")[0] for record in sync["records"]} == {"crm", "news"}
    assert email in {value for record in sync["records"] for value in record["seen"].values()}
    assert {"linked", "merged", "sent"} <= {line["event"] for line in sync["history"]}
    assert [one["address"] for one in told["opt_outs"]] == [email]


def test_an_export_says_what_was_asked_about_the_person_and_what_was_answered(known: tuple[Desk, str]) -> None:
    desk, email = known
    record = f"news/members/{next(id for id, row in desk.records('news').items() if row['email_address'] == email)}"
    desk.edit("news", record.rpartition("/")[2], status="subscribed")
    desk.say("run", "--once")
    (asked,) = desk.ask("conflicts")
    desk.say("resolve", str(asked["id"]), "--value", "true", "--by", "ada")
    (question,) = desk.ask("export", record)["questions"]
    assert (question["work"]["kind"], question["by"], bool(question["closed"])) == ("opt_in", "ada", True)


def test_that_a_person_was_exported_is_in_the_log_with_who_did_it(known: tuple[Desk, str]) -> None:
    desk, email = known
    entry = desk.ask("export", email, "--by", "ada")["entry"]
    (line,) = [line for line in desk.ask("log") if line["seq"] == entry]
    assert (line["event"], line["by"]) == ("exported", "ada")
    assert "exported by ada" in line["text"]


def test_an_export_is_written_to_a_file_that_only_its_owner_may_read(known: tuple[Desk, str]) -> None:
    desk, email = known
    file = desk.folder / "person.json"
    assert "everything known" in desk.say("export", email, "--out", str(file)).out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["form"] == "person-1"
    assert desk.say("export", email, "--out", str(file)).code == 0, "its own kind is written over"
    assert desk.say("export", email, "--out", str(desk.config)).code == 3


def test_nobody_is_known_by_a_name_that_leads_nowhere(known: tuple[Desk, str]) -> None:
    desk, _ = known
    assert "nothing is known of" in desk.say("export", "nobody@example.com").err
