"""The table `[console]`: who may sign in, and what would leave the console open to strangers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.access import fits, hashed
from syncd.errors import ConfigError
from syncd.settings import Config, load

HASH = "scrypt$17$" + "A" * 22 + "$" + "B" * 43
WEAK = "scrypt$10$" + "A" * 22 + "$" + "B" * 43
ADA = f'[console.people.ada]\nrole = "owner"\npassword = "{HASH}"\n'
OPEN = '[daemon]\nlisten = "0.0.0.0:8420"\n'
URL = '[console]\nurl = "https://sync.example.com"\n'


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], Config]:
    def load_text(text: str) -> Config:
        path = tmp_path / "syncd.toml"
        path.write_text(text)
        path.chmod(0o600)
        return load(path)

    return load_text


def test_people_have_roles_and_hashes_that_no_message_shows(loaded: Callable[[str], Config]) -> None:
    console = loaded(ADA).console
    assert console.people["ada"].role == "owner"
    assert HASH not in repr(console)


def test_a_hash_in_a_file_that_others_may_read_is_told(loaded: Callable[[str], Config], tmp_path: Path) -> None:
    loaded(ADA)
    (tmp_path / "syncd.toml").chmod(0o640)
    with pytest.raises(ConfigError, match=r"toml:3:console\.people\.ada\.password: is a hash, and others may read"):
        load(tmp_path / "syncd.toml")


def test_a_hash_may_be_kept_elsewhere(loaded: Callable[[str], Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADA_HASH", HASH)
    console = loaded('[console.people.ada]\nrole = "owner"\npassword = { env = "ADA_HASH" }\n').console
    assert console.people["ada"].password == HASH


def test_nothing_said_is_a_console_for_this_machine_and_no_mistake_elsewhere(loaded: Callable[[str], Config]) -> None:
    assert loaded("").console.people == {}
    assert loaded(OPEN).console.enabled is None
    assert loaded(OPEN + "[console]\nenabled = false\n" + ADA).console.enabled is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ADA.replace(HASH, "plain words"), "syncd.toml:3:console.people.ada.password: is no hash of a password"),
        (ADA.replace(HASH, WEAK), "is a hash that is quickly guessed (make one with: syncd console password)"),
        (ADA.replace('"owner"', '"boss"'), "syncd.toml:2:console.people.ada.role: is \"boss\", expected 'viewer'"),
        (ADA.replace("owner", "operator"), "names no owner"),
        (ADA.replace("ada", '"a/b"'), "expected names of letters"),
        ('[console.people.ada]\nrole = "owner"\n', "console.people.ada.password: is missing"),
        (
            '[console.people.ada]\nrole = "owner"\npassword = { env = "NOT_SET" }\n',
            "the environment variable NOT_SET is not set",
        ),
        ('[console]\nurl = "http://sync.example.com"\n', "expected an address with TLS"),
        ("[console]\npeople = 3\n", "console.people: is 3, expected a table"),
        ("console = 3\n", "console: is 3, expected"),
        ("[console]\nport = 3\n", "syncd.toml:2:console.port: unknown key"),
        (URL, "nobody may sign in: name console.people"),
        (OPEN + ADA, "say console.url, the address of a proxy with TLS"),
        (OPEN + "[console]\nenabled = true\n", "say console.url, the address of a proxy with TLS"),
        (
            '[daemon]\npublic_url = "https://sync.example.com"\n[console]\nenabled = true\n',
            "sync.example.com leads to this daemon: name who may sign in",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(loaded: Callable[[str], Config], text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == 1
    assert said in told[0]


def test_a_proxy_with_tls_and_people_is_enough(loaded: Callable[[str], Config]) -> None:
    assert loaded(OPEN + URL + ADA).console.url == "https://sync.example.com"


def test_a_hash_is_of_one_password_alone() -> None:
    kept = hashed("a few words here", cost=4)
    assert fits("a few words here", kept)
    assert not fits("a few words there", kept)
