"""Decisions: a person answers, the answer is logged with the name, and takes effect."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from syncd.app import recall
from syncd.console.commands import person
from syncd.core.record import Ref
from syncd.engine.deletes import believe
from syncd.engine.world import World
from syncd.settings import load
from syncd.store.values import Parked, ParkedKind
from tests.console.ground import Desk


@contextmanager
def world(desk: Desk) -> Iterator[World]:
    with recall(load(desk.config)) as assembly:
        yield assembly.world


@pytest.fixture
def contested(desk: Desk) -> Desk:
    """First names are decided by people, and both apps have just changed one."""
    desk.write('crm  = "firstname"', 'crm  = "firstname"\nconflict = "manual"')
    desk.say("apply", "--yes")
    news, fields = next(iter(desk.records("news").items()))
    desk.edit("crm", desk.person("crm", fields["email_address"]), firstname="Crmname")
    desk.edit("news", news, merge_fields__FNAME="Newsname")
    desk.say("run", "--once")
    return desk


@pytest.fixture
def held(desk: Desk) -> Desk:
    """Somebody was deleted in the CRM, for good."""
    desk.say("apply", "--yes")
    id = desk.person("crm", next(iter(desk.records("news").values()))["email_address"])
    desk.twins["crm"].person_delete("contacts", id)
    with world(desk) as there, there.store.begin() as tx:
        link = tx.links.get("people", Ref("crm", "contacts", id))
        assert link is not None
        believe(there, tx, there.syncs["people"], link)
    return desk


def names(desk: Desk) -> set[str]:
    first = next(iter(desk.records("news").values()))
    crm = desk.records("crm")[desk.person("crm", first["email_address"])]
    return {first["merge_fields.FNAME"], crm["firstname"]}


def test_a_blank_that_an_app_shows_is_no_answer_where_another_cannot_hold_it(desk: Desk) -> None:
    desk.say("apply", "--yes")
    crm = desk.person("crm", next(iter(desk.records("news").values()))["email_address"])
    desk.edit("crm", crm, email="")
    desk.say("run", "--once")
    (open_,) = desk.ask("conflicts")
    for answer in (("--value", ""), ("--app", "crm")):
        said = desk.say("resolve", str(open_["id"]), *answer)
        assert said.code == 3
        assert "news cannot hold blank as email: email_address cannot be emptied" in said.err
    assert desk.ask("conflicts") == [open_]


def test_a_conflict_shows_both_values_and_a_typed_value_settles_it_everywhere(contested: Desk) -> None:
    (open_,) = contested.ask("conflicts")
    assert {open_["ours"], open_["theirs"]} == {"Crmname", "Newsname"}
    assert open_["label"].endswith("@example.com")
    assert open_["field"] == "first_name"
    assert contested.ask("status")["waiting"] == {"conflict": 1}
    assert "Crmname" in contested.say("conflicts").out
    (done,) = contested.ask("resolve", str(open_["id"]), "--value", "  Decided ", "--by", "ada")
    assert done["done"]
    contested.say("run", "--once")
    assert names(contested) == {"Decided"}
    assert contested.ask("conflicts") == []
    assert "ada decided" in contested.say("why", open_["entity"], "first_name").out


def test_a_conflict_is_settled_by_the_value_that_one_app_shows(contested: Desk) -> None:
    (open_,) = contested.ask("conflicts")
    contested.ask("resolve", str(open_["id"]), "--app", "news")
    contested.say("run", "--once")
    assert names(contested) == {"Newsname"}


def test_an_answer_must_be_one_of_the_two_ways_and_name_a_conflict_and_an_app_that_there_are(contested: Desk) -> None:
    (open_,) = contested.ask("conflicts")
    number = str(open_["id"])
    for words, expected in (
        (("resolve", number), "--value VALUE or --app NAME"),
        (("resolve", number, "--value", "a", "--app", "crm"), "--value VALUE or --app NAME"),
        (("resolve", "999", "--value", "a"), "no conflict with number 999"),
        (("resolve", number, "--app", "newss"), 'did you mean "news"?'),
    ):
        said = contested.say(*words)
        assert said.code == 3
        assert expected in said.err
    assert len(contested.ask("conflicts")) == 1


def test_a_value_that_the_field_cannot_have_is_refused(desk: Desk) -> None:
    desk.say("apply", "--yes")
    with world(desk) as there, there.store.begin() as tx:
        entity = tx.entities.all("people")[0].id
        number = tx.parked.park(Parked(kind=ParkedKind.CONFLICT, sync="people", entity=entity, field="email"))
    said = desk.say("resolve", str(number), "--value", "nowhere")
    assert said.code == 3
    assert "is no e-mail address" in said.err
    assert len(desk.ask("conflicts")) == 1


def test_a_conflict_that_was_answered_already_halts_and_says_by_whom(contested: Desk) -> None:
    (open_,) = contested.ask("conflicts")
    contested.ask("resolve", str(open_["id"]), "--value", "Once", "--by", "ada")
    said = contested.say("resolve", str(open_["id"]), "--value", "Twice")
    assert said.code == 6
    assert "by ada" in said.err


def test_a_held_delete_that_is_approved_is_carried_out(held: Desk) -> None:
    (hold,) = held.ask("holds")
    assert hold["detail"]["deleted_in"] == "crm"
    (done,) = held.ask("approve", str(hold["id"]), "--by", "ada")
    assert done["done"]
    held.say("run", "--once")
    assert hold["label"] not in {fields["email_address"] for fields in held.records("news").values()}
    assert held.ask("holds") == []


def test_a_held_delete_that_is_refused_brings_the_record_back(held: Desk) -> None:
    (hold,) = held.ask("holds")
    held.ask("refuse", str(hold["id"]))
    held.say("run", "--once")
    assert held.person("crm", hold["label"])


def test_deletes_are_approved_by_number_or_all_at_once_but_not_by_saying_nothing(held: Desk) -> None:
    assert held.say("approve").code == 3
    assert held.say("approve", "1", "--all").code == 3
    said = held.say("approve", "999", "--json")
    assert said.code == 3
    assert "999" in said.json[0]["error"]
    assert len(held.ask("approve", "--all")) == 1
    assert held.ask("approve", "--all") == []


def test_quarantined_work_is_listed_with_its_reason_and_tried_again(desk: Desk) -> None:
    desk.say("apply", "--yes")
    with world(desk) as there, there.store.begin() as tx:
        entity = tx.entities.all("people")[0].id
        parked = Parked(
            kind=ParkedKind.QUARANTINE, sync="people", app="news", entity=entity, field="email", reason="looks fake"
        )
        tx.parked.park(parked)
    (open_,) = desk.ask("quarantine")
    assert (open_["kind"], open_["app"], open_["reason"]) == ("quarantine", "news", "looks fake")
    assert "looks fake" in desk.say("quarantine").out
    assert desk.ask("retry", str(open_["id"]))[0]["done"]
    assert desk.ask("quarantine") == []
    assert desk.ask("status")["apps"][1]["owed"] == 1


def test_a_record_that_may_be_that_of_several_is_said_to_be_one_s(desk: Desk) -> None:
    desk.say("apply", "--yes")
    with world(desk) as there, there.store.begin() as tx:
        whose = [entity.id for entity in tx.entities.all("people")[:2]]
        taken = tx.links.at(whose[0], "news")
        assert taken is not None
        tx.links.drop("people", taken.ref)
        about = Parked(kind=ParkedKind.AMBIGUOUS, sync="people", app="news", ref=taken.ref, reason="the same phone")
        tx.parked.park(replace(about, detail={"entities": whose}))
    (open_,) = desk.ask("quarantine")
    assert open_["detail"]["entities"] == whose
    assert desk.say("belongs", str(open_["id"]), whose[1]).code == 6
    (done,) = desk.ask("belongs", str(open_["id"]), whose[0], "--by", "ada")
    assert (done["done"], done["error"]) == (True, "")
    assert desk.ask("quarantine") == []
    assert "somebody" in desk.say("belongs", str(open_["id"]), "somebody").err


def test_a_second_record_is_left_alone_or_takes_the_place_of_the_first(desk: Desk) -> None:
    desk.say("apply", "--yes")
    with world(desk) as there, there.store.begin() as tx:
        first, second = (entity.id for entity in tx.entities.all("people")[:2])
        spare = tx.links.at(second, "news")
        assert spare is not None
        tx.links.drop("people", spare.ref)
        about = Parked(kind=ParkedKind.DUPLICATE, sync="people", app="news", ref=spare.ref, reason="the same email")
        number = str(tx.parked.park(replace(about, detail={"entity": first, "by": "email"})))
        theirs = tx.links.at(first, "news")
    assert theirs is not None
    ahead = desk.say("apart", number, "--preview")
    assert (ahead.code, f"{spare.ref} is left alone" in ahead.out) == (2, True)
    (done,) = desk.ask("apart", number, "--by", "ada")
    assert (done["done"], done["error"]) == (True, "")
    assert desk.ask("quarantine") == []
    assert "was answered already: apart by ada" in desk.say("apart", number).out
    assert "no open question with number" in desk.say("apart", number, "--preview").err
    (done,) = desk.ask("belongs", number, first)
    assert (done["done"], done["error"]) == (True, "")
    with world(desk) as there, there.store.read() as tx:
        now = tx.links.at(first, "news")
    assert now is not None
    assert now.ref == spare.ref


def test_what_an_answer_about_whose_a_record_is_would_do_is_said_before(desk: Desk) -> None:
    desk.say("apply", "--yes")
    with world(desk) as there, there.store.begin() as tx:
        first, second = (entity.id for entity in tx.entities.all("people")[:2])
        spare = tx.links.at(second, "news")
        assert spare is not None
        about = Parked(kind=ParkedKind.DUPLICATE, sync="people", app="news", ref=spare.ref, reason="the same email")
        number = str(tx.parked.park(replace(about, detail={"entity": first, "by": "email"})))
    (ahead,) = desk.say("belongs", number, first, "--preview", "--json").json
    assert ahead["effects"][0]["record"] == str(spare.ref)
    assert "is none of those" in desk.say("belongs", number, second, "--preview").out
    assert len(desk.ask("quarantine")) == 1


def test_a_value_that_made_no_sense_and_was_mended_is_tried_again(desk: Desk) -> None:
    phone = 'phone = { type = "phone", crm = "phone", news = "merge_fields.PHONE" }'
    desk.write("[syncs.people.fields.email]", f"[syncs.people.fields]\n{phone}\n[syncs.people.fields.email]")
    desk.say("apply", "--yes")
    id, fields = next(iter(desk.records("news").items()))
    desk.edit("news", id, merge_fields__PHONE="call me")
    desk.say("run", "--once")
    (open_,) = desk.ask("quarantine")
    assert (open_["field"], open_["theirs"]) == ("phone", "call me")
    (done,) = desk.ask("retry", str(open_["id"]), "--by", "ada")
    assert (done["done"], done["error"]) == (True, "")
    desk.say("run", "--once")
    (again,) = desk.ask("quarantine")
    assert again["id"] != open_["id"], "it still makes no sense: the question is asked anew"
    desk.edit("news", id, merge_fields__PHONE="+442071838750")
    desk.say("run", "--once")
    assert desk.ask("quarantine") == []
    assert desk.records("crm")[desk.person("crm", fields["email_address"])]["phone"] == "+442071838750"


def test_a_pause_and_its_end_are_logged_with_who_ordered_them(desk: Desk) -> None:
    desk.say("apply", "--yes")
    assert desk.ask("pause", "news", "--by", "ada") == {"app": "news", "changed": True, "paused": True}
    assert not desk.ask("pause", "news")["changed"]
    assert desk.ask("resume", "news", "--by", "bob")["changed"]
    assert not desk.ask("resume", "news")["changed"]
    told = [(line["event"], line["by"]) for line in desk.ask("log", "--app", "news") if line["by"]]
    assert told == [("paused", "ada"), ("resumed", "bob")]
    said = desk.say("pause", "newss")
    assert said.code == 3
    assert 'did you mean "news"?' in said.err


def test_a_pause_needs_no_secrets(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.say("apply", "--yes")
    monkeypatch.delenv("CRM_TOKEN")
    monkeypatch.delenv("NEWS_KEY")
    assert desk.say("pause", "crm").code == 0
    assert desk.say("conflicts").code == 0


def test_a_number_that_does_not_exist_is_a_mistake_of_usage_everywhere(desk: Desk) -> None:
    desk.say("apply", "--yes")
    for words in (("resolve", "99", "--value", "x"), ("refuse", "99"), ("approve", "99"), ("retry", "99")):
        assert desk.say(*words).code == 3, words


def test_a_user_who_has_a_number_and_no_name_decides_by_that_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nameless)
    assert person("") == f"user {os.getuid()}"
    assert person("ada") == "ada"


@pytest.fixture
def stopped(desk: Desk) -> Desk:
    """A script has set the first name of everybody in the CRM, and a guard has stopped it."""
    desk.write("[apps.news]", "[apps.crm.guards.contacts]\nmass_changes = 2\n\n[apps.news]")
    desk.say("apply", "--yes")
    desk.say("run", "--once")
    for id in desk.records("crm"):
        desk.edit("crm", id, firstname="Script")
    assert desk.say("run", "--once").code == 4
    return desk


def _news_names(desk: Desk) -> set[str]:
    return {str(record["merge_fields.FNAME"]) for record in desk.records("news").values()}


def test_what_a_guard_has_stopped_is_held_with_examples_and_goes_on_with_a_yes(stopped: Desk) -> None:
    (held,) = stopped.ask("holds")
    assert (held["kind"], held["app"], held["field"]) == ("guard", "crm", "mass change")
    told = stopped.say("status").out
    assert "crm is paused: mass change: " in told
    assert f"\n  look at crm; if this is right: syncd approve {held['id']}; if not: syncd refuse {held['id']}" in told
    assert held["detail"]["count"] == len(held["detail"]["samples"]) + 1 == 6
    shown = stopped.say("holds").out
    assert "crm is paused, 6 records (100%); for example" in shown
    assert f"syncd refuse {held['id']}" in stopped.say("status").out
    (done,) = stopped.ask("approve", str(held["id"]), "--by", "ada")
    assert done["note"] == "the app goes on, and what it shows is taken in"
    stopped.say("run", "--once")
    assert _news_names(stopped) == {"Script"}


def test_all_that_is_held_is_deletes_and_no_guard(stopped: Desk) -> None:
    assert stopped.ask("approve", "--all") == []
    assert [held["kind"] for held in stopped.ask("holds")] == ["guard"]


def test_what_a_guard_has_stopped_is_put_aside_with_a_no(stopped: Desk) -> None:
    before = _news_names(stopped)
    (held,) = stopped.ask("holds")
    (done,) = stopped.ask("refuse", str(held["id"]))
    assert "put aside" in done["note"]
    stopped.say("run", "--once")
    assert _news_names(stopped) == before
    assert {record["firstname"] for record in stopped.records("crm").values()} == before


def test_bounds_of_an_object_that_the_app_does_not_have_are_a_mistake(desk: Desk) -> None:
    desk.write("[apps.news]", "[apps.crm.guards.contcts]\nmass_changes = 2\n\n[apps.news]")
    said = desk.say("plan")
    assert said.code == 3
    assert "apps.crm.guards.contcts: there is no such object" in said.err
