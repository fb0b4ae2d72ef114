"""HubSpot's own Python client takes the twin for HubSpot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hubspot import HubSpot as VendorClient
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts import (
    ApiException,
    BatchInputSimplePublicObjectBatchInput,
    BatchReadInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)

from syncd.testing.serve import serve
from tests.connectors.hubspot.portal import Portal


@pytest.fixture(scope="module")
def portal() -> Portal:
    return Portal(records=30)


@pytest.fixture(scope="module")
def client(portal: Portal) -> Iterator[VendorClient]:
    with serve(portal.twin) as served:
        client = VendorClient(access_token=portal.twin.token)
        client.config["host"] = served.url
        yield client


def test_it_pages_through_all_contacts(client: VendorClient, portal: Portal) -> None:
    listed = client.crm.contacts.get_all(properties=["email", "phone"])

    assert [contact.id for contact in listed] == portal.ids()
    assert listed[0].properties["email"] == portal.stored_address()


def test_it_makes_changes_and_archives_a_contact(client: VendorClient) -> None:
    basic = client.crm.contacts.basic_api
    made = basic.create(SimplePublicObjectInputForCreate(properties={"email": " Ada@Example.com"}, associations=[]))
    changed = basic.update(made.id, SimplePublicObjectInput(properties={"city": "Bergen"}))
    basic.archive(made.id)

    assert made.properties["email"] == "ada@example.com"
    assert changed.properties["city"] == "Bergen"
    with pytest.raises(ApiException) as gone:
        basic.get_by_id(made.id)
    assert gone.value.status == 404
    assert basic.get_by_id(made.id, archived=True).archived


def test_it_reads_and_writes_batches(client: VendorClient, portal: Portal) -> None:
    one, two = portal.ids()[:2]
    batch = client.crm.contacts.batch_api
    inputs = [
        SimplePublicObjectBatchInput(id=id_, properties={"city": "Bergen"}, object_write_trace_id=id_)
        for id_ in (one, two)
    ]

    batch.update(BatchInputSimplePublicObjectBatchInput(inputs=inputs))
    read = batch.read(
        BatchReadInputSimplePublicObjectId(
            inputs=[SimplePublicObjectId(id=id_) for id_ in (one, two, "99999")],
            properties=["city"],
            properties_with_history=[],
        )
    )

    assert {row.id: row.properties["city"] for row in read.results} == {one: "Bergen", two: "Bergen"}
    assert read.num_errors == 1


def test_it_searches(client: VendorClient, portal: Portal) -> None:
    address = portal.stored_address()
    wanted = Filter(property_name="email", operator="EQ", value=address)

    found = client.crm.contacts.search_api.do_search(
        PublicObjectSearchRequest(
            filter_groups=[FilterGroup(filters=[wanted])], properties=["email"], limit=10, sorts=[], after="0"
        )
    )

    assert [(row.id, row.properties["email"]) for row in found.results] == [(portal.ids()[0], address)]
    assert found.total == 1


def test_it_describes_properties_and_reads_associations(client: VendorClient, portal: Portal) -> None:
    properties = client.crm.properties.core_api.get_all("contacts")
    asked = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": portal.ids()[0]}])
    ties = client.crm.associations.v4.batch_api.get_page("contacts", "companies", asked)

    assert {made.name for made in properties.results} >= {"email", "hs_email_optout", "interests"}
    assert str(ties.results[0].to[0].to_object_id) in portal.ids("companies")


def test_it_merges_two_contacts(client: VendorClient, portal: Portal) -> None:
    keep, lose = portal.ids()[-2:]

    survivor = client.crm.contacts.basic_api.merge(PublicMergeInput(primary_object_id=keep, object_id_to_merge=lose))

    assert survivor.id not in (keep, lose)
    assert client.crm.contacts.basic_api.get_by_id(lose).id == survivor.id
