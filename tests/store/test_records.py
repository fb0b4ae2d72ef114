"""Entities, match keys and links: what was put is what is read, within a transaction and after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from syncd.core.entity import Entity, Held, LinkState
from syncd.core.record import Version
from syncd.errors import StoreError
from syncd.store.ports import Storage
from tests.store.ground import ANN, BEN, entity, key, link, ref

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_an_entity_comes_back_as_it_was_put(store: Storage) -> None:
    ann = Entity(
        ANN,
        "people",
        {
            "email": Held("ann@example.com", 3, "crm", NOON, 17),
            "tags": Held(("a", "b"), 1, "news", None, 0),
            "out": Held(False),
            "age": Held(41),
            "phone": Held(None, 2),
        },
        deleted=True,
    )
    with store.begin() as tx:
        tx.entities.put(ann, [])
        assert tx.entities.get(ANN) == ann
    with store.read() as tx:
        assert tx.entities.get(ANN) == ann


def test_whole_scripts_of_the_world_and_odd_signs_come_back(store: Storage) -> None:
    said = "Ægir \u0000 \u202e 𝕏 'quoted' \"twice\" \\ 名前"
    with store.begin() as tx:
        tx.entities.put(entity(name=said), [])
        tx.links.put("people", link(seen={said: {"deep": [said, 1.5, None, True]}}))
    with store.read() as tx:
        assert tx.entities.get(ANN).value("name") == said
        found = tx.links.get("people", ref())
        assert found is not None
        assert found.seen == {said: {"deep": [said, 1.5, None, True]}}


def test_an_unknown_entity_is_a_key_error(store: Storage) -> None:
    with store.read() as tx, pytest.raises(KeyError):
        tx.entities.get(ANN)


def test_an_entity_is_found_by_its_keys_before_and_after_the_transaction(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.entities.holders("people", [key("ann@example.com")]) == {key("ann@example.com"): ()}
        tx.entities.put(entity(), [key("ann@example.com")])
        assert tx.entities.holders("people", [key("ann@example.com")]) == {key("ann@example.com"): (ANN,)}
        assert tx.entities.count("people") == 1
        assert tx.entities.holders("people", [key("ann@example.com")]) == {key("ann@example.com"): (ANN,)}
    with store.read() as tx:
        assert tx.entities.holders("people", [key("ann@example.com")]) == {key("ann@example.com"): (ANN,)}


def test_an_entity_is_found_by_its_latest_keys_only(store: Storage) -> None:
    old, new = key("old@example.com"), key("new@example.com")
    with store.begin() as tx:
        tx.entities.put(entity(), [old])
    with store.begin() as tx:
        assert tx.entities.holders("people", [old, new]) == {old: (ANN,), new: ()}
        tx.entities.put(entity(), [new])
        assert tx.entities.holders("people", [old, new]) == {old: (), new: (ANN,)}
        tx.entities.put(entity(), [old])
        assert tx.entities.holders("people", [old, new]) == {old: (ANN,), new: ()}
        tx.entities.flush()
        assert tx.entities.holders("people", [old, new]) == {old: (ANN,), new: ()}
        tx.entities.put(entity(), [new])
    with store.read() as tx:
        assert tx.entities.holders("people", [old, new]) == {old: (), new: (ANN,)}


def test_several_entities_may_hold_one_key_each_named_once(store: Storage) -> None:
    shared = key("info@example.com")
    with store.begin() as tx:
        tx.entities.put(entity(BEN), [shared, shared])
        tx.entities.flush()
        tx.entities.put(entity(ANN), [shared])
        tx.entities.put(entity(BEN), [shared])
        assert sorted(tx.entities.holders("people", [shared])[shared]) == [ANN, BEN]
    with store.read() as tx:
        assert tx.entities.holders("people", [shared])[shared] == (ANN, BEN)


def test_who_held_a_key_and_is_deleted_is_found_apart_from_the_living(store: Storage) -> None:
    shared = key("info@example.com")
    with store.begin() as tx:
        tx.entities.put(entity(), [shared])
        tx.entities.put(replace(entity(BEN), deleted=True), [shared])
        assert tx.entities.deleted_holders("people", [shared]) == {shared: (BEN,)}
    with store.begin() as tx:
        assert tx.entities.deleted_holders("people", [shared]) == {shared: (BEN,)}
        assert tx.entities.holders("people", [shared]) == {shared: (ANN,)}
        assert tx.entities.deleted_holders("firms", [shared]) == {shared: ()}
        tx.entities.put(replace(entity(BEN), deleted=True), [])
        assert tx.entities.deleted_holders("people", [shared]) == {shared: ()}


def test_a_deleted_entity_holds_no_key(store: Storage) -> None:
    own = key("ann@example.com")
    with store.begin() as tx:
        tx.entities.put(Entity(ANN, "people", {}, deleted=True), [own])
        assert tx.entities.holders("people", [own])[own] == ()
        assert tx.entities.count("people") == 0
    with store.read() as tx:
        assert tx.entities.holders("people", [own])[own] == ()


def test_keys_of_one_sync_do_not_find_the_entities_of_another(store: Storage) -> None:
    own = key("ann@example.com")
    with store.begin() as tx:
        tx.entities.put(entity(ANN, "people"), [own])
        tx.entities.put(entity(BEN, "firms"), [own])
        assert tx.entities.holders("people", [own])[own] == (ANN,)
        assert sorted(tx.entities.by_key(own)) == [("firms", BEN), ("people", ANN)]
        assert tx.entities.by_value("ann@example.com") == [("firms", BEN), ("people", ANN)]
        assert [e.id for e in tx.entities.all("firms")] == [BEN]


def test_an_entity_is_known_to_people_by_a_value_that_it_is_matched_by(store: Storage) -> None:
    with store.begin() as tx:
        tx.entities.put(entity(ANN), [("first+last", "ann\x1flee")])
        tx.entities.put(entity(BEN), [])
        assert tx.entities.labels([ANN, BEN]) == {ANN: "ann lee"}


def test_more_entities_than_fit_into_one_statement(store: Storage) -> None:
    many = [entity(type(ANN)(f"e{n:04}"), email=f"{n}@example.com") for n in range(1200)]
    with store.begin() as tx:
        for one in many:
            tx.entities.put(one, [key(f"{one.value('email')}")])
            tx.links.put("people", link(one.id, ref(one.id)))
    with store.read() as tx:
        found = tx.entities.holders("people", [key(f"{n}@example.com") for n in range(1200)])
        assert list(found.values()) == [(one.id,) for one in many]
        tx.links.load("people", [ref(one.id) for one in many])
        assert all(tx.links.get("people", ref(one.id)) for one in many)
        assert tx.links.linked("people", "crm") == tx.entities.count("people") == 1200


def test_a_link_comes_back_as_it_was_put(store: Storage) -> None:
    whole = link(
        seen={"Tags": ["a", {"b": None}], "n": 1.25, "yes": True},
        sent={"tags": ("a", "b"), "phone": None},
        version=Version("etag", NOON),
        created=NOON,
        state=LinkState.MISSING,
        missed_at=12.5,
    )
    with store.begin() as tx:
        assert tx.links.get("people", ref()) is None
        tx.links.put("people", whole)
        assert tx.links.get("people", ref()) == whole
        assert tx.links.of(ANN) == [whole]
    with store.read() as tx:
        assert tx.links.get("people", ref()) == whole
        assert tx.links.of(ANN) == [whole]
        assert tx.links.missing("people", "crm") == [whole]


def test_a_link_that_moves_leaves_its_entity(store: Storage) -> None:
    with store.begin() as tx:
        tx.links.put("people", link(ANN))
    with store.begin() as tx:
        assert tx.links.of(ANN) == [link(ANN)]
        tx.links.put("people", link(BEN))
        assert tx.links.of(ANN) == []
        assert tx.links.of(BEN) == [link(BEN)]
        assert tx.links.at(BEN, "crm") == link(BEN)
    with store.read() as tx:
        assert tx.links.of(ANN) == []
        assert tx.links.of(BEN) == [link(BEN)]


def test_a_link_that_moved_unread_has_left_its_entity_too(store: Storage) -> None:
    with store.begin() as tx:
        tx.links.put("people", link(ANN))
    with store.begin() as tx:
        tx.links.put("people", link(BEN))
        assert tx.links.of(ANN) == []
        assert tx.links.of(BEN) == [link(BEN)]


def test_an_entity_may_have_a_new_link_in_an_app_where_its_old_one_is_gone(store: Storage) -> None:
    with store.begin() as tx:
        tx.links.put("people", link(ANN, ref("1")))
    with store.begin() as tx:
        tx.links.put("people", link(ANN, ref("2")))
        tx.links.put("people", link(ANN, ref("1"), state=LinkState.GONE))
        at = tx.links.at(ANN, "crm")
        assert at is not None
        assert at.ref == ref("2")
    with store.read() as tx:
        assert {one.ref: one.state for one in tx.links.of(ANN)} == {
            ref("1"): LinkState.GONE,
            ref("2"): LinkState.LIVE,
        }


def test_two_live_links_of_an_entity_in_one_app_are_never_stored(store: Storage) -> None:
    with store.begin() as tx:
        tx.links.put("people", link(ANN, ref("1")))
    with pytest.raises(StoreError), store.begin() as tx:
        tx.links.put("people", link(ANN, ref("2")))
    with store.read() as tx:
        assert [one.ref for one in tx.links.of(ANN)] == [ref("1")]


def test_a_dropped_link_is_forgotten_in_its_own_sync_only(store: Storage) -> None:
    with store.begin() as tx:
        tx.links.put("people", link(ANN))
        tx.links.put("firms", link(BEN))
        assert [tx.links.of(ANN), tx.links.of(BEN)] == [[link(ANN)], [link(BEN)]]
        tx.links.drop("people", ref())
        assert tx.links.get("people", ref()) is None
        assert [tx.links.of(ANN), tx.links.of(BEN)] == [[], [link(BEN)]]
    with store.read() as tx:
        assert [tx.links.of(ANN), tx.links.of(BEN)] == [[], [link(BEN)]]
        assert [one.entity for one in tx.links.all("firms")] == [BEN]


def test_links_are_found_by_what_their_records_last_showed_whatever_its_case(store: Storage) -> None:
    with store.begin() as tx:
        tx.links.put("people", link(ANN, ref("1"), seen={"email": "Ada@example.com"}))
        tx.links.put("people", link(BEN, ref("2"), seen={"email": "eve@example.com", "note": "ada@example.com"}))
        tx.links.put("people", link(type(ANN)("3"), ref("3"), seen={"email": "ada@example.com"}, state=LinkState.GONE))
        tx.links.put("firms", link(type(ANN)("4"), ref("4"), seen={"email": "ada@example.com"}))
        tx.links.put("people", link(type(ANN)("5"), ref("5"), seen={"email": None}))
        assert [one.ref.id for one in tx.links.showing("people", "crm", "email", ["ada@example.com"])] == ["1"]
        assert tx.links.showing("people", "crm", "email", ["none"]) == []
        assert len(tx.links.showing("people", "crm", "email", ["ada@example.com", "eve@example.com"])) == 2


def test_a_listing_names_what_it_did_not_see(store: Storage) -> None:
    with store.begin() as tx:
        for id, state in {"1": LinkState.LIVE, "2": LinkState.LIVE, "3": LinkState.GONE}.items():
            tx.links.put("people", link(type(ANN)(id), ref(id), state=state))
        tx.links.stamp("people", [], 7)
        tx.links.stamp("people", [ref("1")], 7)
        assert [one.ref.id for one in tx.links.unswept("people", "crm", 7, None, 9)] == ["2"]
        tx.links.put("people", link(type(ANN)("1"), ref("1"), missed_at=1.0))  # a change keeps the stamp
        assert [one.ref.id for one in tx.links.unswept("people", "crm", 7, None, 9)] == ["2"]
        assert tx.links.lacking("people", "crm", 7) == 1
        assert tx.links.canaries("people", "crm", 1) == [ref("1")]
        assert tx.links.linked("people", "crm") == 2


def test_what_a_listing_did_not_see_comes_in_parts(store: Storage) -> None:
    with store.begin() as tx:
        for id in "3214":
            tx.links.put("people", link(type(ANN)(id), ref(id)))
        assert [one.ref.id for one in tx.links.unswept("people", "crm", 7, None, 3)] == ["1", "2", "3"]
        assert [one.ref.id for one in tx.links.unswept("people", "crm", 7, ref("3"), 3)] == ["4"]
        assert tx.links.unswept("people", "crm", 7, ref("4"), 3) == []
        assert tx.links.lacking("people", "crm", 7) == 4
        assert tx.links.lacking("people", "news", 7) == 0


def test_the_living_come_in_parts_by_their_ids(store: Storage) -> None:
    with store.begin() as tx:
        for id, deleted in {"c": False, "a": False, "d": True, "b": False}.items():
            tx.entities.put(replace(entity(type(ANN)(id)), deleted=deleted), [])
        tx.entities.put(entity(BEN, sync="firms"), [])
        assert [tx.entities.living("people", after, 2) for after in ("", "b", "c")] == [["a", "b"], ["c"], []]
