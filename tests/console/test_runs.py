"""Plan, apply, run once: what was shown is what is written."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from typing import IO

import pytest

from syncd.daemon.lock import sole
from syncd.settings import load
from tests.console.ground import Desk


def test_a_plan_shows_counts_samples_and_fields_and_says_that_there_is_something_to_do(desk: Desk) -> None:
    said = desk.say("plan", "--json", "--limit", "1")
    assert said.code == 2
    plan = said.json
    assert plan["counts"] == {
        "crm": {"create": 1, "delete": 0, "update": 0},
        "news": {"create": 1, "delete": 0, "update": 0},
    }
    assert plan["unapplied"] == ["people"]
    assert plan["fields"]["crm"]["email"] == 1
    sample = next(write for write in plan["samples"] if write["app"] == "news")
    assert sample["fields"]["email_address"][0] is None
    assert "@example.com" in sample["fields"]["email_address"][1]
    assert desk.written("crm") == desk.written("news") == 0


def test_a_plan_in_a_file_is_applied_exactly_and_puts_the_mapping_in_force(desk: Desk) -> None:
    file = desk.folder / "plan.json"
    shown = desk.say("plan", "--out", str(file))
    assert shown.code == 2
    assert f"syncd apply {file}" in shown.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = desk.ask("apply", str(file), "--by", "ada")
    assert (done["created"], done["updated"], done["deleted"], done["failing"]) == (2, 0, 0, [])
    assert len(desk.records("crm")) == len(desk.records("news")) == 6
    again = desk.say("plan")
    assert again.code == 0
    assert "nothing to do" in again.out
    (entry,) = [line for line in desk.ask("log") if line["event"] == "applied"]
    assert entry["by"] == "ada"


def test_a_plan_is_refused_whole_when_the_world_has_moved_since(desk: Desk) -> None:
    file = desk.folder / "plan.json"
    desk.say("plan", "--out", str(file))
    desk.edit("crm", next(iter(desk.records("crm"))), firstname="Somebody")
    said = desk.say("apply", str(file))
    assert said.code == 6
    assert "the world moved" in said.err
    assert "syncd plan again" in said.err
    assert desk.written("crm") == desk.written("news") == 0


def test_a_file_that_is_no_plan_is_a_mistake(desk: Desk) -> None:
    file = desk.folder / "plan.json"
    file.write_text("{")
    assert desk.say("apply", str(file)).code == 3
    file.write_text(json.dumps({"form": "other"}))
    said = desk.say("apply", str(file))
    assert said.code == 3
    assert "plan-2" in said.err


def test_a_plan_is_never_written_over_anything_that_is_no_plan(desk: Desk) -> None:
    folder = desk.folder / "d"
    folder.mkdir(mode=0o755)
    for place, words in ((folder, "is a folder"), (desk.config, "is no file of syncd")):
        before = place.stat().st_mode, desk.config.read_bytes()
        said = desk.say("plan", "--out", str(place))
        assert said.code == 3
        assert words in said.err
        assert (place.stat().st_mode, desk.config.read_bytes()) == before
    file = desk.folder / "plan.json"
    assert [desk.say("plan", "--out", str(file)).code for _ in range(2)] == [2, 2]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_plan_that_is_not_there_is_told_with_its_name(desk: Desk) -> None:
    said = desk.say("apply", str(desk.folder / "nowhere.json"))
    assert said.code == 3
    assert "nowhere.json: cannot be read: No such file or directory" in said.err


def test_a_plan_that_cannot_be_kept_is_told_and_leaves_no_draft(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    said = desk.say("plan", "--out", str(desk.folder / "nowhere" / "plan.json"))
    assert said.code == 3
    assert "plan.json: cannot be written: No such file or directory" in said.err

    def full(_handle: int, _mode: str) -> IO[bytes]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    before = sorted(path.name for path in desk.folder.iterdir())
    said = desk.say("plan", "--out", str(desk.folder / "plan.json"))
    assert said.code == 3
    assert "plan.json: cannot be written: No space left on device" in said.err
    assert sorted(path.name for path in desk.folder.iterdir()) == before


def test_a_plan_that_was_altered_by_hand_is_refused(desk: Desk) -> None:
    file = desk.folder / "plan.json"
    desk.say("plan", "--out", str(file))
    plan = json.loads(file.read_text())
    for alter in ("value", "fewer"):
        altered = json.loads(json.dumps(plan))
        match alter:
            case "value":
                altered["writes"][0]["fields"]["email"] = [None, "eve@example.com"]
            case "fewer":
                del altered["writes"][0]
        file.write_text(json.dumps(altered))
        said = desk.say("apply", str(file))
        assert said.code == 3
        assert "this plan was altered after it was made" in said.err
    file.write_text(json.dumps({"form": "plan-2", "writes": [{}]}))
    assert "this is no plan" in desk.say("apply", str(file)).err
    assert desk.written("crm") == desk.written("news") == 0


def test_what_a_killed_rehearsal_has_left_behind_is_removed_by_the_next_plan_or_run(desk: Desk) -> None:
    desk.say("apply", "--yes")
    left, busy = desk.folder / ".syncd-plan-dead", desk.folder / ".syncd-plan-alive"
    busy.mkdir()
    handle = os.open(busy, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    for words in (("plan",), ("run", "--once")):
        left.mkdir()
        (left / "rehearsal.db").write_text("people")
        assert desk.say(*words).code == 0
        assert not left.exists()
        assert busy.exists()
    os.close(handle)


def test_apply_without_a_plan_needs_a_yes(desk: Desk) -> None:
    said = desk.say("apply")
    assert said.code == 3
    assert "--yes" in said.err
    assert desk.written("crm") == desk.written("news") == 0
    assert desk.say("apply", "--yes").code == 0
    assert len(desk.records("crm")) == len(desk.records("news")) == 6


def test_a_run_once_refuses_a_mapping_that_was_never_applied_and_names_the_way(desk: Desk) -> None:
    said = desk.say("run", "--once")
    assert said.code == 6
    assert "the mapping of people was never applied" in said.err
    assert "syncd plan" in said.err
    assert "syncd apply" in said.err
    assert desk.written("crm") == desk.written("news") == 0


def test_a_run_once_tells_a_mapping_that_was_changed_from_one_that_was_never_applied(desk: Desk) -> None:
    desk.say("apply", "--yes")
    desk.write('first  = "prefer crm"', 'first  = "prefer news"')
    said = desk.say("run", "--once")
    assert said.code == 6
    assert "the mapping of people was changed since it was applied" in said.err


def test_a_run_once_carries_an_edit_across_and_then_has_nothing_left_to_do(desk: Desk) -> None:
    desk.say("apply", "--yes")
    id, fields = next(iter(desk.records("crm").items()))
    desk.edit("crm", id, firstname="Renamed")
    assert desk.ask("run", "--once")["updated"] == 1
    other = desk.person("news", fields["email"])
    assert desk.records("news")[other]["merge_fields.FNAME"] == "Renamed"
    assert desk.ask("run", "--once")["updated"] == 0


def test_one_app_that_fails_is_told_by_the_exit_code_and_does_not_stop_the_others(desk: Desk) -> None:
    desk.say("apply", "--yes")
    desk.say("pause", "news")
    said = desk.say("run", "--once", "--json")
    assert said.code == 4
    assert said.json["failing"] == ["news"]


def test_nobody_applies_while_another_process_works_on_the_store(desk: Desk) -> None:
    with sole(load(desk.config)):
        for words in (("apply", "--yes"), ("run", "--once")):
            said = desk.say(*words)
            assert said.code == 7, said
            assert "another process works on this store" in said.err
    assert desk.written("crm") == desk.written("news") == 0
