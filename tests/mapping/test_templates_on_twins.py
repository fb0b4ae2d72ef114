"""Every shipped template on the simulated apps it is for: it loads, and its lenses keep the laws on their records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from syncd import plugins
from syncd.core.record import Record
from syncd.mapping import check_laws, load_syncs, shipped
from syncd.sdk.contract import Object
from syncd.settings import load
from syncd.testing.clock import TurnedClock
from syncd.testing.conformance.bench import Bench
from syncd.testing.twin import Setup
from syncd_connectors.bottlecrm.twin import TOKEN
from syncd_connectors.carddav.twin import PASSWORD, USER
from syncd_connectors.mailchimp.twin import API_KEY

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "hubspot": {"token": "pat-twin"},
    "mailchimp": {"api_key": API_KEY},
    "ghost": {"base_url": "https://blog.example.com", "admin_key": f"{'6a' * 12}:{'c0de' * 16}"},
    "bottlecrm": {"base_url": "https://crm.example.com", "token": TOKEN},
    "carddav": {"base_url": "https://dav.example.com", "username": USER, "password": PASSWORD},
}
TEMPLATES = sorted(file.name[:-5] for file in shipped().iterdir() if file.name.endswith(".toml"))
SECRETS = {"token", "api_key", "admin_key", "password"}


@contextmanager
def opened(connector: str, subject: str) -> Iterator[Bench]:
    plugin = plugins.load(connector)
    module, _, attribute = plugin.twin.partition(":")
    clock = TurnedClock()
    twin = getattr(import_module(module), attribute)(Setup(clock=clock, records=12, dirty=0.5))
    settings = plugin.settings.model_validate(SETTINGS[connector])
    with closing(Bench(plugin, settings, twin, clock, subject)) as bench:
        yield bench


def config_text(connectors: Sequence[str], template: str, monkeypatch: pytest.MonkeyPatch) -> str:
    lines = []
    for connector in connectors:
        lines += [f"[apps.{connector}x]", f'connector = "{connector}"']
        for key, value in SETTINGS[connector].items():
            monkeypatch.setenv(f"{connector}_{key}".upper(), value)
            secret = f'{{ env = "{connector}_{key}" }}'.replace(f"{connector}_{key}", f"{connector}_{key}".upper())
            lines.append(f"{key} = " + (secret if key in SECRETS else f'"{value}"'))
    return "\n".join([*lines, "[syncs.it]", f'include = "{template}"', ""])


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_fits_its_apps_and_keeps_the_laws_on_their_records(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, *connectors = template.split("-")
    subjects = {"hubspot": kind, "carddav": kind, "bottlecrm": {"companies": "accounts"}.get(kind, kind)}
    path = tmp_path / "syncd.toml"
    path.write_text(config_text(connectors, template, monkeypatch))
    with ExitStack() as stack:
        benches = {name: stack.enter_context(opened(name, subjects.get(name, "members"))) for name in connectors}
        schemas: dict[str, Sequence[Object]] = {
            f"{name}x": bench.connector.objects() for name, bench in benches.items()
        }
        sync = load_syncs(load(path), schemas)["it"]
        for name, bench in benches.items():
            records = [row for page in bench.pages() for row in page.rows if isinstance(row, Record)]
            facts = [bench.seen(record.ref.id) for record in records]
            assert len(facts) >= 5
            for rule in sync.mapped(f"{name}x"):
                assert any(field in fact.fields for field in rule.lenses[f"{name}x"].window for fact in facts)
                assert check_laws(rule, f"{name}x", [fact.fields for fact in facts]) == ()


def test_the_plan_of_a_template_changes_when_the_account_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text(config_text(["hubspot", "mailchimp"], "contacts-hubspot-mailchimp", monkeypatch))
    with opened("hubspot", "contacts") as crm, opened("mailchimp", "members") as news:
        schemas = {"hubspotx": crm.connector.objects(), "mailchimpx": news.connector.objects()}
    config = load(path)
    before = load_syncs(config, schemas)["it"].digest
    assert load_syncs(config, schemas)["it"].digest == before
    members = schemas["mailchimpx"][0]
    longer = replace(members.fields["merge_fields.FNAME"], max_bytes=100)
    changed = replace(members, fields={**members.fields, longer.name: longer})
    assert load_syncs(config, {**schemas, "mailchimpx": [changed]})["it"].digest != before
