"""Taking changes back at a terminal: look, then do just that, and take even that back."""

from __future__ import annotations

import stat

import pytest

from tests.console.ground import Desk


@pytest.fixture
def mistaken(desk: Desk) -> Desk:
    """In sync, and then somebody gave two people a wrong name in the CRM."""
    desk.say("apply", "--yes")
    for id in list(desk.records("crm"))[:2]:
        desk.edit("crm", id, firstname="Wrong")
    desk.say("run", "--once")
    assert names(desk, "news").count("Wrong") == 2
    return desk


def names(desk: Desk, app: str) -> list[str]:
    field = {"crm": "firstname", "news": "merge_fields.FNAME"}[app]
    return sorted(fields[field] for fields in desk.records(app).values())


def test_the_last_run_is_shown_and_then_taken_back(mistaken: Desk) -> None:
    shown = mistaken.say("undo", "--run", "last", "--json")
    assert shown.code == 2
    assert shown.json["values"] == 2
    assert shown.json["fields"] == {"first_name": 2}
    assert shown.json["apps"] == {"crm": 2, "news": 2}
    assert {one["now"] for one in shown.json["samples"]} == {"Wrong"}
    assert names(mistaken, "crm").count("Wrong") == 2, "a look changes nothing"
    done = mistaken.ask("undo", "--run", shown.json["words"].rpartition(" ")[2], "--yes")
    assert done["values"] == 2
    mistaken.say("run", "--once")
    assert "Wrong" not in names(mistaken, "crm") + names(mistaken, "news")
    again = mistaken.ask("undo", "--undo", str(done["entry"]), "--yes")
    assert again["values"] == 2
    mistaken.say("run", "--once")
    assert names(mistaken, "news").count("Wrong") == 2


def test_of_an_app_that_is_paused_it_is_said_that_what_was_typed_there_is_not_known(mistaken: Desk) -> None:
    assert mistaken.say("undo", "--run", "last", "--json").json["unread"] == []
    mistaken.say("pause", "news")
    shown = mistaken.say("undo", "--run", "last", "--json")
    (told,) = shown.json["unread"]
    assert told.startswith("news is paused since 20")
    assert "what was typed there since is not known" in told
    assert "not known" in mistaken.say("undo", "--run", "last").out.replace("\n", " ")


def test_while_the_store_is_set_back_it_is_said_that_nothing_goes_out_yet(mistaken: Desk) -> None:
    mistaken.say("restore")
    done = mistaken.say("undo", "--since", "1h", "--yes")
    assert done.code == 0
    assert "writes are held, for the store was set back" in done.err.replace("\n", " ")


def test_runs_are_listed_with_who_and_what(mistaken: Desk) -> None:
    ran = mistaken.ask("runs")
    assert [run["what"] for run in ran] == ["apply", "run --once"]
    assert all(run["by"] for run in ran)
    assert ran[-1]["events"]["merged"] == 2
    assert "syncd undo --run" in mistaken.say("runs").out


def test_an_undo_that_is_kept_is_applied_just_so(mistaken: Desk) -> None:
    file = mistaken.folder / "undo.json"
    mistaken.say("undo", "--since", "1h", "--app", "crm", "--field", "first_name", "--out", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert mistaken.ask("apply", str(file))["values"] == 2
    mistaken.say("run", "--once")
    assert "Wrong" not in names(mistaken, "news")


def test_an_undo_that_would_come_to_something_else_by_now_is_refused(mistaken: Desk) -> None:
    file = mistaken.folder / "undo.json"
    mistaken.say("undo", "--since", "1h", "--app", "crm", "--field", "first_name", "--out", str(file))
    mistaken.edit("crm", next(iter(mistaken.records("crm"))), firstname="Right")
    mistaken.say("run", "--once")
    said = mistaken.say("apply", str(file))
    assert said.code == 6
    assert "the world moved" in said.err


@pytest.mark.parametrize(("old", "new"), [('"then": ', '"then": "x", "was": '), ('"back"', '"forth"')])
def test_an_undo_that_was_altered_is_refused(mistaken: Desk, old: str, new: str) -> None:
    file = mistaken.folder / "undo.json"
    mistaken.say("undo", "--run", "last", "--out", str(file))
    file.write_text(file.read_text().replace(old, new))
    said = mistaken.say("apply", str(file))
    assert said.code == 3
    assert "undo --out" in said.err


def test_a_digest_that_does_not_fit_is_told_from_a_file_that_is_cut(mistaken: Desk) -> None:
    file = mistaken.folder / "undo.json"
    mistaken.say("undo", "--run", "last", "--out", str(file))
    file.write_text(file.read_text().replace('"now": "Wrong"', '"now": "Wrung"'))
    assert "was altered" in mistaken.say("apply", str(file)).err


def test_what_stays_is_told_with_its_reason(mistaken: Desk) -> None:
    news = next(id for id, fields in mistaken.records("news").items() if fields["merge_fields.FNAME"] == "Wrong")
    mistaken.edit("news", news, merge_fields__FNAME="Right")
    mistaken.say("run", "--once")
    said = mistaken.say("undo", "--since", "1h", "--app", "crm", "--field", "first_name")
    assert said.code == 2
    assert "1 value stands as before" in said.out
    assert "it was changed since, in news" in said.out


def test_nothing_to_take_back_is_no_undo(mistaken: Desk) -> None:
    said = mistaken.say("undo", "--since", "1h", "--app", "news", "--field", "first_name")
    assert said.code == 0
    assert "nothing can be taken back" in said.out
    file = mistaken.folder / "undo.json"
    mistaken.say("undo", "--since", "1h", "--app", "news", "--out", str(file))
    assert mistaken.say("apply", str(file)).code == 6


def test_the_log_and_why_tell_of_an_undo(mistaken: Desk) -> None:
    mistaken.say("undo", "--run", "last", "--yes", "--by", "ada")
    told = mistaken.say("log").out
    assert "an undo by ada" in told
    assert "taken back by ada" in told
    assert "syncd run --once began" in told
    entity = next(line["entity"] for line in mistaken.ask("log") if line["event"] == "undone" and line["entity"])
    assert "ada took" in mistaken.say("why", entity, "first_name").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "what is to be taken back?"),
        (("--run", "first"), "is no run"),
        (("--run", "1000"), "is no beginning of a run"),
        (("--undo", "1"), "heads no undo"),
        (("--change", "100000"), "there is no entry"),
        (("--since", "1h", "--app", "crn"), 'there is no app "crn"'),
        (("--since", "1h", "--sync", "peple"), 'there is no sync "peple"'),
        (("--since", "1h", "--field", "fist_name"), "no sync has a field"),
        (("--since", "soon"), "is no time"),
        (("--since", "1h", "--limit", "-1"), "expected at least 0"),
    ],
)
def test_a_mistake_is_told_in_words(mistaken: Desk, words: tuple[str, ...], told: str) -> None:
    said = mistaken.say("undo", *words)
    assert said.code == 3
    assert told in said.err


def test_without_any_run_there_is_no_last_one(desk: Desk) -> None:
    desk.say("plan")
    assert desk.say("runs", "--limit", "0").code == 3
    assert "nothing has run yet" in desk.say("undo", "--run", "last").err
