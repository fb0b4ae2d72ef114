"""Every mistake in a mapping is told with its line and key, what is wrong, and what to write instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.mapping import check_shapes, load_syncs
from syncd.sdk.contract import Field, FieldType
from tests.mapping.ground import APPS, CONTACTS, MEMBERS, PEOPLE, SCHEMAS, config_of, object_of, people, problems

FIELD = "\n[syncs.people.fields.it]\n"
"""Its table begins at line 22, so that its first key is in line 23."""

STAGE = 'type = "choice"\ncrm = "lifecyclestage"\nnews = { field = "merge_fields.STAGE", values = '


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('type = "tex"\ncrm = "firstname"', '23:{}.type: there is no type "tex" (did you mean "text"?)'),
        ('crm = "firstname"', "22:{}.type: is missing"),
        ('type = "text"', "22:{}: no app has this field (say where: crm = ...)"),
        ('type = "text"\ncmr = "firstname"', '24:{}.cmr: unknown key (did you mean "crm"?)'),
        (
            'type = "text"\ncrm = "firstname"\nconflct = "newest"',
            '25:{}.conflct: unknown key (did you mean "conflict"?)',
        ),
        (
            'type = "text"\ncrm = "first_name"',
            '24:{}.crm: crm has no property "first_name" in contacts (did you mean "firstname"?)',
        ),
        (
            'type = "text"\nnews = "FNAME"',
            '24:{}.news: news has no property "FNAME" in members (did you mean "merge_fields.FNAME"?)',
        ),
        (
            'type = "text"\ncrm = { field = "firstnme" }',
            '24:{}.crm.field: crm has no property "firstnme" in contacts (did you mean "firstname"?)',
        ),
        (
            'type = "text"\ncrm = { feild = "firstname" }',
            '24:{}.crm.feild: unknown key (did you mean "field"?)',
        ),
        (
            'type = "text"\ncrm = { way = "read" }',
            '24:{}.crm: expected the app\'s field: "name" or {{ field = "name" }}',
        ),
        (
            'type = "text"\ncrm = { field = "firstname", way = "in" }',
            "24:{}.crm.way: is \"in\", expected 'both', 'read' or 'write'",
        ),
        (
            'type = "integer"\ncrm = "since"',
            "24:{}.crm: since is of type date, which does not carry integer (integer needs decimal or integer or text)",
        ),
        (
            'type = "consent"\nnews = "status"',
            (
                "24:{}.news: status is of type choice, which does not carry consent "
                "(say which value means what: values = {{ ... }})"
            ),
        ),
        (
            'type = "boolean"\ncrm = "hs_email_optout"',
            (
                "24:{}.crm: hs_email_optout says whether somebody may be mailed, "
                'and boolean would let it be taken back (say type = "consent", or way = "read")'
            ),
        ),
        (
            'type = "phone"\nregion = "UK"\ncrm = "phone"',
            '24:{}.region: there is no region "UK" (write the two letters of ISO 3166, such as "GB")',
        ),
        (
            'type = "consent"\nexpr = "email == \\"\\""\ncrm = "hs_email_optout"',
            (
                "24:{}.expr: a consent is given or taken back by somebody, and is not computed "
                "(map the fields that bear it)"
            ),
        ),
        (
            'type = "instant"\ncrm = "created"',
            '24:{}.crm: created is read-only in crm (say way = "read")',
        ),
        (
            'type = "instant"\ncrm = { field = "created", write_once = true }',
            "24:{}.crm.field: created cannot be given when a record is made",
        ),
        (
            STAGE + '{ lead = "Led" } }',
            '25:{}.news.values.lead: merge_fields.STAGE has no option "Led" (did you mean "Lead"?)',
        ),
        (
            STAGE + '{ lead = "Lead" } }',
            (
                '25:{}.news: no option in news for "customer" '
                "(add values = {{ ... }}, or say partial = true to leave such records as they are)"
            ),
        ),
        (
            'type = "choice"\nnews = { field = "merge_fields.STAGE", values = { a = "Lead", b = "Lead" } }',
            (
                '24:{}.news.values.b: "Lead" stands for "a" already '
                "(say lossy = true if several values may look the same here)"
            ),
        ),
        (
            (
                'type = "consent"\nnews = { field = "status", values = { true = "unsubscribed" }, '
                'also = { false = "unsubscribed" } }'
            ),
            '24:{}.news.also.false: "unsubscribed" stands for "true" already',
        ),
        (
            (
                'type = "consent"\nnews = { field = "status", values = { true = "unsubscribed" }, '
                'also = { yes = "cleaned" } }'
            ),
            '24:{}.news.also.yes: "yes" is no consent: expected true or false',
        ),
        (
            (
                'type = "consent"\nnews = { field = "status", values = { true = "unsubscribed" }, '
                'also = { true = "clean" } }'
            ),
            '24:{}.news.also.true: status has no option "clean" (did you mean "cleaned"?)',
        ),
        (
            'type = "consent"\nnews = { field = "status", values = { yes = "unsubscribed" } }',
            '24:{}.news.values.yes: "yes" is no consent: expected true or false',
        ),
        (
            'type = "consent"\ncrm = { field = "hs_email_optout", values = { true = "x" } }',
            "24:{}.crm.values.true: x does not fit hs_email_optout: is neither true nor false",
        ),
        (
            'type = "text"\nnews = { field = "tags", values = { a = "b" } }',
            "24:{}.news.field: tags is of type choices, which takes no values table",
        ),
        (
            'type = "address"\nnews = "merge_fields.ADDRESS.city"',
            "24:{}.news: address cannot be at a path inside merge_fields.ADDRESS",
        ),
        (
            'type = "text"\ncrm = "firstname"\nconflict = "newst"',
            '25:{}.conflict: there is no policy "newst" (did you mean "newest"?)',
        ),
        (
            'type = "text"\ncrm = "firstname"\nconflict = "max"',
            '25:{}.conflict: "max" does not fit text (text takes: filled, manual, newest, prefer)',
        ),
        (
            'type = "consent"\ncrm = "hs_email_optout"\nconflict = "newest"',
            '25:{}.conflict: "newest" does not fit consent (consent takes: or)',
        ),
        (
            'type = "text"\ncrm = "firstname"\nconflict = "prefer cmr"',
            '25:{}.conflict: there is no app "cmr" in this sync (did you mean "crm"?)',
        ),
        (
            'type = "text"\ncrm = "firstname"\nconflict = "prefer news"',
            '25:{}.conflict: the app "news" does not have this field (there is: crm)',
        ),
        (
            'type = "text"\ncrm = "firstname"\nblank = "keep"',
            "25:{}.blank: is \"keep\", expected 'propagate', 'hold' or 'ignore'",
        ),
        (
            'type = "integer"\ncrm = "score"\ndefault = "many"',
            "25:{}.default: 'many' is no integer: is not a number, expected a whole number",
        ),
        (
            'type = "date"\ncrm = "since"\nzone = "Europe/Berln"',
            '25:{}.zone: there is no time zone "Europe/Berln" (such as "Europe/Berlin")',
        ),
        (
            'type = "consent"\ncrm = "hs_email_optout"\naddress = "mail"',
            '25:{}.address: there is no e-mail field "mail" (did you mean "email"?)',
        ),
        ('type = "text"\ncrm = "firstname"\naddress = "email"', "25:{}.address: only a consent has an address"),
        (
            (
                'type = "consent"\ncrm = "hs_email_optout"\n[syncs.people.fields.other]\ntype = "consent"\n'
                'crm = { field = "hs_email_optout", way = "read" }\n'
            ),
            (
                '25:syncs.people.fields.other.channel: is "email", as that of it: an opt-out of one would be one of '
                'both (name another, such as "product")'
            ),
        ),
        (
            'type = "consent"\ncrm = "hs_email_optout"\nopt_in_from = ["news"]',
            '25:{}.opt_in_from[0]: there is no app "news" with this consent (there is: crm)',
        ),
        (
            'type = "text"\ncrm = { field = "firstname", part = "first" }',
            '24:{}.crm.part: no field says part = "last" of firstname (both are needed)',
        ),
        (
            'type = "reference"\ncrm = "firstname"',
            "22:{}.to: is needed: the sync whose records this points to",
        ),
        (
            'type = "text"\ncrm = "firstname"\nto = "people"',
            "25:{}.to: only a reference has it",
        ),
        (
            'type = "text"\ncrm = "firstname"\nexpr = "emial"',
            '25:{}.expr: there is no field "emial" at column 1 (did you mean "email"?)',
        ),
        (
            'type = "text"\ncrm = "firstname"\nexpr = \'lowr(email)\'',
            '25:{}.expr: there is no function "lowr" at column 1 (did you mean "lower"?)',
        ),
        (
            'type = "text"\ncrm = "firstname"\nexpr = \'email +\'',
            "25:{}.expr: does not parse at column 8: mismatched input '<EOF>'",
        ),
        (
            'type = "text"\ncrm = { field = "firstname", way = "read" }\nexpr = "email"',
            '25:{}.expr: a computed field is written only (drop way = "read")',
        ),
    ],
)
def test_a_mistake_in_a_field(tmp_path: Path, lines: str, message: str) -> None:
    line, _, rest = message.partition(":")
    assert problems(tmp_path, FIELD + lines) == [f"syncd.toml:{line}:" + rest.format("syncs.people.fields.it")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fullname", 'crm has no property "fullname" in contacts (did you mean "lastname"?)'),
        ("score", "score is of type integer, and a full name stands in a text"),
    ],
)
def test_the_parts_of_a_name_are_those_of_a_text(tmp_path: Path, name: str, message: str) -> None:
    parts = [
        f'\n[syncs.people.fields.{part}]\ntype = "text"\ncrm = {{ field = "{name}", part = "{part}" }}\n'
        for part in ("first", "last")
    ]
    assert problems(tmp_path, "".join(parts)) == [
        f"syncd.toml:24:syncs.people.fields.first.crm.field: {message}",
        f"syncd.toml:28:syncs.people.fields.last.crm.field: {message}",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("entity  =", "entty =", 'syncd.toml:11:syncs.people.entty: unknown key (did you mean "entity"?)'),
        ('match   = ["email"]\n', "", "syncd.toml:10:syncs.people.match: is missing"),
        (
            'match   = ["email"]',
            'match = ["emial"]',
            'syncd.toml:13:syncs.people.match[0]: there is no field "emial" (did you mean "email"?)',
        ),
        (
            'first   = "prefer crm"',
            'first = "prefer cmr"',
            'syncd.toml:14:syncs.people.first: there is no app "cmr" in this sync (did you mean "crm"?)',
        ),
        (
            'first   = "prefer crm"',
            'first = "oldest"',
            (
                'syncd.toml:14:syncs.people.first: there is no way "oldest" to begin '
                "(there is: ask, newest, prefer crm, prefer news)"
            ),
        ),
        (
            'deletes = "hold"',
            'deletes = "mirror"',
            "syncd.toml:15:syncs.people.deletes: is \"mirror\", expected 'hold', 'propagate', 'archive' or 'ignore'",
        ),
        (
            'crm = "contacts"',
            'crm = "contact"',
            'syncd.toml:12:syncs.people.apps.crm: crm has no object "contact" (did you mean "contacts"?)',
        ),
        (
            'apps    = { crm = "contacts", news = "members" }',
            'apps = { crm = "contacts", nws = "members" }',
            'syncd.toml:12:syncs.people.apps.nws: there is no app "nws" in this file (did you mean "news"?)',
        ),
        (
            'deletes = "hold"',
            'creates = ["nws"]',
            'syncd.toml:15:syncs.people.creates[0]: "nws" is no app of this sync (did you mean "news"?)',
        ),
        (
            'type = "email"',
            'type = "email"\nblank = "ignore"',
            (
                "syncd.toml:19:syncs.people.fields.email.blank: a match field cannot ignore blanks: "
                "the record would be found under a value it lost (hold)"
            ),
        ),
        (
            "[syncs.people.fields.email]",
            "[syncs.people.fields.E-Mail]",
            'syncd.toml:17:syncs.people.fields.E-Mail: "E-Mail" is no field name (lower-case letters, digits and _)',
        ),
    ],
)
def test_a_mistake_in_a_sync(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PEOPLE
    with pytest.raises(ConfigError) as caught:
        load_syncs(config_of(tmp_path, APPS + PEOPLE.replace(old, new)), SCHEMAS)
    assert message in [str(problem) for problem in caught.value.problems]


def test_a_filter_names_an_app_of_the_sync_and_fields_that_are_there(tmp_path: Path) -> None:
    filters = "\n[syncs.people.filters]\nnews = 'stag == \"x\"'\nnws = 'true'\n"
    assert problems(tmp_path, filters) == [
        'syncd.toml:24:syncs.people.filters.nws: there is no app "nws" in this sync (did you mean "news"?)',
        'syncd.toml:23:syncs.people.filters.news: there is no field "stag" at column 1 (there is: email)',
    ]


def test_a_property_that_the_app_needs_must_be_given_where_records_are_made(tmp_path: Path) -> None:
    needy = object_of("contacts", *CONTACTS.fields.values(), Field(name="owner", type=FieldType.TEXT, required=True))
    schemas = {"crm": [needy], "news": [MEMBERS]}
    assert problems(tmp_path, "", schemas=schemas) == [
        'syncd.toml:12:syncs.people.apps.crm: crm needs "owner" to make a record, and no field gives it'
    ]
    nowhere = replace(needy, capabilities=replace(needy.capabilities, creates=False))
    assert people(tmp_path, "", schemas={**schemas, "crm": [nowhere]}).creates == {"news"}


def test_every_app_needs_a_field_to_match_by(tmp_path: Path) -> None:
    text = PEOPLE.replace('news = "email_address"\n', "")
    with pytest.raises(ConfigError) as caught:
        load_syncs(config_of(tmp_path, APPS + text), SCHEMAS)
    assert str(caught.value.problems[0]) == (
        "syncd.toml:13:syncs.people.match: news has none of the match fields, so that its records match nothing"
    )


def test_an_app_that_is_misspelt_in_a_sync_is_one_mistake(tmp_path: Path) -> None:
    text = PEOPLE.replace('first   = "prefer crm"', "").replace("{ crm =", "{ crmm =")
    with pytest.raises(ConfigError) as caught:
        load_syncs(config_of(tmp_path, APPS + text), SCHEMAS)
    assert [str(problem) for problem in caught.value.problems] == [
        'syncd.toml:12:syncs.people.apps.crmm: there is no app "crmm" in this file (did you mean "crm"?)'
    ]


def test_an_app_that_a_sync_does_not_name_has_no_line_in_its_fields(tmp_path: Path) -> None:
    blog = '\n[apps.blog]\nconnector = "mailchimp"\napi_key = { env = "MAILCHIMP_API_KEY" }\n'
    with pytest.raises(ConfigError) as caught:
        load_syncs(config_of(tmp_path, APPS + PEOPLE + 'blog = "email"\n' + blog), SCHEMAS)
    assert [str(problem).partition(":syncs.people.")[2] for problem in caught.value.problems] == [
        "fields.email.blog: blog is no app of this sync (name it there: apps = { blog = ... })"
    ]


def test_a_match_field_that_is_misspelt_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_syncs(config_of(tmp_path, APPS + PEOPLE.replace('["email"]', '["emial"]')), SCHEMAS)
    assert [str(problem) for problem in caught.value.problems] == [
        'syncd.toml:13:syncs.people.match[0]: there is no field "emial" (did you mean "email"?)'
    ]


def test_a_consent_needs_to_know_whose_it_is(tmp_path: Path) -> None:
    other = '\n[syncs.people.fields.other]\ntype = "email"\ncrm = "phone"\n'
    schemas = {
        "crm": [object_of("contacts", *CONTACTS.fields.values(), Field(name="mail2", type=FieldType.EMAIL))],
        "news": [MEMBERS],
    }
    consent = '\n[syncs.people.fields.out]\ntype = "consent"\ncrm = "hs_email_optout"\n'
    fields = other.replace("phone", "mail2") + consent
    assert problems(tmp_path, fields, schemas=schemas) == [
        (
            "syncd.toml:26:syncs.people.fields.out.address: is needed to tell whose consent this is "
            "(there is: email, other)"
        )
    ]
    assert people(tmp_path, fields + 'address = "other"\n', schemas=schemas).rules["out"].address == "other"


def test_all_mistakes_of_all_fields_are_told_at_once(tmp_path: Path) -> None:
    one = '\n[syncs.people.fields.a]\ntype = "text"\ncrm = "x"\n'
    other = '[syncs.people.fields.b]\ntype = "integer"\nnews = "tags"\n'
    told = problems(tmp_path, one + other)
    assert [line.rpartition("syncs.people.fields.")[2].partition(":")[0] for line in told] == ["a.crm", "b.news"]


def test_a_key_that_is_misspelt_is_told_as_such_and_not_by_all_that_it_breaks(tmp_path: Path) -> None:
    text = (APPS + PEOPLE).replace('type = "email"', 'tpye = "email"')
    with pytest.raises(ConfigError) as caught:
        check_shapes(config_of(tmp_path, text + "\n[syncs.people.filters]\nnews = 'email != \"\"'\n"))
    assert [str(problem).partition("syncs.people.")[2] for problem in caught.value.problems] == [
        'fields.email.tpye: unknown key (did you mean "type"?)',
        "fields.email.type: is missing",
    ]


def test_two_fields_that_write_one_and_the_same_field_of_an_app_are_refused(tmp_path: Path) -> None:
    again = FIELD + 'type = "text"\nnews = "merge_fields.FNAME"\ncrm = '
    assert problems(tmp_path, again + '"email"\n') == [
        (
            'syncd.toml:25:syncs.people.fields.it.crm: email is written by the field "email" already '
            '(say way = "read" in one of the two)'
        )
    ]
    people(tmp_path, again + '{ field = "email", way = "read" }\n')


def test_two_fields_may_write_two_places_inside_one_but_not_a_place_and_the_whole(tmp_path: Path) -> None:
    city = '\n[syncs.people.fields.city]\ntype = "text"\nnews = "merge_fields.ADDRESS.city"\n'
    line = '\n[syncs.people.fields.street]\ntype = "text"\nnews = "merge_fields.ADDRESS.addr1"\n'
    whole = '\n[syncs.people.fields.home]\ntype = "address"\nnews = "merge_fields.ADDRESS"\n'
    people(tmp_path, city + line)
    (told,) = problems(tmp_path, city + whole)
    assert 'merge_fields.ADDRESS is written by the field "city" already' in told


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("crm = 4", "crm: is 4, expected a table"),
        ('partial = "yes"', 'partial: is "yes", expected true or false'),
        ('options = "lead"', 'options: is "lead", expected a list, in brackets'),
        ("zone = 1", "zone: is 1, expected a text, in quotes"),
        ('crm = { join = ["firstname"] }', "crm.join: has 1 entry, expected at least 2"),
    ],
)
def test_a_wrong_shape_is_told_in_the_words_of_toml(tmp_path: Path, line: str, message: str) -> None:
    (told,) = problems(tmp_path, FIELD + f'type = "text"\n{line}\n')
    assert told.endswith(f"fields.it.{message}")


def test_the_shape_is_checked_without_any_schema(tmp_path: Path) -> None:
    check_shapes(config_of(tmp_path, APPS + PEOPLE))
    with pytest.raises(ConfigError, match=r"unknown key"):
        check_shapes(config_of(tmp_path, APPS + PEOPLE + "colour = 1\n"))
