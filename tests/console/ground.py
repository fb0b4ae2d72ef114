"""Two twins on loopback, a configuration beside them, and the command line put to it as a person would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.console.cli import main
from syncd.sdk.clock import WallClock
from syncd.testing.twin import Faults, Setup, Twin

CONFIG = """\
[apps.crm]
connector = "hubspot"
token     = {{ env = "CRM_TOKEN" }}
base_url  = "{crm}"

[apps.news]
connector = "mailchimp"
api_key   = {{ env = "NEWS_KEY" }}
base_url  = "{news}"

[syncs.people]
entity = "person"
apps   = {{ crm = "contacts", news = "members" }}
match  = ["email"]
first  = "prefer crm"

[syncs.people.fields.email]
type = "email"
crm  = "email"
news = "email_address"

[syncs.people.fields.first_name]
type = "text"
crm  = "firstname"
news = "merge_fields.FNAME"

[syncs.people.fields.opted_out]
type = "consent"
crm  = "hs_email_optout"

[syncs.people.fields.opted_out.news]
field  = "status"
values = {{ true = "unsubscribed", false = "subscribed" }}
also   = {{ true = "cleaned", false = ["pending", "transactional"] }}
"""


class Door(Twin):
    """An address on loopback that stays while the twins behind it change: opening one takes longer than most tests."""

    name = "door"

    def __init__(self) -> None:
        super().__init__(Setup(clock=WallClock()))
        self.behind: Twin = self

    def handle(self, request: httpx.Request) -> httpx.Response:
        return self.behind.handle(request)


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass
class Desk:
    """A person at a terminal."""

    folder: Path
    twins: Mapping[str, Twin]
    urls: Mapping[str, str]
    capsys: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "config.toml"

    def write(self, old: str = "", new: str = "") -> None:
        """The ordinary configuration, with one thing in it replaced."""
        text = CONFIG.format(**self.urls)
        assert old in text
        self.config.write_text(text.replace(old, new, 1) if old else text)

    def say(self, *words: str) -> Said:
        """Type a command."""
        self.capsys.readouterr()
        code = main([*words, "--config", str(self.config)])
        told = self.capsys.readouterr()
        return Said(code, told.out, told.err)

    def ask(self, *words: str) -> Any:
        """Type a command that must do well, and take its JSON."""
        said = self.say(*words, "--json")
        assert said.code == 0, said
        return said.json

    def records(self, app: str) -> Mapping[str, Mapping[str, Any]]:
        """Everything that lives in an app."""
        return self.twins[app].records(self.twins[app].objects[0])

    def written(self, app: str) -> int:
        """How many values syncd has written into an app."""
        return sum(1 for entry in self.twins[app].journal.entries if entry.author == "api")

    def person(self, app: str, email: str) -> str:
        """The id of the record with this address."""
        keys = {"crm": "email", "news": "email_address"}
        return next(id for id, fields in self.records(app).items() if fields[keys[app]] == email)

    def edit(self, app: str, id: str, **fields: Any) -> None:
        """Somebody changes a record in the app."""
        named = {name.replace("__", "."): value for name, value in fields.items()}
        self.twins[app].person_edit(self.twins[app].objects[0], id, named)

    def faults(self, app: str, **faults: Any) -> None:
        """Turn an app's faults."""
        self.twins[app].faults = Faults(**faults)
