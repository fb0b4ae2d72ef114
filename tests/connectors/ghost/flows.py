"""What a Ghost does and what the connector makes of it: one specification for the twin and for the real thing.

A subclass says which Ghost it is by the fixture `world`. Members of other tests may be there already.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.record import Cursor, Exists, Gone, Record, Refused, Stale, Stored
from syncd.errors import Unauthorised
from tests.connectors.ghost.world import World

__all__ = ["GhostFlows"]

NOBODY = "0123456789abcdef01234567"


def ids(world: World, since: Cursor | None = None) -> list[str]:
    return [row.ref.id for page in world.connector.changes("members", since) for row in page.rows]


def listed(world: World, since: Cursor | None = None) -> dict[str, Record]:
    rows = [row for page in world.connector.changes("members", since) for row in page.rows]
    return {row.ref.id: row for row in rows if isinstance(row, Record)}


def end(world: World) -> Cursor:
    return list(world.connector.changes("members", None))[-1].cursor


def stored(outcome: object) -> Record:
    assert isinstance(outcome, Stored)
    assert outcome.record is not None
    return outcome.record


class GhostFlows:
    # --- writing -----------------------------------------------------------------------------------------

    def test_what_is_created_is_stored_as_it_was_written(self, world: World) -> None:
        email = world.address("Ann.Marie")
        record = stored(world.create(email=email, name="  Ann  Marie ", note="a\r\nb é😀", labels=["b", "A"]))
        said = {name: record.fields[name] for name in ("email", "name", "note", "labels")}
        assert said == {"email": email, "name": "  Ann  Marie ", "note": "a\r\nb é😀", "labels": ["A", "b"]}
        assert world.fate(record.ref.id) == record
        assert record.created == record.version.at

    def test_a_member_made_without_a_word_about_newsletters_gets_none(self, world: World) -> None:
        record = stored(world.create(email=world.address()))
        assert (record.fields["subscribed"], record.fields["newsletters"]) == (False, [])

    def test_left_to_itself_ghost_would_subscribe_a_new_member(self, world: World) -> None:
        assert world.fields(world.make())["newsletters"] == [world.default]

    def test_a_member_made_as_subscribed_gets_the_newsletters_for_new_members(self, world: World) -> None:
        assert stored(world.create(email=world.address(), subscribed=True)).fields["newsletters"] == [world.default]

    def test_an_update_changes_only_what_it_says(self, world: World) -> None:
        id_ = world.make(name="Ann", note="n", labels=["vip"])
        before = world.fields(id_)
        world.pass_time()
        after = stored(world.update(id_, name="Bob")).fields
        assert {name for name in after if after[name] != before[name]} == {"name", "updated_at"}
        assert world.fields(id_) == after

    def test_an_update_that_says_nothing_reads(self, world: World) -> None:
        id_ = world.make(name="Ann")
        assert stored(world.update(id_)).fields == world.fields(id_)

    @pytest.mark.parametrize("blank", ["", None])
    def test_a_blank_clears_and_is_shown_as_none(self, world: World, blank: str | None) -> None:
        id_ = world.make(name="Ann", note="n")
        after = stored(world.update(id_, name=blank, note=blank)).fields
        assert (after["name"], after["note"]) == (None, None)

    def test_labels_are_written_as_a_whole(self, world: World) -> None:
        id_ = world.make(labels=["one", "two"])
        assert stored(world.update(id_, labels=["two", "three"])).fields["labels"] == ["three", "two"]
        assert stored(world.update(id_, labels=None)).fields["labels"] == []

    def test_a_label_keeps_its_first_spelling(self, world: World) -> None:
        world.make(labels=["Sponsor"])
        assert world.fields(world.make(labels=[" SPONSOR ", "sponsor"]))["labels"] == ["Sponsor"]

    def test_an_opt_out_empties_the_newsletters(self, world: World) -> None:
        id_ = world.make(subscribed=True)
        after = stored(world.update(id_, subscribed=False)).fields
        assert (after["subscribed"], after["newsletters"]) == (False, [])

    def test_an_opt_in_gives_the_newsletters_for_new_members(self, world: World) -> None:
        id_ = world.make(subscribed=False)
        assert stored(world.update(id_, subscribed=True)).fields["newsletters"] == [world.default]

    def test_an_opt_in_leaves_a_subscribed_member_as_it_is(self, world: World) -> None:
        id_ = world.make(subscribed=False)
        world.update(id_, newsletters=[world.other])
        assert stored(world.update(id_, subscribed=True)).fields["newsletters"] == [world.other]

    def test_an_opt_out_beats_a_list_in_the_same_write(self, world: World) -> None:
        id_ = world.make(subscribed=True)
        after = stored(world.update(id_, subscribed=False, newsletters=[world.default])).fields
        assert after["newsletters"] == []

    def test_newsletters_are_named_by_slug(self, world: World) -> None:
        id_ = world.make(subscribed=False)
        after = stored(world.update(id_, newsletters=[world.other, world.default])).fields
        assert after["newsletters"] == sorted([world.default, world.other])
        assert after["subscribed"] is True

    def test_an_unknown_newsletter_is_refused_and_nothing_is_written(self, world: World) -> None:
        id_ = world.make(name="Ann")
        outcome = world.update(id_, name="Bob", newsletters=["no-such-newsletter"])
        assert isinstance(outcome, Refused)
        assert outcome.field == "newsletters"
        assert world.fields(id_)["name"] == "Ann"

    def test_an_address_that_is_there_already_is_told_with_its_holder(self, world: World) -> None:
        email = world.address()
        holder = world.make(email=email)
        outcome = world.create(email=email, name="Somebody else")
        assert isinstance(outcome, Exists)
        assert outcome.ref == world.ref(holder)

    def test_a_member_without_an_address_is_refused(self, world: World) -> None:
        assert isinstance(world.create(name="Ann"), Refused)
        assert isinstance(world.create(name="Ann", email=""), Refused)

    def test_an_update_to_another_s_address_is_refused(self, world: World) -> None:
        email = world.address()
        world.make(email=email)
        outcome = world.update(world.make(), email=email)
        assert isinstance(outcome, Refused)
        assert outcome.field == "email"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("email", "this is no address"),
            ("email", " ann@example.com "),
            ("name", "n" * 192),
            ("name", ",Ann"),
            ("note", "n" * 2001),
            ("labels", ["l" * 192]),
            ("subscribed", "yes"),
            ("uuid", "mine"),
        ],
    )
    def test_what_ghost_refuses_names_the_field(self, world: World, field: str, value: object) -> None:
        outcomes = [world.update(world.make(), **{field: value})]
        if field == "email":
            outcomes.append(world.create(email=value))
        assert [o.field for o in outcomes if isinstance(o, Refused)] == [field] * len(outcomes)

    def test_the_longest_name_and_note_are_stored(self, world: World) -> None:
        after = stored(world.create(email=world.address(), name="😀" * 191, note="é" * 2000)).fields
        assert (after["name"], after["note"]) == ("😀" * 191, "é" * 2000)

    def test_a_write_to_nobody_is_stale(self, world: World) -> None:
        for nobody in (NOBODY, "no-id"):
            assert isinstance(world.update(nobody, name="Ann"), Stale)
            assert isinstance(world.delete(nobody), Stale)

    # --- reading -----------------------------------------------------------------------------------------

    def test_members_are_read_together_and_the_missing_are_gone(self, world: World) -> None:
        refs = [world.ref(id_) for id_ in (world.make(), NOBODY, world.make(), "no-id")]
        found = world.connector.read(refs)
        assert list(found) == refs
        assert [isinstance(fate, Gone) for fate in found.values()] == [False, True, False, True]

    def test_a_deleted_member_is_gone_and_no_longer_listed(self, world: World) -> None:
        id_ = world.make()
        assert isinstance(world.delete(id_), Stored)
        assert world.fate(id_) == Gone(world.ref(id_))
        assert id_ not in ids(world)

    def test_newsletters_and_labels_are_the_options(self, world: World) -> None:
        world.make(labels=["Gold"])
        (object_,) = world.connector.objects()
        assert {world.default, world.other} <= {option.value for option in object_.fields["newsletters"].options}
        assert "Gold" in {option.value for option in object_.fields["labels"].options}

    def test_an_archived_newsletter_is_no_longer_shown(self, world: World) -> None:
        made = self._newsletter(world)
        id_ = world.make(newsletters=[{"id": made["id"]}])
        assert world.fields(id_)["newsletters"] == [made["slug"]]
        world.api("PUT", f"newsletters/{made['id']}/", {"newsletters": [{"status": "archived"}]})
        assert (world.fields(id_)["newsletters"], world.fields(id_)["subscribed"]) == ([], False)
        assert isinstance(world.update(id_, newsletters=[made["slug"]]), Stored | Refused)
        assert world.fields(id_)["newsletters"] == []

    # --- finding -----------------------------------------------------------------------------------------

    def test_an_address_is_found_whatever_its_case(self, world: World) -> None:
        email = world.address("Zoe.O'Brien+x%_y")
        id_ = world.make(email=email)
        asked = [email, email.upper(), world.address(), 'quo"te\\@example.com', ""]
        found = world.connector.find("members", "email", asked)
        assert found == {email: [world.ref(id_)], email.upper(): [world.ref(id_)], **{v: [] for v in asked[2:]}}

    def test_an_address_is_not_found_by_its_beginning(self, world: World) -> None:
        email = world.address()
        world.make(email=f"{email}.test")
        assert world.connector.find("members", "email", [email]) == {email: []}

    def test_more_addresses_than_one_call_takes_are_found(self, world: World) -> None:
        emails = [world.address() for _ in range(45)]
        made = {email: world.make(email=email) for email in emails[::9]}
        found = world.connector.find("members", "email", emails)
        assert {email: refs[0].id for email, refs in found.items() if refs} == made

    # --- listing -----------------------------------------------------------------------------------------

    def test_a_full_listing_over_several_pages_shows_everybody_once(self, world: World) -> None:
        before = ids(world)
        made = [world.make() for _ in range(max(0, 102 - len(before)))]
        pages = list(world.connector.changes("members", None))
        shown = [row.ref.id for page in pages for row in page.rows]
        assert sorted(shown) == sorted(before + made)
        assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
        assert pages[0].total == len(shown)
        assert len(pages) > 1

    def test_an_edit_and_a_new_member_show_since_the_cursor(self, world: World) -> None:
        edited, cursor = world.make(), end(world)
        world.pass_time()
        world.change(edited, name="Changed")
        made = world.make()
        assert {edited, made} <= set(ids(world, cursor))

    def test_an_opt_out_shows_though_it_leaves_updated_at_as_it_was(self, world: World) -> None:
        id_ = world.make(subscribed=True)
        world.pass_time(6)  # out of the overlap
        world.make()
        cursor, before = end(world), world.shown(id_)["updated_at"]
        world.change(id_, newsletters=[])
        assert listed(world, cursor)[id_].fields["subscribed"] is False
        assert world.shown(id_)["updated_at"] == before

    def test_a_change_of_labels_and_a_bulk_opt_out_show_in_a_full_listing_only(self, world: World) -> None:
        labelled, dropped = world.make(), world.make(subscribed=True)
        world.pass_time(6)
        world.make()
        cursor = end(world)
        world.change(labelled, labels=["quiet"])
        world.api("PUT", "members/bulk/", {"bulk": {"action": "unsubscribe"}}, filter=f"id:'{dropped}'")
        assert not {labelled, dropped} & set(ids(world, cursor))
        rows = listed(world)
        assert rows[labelled].fields["labels"] == ["quiet"]
        assert rows[dropped].fields["subscribed"] is False

    def test_more_opt_outs_than_fit_on_a_page_are_all_shown(self, world: World) -> None:
        members = [world.make(subscribed=True) for _ in range(103)]
        world.pass_time(6)
        world.make()
        cursor = end(world)
        for id_ in members:
            world.change(id_, newsletters=[])
        assert set(members) <= set(ids(world, cursor))

    def test_members_of_one_second_are_all_shown(self, world: World) -> None:
        world.pass_time()
        first = world.make()
        cursor = end(world)
        others = [world.make() for _ in range(3)]
        assert {first, *others} <= set(ids(world, cursor))

    def test_nothing_new_moves_the_cursor_nowhere(self, world: World) -> None:
        world.make()
        cursor = end(world)
        assert list(world.connector.changes("members", cursor))[-1].cursor == cursor

    def test_a_time_in_iso_form_silently_finds_nothing(self, world: World) -> None:
        day = world.shown(world.make())["updated_at"][:10]
        assert world.api("GET", "members/", filter=f"updated_at:>='{day} 00:00:00'")["members"]
        assert not world.api("GET", "members/", filter=f"updated_at:>='{day}T00:00:00.000Z'")["members"]

    # --- hearing -----------------------------------------------------------------------------------------

    def test_every_kind_of_change_is_heard(self, world: World) -> None:
        connector, ear = world.connector, world.ear
        connector.subscribe(ear.url)
        connector.subscribe(ear.url)
        id_ = world.make(subscribed=True)
        heard = [connector.hear(call) for call in ear.calls(1)]
        changes: list[dict[str, object]] = [{"name": "Ann"}, {"labels": ["heard"]}, {"newsletters": []}]
        for said in changes:
            world.change(id_, **said)
            heard += [connector.hear(call) for call in ear.calls(1)]
        world.api("DELETE", f"members/{id_}/")
        heard += [connector.hear(call) for call in ear.calls(1)]
        assert heard == [(world.ref(id_),)] * 5
        connector.unsubscribe(ear.url)
        world.make()
        assert ear.calls(0) == []

    def test_a_change_that_changes_nothing_is_not_told(self, world: World) -> None:
        id_ = world.make(name="Ann")
        world.connector.subscribe(world.ear.url)
        before = world.shown(id_)["updated_at"]
        world.pass_time()
        world.change(id_, name="Ann")
        assert world.ear.calls(0) == []
        assert world.shown(id_)["updated_at"] == before
        world.connector.unsubscribe(world.ear.url)

    def test_a_webhook_that_was_tampered_with_is_refused(self, world: World) -> None:
        world.connector.subscribe(world.ear.url)
        world.make()
        call = world.ear.calls(1)[0]
        world.connector.unsubscribe(world.ear.url)
        with pytest.raises(Unauthorised):
            world.connector.hear(replace(call, body=call.body.replace(b"example", b"eksample")))
        with pytest.raises(Unauthorised):
            world.connector.hear(replace(call, headers={}))

    # --- the door ----------------------------------------------------------------------------------------

    def test_a_good_key_passes_the_check(self, world: World) -> None:
        world.connector.check()

    @staticmethod
    def _newsletter(world: World) -> dict[str, str]:
        name = world.address("letter").partition("@")[0]
        made: dict[str, str] = world.api("POST", "newsletters/", {"newsletters": [{"name": name}]})["newsletters"][0]
        return made
