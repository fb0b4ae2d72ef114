"""The account: whose key, which address, which audience, which fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx
from pydantic import SecretStr, ValidationError

from syncd.errors import BrokenProtocol, ConfigError, Throttled, Unauthorised
from syncd.sdk import Answer, Deletes, FieldType
from syncd.testing.clock import TurnedClock
from syncd_connectors.mailchimp.account import MailchimpSettings, app_time
from syncd_connectors.mailchimp.connector import Mailchimp
from syncd_connectors.mailchimp.members import record_of
from tests.connectors.mailchimp.ground import ground, tools_for

LISTS = {"lists": [{"id": "1a", "name": "Customers"}, {"id": "2b", "name": "Press"}, {"id": "3c", "name": "Press"}]}


def connector(key: str, router: respx.MockRouter, **settings: str) -> Mailchimp:
    transport = httpx.MockTransport(router.handler)
    wanted = MailchimpSettings.model_validate({"api_key": SecretStr(key), **settings})
    return Mailchimp(wanted, tools_for(transport, TurnedClock()))


@pytest.mark.parametrize(
    ("key", "base_url", "address", "scheme"),
    [
        ("0123456789abcdef-us6", "", "https://us6.api.mailchimp.com/3.0", "Basic"),
        ("0123456789abcdef", "", "https://api.mailchimp.com/3.0", "Bearer"),
        ("0123456789abcdef-us6", "http://127.0.0.1:8080", "http://127.0.0.1:8080/3.0", "Basic"),
        ("0123456789abcdef-us6", "https://proxy.test/3.0/", "https://proxy.test/3.0", "Basic"),
    ],
)
def test_the_key_tells_where_the_account_lives(key: str, base_url: str, address: str, scheme: str) -> None:
    router = respx.MockRouter()
    lists = router.get(f"{address}/lists").respond(json=LISTS)
    router.get(f"{address}/ping").respond(json={})
    router.get(f"{address}/lists/1a/members").respond(json={"total_items": 0})
    connector(key, router, audience="Customers", base_url=base_url).check()
    assert lists.calls.last.request.headers["authorization"].startswith(scheme)


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        ("Press", r"2 audiences.*2b.*3c"),
        ("Clients", r'no audience "Clients".*Customers \(1a\)'),
        ("", "needed: there are 3"),
    ],
)
def test_an_audience_that_is_not_one_is_an_error_that_names_them(audience: str, words: str) -> None:
    router = respx.MockRouter()
    router.get("https://us6.api.mailchimp.com/3.0/lists").respond(json=LISTS)
    with pytest.raises(ConfigError, match=words):
        connector("k-us6", router, audience=audience).objects()


def test_an_answer_without_any_list_of_audiences_is_no_word_about_them() -> None:
    router = respx.MockRouter()
    router.get("https://us6.api.mailchimp.com/3.0/lists").respond(json={})
    with pytest.raises(BrokenProtocol):
        connector("k-us6", router, audience="Customers").objects()


def test_an_audience_may_be_named_by_its_id_or_left_out_if_it_is_the_only_one() -> None:
    for audience in ("57afe96172", "", "Customers"):
        (members,) = ground(audience=audience).app.objects()
        assert members.label == "Members of Customers"


def test_a_403_without_a_document_is_too_many_calls_and_with_one_is_not_allowed() -> None:
    router = respx.MockRouter()
    ping = router.get("https://us6.api.mailchimp.com/3.0/ping")
    app = connector("k-us6", router)
    ping.respond(403, text="<html>Access Denied</html>")
    with pytest.raises(Throttled):
        app.check()
    ping.respond(403, json={"title": "User Action Not Permitted", "detail": "No access.", "status": 403})
    with pytest.raises(Unauthorised, match="No access"):
        app.check()


def test_a_key_under_the_wrong_name_is_an_error_of_the_settings() -> None:
    with pytest.raises(ValidationError, match="token"):
        MailchimpSettings(token="x")  # type: ignore[call-arg]


def test_the_schema_is_the_audiences_own() -> None:
    (members,) = ground(records=2).app.objects()
    fields = members.fields
    kinds = {name: field.type for name, field in fields.items() if name.startswith("merge_fields.")}
    assert kinds == {
        "merge_fields.FNAME": FieldType.TEXT,
        "merge_fields.LNAME": FieldType.TEXT,
        "merge_fields.ADDRESS": FieldType.ADDRESS,
        "merge_fields.PHONE": FieldType.PHONE,
        "merge_fields.BIRTHDAY": FieldType.DATE,
        "merge_fields.COMPANY": FieldType.TEXT,
        "merge_fields.STAGE": FieldType.CHOICE,
        "merge_fields.SCORE": FieldType.DECIMAL,
        "merge_fields.SINCE": FieldType.DATE,
    }
    assert fields["merge_fields.FNAME"].max_bytes == 255
    assert fields["merge_fields.BIRTHDAY"].codec == "date:%m/%d"
    assert [option.value for option in fields["merge_fields.STAGE"].options][:2] == ["Customer", "Lead"]
    assert fields["interests.a1f0c3d2e5"].label == "Topics: News"
    assert fields["tags"].open_options
    assert [option.value for option in fields["tags"].options] == ["Newsletter", "Partner"]
    assert [name for name, field in fields.items() if field.consent] == ["status"]
    assert [name for name, field in fields.items() if field.required] == ["email_address"]
    assert members.capabilities.deletes is Deletes.TOLD
    assert members.capabilities.unique == ("email_address",)


def test_every_field_that_a_record_shows_is_in_the_schema() -> None:
    g = ground(records=3)
    (members,) = g.app.objects()
    assert g.shown(g.ref()).fields.keys() <= members.fields.keys()


def test_a_row_without_a_contact_id_is_an_answer_we_do_not_know() -> None:
    with pytest.raises(BrokenProtocol, match="contact_id"):
        record_of("news", {"id": "abc", "email_address": "a@example.com"})


def test_a_listing_without_members_is_an_answer_we_do_not_know() -> None:
    router = respx.MockRouter()
    router.get("https://us6.api.mailchimp.com/3.0/lists").respond(json={"lists": LISTS["lists"][:1]})
    router.get("https://us6.api.mailchimp.com/3.0/lists/1a/members").respond(json={"hello": "there"})
    with pytest.raises(BrokenProtocol, match="without members"):
        list(connector("k-us6", router).changes("members", None))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Thu, 01 Jan 2026 00:10:00 GMT", 600 - 15),
        ("Thu, 01 Jan 2026 00:10:00 GMT, Thu, 01 Jan 2026 00:20:00 GMT", 600 - 15),
        ("yesterday", -120),
        ("", -120),
    ],
)
def test_a_run_goes_on_from_mailchimps_own_time_or_from_ours_with_a_wide_margin(header: str, seconds: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert app_time(Answer(200, {"date": header}, None, ""), now) == now + timedelta(seconds=seconds)


def test_a_kind_of_merge_field_newer_than_this_connector_is_left_out() -> None:
    g = ground()
    shape = g.twin.audience.merge_fields
    shape["VOICE"] = type(shape["FNAME"])(20, "VOICE", "Voice", "hologram")
    (members,) = g.app.objects()
    assert "merge_fields.VOICE" not in members.fields
