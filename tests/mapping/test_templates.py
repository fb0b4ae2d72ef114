"""Templates: each shipped one fits the apps it is for, and a sync's own keys go over it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from syncd.core.fieldmap import Policy, Sync, Way
from syncd.errors import ConfigError
from syncd.mapping import load_syncs, shipped
from syncd.mapping.templates import names
from syncd.sdk.contract import Field, FieldType, Object
from tests.mapping.ground import CONTACTS, MEMBERS, config_of, object_of

T = FieldType
GHOST = object_of(
    "members",
    Field(name="email", type=T.EMAIL, required=True, unique=True, clearable=False),
    Field(name="name", type=T.TEXT, blank=""),
    Field(name="subscribed", type=T.BOOLEAN, clearable=False, consent=True),
)
BOTTLE_CONTACTS = object_of(
    "contacts",
    Field(name="first_name", type=T.TEXT, required=True, clearable=False),
    Field(name="last_name", type=T.TEXT, required=True, clearable=False),
    Field(name="email", type=T.EMAIL, unique=True),
    Field(name="phone", type=T.PHONE),
    Field(name="organization", type=T.TEXT),
)
CARDS = object_of(
    "contacts",
    *(Field(name=name, type=T.TEXT) for name in ("fn", "n.given", "n.family", "org")),
    Field(name="email", type=T.EMAIL),
    Field(name="tel", type=T.PHONE),
)
COMPANY = {
    "name": T.TEXT, "website": T.TEXT, "phone": T.PHONE, "city": T.TEXT, "state": T.TEXT, "description": T.TEXT,
}  # fmt: skip
HUBSPOT_COMPANIES = object_of(
    "companies",
    *(Field(name=name, type=type) for name, type in {**COMPANY, "address": T.TEXT, "zip": T.TEXT}.items()),
    Field(name="numberofemployees", type=T.DECIMAL, codec="string", blank=""),
)
BOTTLE_ACCOUNTS = object_of(
    "accounts",
    *(Field(name=name, type=type) for name, type in {**COMPANY, "address_line": T.TEXT, "postcode": T.TEXT}.items()),
    Field(name="number_of_employees", type=T.INTEGER),
)
SCHEMAS: Mapping[str, Sequence[Object]] = {
    "hubspot": [
        replace(CONTACTS, fields={**CONTACTS.fields, "company": Field(name="company", type=T.TEXT)}),
        HUBSPOT_COMPANIES,
    ],
    "mailchimp": [MEMBERS],
    "ghost": [GHOST],
    "bottlecrm": [BOTTLE_CONTACTS, BOTTLE_ACCOUNTS],
    "carddav": [CARDS],
}


def loaded(folder: Path, include: str, own: str = "") -> Sync:
    """A template with one app for each connector, called after it with an x."""
    apps = "".join(f'[apps.{name}x]\nconnector = "{name}"\n' for name in include.split("-")[1:])
    sync = f'[syncs.it]\ninclude = "{include}"\n'
    config = config_of(folder, apps + sync + dedent(own))
    return load_syncs(config, {f"{name}x": objects for name, objects in SCHEMAS.items()})["it"]


@pytest.fixture(autouse=True)
def _connectors_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.mapping import ground

    monkeypatch.setattr(ground, "PLUGINS", dict.fromkeys(SCHEMAS, ground.PLUGINS["plain"]))


@pytest.mark.parametrize("name", sorted(file.name[:-5] for file in shipped().iterdir() if file.name.endswith(".toml")))
def test_every_shipped_template_fits_its_apps(tmp_path: Path, name: str) -> None:
    sync = loaded(tmp_path, name)
    assert set(sync.apps) == {f"{connector}x" for connector in name.split("-")[1:]}
    assert sync.seed_order[0] in sync.apps


def test_the_guide_shows_every_template_and_toml_that_works(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "mappings" / "README.md").read_text()
    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \|", guide)) == set(names(config_of(tmp_path, "")))
    including, words = re.findall(r"(?s)```toml\n(.*?)```", guide)
    config = config_of(tmp_path, TWO + including + words)
    sync = load_syncs(config, {"crm": SCHEMAS["hubspot"], "news": SCHEMAS["mailchimp"]})["people"]
    assert sync.rules["first_name"].policy is Policy.NEWEST
    assert "phone" not in sync.rules


def test_an_opt_out_goes_through_all_three_apps(tmp_path: Path) -> None:
    rule = loaded(tmp_path, "contacts-hubspot-mailchimp-ghost").rules["opted_out"]
    assert (rule.policy, rule.consent, rule.address) == (Policy.OR, True, "email")
    assert rule.lenses["ghostx"].get({"subscribed": False}, {}) is True
    assert rule.lenses["mailchimpx"].get({"status": "cleaned"}, {}) is True
    assert rule.lenses["mailchimpx"].put(value=True, raws={"status": "cleaned"}) == {"status": "cleaned"}
    assert rule.lenses["mailchimpx"].put(value=False, raws={"status": "transactional"}) == {"status": "transactional"}
    assert rule.lenses["hubspotx"].put(value=True, raws={"hs_email_optout": ""}) == {"hs_email_optout": "true"}


def test_the_halves_of_a_name_are_read_apart_and_written_whole(tmp_path: Path) -> None:
    sync = loaded(tmp_path, "contacts-hubspot-ghost")
    first, last = sync.rules["first_name"], sync.rules["last_name"]
    entity = {"first_name": "Mary Ann", "last_name": "Smith"}
    assert first.ways["ghostx"] is Way.READ
    assert first.lenses["ghostx"].get({"name": "Mary Ann Jones"}, entity) == "Mary Ann"
    assert last.lenses["ghostx"].get({"name": "Mary Ann Jones"}, entity) == "Jones"
    whole = sync.rules["first_name_last_name_ghostx"]
    assert whole.computed is not None
    assert whole.computed.compute(entity) == "Mary Ann Smith"
    assert whole.computed.compute({"first_name": None}) is None
    assert (whole.ways["ghostx"], whole.lenses["ghostx"].window) == (Way.WRITE, ("name",))


def test_own_keys_go_over_the_templates(tmp_path: Path) -> None:
    sync = loaded(
        tmp_path,
        "contacts-hubspot-mailchimp",
        """
        first = "newest"
        without = ["phone"]
        [syncs.it.fields.first_name]
        conflict = "prefer mailchimpx"
        mailchimpx = "merge_fields.PHONE"
        [syncs.it.fields.stage]
        type = "choice"
        hubspotx = "lifecyclestage"
        """,
    )
    assert sync.seed.value == "newest"
    assert list(sync.rules) == ["email", "first_name", "last_name", "opted_out", "stage"]
    rule = sync.rules["first_name"]
    assert (rule.order, rule.lenses["mailchimpx"].window) == (("mailchimpx", "hubspotx"), ("merge_fields.PHONE",))
    assert rule.lenses["hubspotx"].window == ("firstname",)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_syncs(config_of(folder, text), SCHEMAS)
    return [str(problem) for problem in caught.value.problems]


ONE = '[apps.crm]\nconnector = "hubspot"\n'
TWO = ONE + '[apps.news]\nconnector = "mailchimp"\n'


def test_mistakes_around_a_template_are_told(tmp_path: Path) -> None:
    include = 'include = "contacts-hubspot-mailchimp"\n'
    assert problems(tmp_path, TWO + '[syncs.a]\ninclude = "contacts-hubspot-mailchip"\n') == [
        (
            'syncd.toml:6:syncs.a.include: there is no template "contacts-hubspot-mailchip" '
            '(did you mean "contacts-hubspot-mailchimp"?)'
        )
    ]
    assert problems(tmp_path, ONE + "[syncs.a]\n" + include) == [
        (
            "syncd.toml:4:syncs.a.include: the template needs mailchimp, and there is no app "
            '(name one: apps = { NAME = "members" })'
        )
    ]
    assert problems(tmp_path, TWO + '[apps.crm2]\nconnector = "hubspot"\n[syncs.a]\n' + include) == [
        (
            "syncd.toml:8:syncs.a.include: the template needs hubspot, and there is more than one app (crm, crm2) "
            '(name one: apps = { NAME = "contacts" })'
        )
    ]
    assert problems(tmp_path, TWO + "[syncs.a]\n" + include + 'without = ["fone"]\n')[:1] == [
        'syncd.toml:7:syncs.a.without[0]: the template has no field "fone" (did you mean "phone"?)'
    ]
    assert problems(tmp_path, TWO + "[syncs.a]\n" + include + 'without = "phone"\n')[:1] == [
        "syncd.toml:7:syncs.a.without: expected a list of the template's fields"
    ]
    assert problems(tmp_path, TWO + '[syncs.a]\ninclude = "../secrets"\n')[0].startswith(
        'syncd.toml:6:syncs.a.include: there is no template "../secrets"'
    )


def test_a_mistake_in_the_operators_own_template_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "mine.toml").write_text(
        dedent("""\
        entity = "person"
        apps   = { hubspot = "contacts", mailchimp = "members" }
        match  = ["email"]
        [fields.email]
        type      = "email"
        hubspot   = "emale"
        mailchimp = "email_address"
        """)
    )
    text = TWO + '[syncs.a]\ninclude = "mine"\n'
    schemas = {"crm": SCHEMAS["hubspot"], "news": SCHEMAS["mailchimp"]}
    config = config_of(tmp_path, text)
    assert {"mine", "contacts-hubspot-ghost"} <= set(names(config))
    with pytest.raises(ConfigError) as caught:
        load_syncs(config, schemas)
    assert str(caught.value) == (
        'mine.toml:6:syncs.a.fields.email.crm: crm has no property "emale" in contacts (did you mean "email"?)'
    )
    (tmp_path / "mappings" / "mine.toml").write_text("entity = \n")
    assert problems(tmp_path, text) == ["mine.toml:1: is not TOML at column 10: invalid value"]
