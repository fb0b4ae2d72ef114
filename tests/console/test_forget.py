"""Forgetting a person at a terminal: look, do it, and be given a certificate."""

from __future__ import annotations

import json
import sqlite3
import stat

import pytest

from tests.console.ground import Desk


@pytest.fixture
def synced(desk: Desk) -> tuple[Desk, str]:
    """In sync; and somebody who is in both apps."""
    desk.say("apply", "--yes")
    return desk, str(next(iter(desk.records("news").values()))["email_address"])


def addresses(desk: Desk) -> set[str]:
    crm = {str(row["email"]) for row in desk.records("crm").values()}
    return crm | {str(row["email_address"]) for row in desk.records("news").values()}


def forgotten(desk: Desk, email: str) -> int:
    """Ordered and done."""
    order = desk.ask("forget", email, "--yes", "--reason", "by letter", "--by", "ada")["order"]
    desk.say("run", "--once")
    return int(order)


def test_what_it_comes_to_is_shown_and_nothing_is_done(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    said = desk.say("forget", email)
    assert said.code == 2
    assert said.out.count("is deleted") == 2
    assert "cannot be taken back" in said.out
    desk.say("run", "--once")
    assert email in addresses(desk)
    assert "nobody was forgotten" in desk.say("forget").out


def test_a_person_is_forgotten_in_every_app_and_here(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    said = desk.say("forget", email, "--yes", "--by", "ada")
    assert "order 1: 2 records" in said.out
    assert "order 1 waits for" in desk.say("forget").out
    assert desk.say("forget", email, "--yes").code == 6
    desk.say("run", "--once")
    assert email not in addresses(desk)
    assert "nothing is known of" in desk.say("history", email).err
    assert desk.say("verify").code == 0
    told = desk.say("log").out
    assert "a person is to be forgotten by ada" in told
    assert "the person was forgotten by ada: the values of" in told
    (order,) = desk.ask("forget")
    assert order["done"]
    assert order["waits_for"] == []
    assert email not in json.dumps(desk.ask("log", "--limit", "1000"))


def test_whose_records_are_gone_waits_for_nothing_but_to_be_erased(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    desk.say("forget", email, "--yes")
    with sqlite3.connect(desk.folder / "syncd.db") as db:
        db.execute("UPDATE link SET state = 'gone'")
    assert "the records are gone; erased within a minute" in desk.say("forget").out
    refused = desk.say("forget", "--of", "1", "--certificate", str(desk.folder / "ada.json"))
    assert refused.code == 6
    assert "order 1 is not done yet: the records are gone, and the rest is erased within a minute" in refused.err


def test_more_within_the_hour_than_the_cap_takes_more_than_a_yes(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    forgotten(desk, email)
    other = next(iter(sorted(addresses(desk))))
    assert "more deletes within the hour than the cap" in desk.say("forget", other).out
    refused = desk.say("forget", other, "--yes")
    assert refused.code == 6
    assert "more deletes within the hour than the cap: crm: 2 of" in refused.err
    assert "say --many" in refused.err
    desk.say("run", "--once")
    assert other in addresses(desk)
    assert desk.say("forget", other, "--yes", "--many").code == 0
    desk.say("run", "--once")
    assert other not in addresses(desk)


def test_a_certificate_is_given_as_often_as_it_is_asked_for(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    order = str(forgotten(desk, email))
    file = desk.folder / "certificate.json"
    for _ in range(2):
        assert desk.say("forget", "--of", order, "--certificate", str(file)).code == 0
    kept = json.loads(file.read_text())
    assert (kept["by"], kept["reason"], kept["form"]) == ("ada", "by letter", "certificate-1")
    assert {one["app"] for one in kept["records"]} == {"crm", "news"}
    words = file.with_suffix(".txt")
    assert "CERTIFICATE OF ERASURE" in words.read_text()
    assert "confirmed that syncd deleted it" in words.read_text()
    assert email not in file.read_text() + words.read_text()
    assert [stat.S_IMODE(one.stat().st_mode) for one in (file, words)] == [0o600, 0o600]


def test_there_is_no_certificate_before_it_is_done(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    file = str(desk.folder / "certificate.json")
    desk.say("forget", email, "--yes")
    said = desk.say("forget", "--of", "1", "--certificate", file)
    assert said.code == 6
    assert "it waits for crm, news" in said.err
    assert desk.say("forget", "--of", "7", "--certificate", file).code == 3
    assert desk.say("forget", "--of", "1").code == 3
    desk.say("run", "--once")
    assert desk.say("forget", "--of", "1", "--certificate", str(desk.config)).code == 3
    assert desk.say("forget", "--of", "1", "--certificate", str(desk.folder / "words.txt")).code == 3
    (desk.folder / "mine.txt").write_text("mine")
    assert desk.say("forget", "--of", "1", "--certificate", str(desk.folder / "mine.json")).code == 3
    assert (desk.folder / "mine.txt").read_text() == "mine"


def test_whoever_shows_up_again_waits_in_quarantine_until_a_person_lifts_it(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    order = str(forgotten(desk, email))
    desk.twins["crm"].person_create("contacts", {"email": email, "firstname": "Again"})
    desk.say("run", "--once")
    assert [work["reason"].partition(":")[0] for work in desk.ask("quarantine")] == ["forgotten"]
    assert email not in {row["email_address"] for row in desk.records("news").values()}
    assert "may come back" in desk.say("forget", "--lift", order).out
    assert desk.say("forget", "--lift", order).code == 6
    assert "lifted" in desk.say("forget").out
    desk.say("run", "--once")
    assert email in {row["email_address"] for row in desk.records("news").values()}


def test_a_restored_backup_does_not_bring_them_back(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    copy = desk.folder / "backup.db"
    desk.say("backup", str(copy))
    forgotten(desk, email)
    assert desk.say("restore", str(copy)).code == 0
    assert desk.ask("history", email), "the backup holds them"
    desk.say("resume", "--restored")
    desk.say("run", "--once")
    first, second = desk.ask("forget")
    assert first["done"]
    assert "a backup had brought them back" in second["reason"]
    assert email not in addresses(desk)
    desk.twins["crm"].person_create("contacts", {"email": email, "firstname": "Again"})
    desk.say("run", "--once")
    assert [work["reason"].partition(":")[0] for work in desk.ask("quarantine")] == ["forgotten"]
    assert desk.say("verify").code == 0


def test_an_order_that_was_under_way_is_given_anew_after_a_restore(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    copy = desk.folder / "backup.db"
    desk.say("backup", str(copy))
    desk.say("forget", email, "--yes")
    desk.twins["crm"].person_create("contacts", {"email": "late@example.com", "firstname": "Late"})
    desk.say("run", "--once")
    desk.say("forget", "late@example.com", "--yes", "--many")
    assert desk.say("restore", str(copy)).code == 0
    assert [one["waits_for"] for one in desk.ask("forget")] == [[], []], "the backup does not know of the second"
    desk.say("resume", "--restored")
    desk.say("run", "--once")
    first, second, third = desk.ask("forget")
    assert all(one["done"] for one in (first, second, third))
    assert not addresses(desk) & {email}
    file = str(desk.folder / "certificate.json")
    assert "given anew" in desk.say("forget", "--of", "2", "--certificate", file).err
    assert desk.say("forget", "--of", "3", "--certificate", file).code == 0
    assert [work["reason"].partition(":")[0] for work in desk.ask("quarantine")] == ["forgotten", "forgotten"]


def test_a_restore_holds_back_nobody_whom_a_person_has_let_come_back_since(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    order = str(forgotten(desk, email))
    copy = desk.folder / "backup.db"
    desk.say("backup", str(copy))
    desk.say("forget", "--lift", order)
    desk.twins["crm"].person_create("contacts", {"email": email, "firstname": "Again"})
    desk.say("run", "--once")
    assert email in addresses(desk)
    assert desk.say("restore", str(copy)).code == 0
    desk.say("resume", "--restored")
    desk.say("run", "--once")
    assert email in addresses(desk)
    assert desk.ask("quarantine") == []
    assert len(desk.ask("forget")) == 1, "the order is not given anew"


def test_the_backup_of_another_store_keeps_its_own_forgotten_people(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    copy = desk.folder / "backup.db"
    desk.say("backup", str(copy))
    forgotten(desk, email)
    other = desk.folder / "other.db"
    desk.say("backup", str(other))
    assert desk.say("restore", str(copy)).code == 0
    with sqlite3.connect(desk.folder / "syncd.db") as db:  # as if it had never known the other
        db.execute("UPDATE meta SET value = 'another' WHERE name = 'forget_salt'")
    assert desk.say("restore", str(other)).code == 0
    with sqlite3.connect(desk.folder / "syncd.db") as db:
        (salt,) = db.execute("SELECT value FROM meta WHERE name = 'forget_salt'").fetchone()
    assert salt != "another"
    desk.say("resume", "--restored")
    desk.twins["crm"].person_create("contacts", {"email": email, "firstname": "Again"})
    desk.say("run", "--once")
    assert [work["reason"].partition(":")[0] for work in desk.ask("quarantine")] == ["forgotten"]


def test_an_opt_out_holds_after_a_restore_of_a_backup_that_knows_nothing_of_it(synced: tuple[Desk, str]) -> None:
    desk, email = synced
    copy = desk.folder / "backup.db"
    desk.say("backup", str(copy))
    (id,) = [id for id, row in desk.records("news").items() if row["email_address"] == email]
    desk.twins["news"].person_edit("members", id, {"status": "unsubscribed"})
    desk.say("run", "--once")
    assert desk.ask("status")["opted_out"] >= 1
    before = desk.ask("status")["opted_out"]
    forgotten(desk, email)
    assert desk.say("restore", str(copy)).code == 0
    desk.say("resume", "--restored")
    desk.say("run", "--once")
    assert desk.ask("status")["opted_out"] == before
    with sqlite3.connect(desk.folder / "syncd.db") as db:
        assert email not in str(db.execute("SELECT address FROM opt_out").fetchall())
