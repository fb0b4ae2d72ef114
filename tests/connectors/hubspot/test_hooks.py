"""HubSpot's webhooks: believed only when signed and fresh, and only as a hint."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace

import pytest

from syncd.core.record import Ref
from syncd.errors import BrokenProtocol, Unauthorised
from syncd.sdk.contract import Request
from syncd.testing.twin import Hook
from syncd_connectors.hubspot.twin.hooks import signed_hook
from tests.connectors.hubspot.portal import APP, HOOK_URL, Portal, ref

SECRET = "twin-app-secret"


def listening(**knobs: object) -> Portal:
    return Portal(knobs={"hook_url": HOOK_URL, **knobs}, settings={"app_secret": SECRET})


def call(hook: Hook) -> Request:
    return Request(hook.method, hook.url, hook.headers, hook.body)


def signed(portal: Portal, body: object, *, secret: str = SECRET, url: str = HOOK_URL) -> Request:
    return call(signed_hook(url, body, secret, portal.twin.now()))  # type: ignore[arg-type]


def heard(portal: Portal) -> list[Ref]:
    hooks = list(portal.twin.outbox)
    portal.twin.outbox.clear()
    return [found for hook in hooks for found in portal.crm.hear(call(hook))]


def test_what_people_do_in_the_portal_is_heard() -> None:
    portal = listening()
    one, two = portal.contact(email="ada@example.com"), portal.contact(email="bob@example.com")
    assert heard(portal) == [ref(one), ref(two)]

    portal.twin.person_edit("contacts", one, {"city": "Bergen"})
    assert heard(portal) == [ref(one)]

    portal.twin.person_opt_out("contacts", one)
    assert heard(portal) == [ref(one)]

    survivor = portal.twin.person_merge("contacts", one, two)
    assert heard(portal) == [ref(one), ref(survivor), ref(two)]

    portal.twin.person_delete("contacts", survivor)
    assert heard(portal) == [ref(survivor)]

    portal.twin.person_restore("contacts", survivor)
    assert heard(portal) == [ref(survivor)]


def test_what_an_app_writes_is_heard_too() -> None:
    portal = listening()
    id_ = portal.contact(email="ada@example.com")
    heard(portal)
    with portal.api() as api:
        api.patch(f"/crm/v3/objects/contacts/{id_}", json={"properties": {"city": "Bergen"}})

    assert heard(portal) == [ref(id_)]


def test_a_call_carries_a_hundred_events_at_most() -> None:
    portal = listening()
    inputs = [{"properties": {"email": f"{n}@example.com"}, "objectWriteTraceId": str(n)} for n in range(100)]
    with portal.api() as api:
        api.post("/crm/v3/objects/contacts/batch/create", json={"inputs": inputs})

    sizes = [len(json.loads(hook.body)) for hook in portal.twin.outbox]
    assert sizes == [100, 100]  # a creation and a property change for each
    assert set(heard(portal)) == {ref(id_) for id_ in portal.ids()}


@pytest.mark.parametrize("part", ["body", "url", "signature", "stamp"])
def test_one_byte_changed_anywhere_and_the_call_is_not_believed(part: str) -> None:
    portal = listening()
    good = signed(portal, [{"subscriptionType": "contact.creation", "objectId": 1}])
    headers = dict(good.headers)
    match part:
        case "body":
            bad = replace(good, body=good.body.replace(b"1", b"2"))
        case "url":
            bad = replace(good, url=HOOK_URL + "x")
        case "signature":
            flipped = headers["x-hubspot-signature-v3"]
            headers["x-hubspot-signature-v3"] = ("B" if flipped[0] == "A" else "A") + flipped[1:]
            bad = replace(good, headers=headers)
        case _:
            headers["x-hubspot-request-timestamp"] = str(portal.twin.now() + 1)
            bad = replace(good, headers=headers)

    assert portal.crm.hear(good) == (ref("1"),)
    with pytest.raises(Unauthorised):
        portal.crm.hear(bad)


@pytest.mark.parametrize(("age", "believed"), [(299.0, True), (301.0, False), (-301.0, False)])
def test_a_call_is_believed_for_five_minutes(age: float, believed: bool) -> None:
    portal = listening()
    good = signed(portal, [{"subscriptionType": "contact.creation", "objectId": 1}])
    portal.clock.turn(age)

    if believed:
        assert portal.crm.hear(good) == (ref("1"),)
    else:
        with pytest.raises(Unauthorised):
            portal.crm.hear(good)


def test_older_signatures_alone_are_not_believed() -> None:
    portal = listening()
    good = signed(portal, [])
    alone = {name: value for name, value in good.headers.items() if not name.endswith("-v3")}

    with pytest.raises(Unauthorised):
        portal.crm.hear(replace(good, headers=alone))


def test_without_a_secret_no_call_is_believed() -> None:
    portal = Portal(knobs={"hook_url": HOOK_URL})

    with pytest.raises(Unauthorised):
        portal.crm.hear(signed(portal, []))


def test_during_a_rotation_both_secrets_are_good() -> None:
    portal = Portal(settings={"app_secret": "new-secret", "former_app_secret": "old-secret"})

    assert portal.crm.hear(signed(portal, [], secret="new-secret")) == ()
    assert portal.crm.hear(signed(portal, [], secret="old-secret")) == ()


def test_the_address_is_signed_with_its_reserved_characters_as_they_are() -> None:
    portal = listening()
    good = signed(portal, [], url="https://syncd.test/hooks/crm?who=a@b:c")

    assert portal.crm.hear(replace(good, url="https://syncd.test/hooks/crm?who=a%40b%3ac")) == ()


def test_version_three_signs_method_address_body_and_time() -> None:
    """As HubSpot's page request-validation words it, computed with openssl."""
    portal = listening()
    headers = {
        "x-hubspot-request-timestamp": "1767225600000",
        "x-hubspot-signature-v3": "AkrhJBBAYOqiqwE19v7WrWvwSkfxJ28CSZatC6j12/8=",
    }
    request = Request("POST", "https://syncd.test/hooks/crm", headers, b"[]")

    assert portal.crm.hear(request) == ()


@pytest.mark.parametrize(
    ("event", "object", "ids"),
    [
        ({"subscriptionType": "contact.propertyChange", "objectId": 7}, "contacts", ["7"]),
        ({"eventType": "company.deletion", "objectId": 7}, "companies", ["7"]),
        ({"subscriptionType": "contact.privacyDeletion", "objectId": 7}, "contacts", ["7"]),
        ({"subscriptionType": "object.restore", "objectTypeId": "0-3", "objectId": 7}, "deals", ["7"]),
        (
            {"subscriptionType": "deal.merge", "primaryObjectId": 1, "mergedObjectIds": [2, 3], "newObjectId": 4},
            "deals",
            ["1", "4", "2", "3"],
        ),
        ({"subscriptionType": "contact.associationChange", "fromObjectId": 5, "toObjectId": 6}, "contacts", ["5"]),
        ({"subscriptionType": "ticket.creation", "objectId": 7}, "", []),
        ({"subscriptionType": "contact.creation"}, "", []),
        ({}, "", []),
    ],
)
def test_each_kind_of_event_says_whom_to_read_again(event: dict[str, object], object: str, ids: list[str]) -> None:
    portal = listening()

    assert portal.crm.hear(signed(portal, [event])) == tuple(Ref(APP, object, id_) for id_ in ids)


@pytest.mark.parametrize("body", [{"objectId": 1}, "contact", [1], None])
def test_a_signed_call_that_is_no_list_of_events_is_a_broken_protocol(body: object) -> None:
    portal = listening()

    with pytest.raises(BrokenProtocol):
        portal.crm.hear(signed(portal, body))


def test_lost_and_doubled_calls_can_be_had() -> None:
    portal = listening()
    portal.misbehave(hooks_lost=1.0)
    portal.contact(email="ada@example.com")
    assert heard(portal) == []

    portal.misbehave(hooks_doubled=1.0)
    id_ = portal.contact(email="bob@example.com")
    assert heard(portal) == [ref(id_), ref(id_)]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"", b'{"objectId": 1}', b"[1]"])
def test_a_signed_call_that_is_no_list_of_events_is_not_understood(body: bytes) -> None:
    portal = listening()
    hook = signed_hook(HOOK_URL, [], SECRET, portal.twin.now())
    said = f"{hook.method}{hook.url}".encode() + body + hook.headers["x-hubspot-request-timestamp"].encode()
    mark = base64.b64encode(hmac.digest(SECRET.encode(), said, "sha256")).decode()
    odd = replace(call(hook), body=body, headers={**hook.headers, "x-hubspot-signature-v3": mark})
    with pytest.raises(BrokenProtocol, match="webhook that is not"):
        portal.crm.hear(odd)
