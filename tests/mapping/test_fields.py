"""What a field's table becomes: ways, policies, defaults, consent, computed values, and the digest of it all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.fieldmap import Blank, Policy, Sync, Way
from syncd.core.lens import Misfit
from syncd.mapping import check_laws, describe, load_syncs
from syncd.sdk.contract import Field, FieldType, Option
from tests.mapping.ground import APPS, CONTACTS, MEMBERS, PEOPLE, SCHEMAS, config_of, object_of, people

IT = "\n[syncs.people.fields.it]\n"


def test_the_first_app_wins_unless_the_field_says_otherwise(tmp_path: Path) -> None:
    rules = people(tmp_path, IT + 'type = "text"\nnews = "merge_fields.FNAME"\ncrm = "firstname"\n').rules
    assert (rules["it"].policy, rules["it"].order, rules["it"].blank) == (
        Policy.PREFER,
        ("crm", "news"),
        Blank.PROPAGATE,
    )
    asked = 'type = "text"\ncrm = "firstname"\nnews = "merge_fields.FNAME"\nconflict = "prefer news"\nblank = "hold"\n'
    rules = people(tmp_path, IT + asked).rules
    assert (rules["it"].policy, rules["it"].order, rules["it"].blank) == (Policy.PREFER, ("news", "crm"), Blank.HOLD)


@pytest.mark.parametrize(
    ("type", "app_field", "policy"),
    [
        ("choices", "interests", "union"),
        ("consent", "hs_email_optout", "or"),
        ("integer", "score", "max"),
        ("date", "since", "min"),
        ("text", "firstname", "manual"),
        ("text", "firstname", "filled"),
    ],
)
def test_each_policy_goes_with_the_types_that_it_fits(tmp_path: Path, type: str, app_field: str, policy: str) -> None:
    rule = people(tmp_path, IT + f'type = "{type}"\ncrm = "{app_field}"\nconflict = "{policy}"\n').rules["it"]
    assert rule.policy.value == policy
    assert (rule.more is not None) == (type in {"integer", "date"})


def test_a_read_only_app_is_only_read(tmp_path: Path) -> None:
    text = APPS.replace('audience  = "Customers"', "read_only = true") + PEOPLE
    sync = load_syncs(config_of(tmp_path, text), SCHEMAS)["people"]
    assert sync.rules["email"].ways == {"crm": Way.BOTH, "news": Way.READ}
    assert sync.creates == {"crm"}


def test_a_field_may_go_one_way(tmp_path: Path) -> None:
    lines = 'type = "instant"\ncrm = { field = "created", way = "read" }\n'
    sync = people(tmp_path, IT + lines)
    assert sync.rules["it"].ways == {"crm": Way.READ}
    assert describe(sync)[1].apps == {"crm": "→ created", "news": ""}


def test_what_is_written_once_is_left_alone_from_then_on(tmp_path: Path) -> None:
    source = Field(name="source", type=FieldType.TEXT, writable=False, blank="")
    schemas = {"crm": [object_of("contacts", *CONTACTS.fields.values(), source)], "news": [MEMBERS]}
    lines = 'type = "text"\ncrm = { field = "source", write_once = true }\nnews = "merge_fields.FNAME"\n'
    rule = people(tmp_path, IT + lines, schemas=schemas).rules["it"]
    assert rule.ways["crm"] is Way.WRITE
    lens = rule.lenses["crm"]
    assert lens.put("shop", {}) == {"source": "shop"}
    assert lens.put("shop", {"source": "fair"}) == {"source": "fair"}
    assert lens.get({"source": "fair"}, {}) == "fair"
    assert lens.settles({"source": " fair "}) == {"source": "fair"}


def test_a_default_is_in_canonical_form(tmp_path: Path) -> None:
    assert people(tmp_path, IT + 'type = "text"\ncrm = "firstname"\ndefault = " x "\n').rules["it"].default == "x"
    choices = IT + 'type = "choices"\ncrm = "interests"\ndefault = ["b", "a"]\n'
    assert people(tmp_path, choices).rules["it"].default == ("a", "b")


def test_a_table_of_values_speaks_plain_whatever_the_app_writes(tmp_path: Path) -> None:
    lines = 'type = "choice"\ncrm = { field = "hs_email_optout", way = "read", values = { no = true, yes = false } }\n'
    lens = people(tmp_path, IT + lines).rules["it"].lenses["crm"]
    assert lens.get({"hs_email_optout": "true"}, {}) == "no"
    assert lens.put("yes", {}) == {"hs_email_optout": "false"}


def test_a_consent_turned_round(tmp_path: Path) -> None:
    lines = 'type = "consent"\ncrm = { field = "hs_email_optout", values = { true = false, false = true } }\n'
    rule = people(tmp_path, IT + lines + 'opt_in_from = ["crm"]\n').rules["it"]
    assert rule.lenses["crm"].get({"hs_email_optout": "false"}, {}) is True
    assert (rule.policy, rule.address, rule.consent_sources) == (Policy.OR, "email", frozenset({"crm"}))


def test_every_word_that_is_not_mentioned_can_mean_one_thing(tmp_path: Path) -> None:
    values = 'values = { true = "unsubscribed", false = "subscribed" }, others = true'
    rule = people(tmp_path, IT + f'type = "consent"\nnews = {{ field = "status", {values} }}\n').rules["it"]
    shown = {word: rule.lenses["news"].get({"status": word}, {}) for word in ("subscribed", "pending", "cleaned")}
    assert shown == {"subscribed": False, "pending": True, "cleaned": True}


def test_records_are_made_only_where_that_is_asked(tmp_path: Path) -> None:
    text = APPS + PEOPLE.replace('deletes = "hold"', 'creates = ["crm"]')
    assert load_syncs(config_of(tmp_path, text), SCHEMAS)["people"].creates == {"crm"}
    assert people(tmp_path, "").creates == {"crm", "news"}


def test_values_that_look_alike_in_one_app_are_told_apart_by_the_entity(tmp_path: Path) -> None:
    stages = replace(CONTACTS.fields["lifecyclestage"], options=tuple(map(Option, ["lead", "cold", "customer"])))
    schemas = {
        "crm": [replace(CONTACTS, fields={**CONTACTS.fields, "lifecyclestage": stages})],
        "news": [MEMBERS],
    }
    values = '{ lead = "Lead", cold = "Lead", customer = "Customer" }'
    news = f'news = {{ field = "merge_fields.STAGE", lossy = true, values = {values} }}\n'
    lens = people(tmp_path, IT + 'type = "choice"\ncrm = "lifecyclestage"\n' + news, schemas=schemas).rules["it"].lenses
    assert lens["news"].put("cold", {}) == {"merge_fields.STAGE": "Lead"}
    assert lens["news"].get({"merge_fields.STAGE": "Lead"}, {"it": "cold"}) == "cold"
    assert lens["news"].get({"merge_fields.STAGE": "Lead"}, {"it": "customer"}) == "lead"


def test_a_path_goes_into_the_apps_object(tmp_path: Path) -> None:
    rule = people(tmp_path, IT + 'type = "text"\nnews = "merge_fields.ADDRESS.city"\n').rules["it"]
    assert rule.lenses["news"].window == ("merge_fields.ADDRESS",)
    assert rule.lenses["news"].get({"merge_fields.ADDRESS": {"city": "Lyon"}}, {}) == "Lyon"


def test_a_path_goes_as_deep_as_is_said(tmp_path: Path) -> None:
    rule = people(tmp_path, IT + 'type = "text"\nnews = "merge_fields.ADDRESS.home.city"\n').rules["it"]
    assert rule.lenses["news"].put("Lyon", {}) == {"merge_fields.ADDRESS": {"home": {"city": "Lyon"}}}


def test_an_option_may_stand_at_a_path_where_any_text_does(tmp_path: Path) -> None:
    lenses = (
        people(tmp_path, IT + 'type = "choice"\ncrm = "lifecyclestage"\nnews = "merge_fields.ADDRESS.stage"\n')
        .rules["it"]
        .lenses
    )
    assert lenses["news"].put("customer", {}) == {"merge_fields.ADDRESS": {"stage": "customer"}}


def test_a_full_name_comes_from_two_fields(tmp_path: Path) -> None:
    lines = 'type = "text"\ncrm = { join = ["firstname", "lastname"] }\nnews = "merge_fields.FNAME"\n'
    lens = people(tmp_path, IT + lines).rules["it"].lenses["crm"]
    assert lens.get({"firstname": "Ada", "lastname": "Lovelace"}, {}) == "Ada Lovelace"


def test_a_computed_field_is_written_and_never_read(tmp_path: Path) -> None:
    lines = """type = "text"
expr = 'email == "" ? "Hello" : "Dear " + email'
news = "merge_fields.FNAME"
"""
    rule = people(tmp_path, IT + lines).rules["it"]
    assert rule.ways == {"news": Way.WRITE}
    assert rule.computed is not None
    assert rule.computed.uses == ("email",)
    assert rule.computed.compute({"email": "ada@example.com"}) == "Dear ada@example.com"


def test_options_may_stay_without_a_partner_where_that_is_said(tmp_path: Path) -> None:
    news = 'news = { field = "merge_fields.STAGE", values = { lead = "Lead" } }\n'
    partial = 'type = "choice"\ncrm = "lifecyclestage"\npartial = true\n'
    lens = people(tmp_path, IT + partial + news).rules["it"].lenses["news"]
    assert isinstance(lens.put("customer", {}), Misfit)
    stated = 'type = "choice"\ncrm = { field = "lifecyclestage", way = "read" }\noptions = ["lead"]\n'
    assert "it" in people(tmp_path, IT + stated + news).rules


def test_personal_is_what_the_admin_or_the_connector_says(tmp_path: Path) -> None:
    first = replace(CONTACTS.fields["firstname"], personal=True)
    schemas = {"crm": [replace(CONTACTS, fields={**CONTACTS.fields, "firstname": first})], "news": [MEMBERS]}
    one = '\n[syncs.people.fields.a]\ntype = "text"\ncrm = "firstname"\n'
    two = '[syncs.people.fields.b]\ntype = "text"\ncrm = "lastname"\npersonal = true\n'
    three = '[syncs.people.fields.c]\ntype = "integer"\ncrm = "score"\n'
    rules = people(tmp_path, one + two + three, schemas=schemas).rules
    assert [rules[name].personal for name in "abc"] == [True, True, False]


def test_several_ways_to_match_are_tried_in_order(tmp_path: Path) -> None:
    text = PEOPLE.replace('match   = ["email"]', 'match = ["email", ["first", "last"]]')
    names = (
        '[syncs.people.fields.first]\ntype = "text"\ncrm = "firstname"\n'
        '[syncs.people.fields.last]\ntype = "text"\ncrm = "lastname"\n'
    )
    sync = load_syncs(config_of(tmp_path, APPS + text + names), SCHEMAS)["people"]
    assert sync.match == (("email",), ("first", "last"))
    assert sync.rules["last"].blank is Blank.HOLD


def digest(folder: Path, fields: str, schemas: object = None) -> str:
    sync: Sync = people(folder, fields)
    return sync.digest


def test_a_new_tag_is_no_other_mapping_and_a_new_option_is(tmp_path: Path) -> None:
    def with_options(open_options: bool, *names: str) -> str:
        tags = Field(name="tags", type=FieldType.CHOICES, options=tuple(map(Option, names)), open_options=open_options)
        members = object_of("members", *(f for f in MEMBERS.fields.values() if f.name != "tags"), tags)
        config = config_of(tmp_path, APPS + PEOPLE + IT + 'type = "choices"\nnews = "tags"\npartial = true\n')
        return load_syncs(config, {**SCHEMAS, "news": [members]})["people"].digest

    assert with_options(True, "vip") == with_options(True, "vip", "partner")
    assert with_options(False, "vip") != with_options(False, "vip", "partner")


def test_what_is_written_once_keeps_the_laws_on_records_that_are_there(tmp_path: Path) -> None:
    lines = 'type = "text"\ncrm = "lastname"\nnews = { field = "merge_fields.FNAME", write_once = true }\n'
    rule = people(tmp_path, IT + lines).rules["it"]
    assert check_laws(rule, "news", [{"merge_fields.FNAME": "Ada"}]) == ()


def test_the_digest_changes_with_whatever_changes_what_is_written(tmp_path: Path) -> None:
    plain = IT + 'type = "text"\ncrm = "firstname"\n'
    same = digest(tmp_path, plain)
    assert digest(tmp_path, "\n# a comment" + plain) == same
    others = [
        plain + 'blank = "hold"\n',
        plain + 'conflict = "newest"\n',
        plain + 'default = "x"\n',
        plain.replace("firstname", "lastname"),
        plain + "[syncs.people.filters]\nnews = 'email != \"\"'\n",
        "",
    ]
    assert len({same, *(digest(tmp_path, other) for other in others)}) == 1 + len(others)
