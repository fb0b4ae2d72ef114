"""A person's company is the same company in both apps, whatever ids they give it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.core.record import Ref
from syncd.engine.decide import approve, drop_hold
from syncd.engine.plan import apply, make_plan
from syncd.errors import ConfigError
from syncd.sdk.contract import Associates
from syncd.store.values import Event, ParkedKind
from syncd.testing.twin import Call
from tests.flows.stage import Stage, staged

CONFIG = """
[store]
url = "sqlite:///:memory:"

[apps.crm]
connector = "hubspot"
token = { env = "CRM_TOKEN" }

[apps.desk]
connector = "bottlecrm"
base_url = "http://127.0.0.1:1"
token = { env = "DESK_TOKEN" }

[syncs.companies]
include = "companies-hubspot-bottlecrm"
apps = { crm = "companies", desk = "accounts" }
fields.phone.region = "US"

[syncs.people]
entity = "person"
apps = { crm = "contacts", desk = "contacts" }
match = ["email"]
first = "prefer crm"
filters.desk = 'first_name != "" && last_name != ""'

[syncs.people.fields]
email = { type = "email", crm = "email", desk = "email" }
first_name = { type = "text", crm = "firstname", desk = "first_name" }
last_name = { type = "text", crm = "lastname", desk = "last_name" }
company = { type = "reference", to = "companies", crm = "@companies", desk = "account" }
"""


TWINS: dict[str, Any] = {
    "crm": {"connector": "hubspot", "records": 12},
    "desk": {"connector": "bottlecrm", "records": 3, "start": 9},
}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with staged(tmp_path, monkeypatch, CONFIG, TWINS) as made:
        made.settle(12)
        yield made


def _name(stage: Stage, app: str, object: str, id: str) -> str:
    return str(stage.twins[app].records(object)[id]["name"])


def _company_in_desk(stage: Stage, email: str) -> str:
    _, contact = stage.by_email("desk", "email")[email]
    return _name(stage, "desk", "accounts", contact["account"]) if contact["account"] else ""


def _company_in_crm(stage: Stage, email: str) -> str:
    twin: Any = stage.twins["crm"]
    id, _ = stage.by_email("crm", "email")[email]
    connector = stage.assembly.world.apps["crm"].connector
    assert isinstance(connector, Associates)
    (ends,) = connector.associated([Ref("crm", "contacts", id)], "companies").values()
    return str(twin.records("companies")[ends[0].id]["name"]) if ends else ""


def _no_ties(call: Call) -> httpx.Response | None:
    """The CRM shows who belongs where, and lets nobody change it."""
    return httpx.Response(500) if "/associations/" in call.path and not call.path.endswith("/read") else None


def test_contacts_made_in_the_other_app_belong_to_the_same_company(stage: Stage) -> None:
    crm: Mapping[str, Any] = stage.by_email("crm", "email")
    companies = {email: _company_in_crm(stage, email) for email in crm}
    assert any(companies.values())
    assert companies == {email: _company_in_desk(stage, email) for email in crm}


def test_a_plan_holds_good_for_those_whose_company_is_yet_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with staged(tmp_path, monkeypatch, CONFIG, TWINS) as stage:
        world = stage.assembly.world
        plan = make_plan(world)
        assert any(str(pair[1]).startswith("new-") for write in plan.writes for pair in write.fields.values())
        assert apply(world, plan, by="op").tally.written == len(plan.writes)
        assert not make_plan(world).writes


def test_moving_to_another_company_moves_in_the_other_app(stage: Stage) -> None:
    email, (id, contact) = next((e, c) for e, c in stage.by_email("desk", "email").items() if c[1]["account"])
    others = [a for a in stage.twins["desk"].records("accounts") if a != contact["account"]]
    stage.twins["desk"].person_edit("contacts", id, {"account": others[0]})
    stage.settle(12)
    assert _company_in_crm(stage, email) == _name(stage, "desk", "accounts", others[0])


def test_a_company_made_with_its_person_arrives_before_or_after_but_in_the_end(stage: Stage) -> None:
    account = stage.twins["desk"].person_create("accounts", {"name": "Quite New Ltd"})
    fields = {"first_name": "Eve", "last_name": "New", "email": "eve.new@example.com", "account": account}
    stage.twins["desk"].person_create("contacts", fields)
    stage.settle(12)
    assert _company_in_crm(stage, "eve.new@example.com") == "Quite New Ltd"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('to = "companies", ', "", 'fields.company.to: is needed: the sync whose records this points to'),
        ('to = "companies"', 'to = "companys"', 'there is no sync "companys"'),
        ('to = "companies"', 'to = "people"', 'points to companies, and the sync "people" keeps contacts'),
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    twins = {"crm": {"connector": "hubspot"}, "desk": {"connector": "bottlecrm"}}
    with pytest.raises(ConfigError) as told, staged(tmp_path, monkeypatch, CONFIG.replace(old, new), twins):
        pass
    assert message in str(told.value)


def test_leaving_a_company_in_one_app_leaves_it_in_the_other(stage: Stage) -> None:
    email, (id, _) = next((e, c) for e, c in stage.by_email("desk", "email").items() if c[1]["account"])
    assert _company_in_crm(stage, email)
    stage.twins["desk"].person_edit("contacts", id, {"account": None})
    stage.settle(12)
    assert _company_in_crm(stage, email) == ""
    assert _company_in_desk(stage, email) == ""
    assert not make_plan(stage.assembly.world).writes
    with stage.assembly.world.store.read() as tx:
        assert tx.parked.open() == []


def test_a_person_who_was_stored_but_not_untied_is_looked_at_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, (id, _) = next((e, c) for e, c in stage.by_email("desk", "email").items() if c[1]["account"])
    stage.twins["desk"].person_edit("contacts", id, {"account": None})
    with monkeypatch.context() as patched:
        patched.setattr(stage.twins["crm"], "refuses", _no_ties)
        assert stage.run().doubtful == 1
        assert _company_in_crm(stage, email)
    stage.settle(12)
    assert _company_in_crm(stage, email) == ""


def test_a_plan_shows_that_a_company_is_left_and_apply_leaves_just_that(stage: Stage) -> None:
    world = stage.assembly.world
    email, (id, _) = next((e, c) for e, c in stage.by_email("desk", "email").items() if c[1]["account"])
    stage.twins["desk"].person_edit("contacts", id, {"account": None})
    plan = make_plan(world)
    assert [write.fields["@companies"][1] for write in plan.writes] == [None]
    assert _company_in_crm(stage, email)
    apply(world, plan, by="op")
    assert _company_in_crm(stage, email) == ""


def test_a_person_who_was_stored_but_not_tied_is_looked_at_again_and_not_made_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = next(iter(stage.twins["desk"].records("accounts")))
    fields = {"first_name": "Eve", "last_name": "New", "email": "eve.new@example.com", "account": account}
    stage.twins["desk"].person_create("contacts", fields)
    with monkeypatch.context() as patched:
        patched.setattr(stage.twins["crm"], "refuses", _no_ties)
        assert stage.run().doubtful == 1
        assert _company_in_crm(stage, "eve.new@example.com") == ""
    stage.settle(12)
    assert _company_in_crm(stage, "eve.new@example.com") == _name(stage, "desk", "accounts", account)


def _employer(stage: Stage) -> tuple[str, list[str]]:
    """The account of most contacts in the desk, and who they are."""
    contacts = [(email, str(row["account"])) for email, (_, row) in stage.by_email("desk", "email").items()]
    accounts = [account for _, account in contacts if account != "None"]
    most = max(accounts, key=accounts.count)
    return most, [email for email, account in contacts if account == most]


def _deleted_in_desk(stage: Stage) -> tuple[str, list[str], list[int]]:
    """Somebody deletes a company there, which empties it in its contacts; its name, who they are, what is asked."""
    account, people = _employer(stage)
    name = _name(stage, "desk", "accounts", account)
    stage.twins["desk"].person_delete("accounts", account)
    for _ in range(3):
        stage.run(whole=True, wait=700.0)
    with stage.assembly.world.store.read() as tx:
        return name, people, [work.id for work in tx.parked.open() if work.kind is ParkedKind.HOLD]


def test_nobody_leaves_a_company_elsewhere_because_it_was_deleted_in_one_app(stage: Stage) -> None:
    name, people, asked = _deleted_in_desk(stage)
    assert len(asked) == 1
    assert {_company_in_crm(stage, email) for email in people} == {name}
    assert {_company_in_desk(stage, email) for email in people} == {""}


def test_whoever_says_no_to_the_delete_of_a_company_has_its_people_in_it_again(stage: Stage) -> None:
    name, people, (asked,) = _deleted_in_desk(stage)
    drop_hold(stage.assembly.world, asked, by="op")
    stage.settle(12)
    assert {_company_in_crm(stage, email) for email in people} == {name}
    assert {_company_in_desk(stage, email) for email in people} == {name}


def test_whoever_says_yes_has_it_deleted_and_nothing_else_written(stage: Stage) -> None:
    name, _, (asked,) = _deleted_in_desk(stage)
    approve(stage.assembly.world, asked, by="op")
    stage.settle(12)
    assert name not in {company["name"] for company in stage.twins["crm"].records("companies").values()}
    with stage.assembly.world.store.read() as tx:
        assert not [
            e for e in tx.log.find(sync="people", events=(Event.SENT,), limit=3) if e.fields.keys() == {"company"}
        ]


def test_whoever_moves_somebody_out_of_a_deleted_company_moves_them_everywhere(stage: Stage) -> None:
    _, (email, *_), _ = _deleted_in_desk(stage)
    account, row = next(iter(stage.twins["desk"].records("accounts").items()))
    stage.twins["desk"].person_edit("contacts", stage.by_email("desk", "email")[email][0], {"account": account})
    stage.settle(12)
    assert _company_in_crm(stage, email) == row["name"]


def test_whoever_is_taken_out_of_a_company_that_is_there_leaves_it_everywhere(stage: Stage) -> None:
    _, (email, *_) = _employer(stage)
    stage.twins["desk"].person_edit("contacts", stage.by_email("desk", "email")[email][0], {"account": None})
    stage.settle(12)
    assert _company_in_crm(stage, email) == ""


def test_while_nobody_can_tell_whether_a_company_is_there_nobody_leaves_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, people = _employer(stage)
    name = _name(stage, "desk", "accounts", account)

    def down(call: Call) -> httpx.Response | None:
        return httpx.Response(500) if call.path.rstrip("/").endswith(account) else None

    stage.twins["desk"].person_delete("accounts", account)
    monkeypatch.setattr(stage.twins["desk"], "refuses", down)
    stage.run(whole=True, wait=700.0)
    assert {_company_in_crm(stage, email) for email in people} == {name}
