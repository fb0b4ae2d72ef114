"""The twin is a Mailchimp: its own client takes it for one, and its answers fit the vendor's description."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import mailchimp_marketing
import pytest
from mailchimp_marketing.api_client import ApiClientError
from openapi_schema_validator import OAS30Validator

from syncd.sdk.clock import WallClock
from syncd.testing.clock import TurnedClock
from syncd.testing.population import person
from syncd.testing.serve import Served, serve
from syncd.testing.twin import Faults, Setup
from syncd_connectors.mailchimp.twin import API_KEY, LIST_ID, MailchimpTwin
from syncd_connectors.mailchimp.twin.rules import MergeField, Trouble, merge_value
from syncd_connectors.mailchimp.twin.store import address_hash

SPECS = Path(__file__).parents[3].parent / "shared" / "specs" / "mailchimp"
MEMBERS = f"/3.0/lists/{LIST_ID}/members"


def twin(**setup: Any) -> MailchimpTwin:
    return MailchimpTwin(Setup(clock=TurnedClock(), **setup))


def client(of: MailchimpTwin, key: str = API_KEY) -> httpx.Client:
    return httpx.Client(transport=of.transport(), base_url="https://us1.api.mailchimp.test", auth=("any", key))


def add(of: MailchimpTwin, **body: Any) -> httpx.Response:
    wanted = {"email_address": "ada@example.com", "status": "subscribed", **body}
    return client(of).post(MEMBERS, json=wanted)


# --- the vendor's own client ------------------------------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[Served]:
    with serve(MailchimpTwin(Setup(clock=WallClock(), records=12))) as door:
        yield door


def official(at: Served, key: str = API_KEY) -> Any:
    vendor = mailchimp_marketing.Client({"api_key": key})
    vendor.api_client.host = f"{at.url}/3.0"
    return vendor


def test_the_official_client_lists_adds_changes_and_removes(served: Served) -> None:
    vendor = official(served)
    assert vendor.ping.get()["health_status"]
    assert vendor.lists.get_all_lists()["lists"][0]["id"] == LIST_ID
    assert vendor.lists.get_list_members_info(LIST_ID, count=5, offset=10)["total_items"] == 12
    added = vendor.lists.add_list_member(LIST_ID, {"email_address": "Ada@Example.com", "status": "subscribed"})
    assert added["id"] == address_hash("ada@example.com")
    vendor.lists.update_list_member_tags(LIST_ID, added["id"], {"tags": [{"name": "Speaker", "status": "active"}]})
    changed = vendor.lists.set_list_member(
        LIST_ID, added["id"], {"email_address": "ada@example.com", "status_if_new": "pending", "vip": True}
    )
    assert (changed["status"], changed["vip"], changed["tags"][0]["name"]) == ("subscribed", True, "Speaker")
    vendor.lists.delete_list_member(LIST_ID, added["contact_id"])
    assert vendor.lists.get_list_member(LIST_ID, added["id"])["status"] == "archived"
    archived = vendor.lists.get_list_members_info(LIST_ID, status="archived")
    assert [row["contact_id"] for row in archived["members"]] == [added["contact_id"]]
    vendor.lists.delete_list_member_permanent(LIST_ID, added["id"])
    with pytest.raises(ApiClientError) as refused:
        vendor.lists.add_list_member(LIST_ID, {"email_address": "ada@example.com", "status": "subscribed"})
    assert json.loads(refused.value.text)["title"] == "Forgotten Email Not Subscribed"


def test_the_official_client_writes_many_and_runs_a_batch(served: Served) -> None:
    vendor = official(served)
    members = [{"email_address": f"p{n}@example.com", "status": "transactional"} for n in range(3)]
    assert vendor.lists.batch_list_members(LIST_ID, {"members": members})["total_created"] == 3
    again = vendor.lists.batch_list_members(LIST_ID, {"members": members, "update_existing": True})
    assert (again["total_updated"], again["error_count"]) == (3, 0)
    refused = vendor.lists.batch_list_members(LIST_ID, {"members": members})
    assert {error["error_code"] for error in refused["errors"]} == {"ERROR_CONTACT_EXISTS"}
    operation = {"method": "GET", "path": f"/lists/{LIST_ID}/members", "operation_id": "a"}
    job = vendor.batches.start({"operations": [operation]})
    assert job["status"] == "pending"
    seen = [vendor.batches.status(job["id"])["status"] for _ in range(4)]
    assert seen == ["preprocessing", "started", "finalizing", "finished"]
    url = vendor.batches.status(job["id"])["response_body_url"]
    assert httpx.get(url).headers["content-type"] == "application/x-gzip"


def test_the_official_client_is_turned_away_with_a_wrong_key(served: Served) -> None:
    with pytest.raises(ApiClientError) as refused:
        official(served, "wrong-us1").ping.get()
    assert refused.value.status_code == 401


# --- the vendor's description -----------------------------------------------------------------------------------

ANSWERS = [
    ("get", "/", ""),
    ("get", "/ping", ""),
    ("get", "/lists", ""),
    ("get", "/lists/{list_id}", ""),
    ("get", "/lists/{list_id}/merge-fields", ""),
    ("get", "/lists/{list_id}/interest-categories", ""),
    ("get", "/lists/{list_id}/interest-categories/{interest_category_id}/interests", ""),
    ("get", "/lists/{list_id}/tag-search", ""),
    ("get", "/lists/{list_id}/members", ""),
    ("get", "/lists/{list_id}/members/{subscriber_hash}", ""),
    ("get", "/lists/{list_id}/members/{subscriber_hash}/tags", ""),
    ("patch", "/lists/{list_id}/members/{subscriber_hash}", '{"vip": true}'),
    ("patch", "/lists/{list_id}/members/{subscriber_hash}", '{"status": "nonsense"}'),
    ("post", "/lists/{list_id}/members", '{"email_address": "new@example.com", "status": "pending"}'),
    ("post", "/lists/{list_id}/members", '{"email_address": "ada@example.com", "status": "pending"}'),
    (
        "post",
        "/lists/{list_id}",
        '{"members": [{"email_address": "b@example.com", "status": "pending"}, {"email_address": "x"}]}',
    ),
    ("get", "/lists/{list_id}/webhooks", ""),
    ("post", "/lists/{list_id}/webhooks", '{"url": "https://two.test/", "events": {"profile": true}}'),
    ("post", "/batches", '{"operations": []}'),
    ("get", "/batches/{batch_id}", ""),
    ("delete", "/lists/{list_id}/members/{subscriber_hash}", ""),
]


@pytest.fixture(scope="module")
def description() -> Any:
    found = sorted(SPECS.glob("*.json")) if SPECS.exists() else []
    if not found:
        pytest.skip("the vendor's description is not here")
    return json.loads(found[-1].read_text())


@pytest.mark.parametrize(("method", "path", "body"), ANSWERS, ids=lambda part: str(part)[:40])
def test_answers_fit_the_vendors_description(description: Any, method: str, path: str, body: str) -> None:
    of = twin(records=3)
    add(of)
    speaker = client(of)
    speaker.post(f"/3.0/lists/{LIST_ID}/webhooks", json={"url": "https://one.test/", "events": {"profile": True}})
    job = speaker.post("/3.0/batches", json={"operations": []}).json()["id"]
    filled = path.format(
        list_id=LIST_ID,
        interest_category_id="c0ffee1234",
        subscriber_hash=address_hash("ada@example.com"),
        batch_id=job,
    )
    response = speaker.request(method, f"/3.0{filled}", content=body or None)
    operation = description["paths"][path][method]
    expected = operation["responses"].get(str(response.status_code)) or operation["responses"]["default"]
    if response.status_code == 204:
        assert response.content == b""
        return
    schema = expected["content"]["application/json"]["schema"]
    errors = [f"{list(error.path)}: {error.message}" for error in OAS30Validator(schema).iter_errors(response.json())]
    assert errors == []


# --- the vendor's rules -----------------------------------------------------------------------------------------


def test_the_eleventh_connection_at_once_is_turned_away() -> None:
    of, arrived = twin(), threading.Barrier(11)
    statuses: list[int] = []

    def call() -> None:
        with client(of) as speaker:
            arrived.wait()
            statuses.append(speaker.get("/3.0/ping").status_code)

    with of.lock:  # nobody gets an answer until everybody has asked
        threads = [threading.Thread(target=call) for _ in range(10)]
        for thread in threads:
            thread.start()
        arrived.wait()
        while of._under_way < 10:
            pass
        assert client(of).get("/3.0/ping").status_code == 429
    for thread in threads:
        thread.join()
    assert statuses == [200] * 10


def test_long_text_is_cut_to_255_bytes_without_a_word() -> None:
    shown = add(twin(), merge_fields={"COMPANY": "é" * 200}).json()["merge_fields"]["COMPANY"]
    assert shown == "é" * 127


def test_a_time_is_inclusive_below_and_not_above() -> None:
    of = twin(records=3)
    speaker = client(of)
    times = [row["last_changed"] for row in speaker.get(MEMBERS).json()["members"]]
    params = {"since_last_changed": times[0], "before_last_changed": times[2]}
    assert [row["last_changed"] for row in speaker.get(MEMBERS, params=params).json()["members"]] == times[:2]


def test_fields_and_exclude_fields_do_not_go_together() -> None:
    params = {"fields": "members.id", "exclude_fields": "members.vip"}
    assert client(twin()).get(MEMBERS, params=params).status_code == 400


def test_ten_rows_are_shown_unless_more_are_asked_for_and_never_more_than_a_thousand() -> None:
    speaker = client(twin(records=1005))
    assert len(speaker.get(MEMBERS).json()["members"]) == 10
    assert len(speaker.get(MEMBERS, params={"count": 5000}).json()["members"]) == 1000


def test_a_batch_of_more_than_500_is_refused_whole() -> None:
    members = [{"email_address": f"p{n}@example.com", "status": "pending"} for n in range(501)]
    of = twin()
    assert client(of).post(f"/3.0/lists/{LIST_ID}", json={"members": members}).status_code == 400
    assert of.records("members") == {}


def test_faults_that_blind_show_an_empty_account() -> None:
    of = twin(records=3, faults=Faults(blind=True))
    who = next(iter(of.records("members")))
    listed = client(of).get(MEMBERS)
    assert (listed.status_code, listed.json()["members"]) == (200, [])
    assert client(of).get(f"{MEMBERS}/{who}").status_code == 404


def test_people_of_the_population_live_here_and_those_who_opted_out_are_unsubscribed() -> None:
    of = twin(records=60, start=5, seed=3)
    shown = list(of.records("members").values())
    people = [person(3, number) for number in range(5, 65)]
    assert [row["email_address"] for row in shown] == [somebody.email for somebody in people]
    assert [row["status"] == "unsubscribed" for row in shown] == [somebody.opted_out for somebody in people]
    assert any(somebody.opted_out for somebody in people)


def test_a_share_of_the_people_is_kept_sloppily_and_the_same_ones_each_time() -> None:
    tidy, untidy, again = (twin(records=100, dirty=share).records("members") for share in (0.0, 0.3, 0.3))
    differ = sum(a != b for a, b in zip(tidy.values(), untidy.values(), strict=True))
    assert 15 <= differ <= 45
    assert list(untidy.values()) == list(again.values())


def test_every_value_goes_to_the_journal_with_its_author() -> None:
    of = twin(records=1)
    (who,) = of.records("members")
    client(of).patch(f"{MEMBERS}/{who}", json={"vip": True})
    of.person_edit("members", who, {"merge_fields.FNAME": "Zora"})
    of.person_opt_out("members", who)
    of.person_delete("members", who)
    told = [(entry.author, entry.field, entry.value) for entry in of.journal.entries[-4:]]
    assert told == [
        ("api", "vip", True),
        ("person", "merge_fields.FNAME", "Zora"),
        ("person", "status", "unsubscribed"),
        ("person", "", None),
    ]
    assert {entry.author for entry in of.journal.entries[:-4]} == {"app"}


def test_there_is_no_merge_and_nobody_to_edit_who_is_archived() -> None:
    of = twin(records=2)
    keep, lose = of.records("members")
    with pytest.raises(KeyError):
        of.person_merge("members", keep, lose)
    of.person_delete("members", keep)
    with pytest.raises(KeyError):
        of.person_edit("members", keep, {"vip": True})


COMPLETE = {"addr1": "1 Example Street", "city": "Oslo", "state": "", "zip": "0150"}


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("date", "2026-02-28", "2026-02-28"),
        ("date", "02/28/2026", "2026-02-28"),
        ("birthday", "2/8", "02/08"),
        ("zip", 78701, "78701"),
        ("url", "https://example.com", "https://example.com"),
        ("phone", "(202) 555-0143", "(202) 555-0143"),
        ("number", "7", 7),
        ("number", 7.5, 7.5),
        ("address", {**COMPLETE, "country": "NO"}, {**COMPLETE, "addr2": "", "country": "NO"}),
        ("address", COMPLETE, {**COMPLETE, "addr2": "", "country": "US"}),
        ("radio", "a", "a"),
        ("text", 5, "5"),
        ("text", None, ""),
    ],
)
def test_a_merge_field_keeps_its_own_form_of_what_it_is_given(kind: str, given: object, kept: object) -> None:
    field = MergeField(50, "X", "X", kind, ("a", "b"), "US")
    assert merge_value(field, given) == kept
    assert merge_value(field, kept) == kept


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("date", "28.02.2026"),
        ("birthday", "13/01"),
        ("zip", "0150"),
        ("url", "example.com"),
        ("phone", "555-0143"),
        ("number", "seven"),
        ("address", {"addr1": "1 Example Street"}),
        ("address", "1 Example Street"),
        ("dropdown", "c"),
    ],
)
def test_a_merge_field_refuses_what_does_not_fit_and_names_itself(kind: str, given: object) -> None:
    with pytest.raises(Trouble) as trouble:
        merge_value(MergeField(50, "X", "X", kind, ("a", "b"), "US"), given)
    assert trouble.value.title == "Invalid Resource"
    assert trouble.value.fields[0][0] == "X"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/3.0/nowhere"),
        ("GET", "/3.0/lists/other"),
        ("GET", "/3.0/lists/other/members"),
        ("GET", "/3.0/lists/other/merge-fields"),
        ("GET", "/3.0/lists/other/interest-categories"),
        ("GET", "/3.0/lists/other/webhooks"),
        ("GET", f"{MEMBERS}/nobody"),
        ("PATCH", f"{MEMBERS}/nobody"),
        ("DELETE", f"{MEMBERS}/nobody"),
        ("POST", f"{MEMBERS}/nobody/tags"),
        ("POST", f"{MEMBERS}/nobody/actions/delete-permanent"),
        ("DELETE", f"/3.0/lists/{LIST_ID}/webhooks/none"),
        ("GET", "/3.0/batches/none"),
        ("DELETE", "/3.0/batches/none"),
        ("GET", "/_results/none.tar.gz"),
    ],
)
def test_what_is_not_there_is_a_problem_document(method: str, path: str) -> None:
    response = client(twin()).request(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.json()["title"] == "Resource Not Found"


def test_a_body_that_is_no_json_is_a_problem_document() -> None:
    of = twin(records=1)
    (who,) = of.records("members")
    assert client(of).patch(f"{MEMBERS}/{who}", content="{").json()["title"] == "JSON Parse Exception"


def test_put_adds_who_is_not_there_and_needs_a_status_for_it() -> None:
    speaker, path = client(twin()), f"{MEMBERS}/{address_hash('ada@example.com')}"
    assert speaker.put(path, json={"email_address": "ada@example.com"}).status_code == 400
    body = {"email_address": "ada@example.com", "status_if_new": "pending"}
    assert speaker.put(path, json=body).json()["status"] == "pending"
    assert speaker.put(path, json={**body, "status_if_new": "subscribed"}).json()["status"] == "pending"


def test_the_latest_change_comes_first_if_that_is_asked_for() -> None:
    of = twin(records=3)
    params = {"sort_field": "last_changed", "sort_dir": "DESC", "fields": "members.contact_id"}
    rows = client(of).get(MEMBERS, params=params).json()["members"]
    assert rows == [{"contact_id": who} for who in reversed(list(of.records("members")))]


def test_a_status_may_be_asked_for() -> None:
    of = twin(records=3)
    of.person_opt_out("members", next(iter(of.records("members"))))
    assert client(of).get(MEMBERS, params={"status": "unsubscribed"}).json()["total_items"] == 1
