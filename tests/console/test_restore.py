"""`syncd backup` and `syncd restore`: back to an older state, and on from there without losing what came since."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncd.daemon.lock import sole
from syncd.settings import load
from tests.console.ground import Desk


def names(desk: Desk, email: str) -> tuple[object, object]:
    """What the two apps call a person."""
    crm = desk.records("crm")[desk.person("crm", email)]
    news = desk.records("news")[desk.person("news", email)]
    return crm["firstname"], news["merge_fields.FNAME"]


def shared(desk: Desk) -> list[str]:
    """The addresses of people who are in both apps."""
    known = {str(row["email"]) for row in desk.records("crm").values()}
    return sorted(known & {str(row["email_address"]) for row in desk.records("news").values()})


@pytest.fixture
def lived(desk: Desk) -> Path:
    """A backup, and edits in both apps since, mirrored before anything happened."""
    assert desk.say("apply", "--yes").code == 0
    copy = desk.folder / "backup.db"
    assert desk.say("backup", str(copy)).code == 0
    ann, ben, *_ = shared(desk)
    desk.edit("crm", desk.person("crm", ann), firstname="Annabel")
    desk.edit("news", desk.person("news", ben), merge_fields__FNAME="Benjamin")
    assert desk.say("run", "--once").code == 0
    assert (names(desk, ann), names(desk, ben)) == (("Annabel",) * 2, ("Benjamin",) * 2)
    return copy


def test_after_a_restore_nothing_is_written_until_a_person_agrees_and_then_no_edit_is_lost(
    desk: Desk, lived: Path
) -> None:
    ann, ben, cid, *_ = shared(desk)
    people = {app: len(desk.records(app)) for app in ("crm", "news")}
    desk.edit("news", desk.person("news", cid), merge_fields__FNAME="Cidney")
    written = {app: desk.written(app) for app in ("crm", "news")}
    done = desk.ask("restore", str(lived))
    assert done["copied"] is not None
    assert Path(done["replaced"]).exists()
    said = desk.say("run", "--once")
    assert said.code == 6
    assert "writes are held: it was restored from backup.db" in said.err
    assert {app["state"] for app in desk.ask("status")["apps"]} == {"held"}
    assert desk.ask("status")["silent"] is None
    plan = desk.folder / "plan.json"
    shown = desk.say("plan", "--out", str(plan), "--json")
    assert shown.code == 2
    assert shown.json["counts"] == {"crm": {"create": 0, "delete": 0, "update": 1}}
    assert {app: desk.written(app) for app in ("crm", "news")} == written
    assert "WRITES ARE HELD: the store was set back, made at 2" in desk.say("status").out
    assert desk.say("apply", str(plan)).code == 0
    assert desk.say("run", "--once").code == 0
    assert (names(desk, ann), names(desk, ben), names(desk, cid)) == (
        ("Annabel",) * 2,
        ("Benjamin",) * 2,
        ("Cidney",) * 2,
    )
    assert {app: len(desk.records(app)) for app in ("crm", "news")} == people
    assert desk.ask("status")["set_back"] is None
    assert desk.say("plan").code == 0


def test_a_copy_that_was_put_in_place_by_hand_is_noticed(desk: Desk, lived: Path) -> None:
    for side in ("", "-wal", "-shm"):
        (desk.folder / f"syncd.db{side}").unlink(missing_ok=True)
    shutil.copy(lived, desk.folder / "syncd.db")
    said = desk.say("run", "--once")
    assert said.code == 6
    assert "it is an older copy of the one that was here before" in said.err
    assert desk.ask("status")["set_back"]["why"].startswith("it is an older copy")
    assert "agreed to" not in desk.say("log").out
    assert desk.ask("resume", "--restored") == {"restored": True, "changed": True}
    assert desk.ask("resume", "--restored") == {"restored": True, "changed": False}
    assert desk.say("run", "--once").code == 0
    ann, ben, *_ = shared(desk)
    assert (names(desk, ann), names(desk, ben)) == (("Annabel",) * 2, ("Benjamin",) * 2)
    out = desk.say("log").out
    assert "the store was set back: it is an older copy of the one that was here before; writes are held" in out
    assert "what an older copy of the store leads to was agreed to" in out


def test_a_backup_of_a_copy_that_nobody_has_noticed_yet_hides_nothing(desk: Desk, lived: Path) -> None:
    shutil.copy(lived, desk.folder / "syncd.db")
    assert desk.say("verify").code == 5
    assert desk.say("backup", str(desk.folder / "another.db")).code == 0
    said = desk.say("run", "--once")
    assert said.code == 6
    assert "writes are held: it is an older copy" in said.err


def test_a_backup_can_be_verified_where_it_lies(desk: Desk, lived: Path) -> None:
    elsewhere = desk.folder / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(lived, elsewhere / "syncd.db")
    for part in ("", "-wal", "-shm", ".generation"):
        (desk.folder / f"syncd.db{part}").unlink(missing_ok=True)
    shutil.copy(elsewhere / "syncd.db", desk.folder / "syncd.db")
    assert desk.say("verify").code == 0


def test_an_empty_file_in_the_place_of_the_store_is_no_new_beginning(desk: Desk, lived: Path) -> None:
    assert lived.exists()
    for part in ("-wal", "-shm"):
        (desk.folder / f"syncd.db{part}").unlink(missing_ok=True)
    (desk.folder / "syncd.db").write_bytes(b"")
    said = desk.say("verify")
    assert said.code == 5
    assert "it is empty, and another was here before" in said.err
    assert desk.say("run", "--once").code == 6
    assert "writes are held: it is empty" in desk.say("status").out.replace("\n", " ") + desk.say("run", "--once").err
    assert desk.say("apply", "--yes").code == 0, "it is one word to begin anew, if that is meant"
    assert desk.say("run", "--once").code == 0


def test_the_store_as_it_stands_can_be_said_to_be_an_older_copy(desk: Desk) -> None:
    desk.say("apply", "--yes")
    done = desk.ask("restore")
    assert (done["replaced"], done["store"]) == ("", str(desk.folder / "syncd.db"))
    assert "a person says that it is an older copy" in desk.say("status").out
    assert desk.say("run", "--once").code == 6
    assert desk.say("apply", "--yes").code == 0
    assert desk.say("run", "--once").code == 0


def test_nothing_is_restored_while_somebody_works_on_the_store(desk: Desk, lived: Path) -> None:
    with sole(load(desk.config), "run"):
        assert desk.say("restore", str(lived)).code == 7
        assert desk.say("restore").code == 7


def test_a_backup_overwrites_nothing(desk: Desk, lived: Path) -> None:
    before = lived.read_bytes()
    said = desk.say("backup", str(lived))
    assert said.code == 3
    assert "backup.db: is there already (name another file)" in said.err
    assert lived.read_bytes() == before
    nowhere = desk.say("backup", str(desk.folder / "nowhere" / "backup.db"))
    assert nowhere.code == 3
    assert "cannot be written: No such file or directory" in nowhere.err


def test_a_file_that_is_no_backup_is_refused(desk: Desk, lived: Path) -> None:
    with closing(sqlite3.connect(lived)) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON change BEGIN DELETE FROM opt_out; END")
    said = desk.say("restore", str(lived))
    assert said.code == 5
    assert "something in it that would run" in said.err
    assert desk.ask("status")["set_back"] is None


@pytest.mark.parametrize(
    ("file", "told"), [("nowhere.db", "there is no such file"), ("syncd.db", "is the store itself")]
)
def test_a_wrong_name_is_told(desk: Desk, file: str, told: str) -> None:
    desk.say("apply", "--yes")
    said = desk.say("restore", str(desk.folder / file))
    assert said.code == 3
    assert told in said.err


def test_a_database_is_restored_by_its_own_tools(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_STORE_URL", "postgresql://localhost/syncd")
    said = desk.say("restore", "dump.db")
    assert said.code == 3
    assert "then say: syncd restore" in said.err


def test_one_resumes_an_app_or_a_restored_store(desk: Desk) -> None:
    for words in ((), ("crm", "--restored")):
        said = desk.say("resume", *words)
        assert said.code == 3
        assert "go on with what?" in said.err


def test_an_ordinary_day_is_not_taken_for_a_restore(desk: Desk) -> None:
    assert desk.say("apply", "--yes").code == 0
    for number in range(3):
        assert desk.say("backup", str(desk.folder / f"copy-{number}.db")).code == 0
        assert desk.say("run", "--once").code == 0
    assert desk.ask("status")["set_back"] is None
