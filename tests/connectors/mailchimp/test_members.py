"""Members: read, found, made, changed, archived."""

from __future__ import annotations

import pytest

from syncd.errors import Rejected, Unauthorised, Unavailable
from syncd.sdk import Connector, Create, Exists, Finds, Gone, Hears, Ref, Refused, Stale, Stored, Subscribes
from syncd.testing.twin import Faults
from syncd_connectors.mailchimp import plugin
from syncd_connectors.mailchimp.connector import Mailchimp
from syncd_connectors.mailchimp.members import address_hash
from tests.connectors.mailchimp.ground import APP, ground, stored

_conforms: type[Connector] = Mailchimp
_finds: type[Finds] = Mailchimp
_hears: type[Hears] = Mailchimp
_subscribes: type[Subscribes] = Mailchimp

NEW = {"email_address": "ada@example.com", "merge_fields.FNAME": "Ada"}


def test_a_member_is_read_by_its_contact_id() -> None:
    g = ground(records=2)
    record = g.shown(g.ref(1))
    assert record.fields["contact_id"] == record.ref.id == g.ids[1]
    assert record.fields["email_address"] == g.twin.records("members")[g.ids[1]]["email_address"]


def test_a_change_of_address_keeps_the_id() -> None:
    g = ground(records=1)
    ref = g.ref()
    record = stored(g.update(ref, {"email_address": "new.home@example.com"}))
    assert record.ref == ref
    assert g.shown(ref).fields["email_address"] == "new.home@example.com"
    assert g.app.find("members", "email_address", ["NEW.home@example.com"]) == {"NEW.home@example.com": (ref,)}


def test_an_archived_member_reads_as_gone_and_told_and_a_missing_one_as_gone() -> None:
    g = ground(records=2)
    archived, missing = g.ref(0), Ref(APP, "members", "0" * 32)
    g.twin.person_delete("members", archived.id)
    assert g.app.read([archived, missing]) == {archived: Gone(archived, told=True), missing: Gone(missing)}


def test_a_missing_member_means_nothing_while_the_audience_cannot_be_seen() -> None:
    g = ground(records=1)
    ref = g.ref()
    g.app.objects()
    g.twin.faults = Faults(blind=True)
    with pytest.raises(Unavailable, match="cannot be seen"):
        g.app.read([ref])


def test_a_revoked_key_pauses_the_app() -> None:
    g = ground(records=1)
    g.twin.faults = Faults(revoked=True)
    with pytest.raises(Unauthorised):
        g.app.check()


def test_everybody_is_found_by_address_whatever_its_case_and_nobody_by_another() -> None:
    g = ground(records=1)
    email = str(g.shown(g.ref()).fields["email_address"])
    asked = [email.upper(), f" {email}", "nobody@example.com", ""]
    assert list(g.app.find("members", "email_address", asked).values()) == [(g.ref(),), (g.ref(),), (), ()]


def test_an_archived_member_is_not_found() -> None:
    g = ground(records=1)
    ref = g.ref()
    email = str(g.shown(ref).fields["email_address"])
    g.twin.person_delete("members", ref.id)
    assert g.app.find("members", "email_address", [email]) == {email: ()}


def test_members_are_found_by_address_only() -> None:
    with pytest.raises(Rejected, match="PHONE"):
        ground().app.find("members", "merge_fields.PHONE", ["1"])


def test_a_new_member_comes_back_as_stored() -> None:
    g = ground()
    record = stored(g.create({**NEW, "tags": ["Newsletter"], "interests.a1f0c3d2e5": True}))
    assert record == g.shown(record.ref)
    assert record.fields["tags"] == ["Newsletter"]
    assert record.fields["interests.a1f0c3d2e5"] is True


def test_a_second_member_with_the_same_address_names_the_first() -> None:
    g = ground()
    first = stored(g.create(NEW))
    assert g.create({**NEW, "email_address": "ADA@example.com"}) == Exists("k", first.ref)


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    g = ground(records=1)
    before = g.shown(g.ref()).fields
    after = stored(g.update(g.ref(), {"merge_fields.SCORE": 7.5, "vip": True})).fields
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"merge_fields.SCORE", "vip", "last_changed"}


def test_none_empties_a_field() -> None:
    g = ground(records=1)
    patch = {"merge_fields.FNAME": None, "merge_fields.SCORE": None, "merge_fields.ADDRESS": None, "language": None}
    after = stored(g.update(g.ref(), patch)).fields
    assert [after[name] for name in patch] == ["", "", "", ""]


def test_an_address_without_a_state_is_sent_with_an_empty_one() -> None:
    g = ground(records=1)
    oslo = {"addr1": "Karl Johans gate 1", "city": "Oslo", "zip": "0154", "country": "NO", "state": None}
    after = stored(g.update(g.ref(), {"merge_fields.ADDRESS": oslo})).fields
    assert after["merge_fields.ADDRESS"] == {**oslo, "state": "", "addr2": ""}


def test_an_address_of_empty_parts_is_a_blank_one() -> None:
    g = ground(records=1)
    after = stored(g.update(g.ref(), {"merge_fields.ADDRESS": {"addr1": "", "city": ""}})).fields
    assert after["merge_fields.ADDRESS"] == ""


def test_tags_are_given_and_taken_and_the_record_shows_them() -> None:
    g = ground(records=1)
    record = stored(g.update(g.ref(), {"tags": ["Partner", "Speaker"]}))
    assert record.fields["tags"] == ["Partner", "Speaker"]
    assert record == g.shown(g.ref())


def test_tags_that_stand_already_cost_no_write() -> None:
    g = ground(records=1)
    stored(g.update(g.ref(), {"tags": ["Partner", "Newsletter"]}))
    assert g.called("POST /members/{key}/tags") == 0


def test_more_tags_than_a_row_shows_are_absent_from_a_listing_and_whole_in_a_read() -> None:
    g = ground()
    many = sorted(f"tag {number}" for number in range(60))
    ref = stored(g.create(NEW)).ref
    g.update(ref, {"tags": many})
    assert g.shown(ref).fields["tags"] == many
    (page, _) = g.changes()
    assert "tags" not in page.rows[0].fields  # type: ignore[union-attr]
    assert stored(g.update(ref, {"tags": many[1:]})).ref == ref
    assert g.shown(ref).fields["tags"] == many[1:]


def test_removing_archives_and_a_second_time_is_stale() -> None:
    g = ground(records=1)
    ref = g.ref()
    assert g.delete(ref) == Stored("k", ref)
    assert g.app.read([ref])[ref] == Gone(ref, told=True)
    assert g.delete(ref) == Stale("k")


def test_an_archived_member_that_is_made_again_is_the_same_contact() -> None:
    g = ground()
    ref = stored(g.create(NEW)).ref
    g.delete(ref)
    again = stored(g.create({**NEW, "tags": ["Speaker"]}))
    assert again.ref == ref
    assert again.fields["tags"] == ["Speaker"]


def test_a_change_to_a_member_that_is_gone_is_stale() -> None:
    g = ground()
    nobody = Ref(APP, "members", "0" * 32)
    assert g.update(nobody, {"vip": True}) == Stale("k")
    assert g.update(nobody, {"tags": ["x"]}) == Stale("k")
    assert g.delete(nobody) == Stale("k")


def test_an_address_that_somebody_else_has_is_refused_by_its_field() -> None:
    g = ground(records=2)
    taken = g.shown(g.ref(1)).fields["email_address"]
    outcome = g.update(g.ref(0), {"email_address": taken})
    assert isinstance(outcome, Refused)
    assert (outcome.field, outcome.code) == ("email_address", "member-exists")


@pytest.mark.parametrize(
    ("patch", "field", "words"),
    [
        ({"merge_fields.COMPANY": "é" * 128}, "merge_fields.COMPANY", "256 bytes"),
        ({"merge_fields.NOWHERE": "x"}, "merge_fields.NOWHERE", "does not exist"),
        ({"member_rating": 5}, "member_rating", "kept by Mailchimp"),
        ({"status": "transactional"}, "status", "only when it is made"),
    ],
)
def test_what_mailchimp_would_cut_or_ignore_is_refused_before_it_is_sent(
    patch: dict[str, object], field: str, words: str
) -> None:
    g = ground(records=1)
    outcome = g.update(g.ref(), patch)
    assert isinstance(outcome, Refused)
    assert outcome.field == field
    assert words in outcome.reason
    assert g.called("PATCH /members/{key}") == 0


@pytest.mark.parametrize(
    ("patch", "field", "words"),
    [
        ({"merge_fields.STAGE": "Prospect"}, "merge_fields.STAGE", "must be one of"),
        ({"merge_fields.BIRTHDAY": "31 May"}, "merge_fields.BIRTHDAY", "MM/DD"),
        ({"merge_fields.SCORE": "many"}, "merge_fields.SCORE", "number"),
        ({"email_address": "abuse@example.com"}, None, "looks fake or invalid"),
    ],
)
def test_what_mailchimp_refuses_names_the_field_and_its_reason(
    patch: dict[str, object], field: str | None, words: str
) -> None:
    g = ground(records=1)
    outcome = g.update(g.ref(), patch)
    assert isinstance(outcome, Refused)
    assert outcome.field == field
    assert words in outcome.reason


def test_a_new_member_without_an_address_is_refused() -> None:
    outcome = ground().create({"merge_fields.FNAME": "Ada"})
    assert isinstance(outcome, Refused)
    assert outcome.field == "email_address"


def test_a_field_that_was_added_to_the_audience_meanwhile_is_learnt_when_it_is_written() -> None:
    g = ground(records=1)
    g.app.objects()
    shape = g.twin.audience.merge_fields
    shape["NICK"] = type(shape["FNAME"])(20, "NICK", "Nickname", "text")
    assert stored(g.update(g.ref(), {"merge_fields.NICK": "Zo"})).fields["merge_fields.NICK"] == "Zo"


def test_the_plugin_opens_the_connector_and_names_its_twin() -> None:
    assert plugin.open is Mailchimp
    assert plugin.concurrency <= 8
    module, _, attribute = plugin.twin.partition(":")
    assert hasattr(__import__(module, fromlist=[attribute]), attribute)


def test_what_cannot_be_an_id_is_gone_without_asking_and_a_hash_is_none_either() -> None:
    g = ground(records=1)
    email = str(g.shown(g.ref()).fields["email_address"])
    odd = [Ref(APP, "members", text) for text in ("..", "a/b", "a?b", email, address_hash(email))]
    assert g.app.read(odd) == {ref: Gone(ref) for ref in odd}
    assert [g.delete(ref) for ref in odd[:3]] == [Stale("k")] * 3
    assert len(g.ids) == 1


def test_a_change_to_an_archived_member_is_stale() -> None:
    g = ground(records=1)
    ref = g.ref()
    g.twin.person_delete("members", ref.id)
    assert g.update(ref, {"vip": True}) == Stale("k")
    assert g.update(ref, {"tags": ["Speaker"]}) == Stale("k")
    assert g.ids == []


def test_an_audience_that_cannot_be_seen_has_no_members_and_lacks_none() -> None:
    g = ground(records=1)
    g.app.objects()
    g.twin.faults = Faults(blind=True)
    with pytest.raises(Unavailable, match="cannot be seen"):
        g.changes()
    with pytest.raises(Unavailable, match="cannot be seen"):
        g.app.find("members", "email_address", ["nobody@example.com"])
    for count in (1, 5):
        creates = [Create(APP, "members", {"email_address": f"p{n}@example.com"}, str(n)) for n in range(count)]
        with pytest.raises(Unavailable, match="cannot be seen"):
            g.app.write(creates)
