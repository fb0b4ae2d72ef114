"""A reference names the sync of the records it points to, and in each app it points to that sync's object."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.mapping import load_syncs
from syncd.sdk.contract import Field, FieldType
from tests.mapping.ground import APPS, CONTACTS, MEMBERS, PEOPLE, config_of, object_of

SCHEMAS = {
    "crm": [
        object_of(
            "contacts",
            *CONTACTS.fields.values(),
            Field(name="company", type=FieldType.REFERENCE, refers="companies"),
            Field(name="team", type=FieldType.REFERENCE),
        ),
        object_of("companies", Field(name="name", type=FieldType.TEXT)),
    ],
    "news": [
        object_of("members", *MEMBERS.fields.values(), Field(name="group", type=FieldType.REFERENCE, refers="groups")),
        object_of("groups", Field(name="title", type=FieldType.TEXT)),
    ],
}
COMPANIES = """
[syncs.companies]
entity = "company"
apps   = { crm = "companies", news = "groups" }
match  = ["name"]

[syncs.companies.fields]
name = { type = "text", crm = "name", news = "title" }
"""
COMPANY = """
[syncs.people.fields.company]
type = "reference"
to   = "companies"
"""
AT = "syncs.people.fields.company"


def told(folder: Path, text: str) -> list[str]:
    """What is wrong with this, without its line."""
    try:
        load_syncs(config_of(folder, APPS + text), SCHEMAS)
    except ConfigError as error:
        return [str(problem).split(":", 2)[2] for problem in error.problems]
    return []


def test_a_reference_leads_to_the_object_that_its_sync_keeps(tmp_path: Path) -> None:
    lines = 'crm  = "company"\nnews = "group"\n'
    syncs = load_syncs(config_of(tmp_path, APPS + PEOPLE + COMPANY + lines + COMPANIES), SCHEMAS)
    assert syncs["people"].rules["company"].refers == "companies"


def test_a_property_that_does_not_say_where_it_points_is_believed(tmp_path: Path) -> None:
    assert told(tmp_path, PEOPLE + COMPANY + 'crm = "team"\n' + COMPANIES) == []


@pytest.mark.parametrize(
    ("to", "hint"), [("companys", 'did you mean "companies"?'), ("groups", "there is: companies, people")]
)
def test_a_reference_to_a_sync_that_is_not_there_is_told(tmp_path: Path, to: str, hint: str) -> None:
    text = PEOPLE + COMPANY.replace('"companies"', f'"{to}"') + 'crm = "company"\n' + COMPANIES
    assert told(tmp_path, text) == [f'{AT}.to: there is no sync "{to}" ({hint})']


def test_a_reference_to_another_object_than_the_one_that_the_sync_keeps_is_told(tmp_path: Path) -> None:
    text = PEOPLE + COMPANY.replace('"companies"', '"people"') + 'crm = "company"\n'
    assert told(tmp_path, text) == [f'{AT}.crm: points to companies, and the sync "people" keeps contacts']


def test_a_reference_in_an_app_that_its_sync_does_not_know_is_told(tmp_path: Path) -> None:
    third = '[apps.other]\nconnector = "plain"\n'
    elsewhere = COMPANIES.replace("news = ", "other = ")
    schemas = {**SCHEMAS, "other": [object_of("groups", Field(name="title", type=FieldType.TEXT))]}
    text = third + APPS + PEOPLE + COMPANY + 'crm = "company"\nnews = "group"\n' + elsewhere
    with pytest.raises(ConfigError) as caught:
        load_syncs(config_of(tmp_path, text), schemas)
    assert [str(problem).split(":", 2)[2] for problem in caught.value.problems] == [
        f'{AT}.news: news is no app of the sync "companies"'
    ]


def test_a_mistake_in_the_sync_that_is_pointed_to_is_told_once(tmp_path: Path) -> None:
    text = PEOPLE + COMPANY + 'crm = "company"\n' + COMPANIES.replace('crm = "name"', 'crm = "nme"')
    assert told(tmp_path, text) == [
        'syncs.companies.fields.name.crm: crm has no property "nme" in companies (did you mean "name"?)'
    ]
