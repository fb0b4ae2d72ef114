"""Two syncs over the same records: what both write is a mistake, what both keep is a doubt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.mapping import doubts, load_syncs
from tests.mapping.ground import APPS, CONTACTS, MEMBERS, PEOPLE, SCHEMAS, config_of, people

BLOG = """
[apps.blog]
connector = "plain"

[syncs.readers]
entity  = "reader"
apps    = { crm = "contacts", blog = "members" }
match   = ["email"]

[syncs.readers.fields.email]
type = "email"
crm  = "email"
blog = "email_address"
"""
SCHEMAS_3 = {**SCHEMAS, "blog": [MEMBERS]}
READS = BLOG.replace('crm  = "email"', 'crm  = { field = "email", way = "read" }')
STAGE = """
[syncs.{0}.fields.{1}]
type = "choice"
crm = "lifecyclestage"
[syncs.{0}.filters]
crm = '{1} == "{2}" && email != ""'
"""


def _mistakes(folder: Path, text: str) -> list[str]:
    config = config_of(folder, APPS + PEOPLE + text)
    try:
        load_syncs(config, SCHEMAS_3)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def _doubts(folder: Path, text: str) -> list[str]:
    return [str(problem) for problem in doubts(config_of(folder, APPS + PEOPLE + text), SCHEMAS_3)]


def test_a_field_that_two_syncs_write_is_a_mistake(tmp_path: Path) -> None:
    assert _mistakes(tmp_path, BLOG) == [
        (
            'syncd.toml:32:syncs.readers.fields.email.crm: the sync "people" writes email of crm contacts, too '
            '(keep the apps in one sync, or say way = "read" in one of the two)'
        )
    ]


def test_records_that_two_syncs_keep_are_a_doubt(tmp_path: Path) -> None:
    assert _mistakes(tmp_path, READS) == []
    assert _doubts(tmp_path, READS) == [
        (
            'syncd.toml:27:syncs.readers.apps.crm: the sync "people" keeps contacts of crm, too '
            "(a change may take the long way round; one sync may have any number of apps)"
        )
    ]


def test_one_account_by_two_names_is_a_doubt(tmp_path: Path) -> None:
    twice = '\n[apps.again]\nconnector = "hubspot"\ntoken = { env = "HUBSPOT_TOKEN" }\n'
    config = config_of(tmp_path, APPS + PEOPLE + twice)
    (told,) = [str(problem) for problem in doubts(config, {**SCHEMAS_3, "again": [CONTACTS]})]
    assert 'apps.again: is the same account as "crm"' in told
    other = twice.replace("HUBSPOT_TOKEN", "MAILCHIMP_API_KEY")
    assert doubts(config_of(tmp_path, APPS + PEOPLE + other), {**SCHEMAS_3, "again": [CONTACTS]}) == ()


def test_other_objects_and_other_apps_are_none(tmp_path: Path) -> None:
    assert _mistakes(tmp_path, "") == _doubts(tmp_path, "") == []
    elsewhere = BLOG.replace("crm  =", "shop =").replace("crm =", "shop =") + '\n[apps.shop]\nconnector = "plain"\n'
    config = config_of(tmp_path, APPS + PEOPLE + elsewhere)
    assert set(load_syncs(config, {**SCHEMAS_3, "shop": [CONTACTS]})) == {"people", "readers"}


@pytest.mark.parametrize(("other", "meet"), [("customer", False), ("lead", True)])
def test_filters_that_ask_one_field_for_two_values_keep_them_apart(tmp_path: Path, other: str, meet: bool) -> None:
    text = BLOG + STAGE.format("people", "stage", "lead") + STAGE.format("readers", "phase", other)
    assert bool(_mistakes(tmp_path, text)) is meet
    assert bool(_doubts(tmp_path, text)) is False


def test_a_filter_that_may_let_both_through_keeps_nobody_apart(tmp_path: Path) -> None:
    loose = STAGE.format("readers", "phase", "customer").replace("&&", "||")
    assert _mistakes(tmp_path, BLOG + STAGE.format("people", "stage", "lead") + loose)


def test_to_archive_every_app_must_be_able_to(tmp_path: Path) -> None:
    able = replace(CONTACTS, capabilities=replace(CONTACTS.capabilities, archives=True))
    config = config_of(tmp_path, APPS + PEOPLE.replace('"hold"', '"archive"'))
    with pytest.raises(ConfigError) as caught:
        load_syncs(config, {"crm": [able], "news": [MEMBERS]})
    assert [str(problem) for problem in caught.value.problems] == [
        (
            "syncd.toml:15:syncs.people.deletes: news cannot archive: deleting there is for good "
            '("hold" asks a person first)'
        )
    ]
    also = replace(MEMBERS, capabilities=replace(MEMBERS.capabilities, archives=True))
    assert load_syncs(config, {"crm": [able], "news": [also]})["people"].deletes == "archive"
    assert people(tmp_path, "").deletes == "hold"


def test_only_the_fields_that_both_write_are_told(tmp_path: Path) -> None:
    more = '\n[syncs.readers.fields.first_name]\ntype = "text"\ncrm = "firstname"\n'
    assert [line.partition(",")[0] for line in _mistakes(tmp_path, BLOG + more)] == [
        'syncd.toml:32:syncs.readers.fields.email.crm: the sync "people" writes email of crm contacts'
    ]


@pytest.mark.parametrize(
    ("type", "field", "one", "other", "meet"),
    [
        ("integer", "score", "1", "2", False),
        ("integer", "score", "1", "1", True),
        ("boolean", "hs_email_optout", "true", "false", False),
        ("boolean", "hs_email_optout", "true", "true", True),
    ],
)
def test_filters_may_ask_for_numbers_and_for_yes_or_no(
    tmp_path: Path, type: str, field: str, one: str, other: str, meet: bool
) -> None:
    it = f'type = "{type}"\ncrm = {{ field = "{field}", way = "read" }}\n'
    filters = "".join(
        f'\n[syncs.{sync}.fields.it]\n{it}[syncs.{sync}.filters]\ncrm = "it == {value}"\n'
        for sync, value in (("people", one), ("readers", other))
    )
    assert bool(_mistakes(tmp_path, BLOG + filters)) is meet


def test_a_value_that_the_app_cannot_hold_keeps_nobody_apart(tmp_path: Path) -> None:
    filters = STAGE.format("people", "stage", "lead") + STAGE.format("readers", "phase", "stranger")
    assert _mistakes(tmp_path, BLOG + filters)
