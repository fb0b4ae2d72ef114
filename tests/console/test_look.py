"""Status, log, history, why: questions that change nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from syncd.console import show
from syncd.console.history import since
from syncd.console.status import Status
from syncd.console.voice import tables
from syncd.console.work import CONFLICTS, HOLDS, QUARANTINE
from syncd.daemon.lock import Heart, Holder
from syncd.errors import ConfigError
from syncd.sdk.clock import WallClock
from syncd.store.store import Store
from syncd.store.values import ParkedKind
from syncd.testing.clock import TurnedClock
from tests.console.ground import Desk

_HEAVY = ("sqlalchemy", "sqlmodel", "alembic", "httpx", "pydantic", "structlog", "rapidfuzz", "starlette", "uvicorn")


def test_the_status_before_anything_has_run_says_how_to_start_and_makes_no_store(desk: Desk) -> None:
    said = desk.say("status")
    assert said.code == 0
    assert "nothing has run yet" in said.out
    assert "syncd check" in said.out
    assert not (desk.folder / "syncd.db").exists()


def test_the_status_needs_neither_secrets_nor_any_heavy_package(desk: Desk) -> None:
    program = (
        "import sys; from syncd.console.cli import main; code = main(sys.argv[1:]);"
        f"print([name for name in {_HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, "status", "-c", str(desk.config), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.strip() == "[]"
    assert json.loads(run.stdout)["begun"] is False


def test_the_status_counts_records_debts_and_work_and_tells_a_pause_with_its_reason(desk: Desk) -> None:
    desk.say("apply", "--yes")
    desk.say("pause", "crm", "--reason", "we audit")
    status = desk.ask("status")
    crm, news = status["apps"]
    assert (crm["state"], crm["reason"]) == ("paused", "we audit")
    assert (news["state"], news["owed"], news["doubtful"]) == ("running", 0, 0)
    assert datetime.fromisoformat(news["answered_at"]).tzinfo is not None
    assert status["syncs"] == [
        {
            "entities": 6,
            "changed": False,
            "in_force": True,
            "linked": {"crm": 6, "news": 6},
            "name": "people",
            "owed": 0,
            "owed_since": None,
        },
    ]
    assert status["waiting"] == {}
    assert status["holder"] is None
    assert "we audit" in desk.say("status").out
    desk.say("resume", "crm")
    assert desk.ask("status")["apps"][0]["state"] == "running"


def test_the_status_tells_how_often_somebody_typed_in_just_the_moment_of_a_write(desk: Desk) -> None:
    desk.say("apply", "--yes")
    assert [app["suspected"] for app in desk.ask("status")["apps"]] == [0, 0]
    assert "just the moment" not in desk.say("status").out
    store = Store.open(f"sqlite:///{desk.folder / 'syncd.db'}", WallClock().now)
    with store.begin() as tx:
        tx.meta.put("suspected:news", "3")
    store.close()
    assert [app["suspected"] for app in desk.ask("status")["apps"]] == [0, 3]
    assert "news: 3 times somebody seems to have typed in just the moment of a write" in desk.say("status").out


def test_the_status_tells_of_a_sync_that_stands_still_since_its_mapping_was_changed_in_the_file(desk: Desk) -> None:
    desk.say("apply", "--yes")
    store = Store.open(f"sqlite:///{desk.folder / 'syncd.db'}", WallClock().now)
    heart = Heart(store, Holder(4711, "box", "run", "2030-01-31T12:00:00+00:00"), WallClock(), ["people"])
    heart.beat()
    (sync,) = desk.ask("status")["syncs"]
    assert (sync["in_force"], sync["changed"]) == (False, True)
    out = desk.say("status").out
    assert "people stands still: its mapping was changed in the file since it was applied" in out
    assert "syncd plan" in out
    assert "nothing waits" not in out
    heart.rest()
    (sync,) = desk.ask("status")["syncs"]
    assert (sync["in_force"], sync["changed"]) == (True, False)
    store.close()


def test_the_status_names_the_process_at_work_while_its_heart_beats(desk: Desk) -> None:
    desk.say("apply", "--yes")
    clock = TurnedClock(WallClock().now())
    holder = Holder(4711, "box", "run", "2030-01-31T12:00:00+00:00")
    store = Store.open(f"sqlite:///{desk.folder / 'syncd.db'}", clock.now)
    heart = Heart(store, holder, clock)
    heart.beat()
    said = desk.ask("status")["holder"]
    assert said == {"pid": 4711, "host": "box", "doing": "run", "since": "2030-01-31T12:00:00Z"}
    assert "process 4711 on box" in desk.say("status").out
    assert desk.ask("status")["silent"] is None
    clock.turn(-60.0)
    heart.beat()
    assert desk.ask("status")["holder"] is None
    silent = desk.ask("status")["silent"]
    assert (silent["pid"], silent["host"], silent["doing"]) == (4711, "box", "run")
    out = desk.say("status").out
    assert "process 4711 on box, has shown no sign of life since" in out
    assert "nothing waits" not in out
    heart.rest()
    assert desk.ask("status")["silent"] is None
    store.close()


def test_why_tells_who_showed_what_who_lost_by_which_rule_and_what_each_app_holds(desk: Desk) -> None:
    desk.say("apply", "--yes")
    news, fields = next(iter(desk.records("news").items()))
    crm = desk.person("crm", fields["email_address"])
    desk.edit("crm", crm, firstname="Crmname")
    desk.edit("news", news, merge_fields__FNAME="Newsname")
    desk.say("run", "--once")
    for record in (fields["email_address"].upper(), f"crm/contacts/{crm}", f"news/members/{news}"):
        found = desk.ask("why", record, "first_name")
        assert (found["value"], found["author"]) == ("Crmname", "crm")
    texts = " / ".join(step["text"] for step in found["steps"])
    assert 'crm showed "Crmname"' in texts
    assert "it lost against" in texts
    assert "conflict = prefer crm" in texts
    assert {app["app"]: app["shows"] for app in found["apps"]} == {"crm": "Crmname", "news": "Crmname"}
    assert {app["next"] for app in found["apps"]} == {"nothing: it is up to date"}
    shown = desk.say("why", found["entity"], "first_name").out
    assert "What the apps hold" in shown
    assert '"Newsname"' in shown


def test_why_tells_by_which_mapping_a_value_came_to_stand_and_who_had_put_it_in_force(desk: Desk) -> None:
    desk.say("apply", "--yes", "--by", "ada")
    crm, fields = next(iter(desk.records("crm").items()))
    (one,) = desk.ask("why", fields["email"], "first_name")["mappings"]
    (put,) = [line["seq"] for line in desk.ask("log") if line["event"] == "applied"]
    assert (one["put_in_force"], one["by"], one["now"]) == (put, "ada", True)
    written = (desk.folder / "config.toml").read_text()
    (desk.folder / "config.toml").write_text(written.replace('first  = "prefer crm"', 'first  = "newest"'))
    desk.say("apply", "--yes", "--by", "ben")
    desk.edit("crm", crm, firstname="Anew")
    desk.say("run", "--once")
    before, after = desk.ask("why", fields["email"], "first_name")["mappings"]
    assert (before["steps"], before["now"]) == (one["steps"], False)
    assert (after["by"], after["now"], after["mapping"] == before["mapping"]) == ("ben", True, False)
    shown = desk.say("why", fields["email"], "first_name").out
    assert "By which mapping" in shown
    assert f"put in force by ada {before['at'][:10]}" in shown
    assert "not in force any more" in shown, shown


def test_somebody_is_found_by_a_former_address_and_it_is_said_so(desk: Desk) -> None:
    desk.say("apply", "--yes")
    crm, fields = next(iter(desk.records("crm").items()))
    old = fields["email"]
    desk.edit("crm", crm, email="moved@example.com")
    desk.say("run", "--once")
    said = desk.say("why", old.upper(), "email")
    assert said.code == 0
    assert f"{old.upper()} is a former email: it is moved@example.com now" in said.err
    assert desk.ask("why", old, "email") == desk.ask("why", "moved@example.com", "email")
    assert desk.ask("history", old) == desk.ask("history", "moved@example.com")
    assert "former" not in desk.say("history", "moved@example.com").err
    assert desk.say("why", fields["firstname"], "email").code == 3


def test_why_tells_what_will_be_written_next_to_an_app_that_is_paused(desk: Desk) -> None:
    desk.say("apply", "--yes")
    crm, fields = next(iter(desk.records("crm").items()))
    desk.say("pause", "news")
    desk.edit("crm", crm, firstname="Later")
    desk.say("run", "--once")
    _, news = desk.ask("why", fields["email"], "first_name")["apps"]
    assert news["next"] == '"Later" will be written'


def test_why_of_an_unknown_record_or_field_names_what_may_be_asked(desk: Desk) -> None:
    desk.say("apply", "--yes")
    somebody = next(iter(desk.records("crm").values()))["email"]
    nobody = desk.say("why", "nobody@example.com", "email")
    assert nobody.code == 3
    assert "app/object/id" in nobody.err
    entity = desk.say("why", "e" + "0" * 20, "email")
    assert entity.code == 3
    assert f'nothing is known of "e{"0" * 20}"' in entity.err
    field = desk.say("why", somebody, "frist_name")
    assert field.code == 3
    assert 'did you mean "first_name"?' in field.err


def test_the_log_is_told_by_app_record_field_time_and_number(desk: Desk) -> None:
    desk.say("apply", "--yes")
    whole = desk.ask("log")
    assert [line["seq"] for line in whole] == list(range(1, len(whole) + 1))
    assert {line["app"] for line in desk.ask("log", "--app", "crm")} == {"crm"}
    somebody = next(iter(desk.records("crm").values()))["email"]
    own = desk.ask("log", "--record", somebody)
    assert {line["entity"] for line in own} == {own[0]["entity"]}
    assert own == desk.ask("history", somebody)
    assert all("opted_out" in line["fields"] for line in desk.ask("log", "--field", "opted_out"))
    assert [line["seq"] for line in desk.ask("log", "--limit", "2")] == [len(whole) - 1, len(whole)]
    assert desk.ask("log", "--since", "2000-01-01") == whole
    assert desk.ask("log", "--since", "2999-01-01T00:00") == []
    assert desk.say("log", "--app", "crmm").code == 3
    assert 'did you mean "people"?' in desk.say("log", "--sync", "peple").err
    assert desk.say("log", "--since", "yesterday").code == 3


def test_the_status_names_a_paused_app_before_it_says_that_all_is_well(desk: Desk) -> None:
    desk.say("apply", "--yes")
    assert "nothing waits for a person" in desk.say("status").out
    desk.say("pause", "news", "--reason", "we audit")
    out = desk.say("status").out
    assert "news is paused: we audit" in out
    assert "syncd resume news" in out
    assert "nothing waits" not in out


@pytest.mark.parametrize("kind", list(ParkedKind))
def test_the_status_names_the_command_that_shows_what_waits(
    kind: ParkedKind, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = {"conflicts": CONFLICTS, "holds": HOLDS, "quarantine": QUARANTINE}
    (command,) = (name for name, kinds in lists.items() if kind in kinds)
    waiting = {kind.value: 1}
    found = Status(begun=True, store="", apps=(), syncs=(), waiting=waiting, opted_out=0, changes=0, holder=None)
    tables(*show.status(found))
    assert f"1 {kind.value} (syncd {command})" in capsys.readouterr().out


def test_a_limit_below_one_is_refused(desk: Desk) -> None:
    for words in (("log", "--limit", "0"), ("log", "--limit", "-3"), ("plan", "--limit", "-1")):
        said = desk.say(*words)
        assert said.code == 3
        assert "--limit" in said.err


def test_a_log_that_is_followed_shows_new_entries_one_a_line_until_it_is_interrupted(desk: Desk) -> None:
    desk.say("apply", "--yes")
    command = [sys.executable, "-m", "syncd", "log", "--follow", "--json", "--limit", "1", "-c", str(desk.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert json.loads(run.stdout.readline())["event"] == "applied"
        desk.say("pause", "crm", "--reason", "we audit")
        assert json.loads(run.stdout.readline())["event"] == "paused"
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=30) == 130


def test_a_time_is_so_long_ago_or_a_date_in_utc() -> None:
    now = datetime(2030, 1, 2, tzinfo=UTC).timestamp()
    assert since("2h", now) == now - 7200
    assert since("1d", now) == since("2030-01-01", now)
    assert since("2030-01-01T01:00+01:00", now) == since("2030-01-01T00:00", now)
    with pytest.raises(ConfigError, match="no time"):
        since("2 weeks", now)


def test_questions_before_anything_has_run_make_no_store(desk: Desk) -> None:
    for words in (("log",), ("history", "a@example.com"), ("conflicts",), ("verify",), ("pause", "crm")):
        said = desk.say(*words)
        assert said.code == 3
        assert "nothing has run yet" in said.err
    assert not (desk.folder / "syncd.db").exists()
