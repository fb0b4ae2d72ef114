"""The twin behaves as HubSpot's documentation says HubSpot does."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest

from syncd.testing.population import person
from tests.connectors.hubspot.portal import Portal

CONTACTS = "/crm/v3/objects/contacts"


def search(api: httpx.Client, *filters: dict[str, Any], object: str = "contacts", **more: Any) -> httpx.Response:
    body = {"filterGroups": [{"filters": list(filters)}], "limit": 100} | more
    return api.post(f"/crm/v3/objects/{object}/search", json=body)


def hits(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [row["id"] for row in response.json()["results"]]


def having(name: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator, "values" if isinstance(value, list) else "value": value}


# --- who lives there -----------------------------------------------------------------------------------------


def test_the_people_of_the_population_live_in_the_portal_with_their_companies() -> None:
    portal = Portal(records=40)
    people = [person(1, number) for number in range(40)]

    emails = [values["email"] for values in portal.twin.records("contacts").values()]
    names = {values["name"] for values in portal.twin.records("companies").values()}

    assert emails == [someone.email for someone in people]
    assert names == {someone.company for someone in people}


def test_those_who_opted_out_are_opted_out() -> None:
    portal = Portal(records=200)
    out = {someone.email for number in range(200) if (someone := person(1, number)).opted_out}

    shown = {v["email"] for v in portal.twin.records("contacts").values() if v.get("hs_email_optout") == "true"}

    assert out
    assert shown == out


def test_a_share_of_the_records_is_untidy_and_the_same_ones_each_time() -> None:
    tidy, untidy, again = Portal(records=100), Portal(records=100, dirty=0.5), Portal(records=100, dirty=0.5)

    differing = [
        id_ for id_ in tidy.ids() if tidy.twin.records("contacts")[id_] != untidy.twin.records("contacts")[id_]
    ]

    assert 25 < len(differing) < 75
    assert untidy.twin.records("contacts") == again.twin.records("contacts")


def test_the_journal_knows_every_value_with_its_author_and_time() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    portal.clock.turn(5)
    with portal.api() as api:
        api.patch(f"{CONTACTS}/{id_}", json={"properties": {"city": "Bergen"}})
    portal.twin.person_delete("contacts", id_)

    noted = [(entry.author, entry.field, entry.value) for entry in portal.twin.journal.entries if entry.id == id_]

    assert noted == [("person", "email", "ada@example.com"), ("api", "city", "Bergen"), ("person", "", None)]


# --- values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("email", "  Ada@EXAMPLE.com ", "ada@example.com"),
        ("phone", " (202) 555-0100 ", " (202) 555-0100 "),
        ("vip", True, "true"),
        ("vip", "FALSE", "false"),
        ("score", 7.5, "7.5"),
        ("member_since", "1767225600000", "2026-01-01"),
        ("last_seen_at", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000Z"),
        ("interests", "offers;news;offers", "offers;news"),
    ],
)
def test_values_are_kept_as_strings_in_the_portals_own_form(name: str, given: Any, kept: str) -> None:
    portal = Portal()
    with portal.api() as api:
        made = api.post(CONTACTS, json={"properties": {"firstname": "Ada", name: given}})

    assert made.status_code == 201
    assert made.json()["properties"][name] == kept


def test_a_leading_semicolon_adds_to_the_choices_that_stand() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", interests="news")
    portal.twin.person_edit("contacts", id_, {"interests": ";offers"})

    assert portal.twin.records("contacts")[id_]["interests"] == "news;offers"


def test_a_time_that_is_no_midnight_is_no_date() -> None:
    portal = Portal()
    with pytest.raises(ValueError, match="member_since"):
        portal.contact(email="ada@example.com", member_since="1767225600001")


@pytest.mark.parametrize(("name", "given"), [("score", "many"), ("last_seen_at", "noon")])
def test_what_is_no_number_or_no_time_is_refused_and_names_its_property(name: str, given: str) -> None:
    with Portal().api() as api:
        answer = api.post(CONTACTS, json={"properties": {"firstname": "Ada", name: given}})

    assert answer.status_code == 400
    assert name in answer.text


def test_a_property_that_does_not_say_what_it_is_is_not_made() -> None:
    with Portal().api() as api:
        answer = api.post("/crm/v3/properties/contacts", json={"name": "shoe_size"})

    assert answer.status_code == 400
    assert "is required" in answer.json()["message"]


def test_null_is_no_way_to_clear_a_value() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", city="Bergen")
    with portal.api() as api:
        answer = api.patch(f"{CONTACTS}/{id_}", json={"properties": {"city": None}})

    assert answer.status_code == 400
    assert portal.twin.records("contacts")[id_]["city"] == "Bergen"


@pytest.mark.parametrize(("object", "given"), [("contacts", {"city": "Bergen"}), ("companies", {"city": "Bergen"})])
def test_a_record_needs_something_to_be_known_by(object: str, given: dict[str, str]) -> None:
    with Portal().api() as api:
        assert api.post(f"/crm/v3/objects/{object}", json={"properties": given}).status_code == 400


def test_writing_what_stands_already_is_no_change() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", city="Bergen")
    with portal.api() as api:
        before = api.get(f"{CONTACTS}/{id_}").json()["updatedAt"]
        portal.clock.turn(60)
        api.patch(f"{CONTACTS}/{id_}", json={"properties": {"city": "Bergen"}})
        assert api.get(f"{CONTACTS}/{id_}").json()["updatedAt"] == before


# --- batches -------------------------------------------------------------------------------------------------


def test_without_trace_ids_one_bad_row_spoils_the_batch_and_nothing_is_written() -> None:
    portal = Portal()
    inputs = [{"properties": {"email": "ada@example.com"}}, {"properties": {"nope": "1"}}]
    with portal.api() as api:
        answer = api.post(f"{CONTACTS}/batch/create", json={"inputs": inputs})

    assert answer.status_code == 400
    assert portal.ids() == []


def test_with_trace_ids_the_good_rows_are_written_and_the_bad_ones_named() -> None:
    portal = Portal()
    inputs = [
        {"objectWriteTraceId": "good", "properties": {"email": "ada@example.com"}},
        {"objectWriteTraceId": "bad", "properties": {"nope": "1"}},
        {"objectWriteTraceId": "taken", "properties": {"email": "ada@example.com"}},
    ]
    with portal.api() as api:
        answer = api.post(f"{CONTACTS}/batch/create", json={"inputs": inputs})

    told = answer.json()
    (id_,) = portal.ids()
    assert answer.status_code == 207
    assert [row["objectWriteTraceId"] for row in told["results"]] == ["good"]
    assert {error["context"]["objectWriteTraceId"][0]: error["category"] for error in told["errors"]} == {
        "bad": "VALIDATION_ERROR",
        "taken": "CONFLICT",
    }
    assert told["errors"][1]["message"] == f"Contact already exists. Existing ID: {id_}"


@pytest.mark.parametrize("inputs", [[{"id": "1"}] * 2, [{"id": str(n)} for n in range(101)]])
def test_a_batch_with_one_id_twice_or_with_more_than_a_hundred_inputs_is_refused(inputs: list[dict[str, str]]) -> None:
    with Portal().api() as api:
        assert api.post(f"{CONTACTS}/batch/update", json={"inputs": inputs}).status_code == 400


def test_an_upsert_changes_or_makes_and_says_which() -> None:
    portal = Portal()
    portal.contact(email="ada@example.com", customer_number="C-1")
    inputs = [
        {"id": "C-1", "idProperty": "customer_number", "properties": {"city": "Bergen"}},
        {"id": "C-2", "idProperty": "customer_number", "properties": {"email": "bob@example.com"}},
    ]
    with portal.api() as api:
        told = api.post(f"{CONTACTS}/batch/upsert", json={"inputs": inputs}).json()["results"]

    assert {row["properties"].get("city") or row["properties"]["email"]: row["new"] for row in told} == {
        "Bergen": False,
        "bob@example.com": True,
    }


# --- search --------------------------------------------------------------------------------------------------


def test_search_shows_a_change_only_after_its_lag() -> None:
    portal = Portal(knobs={"search_lag": 20.0})
    id_ = portal.contact(email="ada@example.com", city="Lyon")
    with portal.api() as api:
        assert hits(search(api, having("city", "EQ", "Lyon"))) == []
        portal.clock.turn(21)
        assert hits(search(api, having("city", "EQ", "Lyon"))) == [id_]

        portal.twin.person_edit("contacts", id_, {"city": "Bergen"})
        assert hits(search(api, having("city", "EQ", "Lyon"))) == [id_]
        portal.clock.turn(21)
        assert hits(search(api, having("city", "EQ", "Bergen"))) == [id_]

        portal.twin.person_delete("contacts", id_)
        assert hits(search(api)) == [id_]
        portal.clock.turn(21)
        assert hits(search(api)) == []


def test_search_goes_no_further_than_its_cap() -> None:
    portal = Portal(records=30, knobs={"search_cap": 20})
    with portal.api() as api:
        assert len(hits(search(api, limit=10, after="10"))) == 10
        assert search(api, limit=10, after="11").status_code == 400
        assert search(api, limit=201).status_code == 400
        assert search(api, limit=10, after="soon").status_code == 400


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("city", "EQ", "bergen", "a"),
        ("city", "NEQ", "Bergen", "bcd"),
        ("city", "IN", ["bergen", "lyon"], "ab"),
        ("city", "NOT_IN", ["bergen", "lyon"], "cd"),
        ("city", "HAS_PROPERTY", None, "ab"),
        ("city", "NOT_HAS_PROPERTY", None, "cd"),
        ("score", "GT", "9", "ab"),
        ("score", "GTE", "9", "abc"),
        ("score", "LT", "10", "c"),
        ("score", "LTE", "10", "ac"),
        ("member_since", "GTE", "1767225600000", "b"),
        ("email", "CONTAINS_TOKEN", "*d@*", "d"),
    ],
)
def test_each_operator_of_the_search(name: str, operator: str, value: Any, expected: str) -> None:
    portal = Portal()
    made = {
        "a": portal.contact(email="a@example.com", city="Bergen", score="10"),
        "b": portal.contact(email="b@example.com", city="Lyon", score="100", member_since="2026-01-01"),
        "c": portal.contact(email="c@example.com", score="9"),
        "d": portal.contact(email="d@example.com"),
    }
    with portal.api() as api:
        assert hits(search(api, having(name, operator, value))) == [made[letter] for letter in expected]


def test_filters_of_a_group_are_joined_by_and_groups_by_or() -> None:
    portal = Portal()
    one = portal.contact(email="a@example.com", city="Bergen", score="1")
    portal.contact(email="b@example.com", city="Bergen", score="2")
    three = portal.contact(email="c@example.com", city="Lyon", score="3")
    groups = [
        {"filters": [having("city", "EQ", "Bergen"), having("score", "LT", "2")]},
        {"filters": [having("city", "EQ", "Lyon")]},
    ]
    with portal.api() as api:
        assert hits(search(api, filterGroups=groups)) == [one, three]
        assert search(api, filterGroups=groups * 3).status_code == 400


def test_a_search_is_sorted_by_one_property_only() -> None:
    portal = Portal()
    ids = [portal.contact(email=f"{score}@example.com", score=str(score)) for score in (2, 10, 1)]
    by_score = {"propertyName": "score", "direction": "DESCENDING"}
    with portal.api() as api:
        assert hits(search(api, sorts=[by_score])) == [ids[1], ids[0], ids[2]]
        assert search(api, sorts=[by_score, "email"]).status_code == 400


# --- deleting, merging ---------------------------------------------------------------------------------------


def test_the_bin_is_a_listing_of_its_own() -> None:
    portal = Portal(records=3)
    _, binned, _ = portal.ids()
    with portal.api() as api:
        api.delete(f"{CONTACTS}/{binned}")
        archived = api.get(CONTACTS, params={"archived": "true"}).json()["results"]
        assert [(row["id"], row["archived"]) for row in archived] == [(binned, True)]
        assert api.get(f"{CONTACTS}/{binned}").status_code == 404
    portal.twin.person_restore("contacts", binned)

    assert set(portal.ids()) >= {binned}


def test_a_forgotten_contact_is_not_even_in_the_bin() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com")
    with portal.api() as api:
        api.post(f"{CONTACTS}/gdpr-delete", json={"objectId": "ada@example.com", "idProperty": "email"})
        assert api.get(f"{CONTACTS}/{id_}", params={"archived": "true"}).status_code == 404


def test_a_merge_keeps_the_primarys_values_and_fills_its_blanks() -> None:
    portal = Portal()
    keep = portal.contact(email="ada@example.com", city="Bergen")
    lose = portal.contact(email="lovelace@example.com", city="Lyon", phone="1")
    with portal.api() as api:
        merged = api.post(f"{CONTACTS}/merge", json={"primaryObjectId": keep, "objectIdToMerge": lose}).json()["id"]
        again = api.post(CONTACTS, json={"properties": {"email": "lovelace@example.com"}})

    values = portal.twin.records("contacts")[merged]
    assert (values["email"], values["city"], values["phone"]) == ("ada@example.com", "Bergen", "1")
    assert values["hs_additional_emails"] == "lovelace@example.com"
    assert values["hs_merged_object_ids"] == f"{keep};{lose}"
    assert again.json()["message"] == f"Contact already exists. Existing ID: {merged}"


def test_the_survivor_of_a_merge_keeps_the_companies_of_both() -> None:
    portal = Portal(records=2)
    keep, lose = portal.ids()
    companies = set(portal.ids("companies"))
    survivor = portal.twin.person_merge("contacts", keep, lose)
    with portal.api() as api:
        url = "/crm/v4/associations/contacts/companies/batch/read"
        (tied,) = api.post(url, json={"inputs": [{"id": survivor}]}).json()["results"]

    assert {str(end["toObjectId"]) for end in tied["to"]} == companies


# --- limits, faults, people ----------------------------------------------------------------------------------


def test_search_has_a_limit_of_its_own_and_no_rate_headers() -> None:
    portal = Portal(limits=True, knobs={"calls_per_ten_seconds": 3})
    with portal.api() as api:
        statuses = [search(api).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        assert "x-hubspot-ratelimit-remaining" not in search(api).headers
        plain = [api.get(CONTACTS) for _ in range(4)]

    assert [answer.status_code for answer in plain] == [200, 200, 200, 429]
    assert [answer.headers["x-hubspot-ratelimit-remaining"] for answer in plain[:3]] == ["2", "1", "0"]
    assert plain[3].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert "retry-after" not in plain[3].headers


def test_the_budget_comes_back_as_time_passes() -> None:
    portal = Portal(limits=True, knobs={"calls_per_ten_seconds": 1})
    with portal.api() as api:
        assert [api.get(CONTACTS).status_code for _ in range(2)] == [200, 429]
        portal.clock.turn(10.0)
        assert api.get(CONTACTS).status_code == 200


def test_people_do_over_http_what_they_do_in_the_screens() -> None:
    portal = Portal()
    with portal.api() as api:
        ada, bob = (
            api.post("/_people/create", json={"object": "contacts", "fields": {"email": f"{name}@example.com"}}).json()
            for name in ("ada", "bob")
        )
        api.post("/_people/hooks", json={"url": "https://syncd.test/hooks/crm"})
        api.post("/_people/edit", json={"object": "contacts", "id": ada["id"], "fields": {"city": "Bergen"}})
        api.post("/_people/opt-out", json={"object": "contacts", "id": ada["id"]})
        merged = api.post("/_people/merge", json={"object": "contacts", "keep": ada["id"], "lose": bob["id"]}).json()
        values = api.get("/_people/records/contacts").json()["records"][merged["id"]]

    assert values["city"] == "Bergen"
    assert values["hs_email_optout"] == "true"
    assert len(portal.twin.outbox) == 3


def test_the_same_seed_tells_the_same_story() -> None:
    def story() -> list[Any]:
        portal = Portal(records=20)
        portal.misbehave(throttle=0.3, error=0.2)
        with portal.api() as api:
            return [(r.status_code, r.text) for _ in range(30) for r in [api.get(CONTACTS, params={"limit": 3})]]

    assert story() == story()


def test_a_portal_of_an_unknown_object_type_is_none() -> None:
    with Portal().api() as api:
        for path in ("objects/tickets", "properties/tickets"):
            assert api.get(f"/crm/v3/{path}").status_code == 400


def test_object_types_go_by_name_or_by_number() -> None:
    portal = Portal(records=2)
    with portal.api() as api:
        answers = [api.get(f"/crm/v3/objects/{kind}").json()["results"] for kind in ("contacts", "contact", "0-1")]

    assert all(one == two for one, two in itertools.pairwise(answers))
    assert len(answers[0]) == 2
