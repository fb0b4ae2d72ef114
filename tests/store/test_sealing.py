"""Secrets that change while running: what is kept of them gives nothing away without the key, which lies elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.errors import StoreError
from syncd.secrets import keys_of
from syncd.store.sealing import Seal, forget, key_file, new_key, rotate, seal_all
from syncd.store.store import Store
from tests.store.ground import START

SECRET = "canary-refresh-token"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "syncd.db"


def opened(path: Path) -> Store:
    return Store.open(f"sqlite:///{path}", lambda: START)


def keep(store: Store, value: str, app: str = "crm") -> None:
    with store.begin() as tx:
        tx.apps.keep_secret(app, "oauth2", value)


def kept(store: Store, app: str = "crm") -> str:
    with store.read() as tx:
        value = tx.apps.secret(app, "oauth2")
    assert value is not None
    return value


def beside(path: Path) -> Seal:
    return Seal(file=key_file(f"sqlite:///{path}"))


def test_what_is_sealed_shows_nothing_and_is_never_sealed_alike_twice(path: Path) -> None:
    seal = beside(path)
    first, second = (seal.close("crm", "oauth2", SECRET) for _ in range(2))
    assert first != second
    assert SECRET not in first + second
    assert seal.open("crm", "oauth2", first) == seal.open("crm", "oauth2", second) == SECRET


@pytest.mark.parametrize(("app", "name"), [("news", "oauth2"), ("crm", "webhook"), ("", "crmoauth2")])
def test_a_secret_that_was_put_in_another_s_place_is_not_opened(path: Path, app: str, name: str) -> None:
    seal = beside(path)
    with pytest.raises(StoreError, match="was altered"):
        seal.open(app, name, seal.close("crm", "oauth2", SECRET))


@pytest.mark.parametrize("spoil", [lambda s: s[:-4] + "AAA=", lambda s: s[:-9], lambda s: s + "!", lambda s: s[:26]])
def test_a_secret_that_was_altered_is_not_opened(path: Path, spoil: object) -> None:
    seal = beside(path)
    assert callable(spoil)
    with pytest.raises(StoreError, match="was altered"):
        seal.open("crm", "oauth2", spoil(seal.close("crm", "oauth2", SECRET)))


def test_the_key_lies_beside_the_store_for_its_owner_s_eyes_only_and_no_backup_has_it(path: Path) -> None:
    store, seal = opened(path), beside(path)
    file = Path(f"{path}.key")
    assert seal_all(store, seal) == 0
    assert not file.exists()
    keep(store, seal.close("crm", "oauth2", SECRET))
    assert file.stat().st_mode & 0o777 == 0o600
    copy = path.with_name("backup.db")
    store.copy(copy)
    store.close()
    assert file.read_bytes().strip() not in copy.read_bytes()
    assert sorted(p.name for p in path.parent.iterdir() if p.name.startswith("backup")) == ["backup.db"]
    with pytest.raises(StoreError, match="the key of the secret oauth2 is not there"):
        beside(copy).open("crm", "oauth2", kept(opened(copy)))


def test_what_an_older_syncd_kept_in_the_open_is_sealed_and_nothing_of_it_stays_in_any_file(path: Path) -> None:
    store, seal = opened(path), beside(path)
    for number in range(20):
        keep(store, f"{SECRET}-{number}", f"app{number}")
    assert seal_all(store, seal) == 20
    assert seal_all(store, seal) == 0
    assert seal.open("app7", "oauth2", kept(store, "app7")) == f"{SECRET}-7"
    store.close()
    assert [file.name for file in path.parent.iterdir() if SECRET.encode() in file.read_bytes()] == []


def test_a_new_key_takes_the_place_of_the_old_one(path: Path) -> None:
    store, seal = opened(path), beside(path)
    keep(store, seal.close("crm", "oauth2", SECRET))
    old, before = Path(f"{path}.key").read_text(), kept(store)
    assert rotate(store, seal) == 1
    assert old.strip() not in Path(f"{path}.key").read_text()
    assert kept(store) != before
    assert beside(path).open("crm", "oauth2", kept(store)) == SECRET
    with pytest.raises(StoreError, match="is not there"):
        seal.open("crm", "oauth2", before)


def test_a_change_of_keys_that_was_cut_short_leaves_everything_open_to_its_owner(path: Path) -> None:
    store, seal = opened(path), beside(path)
    for app in ("crm", "news"):
        keep(store, seal.close(app, "oauth2", SECRET), app)
    seal.turn()  # cut before anything is sealed anew
    keep(store, beside(path).close("crm", "oauth2", SECRET))  # or in the middle of it
    for app in ("crm", "news"):
        assert beside(path).open(app, "oauth2", kept(store, app)) == SECRET
    assert rotate(store, beside(path)) == 2
    assert len(Path(f"{path}.key").read_text().split()) == 1
    for app in ("crm", "news"):
        assert beside(path).open(app, "oauth2", kept(store, app)) == SECRET


def test_keys_of_the_configuration_seal_with_the_first_and_open_with_all(path: Path) -> None:
    store, (one, two) = opened(path), (new_key(), new_key())
    keep(store, Seal(one).close("crm", "oauth2", SECRET))
    assert not Path(f"{path}.key").exists()
    both = Seal(f"{two}\n{one}")
    assert both.open("crm", "oauth2", kept(store)) == SECRET
    assert rotate(store, both) == 1
    assert Seal(two).open("crm", "oauth2", kept(store)) == SECRET


def test_a_lost_key_is_told_at_once_and_what_it_sealed_can_be_forgotten(path: Path) -> None:
    store, seal = opened(path), beside(path)
    keep(store, seal.close("crm", "oauth2", SECRET))
    Path(f"{path}.key").unlink()
    with pytest.raises(StoreError, match="is not there") as lost:
        seal_all(store, seal)
    assert "syncd key forget" in lost.value.hint
    keep(store, seal.close("news", "oauth2", SECRET), "news")
    assert forget(store, seal) == [("crm", "oauth2")]
    assert seal_all(store, seal) == 0
    assert seal.open("news", "oauth2", kept(store, "news")) == SECRET


def test_a_key_that_others_may_read_or_that_is_none_is_not_used(path: Path) -> None:
    seal, file = beside(path), Path(f"{path}.key")
    sealed = seal.close("crm", "oauth2", SECRET)
    file.chmod(0o640)
    with pytest.raises(StoreError, match="owner's eyes only"):
        seal.open("crm", "oauth2", sealed)
    file.chmod(0o600)
    file.write_text("canary\n")
    with pytest.raises(StoreError, match="cannot be used") as none:
        seal.close("crm", "oauth2", SECRET)
    assert "canary" not in str(none.value)


def test_of_two_processes_that_need_the_first_key_both_use_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = beside(path), beside(path)
    monkeypatch.setattr(mine, "_keys", lambda: ())  # it has looked just before the other made one
    sealed = theirs.close("crm", "oauth2", SECRET)
    mine.close("crm", "oauth2", SECRET)
    assert beside(path).open("crm", "oauth2", sealed) == SECRET
    assert not list(path.parent.glob(".*"))


def test_a_folder_that_takes_no_key_is_told(path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        Seal(file=path.parent / "nowhere" / "syncd.db.key").close("crm", "oauth2", SECRET)


@pytest.mark.parametrize("text", ["short", "a" * 44, "AAAA", "a" * 43 + "= x"])
def test_a_key_is_thirty_two_bytes(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        keys_of(text)


def test_where_the_store_is_no_file_keys_come_from_the_configuration_alone() -> None:
    assert key_file("sqlite://") is None
    assert key_file("postgresql://syncd@localhost/syncd") is None
    assert Seal().close("crm", "oauth2", SECRET) == SECRET
