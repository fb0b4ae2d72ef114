"""`config.example.toml` loads as it is, and shows every setting with its default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from syncd import toml
from syncd.access import Console, Person
from syncd.destinations import Alerts, Email, LogLines, Webhook, load
from syncd.mapping import load_syncs
from syncd.mapping.shape import Cell, FieldShape, SyncShape
from syncd.settings import Daemon, Log, Safety, Store
from tests.alerts.servers import certified
from tests.mapping.ground import CONTACTS, MEMBERS, config_of

EXAMPLE = (Path(__file__).parents[2] / "config.example.toml").read_text()


def test_the_example_is_right_as_it_is(tmp_path: Path) -> None:
    sync = load_syncs(config_of(tmp_path, EXAMPLE), {"crm": [CONTACTS], "news": [MEMBERS]})["people"]
    assert list(sync.rules) == ["email", "first_name", "phone", "stage", "opted_out"]
    assert sync.filters["news"]({"stage": "customer", "email": "ada@example.com"})


@pytest.mark.parametrize("section", [Daemon, Store, Safety, Log])
def test_every_setting_of_a_section_is_shown_with_its_default(section: type[Daemon | Store | Safety | Log]) -> None:
    title = f"[{section.__name__.lower()}]"
    text = EXAMPLE.partition(title + "\n")[2].partition("\n\n")[0]
    shown = tomllib.loads(re.sub(r"(?m)^# ", "", text))
    assert set(shown) == set(section.model_fields)
    # What has no default of its own ("what the connector says") is shown with an example.
    given = {name: value for name, value in shown.items() if section.model_fields[name].default is not None}
    assert section.model_validate(given) == section()


def test_every_key_of_the_alerts_is_shown_and_the_destinations_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_SECRET", "b3BlbnNzbCByYW5kIC1iYXNlNjQgMzIgYnl0ZXM=")
    monkeypatch.setenv("MAIL_PASSWORD", "secret")
    section = "[alerts]\n" + EXAMPLE.partition("[alerts]\n")[2].partition("\n\n# ---")[0]
    tables = re.sub(r"(?m)^#  *|^#$", "", section)
    (tmp_path / "syncd.toml").write_text(tables)
    certified(tmp_path)
    alerts = load(toml.read(tmp_path / "syncd.toml"))
    assert alerts.model_copy(update={"to": {}}) == Alerts()
    assert set(tomllib.loads(tables)["alerts"]) == set(Alerts.model_fields)
    shown = {key for one in tomllib.loads(tables)["alerts"]["to"].values() for key in one}
    known = {info.alias or key for kind in (Webhook, Email, LogLines) for key, info in kind.model_fields.items()}
    assert shown == known


@pytest.mark.parametrize("table", [SyncShape, FieldShape, Cell, Console, Person])
def test_every_key_of_a_table_is_shown(table: type[SyncShape | FieldShape | Cell | Console | Person]) -> None:
    missing = [name for name in table.model_fields if not re.search(rf"(?m)\b{name}\b *(=|\.)|\.{name}\]", EXAMPLE)]
    assert missing == []
