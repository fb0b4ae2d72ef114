"""A configuration by somebody who means ill, or who is in a hurry: each mistake has its place, and quotes no secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ACCOUNT = '[apps.a]\nconnector = "plain"\n'
HOOK = '[alerts.to.ops]\nkind = "webhook"\nurl = "https://alerts.example.com"\nsecret = { env = "OPS_SECRET" }\n'


@pytest.mark.parametrize(
    ("text", "told_of"),
    [
        ('[daemon]\npoll = "0s"\n', "2:daemon.poll: is 0:00:00, expected more than nothing, and at most 36525 days"),
        ('[daemon]\nsweep = "999999999d"\n', "2:daemon.sweep: is 999999999 days, 0:00:00, expected more than nothing"),
        (ACCOUNT + 'poll = "0s"\n', "3:apps.a.poll: is 0:00:00, expected more than nothing"),
        ('[store]\nkeep = "0s"\n', "2:store.keep: is 0:00:00, expected more than nothing"),
        ('[audit]\nevery = "0s"\n', "2:audit.every: is 0:00:00, expected more than nothing"),
        ('[store]\nurl = "mysql://x"\n', '2:store.url: is no store, expected "sqlite:////var/lib/syncd/syncd.db" or'),
        (
            '[daemon]\npublic_url = "https://a.test/?b=c"\n',
            '2:daemon.public_url: is "https://a.test/?b=c", expected an add',
        ),
        (
            '[daemon]\npublic_url = "https://a.test:99999"\n',
            '2:daemon.public_url: is "https://a.test:99999", expected an',
        ),
        (
            '[daemon]\npublic_url = "https://[::1"\n',
            '2:daemon.public_url: is "https://[::1", expected an address such as',
        ),
        ('[alerts.to.x]\nkind = ["webhook"]\n', "2:alerts.to.x.kind: is \"['webhook']\", and is no way to tell"),
        (
            HOOK + 'authorities = "a\\u0000b"\n',
            "5:alerts.to.ops.authorities: the file a\0b cannot be read: no file is called",
        ),
        (
            ACCOUNT + 'authorities = "a\\u0000b"\n',
            "3:apps.a.authorities: the file a\0b cannot be read: no file is called so",
        ),
        (
            ACCOUNT + 'hook = { file = "a\\u0000b" }\n',
            "3:apps.a.hook: file has a name with a character that no name has",
        ),
        ("[daemon]\n\nmemory = " + "9" * 5000 + "\n", "3: is not TOML: a number is too long"),
    ],
)
def test_a_mistake_has_its_place_and_is_no_crash(
    told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch, text: str, told_of: str
) -> None:
    monkeypatch.setenv("OPS_SECRET", "A" * 32)
    assert any(problem.startswith(f"syncd.toml:{told_of}") for problem in told(text))


@pytest.mark.parametrize(
    "text",
    [
        ACCOUNT + 'base_url = { env = "CANARY" }\n',
        '[alerts.to.ops]\nkind = "webhook"\nurl = { env = "CANARY" }\nsecret = { env = "CANARY" }\n',
        '[store]\nurl = { env = "CANARY" }\n',
    ],
)
def test_what_a_reference_leads_to_is_not_quoted(
    told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("CANARY", "canary-token")
    problems = told(text)
    assert problems
    assert not any("canary" in problem for problem in problems)


def test_a_secret_file_that_is_no_text_is_told(told: Callable[[str], list[str]], tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    assert told(ACCOUNT + 'hook = { file = "token" }\n') == ["syncd.toml:3:apps.a.hook: the file token is not text"]
