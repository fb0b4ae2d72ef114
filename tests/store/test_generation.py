"""An older copy in a store's place does not go unnoticed, and an ordinary start is not taken for one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from syncd.errors import StoreError
from syncd.store.generation import Generation, advance, beside, generation_file, kept, out_of_place
from syncd.store.store import Store
from syncd.store.values import Entry, Event
from tests.store.ground import START


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def opened(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder / 'syncd.db'}", lambda: START)


def file(folder: Path) -> Path:
    found = generation_file(f"sqlite:///{folder / 'syncd.db'}")
    assert found is not None
    return found


def why(folder: Path) -> str:
    told, store = beside(file(folder)), opened(folder)
    with store.read() as tx:
        found = out_of_place(kept(tx), told, lived=tx.meta.get("log_end") is not None)
    store.close()
    return found


def works(folder: Path, times: int = 1) -> None:
    store = opened(folder)
    with store.begin() as tx:
        tx.log.append(Entry(event=Event.PAUSED, app="crm"))
    for _ in range(times):
        advance(store, file(folder))
    store.close()


def test_a_new_store_and_one_that_is_started_again_are_in_their_place(folder: Path) -> None:
    assert why(folder) == ""
    works(folder)
    assert why(folder) == ""
    works(folder, 3)
    assert why(folder) == ""
    assert file(folder).stat().st_mode & 0o777 == 0o600
    assert (beside(file(folder)) or Generation("", 0, 0)).number == 4


def test_a_store_of_a_syncd_that_knew_no_generations_is_taken_as_it_is(folder: Path) -> None:
    opened(folder).close()
    works(folder, 0)
    assert why(folder) == ""


def test_an_older_copy_is_noticed_until_the_number_is_raised_above_it(folder: Path) -> None:
    works(folder)
    shutil.copy(folder / "syncd.db", folder / "copy.db")
    works(folder)
    shutil.copy(folder / "copy.db", folder / "syncd.db")
    assert why(folder) == "it is an older copy of the one that was here before"
    works(folder)
    assert why(folder) == ""


def test_a_copy_of_before_there_were_generations_is_noticed(folder: Path) -> None:
    works(folder, 0)
    shutil.copy(folder / "syncd.db", folder / "copy.db")
    works(folder)
    shutil.copy(folder / "copy.db", folder / "syncd.db")
    assert why(folder) == "it is of before the last run here"


def test_an_empty_store_in_the_place_of_one_that_was_worked_on_is_noticed(folder: Path) -> None:
    works(folder)
    (folder / "syncd.db").unlink()
    assert why(folder) == "it is empty, and another was here before"
    (folder / "syncd.db").write_bytes(b"")
    assert why(folder) == "it is empty, and another was here before"
    file(folder).unlink()
    assert why(folder) == ""


def test_a_store_whose_file_is_removed_or_replaced_while_it_is_in_use_is_worked_on_no_more(folder: Path) -> None:
    store = opened(folder)
    advance(store, file(folder))
    told = file(folder).read_text()
    (folder / "syncd.db").rename(folder / "away.db")
    with pytest.raises(StoreError, match="removed or replaced"):
        advance(store, file(folder))
    shutil.copy(folder / "away.db", folder / "syncd.db")
    with pytest.raises(StoreError, match="removed or replaced"):
        advance(store, file(folder))
    assert file(folder).read_text() == told
    (folder / "away.db").rename(folder / "syncd.db")
    advance(store, file(folder))
    assert file(folder).read_text() != told
    store.close()


def test_a_copy_that_is_put_elsewhere_is_noticed(folder: Path) -> None:
    works(folder)
    (folder / "other").mkdir()
    shutil.copy(folder / "syncd.db", folder / "other" / "syncd.db")
    assert why(folder / "other") == "it was worked on elsewhere, or its file .generation is missing"
    shutil.copy(file(folder), file(folder / "other"))
    assert why(folder / "other") == ""


def test_another_store_in_its_place_is_noticed(folder: Path) -> None:
    works(folder)
    (folder / "other").mkdir()
    works(folder / "other", 5)
    shutil.copy(folder / "other" / "syncd.db", folder / "syncd.db")
    assert why(folder) == "another store was here before"


def test_a_store_that_is_ahead_of_its_file_was_cut_off_between_the_two_and_is_in_its_place(folder: Path) -> None:
    works(folder)
    before = file(folder).read_text()
    works(folder)
    file(folder).write_text(before)
    assert why(folder) == ""


@pytest.mark.parametrize("text", ["", "nonsense", "a b c d", "id -1 0.0"])
def test_a_file_that_says_nothing_counts_as_missing(folder: Path, text: str) -> None:
    works(folder)
    file(folder).write_text(text)
    assert why(folder).startswith("it was worked on elsewhere")


def test_a_file_that_cannot_be_read_or_written_is_told(folder: Path) -> None:
    works(folder)
    file(folder).unlink()
    file(folder).mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        beside(file(folder))
    file(folder).rmdir()
    file(folder).write_bytes(b"\xff\xfe")
    with pytest.raises(StoreError, match="cannot be read"):
        beside(file(folder))
    store = opened(folder)
    with pytest.raises(StoreError, match=r"gone/x.generation cannot be written"):
        advance(store, folder / "gone" / "x.generation")
    store.close()


def test_a_database_has_no_file_beside_it_and_counts_all_the_same() -> None:
    assert generation_file("postgresql://localhost/syncd") is None
    assert generation_file("sqlite://") is None
    store = Store.open("sqlite://", lambda: START)
    advance(store, None)
    with store.read() as tx:
        assert (kept(tx) or Generation("", 0, 0)).number == 1


def test_no_new_file_is_begun_where_the_store_s_own_is_gone_and_what_is_kept_of_it_is_whole(folder: Path) -> None:
    store = opened(folder)
    with store.begin() as tx:
        tx.meta.put("told", "before")
    (folder / "syncd.db").unlink()
    with store.read() as tx:
        assert tx.meta.get("told") == "before"
        with pytest.raises(StoreError, match="removed or replaced"), store.read():
            pass  # a second connection
    assert not (folder / "syncd.db").exists()
    store.copy(folder / "kept.db")
    kept_store = Store.open(f"sqlite:///{folder / 'kept.db'}", lambda: START)
    with kept_store.read() as tx:
        assert tx.meta.get("told") == "before"
    kept_store.close()
    store.close()


def test_what_root_writes_beside_a_store_belongs_to_whom_the_store_belongs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []
    works(folder, 0)
    owner = (folder / "syncd.db").stat()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fchown", lambda _handle, user, group: given.append((user, group)))
    works(folder)
    assert given == [(owner.st_uid, owner.st_gid)]
