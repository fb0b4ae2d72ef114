"""A change of the mapping saved: just what was tried, over just what it was tried against."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import pytest
from starlette.applications import Starlette

from syncd.app import assemble
from syncd.console.rewrite import digest_of, rewrite, standing
from syncd.daemon.renewal import Renewal
from syncd.engine.setback import hold
from syncd.errors import ConfigError
from syncd.store.values import Event
from syncd.testing.twin import Faults
from syncd.web.site import desk_of, routes
from syncd.web.visit import Desk
from tests.daemon.house import House, eventually, house
from tests.web.office import Browser


@dataclass
class Editor:
    """The house, its console, and the owner before it."""

    home: House
    desk: Desk
    browser: Browser
    asked: list[Renewal]
    """What the daemon was asked to take up."""

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.home.config_file

    def change(self, old: str = "FNAME", new: str = "LNAME") -> str:
        """The text with another mapping, tried, and what it would do on the page."""
        text = self.file.read_text().replace(f'news = "merge_fields.{old}"', f'news = "merge_fields.{new}"')
        return self.try_out(text)

    def try_out(self, text: str) -> str:
        self.browser.get("/mappings/edit")
        self.browser.send("/mappings/try", {"text": text})
        number = self.browser.last.url.path.rpartition("/")[2]
        eventually(lambda: (found := self.desk.trials.get(int(number))) is not None and found.over, "it is over")
        self.browser.get(f"/mappings/trial/{number}")
        return text

    def take(self) -> None:
        """Save it, and put it in force."""
        self.browser.send(f"{self.browser.last.url.path}/take", {"digest": self.browser.field("digest")})

    def save(self, **form: str) -> None:
        digest = self.browser.field("digest")
        self.browser.send(f"{self.browser.last.url.path}/save", {"digest": digest} | form)

    def kept(self) -> list[Path]:
        return sorted(self.file.parent.glob("*.replaced-*"))


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Editor]:
    """Where a change can be tried."""
    with house(tmp_path, monkeypatch) as home, assemble(home.config()) as assembly:
        asked: list[Renewal] = []
        desk = desk_of(assembly.config, assembly.world, asked.append)
        yield Editor(home, desk, Browser(Starlette(routes=routes(desk))), asked)


def test_what_was_tried_is_saved_as_it_was_seen_and_what_stood_there_is_kept(editor: Editor) -> None:
    before = "# a comment\n" + editor.file.read_text()
    editor.file.write_text(before)
    editor.file.chmod(0o600)
    text = editor.change()
    editor.save()
    assert "is saved" in editor.browser.text()
    assert "holds another configuration than the daemon runs by" in editor.browser.text()
    assert editor.file.read_text() == text
    assert text.startswith("# a comment\n")
    (kept,) = editor.kept()
    assert kept.read_text() == before
    assert [stat.S_IMODE(file.stat().st_mode) for file in (editor.file, kept)] == [0o600, 0o600]
    with editor.desk.store.read() as tx:
        (entry,) = tx.log.find(events=(Event.SAVED,))
    assert (entry.by, entry.note) == ("console", "as tried in trial 1")
    assert editor.home.config().syncs  # it is one that the daemon can start by


def test_nothing_is_saved_over_what_somebody_else_has_written_meanwhile(editor: Editor) -> None:
    editor.change()
    theirs = editor.file.read_text() + "# mine\n"
    editor.file.write_text(theirs)
    editor.save()
    assert editor.browser.last.status_code == 409
    assert "was changed since this was tried" in editor.browser.text()
    assert editor.file.read_text() == theirs
    assert editor.kept() == []
    with editor.desk.store.read() as tx:
        assert not tx.log.find(events=(Event.SAVED,))


def test_only_the_trial_that_the_page_showed_is_saved(editor: Editor) -> None:
    before = editor.file.read_text()
    editor.change()
    editor.save(digest="another")
    assert "That trial is forgotten" in editor.browser.text()
    assert editor.file.read_text() == before


def test_a_trial_that_did_not_come_to_an_end_is_not_saved(editor: Editor) -> None:
    before = editor.file.read_text()
    editor.home.news.faults = Faults(revoked=True)
    editor.change()
    trial = editor.desk.trials.get(1)
    assert trial is not None
    editor.browser.send("/mappings/trial/1/save", {"digest": trial.digest})
    assert "What it would do is not known" in editor.browser.text()
    assert editor.file.read_text() == before


def test_a_page_saves_no_change_of_anything_but_mappings(editor: Editor) -> None:
    before = editor.file.read_text()
    editor.try_out(before + '\n[audit]\nevery = "1d"\n')
    assert "It changes [audit]" in editor.browser.text()
    trial = editor.desk.trials.get(1)
    assert trial is not None
    editor.browser.send("/mappings/trial/1/save", {"digest": trial.digest})
    assert editor.browser.last.status_code == 403
    assert "A page saves mappings alone" in editor.browser.text()
    assert editor.file.read_text() == before


def test_where_the_file_cannot_be_written_the_text_is_there_to_be_copied(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = editor.file.read_text()
    text = editor.change()

    def read_only(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    editor.save()
    assert "Read-only file system" in editor.browser.text()
    assert text in unescape(editor.browser.last.text)
    assert editor.file.read_text() == before
    with editor.desk.store.read() as tx:
        assert not tx.log.find(events=(Event.SAVED,))


def test_a_file_of_which_nothing_can_be_said_is_not_saved_over_by_a_page(editor: Editor) -> None:
    text = editor.file.read_text()
    editor.file.write_text("[broken")
    editor.try_out(text)
    assert "It changes [apps], [daemon]" in editor.browser.text()


def test_lines_end_as_they_did_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, named = tmp_path / "real.toml", tmp_path / "syncd.toml"
    real.write_bytes(b"a = 1\r\n")
    named.symlink_to(real)
    kept = rewrite(named, "a = 2\n", over=digest_of(b"a = 1\r\n"), now=0.0)
    assert real.read_bytes() == b"a = 2\r\n"
    assert named.is_symlink()
    assert kept.name == "real.toml.replaced-19700101T000000.000000Z"
    assert sorted(tmp_path.iterdir()) == [real, kept, named]


def test_the_owner_of_the_file_stays_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, given = tmp_path / "syncd.toml", []
    file.write_bytes(b"")
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **how: _as_of(real(self, **how), 1234))
    monkeypatch.setattr(os, "fchown", lambda _, uid, gid: given.append((uid, gid)))
    rewrite(file, "a = 2\n", over=digest_of(b""), now=0.0)
    assert given == [(1234, os.getgid())] * 2


def _as_of(told: os.stat_result, uid: int) -> os.stat_result:
    return os.stat_result((*told[:4], uid, *told[5:]))


def test_a_configuration_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="it is not UTF-8"):
        standing(file)


def test_what_was_tried_is_saved_and_the_daemon_is_asked_to_take_it_up(editor: Editor) -> None:
    text = editor.change()
    assert "Save it and put it in force" in editor.browser.text()
    editor.take()
    assert editor.file.read_text() == text
    assert "The daemon comes to rest and begins anew" in editor.browser.text()
    (renewal,) = editor.asked
    trial = editor.desk.trials.get(1)
    assert trial is not None
    assert (renewal.by, renewal.mappings) == ("console", trial.mappings)
    assert renewal.config.apps == editor.desk.config.apps
    assert renewal.config.syncs["people"].data["fields"]["first_name"]["news"] == "merge_fields.LNAME"
    path = f"/mappings/taken/{editor.desk.run}"
    assert editor.browser.get(path).url.path == path, "it is the same daemon still"
    assert editor.browser.get("/mappings/taken/another").url.path == "/mappings"


def not_taken(editor: Editor, why: str) -> None:
    before = editor.file.read_text()
    editor.take()
    assert why in editor.browser.text()
    assert (editor.asked, editor.file.read_text(), editor.kept()) == ([], before, [])


def test_what_was_tried_long_ago_is_to_be_tried_again_first(editor: Editor) -> None:
    editor.change()
    trial = editor.desk.trials.get(1)
    assert trial is not None
    trial.began -= 16 * 60
    editor.browser.get("/mappings/trial/1")
    not_taken(editor, "older than a quarter of an hour")


def test_what_the_daemon_does_not_run_by_is_not_taken_up_with_it(editor: Editor) -> None:
    editor.file.write_text(editor.file.read_text().replace('poll = "400ms"', 'poll = "1s"'))
    editor.change()
    not_taken(editor, "held another configuration than the daemon runs by")


def test_nothing_is_taken_up_while_a_store_that_was_set_back_waits_for_an_answer(editor: Editor) -> None:
    editor.change()
    with editor.desk.store.begin() as tx:
        hold(tx, "it was restored", None)
    not_taken(editor, "The store was set back")


def test_where_nothing_is_taken_up_while_it_runs_no_such_button_is_shown(editor: Editor) -> None:
    desk = replace(editor.desk, renew=None)
    editor.browser.app = Starlette(routes=routes(desk))
    editor.change()
    assert "put it in force" not in editor.browser.text()
    not_taken(editor, "takes up nothing while it runs")


def test_a_trial_that_is_forgotten_is_not_taken_up_and_a_file_that_cannot_be_written_neither(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor.change()
    editor.browser.send("/mappings/trial/1/take", {"digest": "another"})
    assert "That trial is forgotten" in editor.browser.text()
    editor.browser.get("/mappings/trial/1")

    def read_only(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    not_taken(editor, "Read-only file system")


def test_a_disk_that_is_full_leaves_the_file_as_it_was_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("a = 1\n")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        rewrite(file, "a = 2\n", over=digest_of(b"a = 1\n"), now=0.0)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("config.toml", "a = 1\n")]
