"""Many writes at once: batch subscribe, asynchronous batches, and what is known when something breaks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from syncd.errors import InDoubt, Throttled, Unavailable
from syncd.sdk import Create, Delete, Exists, Outcome, Ref, Refused, Stale, Stored, Unknown, Unsent, Update, Write
from syncd.testing.twin import Faults
from tests.connectors.mailchimp.ground import APP, MEMBERS, Ground, ground, stored


def people(count: int, **fields: Any) -> list[Create]:
    return [
        Create(APP, "members", {"email_address": f"P{n}@example.com", "merge_fields.SCORE": n, **fields}, f"k{n}")
        for n in range(count)
    ]


def scores(g: Ground, value: int) -> list[Update]:
    return [Update(Ref(APP, "members", who), {"merge_fields.SCORE": value}, who) for who in g.ids]


def kinds(outcomes: Sequence[Outcome]) -> list[type]:
    return [type(outcome) for outcome in outcomes]


def test_twelve_hundred_new_members_take_three_calls_and_three_looks() -> None:
    g = ground()
    outcomes = g.app.write(people(1200))
    assert [outcome.key for outcome in outcomes] == [f"k{n}" for n in range(1200)]
    assert [stored(outcome).fields["merge_fields.SCORE"] for outcome in outcomes] == list(range(1200))
    assert g.called("POST ") == 3
    assert g.called("GET /members") == 3
    assert g.called("POST /members") == g.called("GET /members/{key}") == 0


def test_what_a_batch_says_of_a_new_member_is_what_a_read_says() -> None:
    g = ground()
    for outcome in g.app.write(people(4)):
        record = stored(outcome)
        assert record == g.shown(record.ref)


def test_one_bad_record_spoils_no_batch_and_each_is_told_apart_by_its_address() -> None:
    g = ground(records=1)
    there = g.shown(g.ref())
    writes = [
        *people(2),
        Create(APP, "members", {"email_address": str(there.fields["email_address"]).upper()}, "there"),
        Create(APP, "members", {"email_address": "abuse@example.com"}, "role"),
        Create(APP, "members", {"email_address": "s@example.com", "merge_fields.STAGE": "Prospect"}, "stage"),
        Create(APP, "members", {"email_address": "long@example.com", "merge_fields.COMPANY": "x" * 256}, "long"),
    ]
    outcomes = {outcome.key: outcome for outcome in g.app.write(writes)}
    assert kinds([outcomes["k0"], outcomes["k1"]]) == [Stored, Stored]
    assert outcomes["there"] == Exists("there", there.ref)
    refused = {key: outcome for key, outcome in outcomes.items() if isinstance(outcome, Refused)}
    assert {key: outcome.field for key, outcome in refused.items()} == {
        "role": None,
        "stage": "merge_fields.STAGE",
        "long": "merge_fields.COMPANY",
    }
    assert g.shown(there.ref) == there


def test_the_same_address_twice_in_one_go_makes_one_member() -> None:
    g = ground()
    again = Create(APP, "members", {"email_address": "p1@EXAMPLE.com"}, "again")
    outcomes = g.app.write([*people(4), again])
    first = stored(outcomes[1])
    assert outcomes[-1] == Exists("again", first.ref)
    assert len(g.ids) == 4


def test_members_with_tags_come_with_their_tags() -> None:
    g = ground()
    outcomes = g.app.write(people(4, tags=["Newsletter"]))
    assert {tuple(stored(outcome).fields["tags"]) for outcome in outcomes} == {("Newsletter",)}


def test_a_batch_whose_answer_is_lost_is_unknown_and_its_members_can_be_found() -> None:
    g = ground()
    g.app.objects()
    g.twin.faults = Faults(after=1.0)
    outcomes = g.app.write(people(3))
    assert kinds(outcomes) == [Unknown] * 3
    g.twin.faults = Faults()
    found = g.app.find("members", "email_address", ["p0@example.com", "p2@example.com"])
    assert [len(refs) for refs in found.values()] == [1, 1]


def test_a_single_member_whose_answer_is_lost_is_unknown_and_can_be_found() -> None:
    g = ground()
    g.app.objects()
    g.twin.faults = Faults(error_after=1.0)
    assert kinds(g.app.write(people(1))) == [Unknown]
    g.twin.faults = Faults()
    assert len(g.app.find("members", "email_address", ["p0@example.com"])["p0@example.com"]) == 1


def test_members_that_were_made_but_cannot_be_seen_again_are_unknown() -> None:
    g = ground()
    g.app.objects()
    plain = g.twin.handle

    def only_writes(request: httpx.Request) -> httpx.Response:
        g.twin.faults = Faults(outage=request.method == "GET")
        return plain(request)

    g.twin.handle = only_writes  # type: ignore[method-assign]
    outcomes = g.app.write(people(3))
    assert kinds(outcomes) == [Unknown] * 3
    assert len(g.ids) == 3


def test_an_app_that_is_down_raises_and_nothing_is_written() -> None:
    g = ground(records=1)
    g.app.objects()
    g.twin.faults = Faults(throttle=1.0)
    with pytest.raises(Throttled):
        g.app.write(people(3))
    with pytest.raises(Throttled):
        g.update(g.ref(), {"vip": True})
    assert len(g.ids) == 1


def test_what_comes_after_a_failure_is_unsent_and_what_came_before_is_kept() -> None:
    g = ground(records=2)
    writes: list[Write] = [*people(3), *scores(g, 5)]
    g.app.objects()
    plain = g.twin.handle

    def patches_are_throttled(request: httpx.Request) -> httpx.Response:
        g.twin.faults = Faults(throttle=float(request.method == "PATCH"))
        return plain(request)

    g.twin.handle = patches_are_throttled  # type: ignore[method-assign]
    assert kinds(g.app.write(writes)) == [Stored, Stored, Stored, Unsent, Unsent]


def test_fields_that_were_written_without_their_tags_are_unknown() -> None:
    g = ground(records=1)
    g.app.objects()
    plain = g.twin.handle

    def tags_are_throttled(request: httpx.Request) -> httpx.Response:
        g.twin.faults = Faults(throttle=float(request.url.path.endswith("/tags")))
        return plain(request)

    g.twin.handle = tags_are_throttled  # type: ignore[method-assign]
    assert kinds([g.update(g.ref(), {"vip": True, "tags": ["Speaker"]})]) == [Unknown]
    with pytest.raises(Throttled):
        g.update(g.ref(), {"tags": ["Speaker"]})


def test_changes_go_one_by_one_unless_batches_are_asked_for() -> None:
    g = ground(records=5)
    assert kinds(g.app.write(scores(g, 7))) == [Stored] * 5
    assert g.called("PATCH /members/{key}") == 5


def test_many_changes_go_as_one_batch_where_that_is_asked_for() -> None:
    g = ground(records=5, bulk_from=5)
    outcomes = g.app.write(scores(g, 700))
    assert [stored(outcome).fields["merge_fields.SCORE"] for outcome in outcomes] == [700] * 5
    assert g.called("PATCH /members/{key}") == 0
    assert g.twin.calls["POST /3.0/batches"] == 1
    assert g.clock.slept


def test_a_batch_of_changes_that_change_nothing_is_stored() -> None:
    g = ground(records=3, bulk_from=3)
    writes = [
        Update(ref, {"merge_fields.SCORE": g.shown(ref).fields["merge_fields.SCORE"]}, ref.id)
        for ref in map(g.ref, range(3))
    ]
    g.clock.turn(10)
    assert [stored(outcome) for outcome in g.app.write(writes)] == [g.shown(g.ref(place)) for place in range(3)]


def test_a_refusal_within_a_batch_is_heard_by_asking_once_more() -> None:
    g = ground(records=4, bulk_from=4)
    g.clock.turn(10)
    writes: list[Update | Delete] = [*scores(g, 700)[:3], Update(g.ref(3), {"merge_fields.STAGE": "Prospect"}, "bad")]
    outcomes = g.app.write(writes)
    assert kinds(outcomes) == [Stored, Stored, Stored, Refused]
    assert isinstance(outcomes[3], Refused)
    assert outcomes[3].field == "merge_fields.STAGE"


def test_consent_addresses_and_tags_never_wait_in_a_batch() -> None:
    g = ground(records=4, bulk_from=1)
    patches: list[dict[str, Any]] = [{"status": "unsubscribed"}, {"email_address": "new@example.com"}, {"tags": []}]
    assert kinds(g.app.write([Update(g.ref(n), patch, str(n)) for n, patch in enumerate(patches)])) == [Stored] * 3
    assert "POST /3.0/batches" not in g.twin.calls


def test_a_batch_that_does_not_end_is_stopped_and_unknown() -> None:
    g = ground(records=2, bulk_from=2)
    plain = g.twin.handle

    def never_done(request: httpx.Request) -> httpx.Response:
        for job in g.twin.jobs.values():
            job.step = 0
        return plain(request)

    g.twin.handle = never_done  # type: ignore[method-assign]
    assert kinds(g.app.write(scores(g, 700))) == [Unknown, Unknown]
    assert g.twin.jobs == {}


def test_a_batch_that_was_handed_in_without_an_answer_is_unknown() -> None:
    g = ground(records=2, bulk_from=2)
    g.app.objects()
    g.twin.faults = Faults(after=1.0)
    assert kinds(g.app.write(scores(g, 700))) == [Unknown, Unknown]


def test_batches_make_late_writes_later() -> None:
    (plain,) = ground().app.objects()
    (batched,) = ground(bulk_from=100).app.objects()
    assert plain.capabilities.late_write < batched.capabilities.late_write


def test_rough_weather_loses_nothing_and_doubles_nobody() -> None:
    g = ground(faults=Faults())
    g.app.objects()
    g.twin.faults = Faults(throttle=0.1, before=0.1, after=0.1, error=0.05, error_after=0.05)
    owed = {create.key: create for create in people(40)}
    for _ in range(60):
        if not owed:
            break
        try:
            outcomes = g.app.write(list(owed.values())[:7])
        except (Throttled, Unavailable, InDoubt):
            continue
        for outcome in outcomes:
            if isinstance(outcome, Stored | Exists):
                del owed[outcome.key]
    assert owed == {}
    emails = [str(fields["email_address"]).lower() for fields in g.twin.records("members").values()]
    assert sorted(emails) == sorted({f"p{n}@example.com" for n in range(40)})


@pytest.mark.parametrize("count", [1, 4])
def test_an_archived_member_that_mailchimp_says_exists_is_brought_back(count: int) -> None:
    g = ground()
    archived = stored(g.app.write(people(1))[0]).ref
    g.delete(archived)
    plain = g.twin.handle

    def archived_members_exist(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path == MEMBERS:
            problem = {"title": "Member Exists", "detail": "is already a list member", "status": 400}
            return httpx.Response(400, json=problem)
        if request.method == "POST" and not request.url.path.endswith("/tags"):
            rows = json.loads(request.content)["members"]
            error = {"email_address": rows[0]["email_address"], "error": "exists", "error_code": "ERROR_CONTACT_EXISTS"}
            body = {"new_members": [], "errors": [error]}
            return httpx.Response(200, json=body)
        return plain(request)

    g.twin.handle = archived_members_exist  # type: ignore[method-assign]
    outcome = g.app.write(people(count))[0]
    assert stored(outcome).ref == archived
    assert stored(outcome).fields["status"] == "transactional"
    g.delete(archived)
    assert stored(g.app.write(people(1, tags=["Speaker"]))[0]).fields["tags"] == ["Speaker"]


@pytest.mark.parametrize("body", ["[]", '{"id": "x", "status": "subscribed"}'])
@pytest.mark.parametrize("count", [1, 4])
def test_an_answer_to_a_write_that_makes_no_sense_leaves_the_write_in_doubt(count: int, body: str) -> None:
    g = ground()
    g.app.objects()
    plain = g.twin.handle

    def nonsense(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=body) if request.method == "POST" else plain(request)

    g.twin.handle = nonsense  # type: ignore[method-assign]
    assert kinds(g.app.write(people(count))) == [Unknown] * count


def test_a_member_archived_while_its_batch_waits_is_stale_and_one_edited_meanwhile_is_left_to_be_read() -> None:
    g = ground(records=3, bulk_from=3)
    g.clock.turn(10)
    archived, edited, quiet = map(g.ref, range(3))
    asked = 0

    def people_are_busy(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        response = plain(request)
        if request.method == "GET" and "/batches/" in request.url.path:
            asked += 1
            if asked == 4:  # just done
                g.twin.person_delete("members", archived.id)
                g.twin.person_edit("members", edited.id, {"merge_fields.SCORE": 1})
        return response

    plain = g.twin.handle
    g.twin.handle = people_are_busy  # type: ignore[method-assign]
    outcomes = g.app.write(scores(g, 700))
    assert outcomes[:2] == [Stale(archived.id), Stored(edited.id, edited)]
    assert stored(outcomes[2]) == g.shown(quiet)


def test_in_a_batch_with_errors_a_member_that_changed_meanwhile_is_in_doubt() -> None:
    g = ground(records=3, bulk_from=3)
    g.clock.turn(10)
    bad = [Update(g.ref(place), {"merge_fields.STAGE": "Prospect"}, str(place)) for place in range(3)]
    plain = g.twin.handle

    def somebody_edits(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and "/batches/" in request.url.path:
            g.twin.person_edit("members", g.ids[1], {"merge_fields.SCORE": g.clock.now()})
        return plain(request)

    g.twin.handle = somebody_edits  # type: ignore[method-assign]
    assert kinds(g.app.write(bad)) == [Refused, Unknown, Refused]


def test_a_refusal_without_a_document_is_refused_by_its_status() -> None:
    g = ground(records=1)
    g.app.objects()
    plain = g.twin.handle

    def curt(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, text="Bad Request") if request.method == "PATCH" else plain(request)

    g.twin.handle = curt  # type: ignore[method-assign]
    outcome = g.update(g.ref(), {"vip": True})
    assert isinstance(outcome, Refused)
    assert outcome.code == "400"


def test_writes_that_a_batch_missed_and_that_cannot_be_repeated_now_are_unknown() -> None:
    g = ground(records=3, bulk_from=3)
    g.clock.turn(10)
    plain = g.twin.handle

    def no_single_writes(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            return httpx.Response(429)
        if request.method == "POST" and request.url.path.endswith("/batches"):
            return plain(spoilt(request))
        return plain(request)

    def spoilt(request: httpx.Request) -> httpx.Request:
        """The last write of a batch goes to a member who is not there."""
        body = json.loads(request.content)
        body["operations"][-1]["path"] += "0"
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        return httpx.Request("POST", request.url, headers=headers, json=body)

    g.twin.handle = no_single_writes  # type: ignore[method-assign]
    outcomes = g.app.write(scores(g, 700))
    assert kinds(outcomes) == [Stored, Stored, Unknown]
