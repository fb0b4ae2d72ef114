"""The admin's guide: every example loads in the accounts it is about, every mistake says what the guide says.

A block marked `toml` is a whole file. One marked `toml people` or `toml readers` is a part of such a sync, and is put
behind the beginning that all of them share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from syncd.core.fieldmap import Deletion, Policy, Sync, Way
from syncd.core.lens import Misfit
from syncd.errors import ConfigError
from syncd.mapping import check_laws, load_syncs
from syncd.mapping.expressions import Names, condition
from syncd.mapping.types import TYPES, Options
from syncd.settings import load
from tests.docs.apps import schemas

GUIDE = (Path(__file__).parents[2] / "docs" / "mappings.md").read_text()
BLOCKS: list[tuple[str, str]] = re.findall(r"^```toml ?(\S*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)

APPS = """
apps.crm  = { connector = "hubspot", token = { env = "HUBSPOT_TOKEN" } }
apps.news = { connector = "mailchimp", api_key = { env = "MAILCHIMP_API_KEY" } }
apps.blog = { connector = "ghost", base_url = "https://blog.example.com", admin_key = { env = "GHOST_ADMIN_KEY" } }
"""
SYNCS = {
    "people": 'entity = "person"\napps = { crm = "contacts", news = "members" }\nmatch = ["email"]\n',
    "readers": (
        'entity = "reader"\napps = { crm = "contacts", news = "members", blog = "members" }\nmatch = ["email"]\n'
    ),
}
EMAIL = {
    "people": 'type = "email"\ncrm = "email"\nnews = "email_address"\n',
    "readers": 'type = "email"\ncrm = "email"\nnews = "email_address"\nblog = "email"\n',
}
MISTAKES: list[tuple[str, str]] = re.findall(
    r"^\| `((?:fields|filters|first|deletes|creates)\b.*?)` \| `(.*)` \|$", GUIDE, re.MULTILINE
)
VALUES: list[tuple[str, str, str]] = re.findall(r"^\| `(\w+)` \| `(.*)` \| (.*) \|$", GUIDE, re.MULTILINE)


@pytest.fixture(autouse=True)
def _secrets_are_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "canary-token")
    monkeypatch.setenv("MAILCHIMP_API_KEY", "canary-us1")
    monkeypatch.setenv("BOTTLECRM_TOKEN", "canary-token")
    monkeypatch.setenv("GHOST_ADMIN_KEY", f"{'6a' * 12}:{'c0de' * 16}")


def completed(mark: str, block: str) -> str:
    """The block with what stands before it in its file."""
    if not mark:
        return block
    head, email = f"[syncs.{mark}]\n", f"[syncs.{mark}.fields.email]\n"
    whole = APPS + ("" if head in block else head + SYNCS[mark]) + block
    return whole if "include" in block else f"{whole}\n{email}{EMAIL[mark]}"


def loaded(folder: Path, text: str) -> Mapping[str, Sync]:
    path = folder / "config.toml"
    path.write_text(text)
    return load_syncs(load(path), schemas())


def example(folder: Path, words: str) -> Sync:
    """The sync of the one block that has these words in it."""
    (found,) = [(mark, block) for mark, block in BLOCKS if words in block]
    (sync,) = loaded(folder, completed(*found)).values()
    return sync


@pytest.mark.parametrize(("mark", "block"), BLOCKS, ids=[f"{n} {mark}" for n, (mark, _) in enumerate(BLOCKS)])
def test_every_example_loads_and_its_lenses_keep_the_laws(tmp_path: Path, mark: str, block: str) -> None:
    syncs = loaded(tmp_path, completed(mark, block))
    named = re.findall(r"^\[syncs\.(\w+)\.fields\.(\w+)\]", block, re.MULTILINE)
    assert [(sync, field) for sync, field in named if field not in syncs[sync].rules] == []
    rules = [rule for sync in syncs.values() for rule in sync.rules.values()]
    assert [breach for rule in rules for app in rule.lenses for breach in check_laws(rule, app)] == []


def test_what_the_examples_are_for_is_in_force(tmp_path: Path) -> None:
    assert example(tmp_path, '["first_name", "last_name"]').match == (("email",), ("first_name", "last_name"))
    assert example(tmp_path, 'conflict = "prefer news"').rules["first_name"].order == ("news", "crm")
    assert example(tmp_path, 'deletes = "propagate"').deletes is Deletion.PROPAGATE
    assert example(tmp_path, 'conflict = "union"').rules["tags"].policy is Policy.UNION
    assert example(tmp_path, 'default = "reader"').rules["first_name"].default == "reader"
    assert example(tmp_path, "merge_fields.SCORE").rules["score"].ways == {"crm": Way.READ, "news": Way.WRITE}
    assert "first_name_last_name_blog" in example(tmp_path, 'part = "first"').rules


def test_the_careful_mapping_of_consent_makes_nobody_a_subscriber_and_leaves_subscribers_alone(tmp_path: Path) -> None:
    sync = example(tmp_path, 'also   = { true = "cleaned", false = ["subscribed"')
    news = sync.rules["opted_out"].lenses["news"]
    assert news.put(False, {}) == {"status": "transactional"}
    assert news.put(False, {"status": "subscribed"}) == {"status": "subscribed"}
    assert news.put(True, {"status": "cleaned"}) == {"status": "cleaned"}


def test_a_lossy_word_keeps_what_was_meant_and_means_the_first_where_nothing_was(tmp_path: Path) -> None:
    news = example(tmp_path, "lossy  = true").rules["stage"].lenses["news"]
    assert news.get({"merge_fields.STAGE": "Lead"}, {"stage": "subscriber"}) == "subscriber"
    assert news.get({"merge_fields.STAGE": "Lead"}, {}) == "lead"


def test_a_template_is_changed_key_by_key(tmp_path: Path) -> None:
    sync = example(tmp_path, 'without = ["last_name"]')
    assert list(sync.rules) == ["email", "first_name", "phone", "opted_out"]
    assert sync.deletes is Deletion.IGNORE
    assert sync.rules["first_name"].policy is Policy.NEWEST
    assert sync.rules["first_name"].lenses["news"].window == ("merge_fields.COMPANY",)


def test_the_filter_of_the_example_keeps_customers_elsewhere_than_at_home(tmp_path: Path) -> None:
    passes = example(tmp_path, "endsWith").filters["news"]
    assert passes({"stage": "customer", "email": "ada@example.org"})
    assert not passes({"stage": "customer", "email": "ada@example.com"})
    assert not passes({"email": "ada@example.org"})


@pytest.mark.parametrize(("written", "said"), MISTAKES, ids=[said.partition(":")[0] for _, said in MISTAKES])
def test_every_mistake_of_the_table_says_just_that(tmp_path: Path, written: str, said: str) -> None:
    key = written.partition(" ")[0]
    lines = [line for line in SYNCS["people"].splitlines() if not line.startswith(f"{key} ")]
    if key != "fields.email":
        lines.append('fields.email = { type = "email", crm = "email", news = "email_address" }')
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, APPS + "\n".join(["[syncs.people]", *lines, written, ""]))
    told = [re.sub(r"^config\.toml:\d+:syncs\.people\.", "", str(problem)) for problem in caught.value.problems]
    assert told == [said]


@pytest.mark.parametrize(("kind", "value", "said"), VALUES)
def test_every_value_that_makes_no_sense_is_told_so(kind: str, value: str, said: str) -> None:
    found = TYPES[kind].clean(value, Options())
    assert isinstance(found, Misfit)
    assert found.reason == said


def test_the_guide_has_its_tables() -> None:
    assert len(MISTAKES) > 20
    assert len(VALUES) == 5
    assert len(BLOCKS) > 20


@pytest.mark.parametrize("policy", list(Policy))
def test_every_policy_is_in_the_table_with_the_types_it_is_for(policy: Policy) -> None:
    (row,) = re.findall(rf"^\| .*`{policy.value}(?: APP)?`.* \| .* \| (.*) \|$", GUIDE, re.MULTILINE)
    fits = {name for name, kind in TYPES.items() if policy in kind.policies}
    told = {*TYPES} - {"consent"} if row == "all but consent" else {*re.findall(r"`(\w+)`", row)}
    assert told == fits


def test_every_type_says_what_its_blank_is_in_an_expression() -> None:
    table = GUIDE.partition("**Blank is not null**")[2].partition("\n\nDates")[0]
    assert set(re.findall(r"`([a-z]+)`", re.sub(r"\|[^|]*\|$", "|", table, flags=re.MULTILINE))) == set(TYPES)


def test_none_of_the_shipped_connectors_claims_to_bring_removed_records_back() -> None:
    able = [one.name for objects in schemas().values() for one in objects if one.capabilities.archives]
    assert bool(able) is ("None of the shipped connectors claims" not in GUIDE)


def test_the_expression_about_a_blank_number_passes_numbers_and_fails_on_nothing() -> None:
    (source,) = re.findall(r"Ask `(score .*?)`", GUIDE)
    passes = condition(source, Names({"score": "decimal"}))
    assert passes({"score": "10.5"})
    assert not passes({"score": None})
    assert passes.fault({"score": None}) is None
