"""HubSpot's properties as fields that a mapping can use."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.errors import BrokenProtocol
from syncd.sdk.contract import (
    Associates,
    Deletes,
    Field,
    FieldType,
    Finds,
    Hears,
    Object,
    Option,
    Remembers,
    Subscribes,
)
from syncd_connectors.hubspot.schema import described
from tests.connectors.hubspot.portal import Portal


@pytest.fixture(scope="module")
def contacts() -> Object:
    return Portal().crm.objects()[0]


@pytest.mark.parametrize(
    ("name", "type_", "codec"),
    [
        ("email", FieldType.EMAIL, ""),
        ("firstname", FieldType.TEXT, ""),
        ("phone", FieldType.PHONE, ""),
        ("score", FieldType.DECIMAL, "string"),
        ("vip", FieldType.BOOLEAN, "string"),
        ("member_since", FieldType.DATE, ""),
        ("last_seen_at", FieldType.INSTANT, ""),
        ("lifecyclestage", FieldType.CHOICE, ""),
        ("interests", FieldType.CHOICES, "sep:;"),
        ("hubspot_owner_id", FieldType.REFERENCE, ""),
        ("hs_email_optout", FieldType.BOOLEAN, "string"),
    ],
)
def test_each_type_of_property_has_its_type_of_field(contacts: Object, name: str, type_: FieldType, codec: str) -> None:
    field = contacts.fields[name]

    assert (field.type, field.codec, field.blank) == (type_, codec, "")


def test_what_only_the_portal_writes_is_read_only(contacts: Object) -> None:
    read_only = {name for name, field in contacts.fields.items() if not field.writable}

    assert read_only >= {"createdate", "lastmodifieddate", "hs_object_id", "num_associated_deals"}
    assert read_only.isdisjoint({"email", "vip", "interests"})
    assert not any(contacts.fields[name].creatable for name in read_only)


def test_the_opt_out_from_everything_can_be_written_and_the_single_ones_only_read(contacts: Object) -> None:
    assert contacts.fields["hs_email_optout"].consent
    assert contacts.fields["hs_email_optout"].writable
    assert contacts.fields["hs_email_optout_101"].consent
    assert not contacts.fields["hs_email_optout_101"].writable


def test_an_address_is_unique_though_its_property_does_not_say_so(contacts: Object) -> None:
    assert contacts.capabilities.unique == ("email", "customer_number")
    assert Portal().crm.objects()[1].capabilities.unique == ()


def test_options_carry_the_values_that_the_api_takes(contacts: Object) -> None:
    assert contacts.fields["interests"].options[0] == Option("news", "News")


def test_hidden_properties_are_left_out(contacts: Object) -> None:
    assert "hs_analytics_source" not in contacts.fields


def test_names_and_addresses_are_personal(contacts: Object) -> None:
    personal = {name for name, field in contacts.fields.items() if field.personal}

    assert personal >= {"email", "firstname", "lastname", "phone", "hs_email_optout"}
    assert "lifecyclestage" not in personal


def test_deletes_show_only_by_absence(contacts: Object) -> None:
    assert contacts.capabilities.deletes is Deletes.ABSENT
    assert contacts.capabilities.incremental


def test_what_the_connector_can_do_beyond_the_contract() -> None:
    crm = Portal().crm

    assert all(isinstance(crm, ability) for ability in (Finds, Hears, Associates, Remembers))
    assert not isinstance(crm, Subscribes)  # webhooks of a private app are set up in its settings page


def one_field(**row: Any) -> Field:
    made = described("contacts", [{"name": "x", "type": "string", **row}], consent=True)
    return made.fields["x"]


@pytest.mark.parametrize(
    ("row", "type_"),
    [
        ({"type": "enumeration", "fieldType": "booleancheckbox"}, FieldType.BOOLEAN),
        ({"type": "something HubSpot invents tomorrow"}, FieldType.TEXT),
        ({"type": "string", "fieldType": "textarea"}, FieldType.TEXT),
    ],
)
def test_an_unusual_property_is_still_a_field(row: dict[str, Any], type_: FieldType) -> None:
    assert one_field(**row).type is type_


@pytest.mark.parametrize("row", [{"calculated": True}, {"modificationMetadata": {"readOnlyValue": True}}])
def test_calculated_and_kept_values_are_read_only(row: dict[str, Any]) -> None:
    assert not one_field(**row).writable


def test_an_archived_property_is_left_out() -> None:
    assert described("contacts", [{"name": "x", "type": "string", "archived": True}], consent=True).fields == {}


def test_a_property_without_a_name_is_a_broken_protocol() -> None:
    with pytest.raises(BrokenProtocol):
        described("contacts", [{"type": "string"}], consent=True)
