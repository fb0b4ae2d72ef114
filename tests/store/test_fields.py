"""The text of what happened to fields: the same comes back, in either form, and it is short where much is alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from syncd.core.entity import Held
from syncd.store.chain import ChainEnd, _digest, chained
from syncd.store.codec import dump, held_from, held_text
from syncd.store.fields import fields_from, fields_text
from syncd.store.ports import Storage
from syncd.store.records import ENTITY
from syncd.store.store import Store
from syncd.store.tables import ChangeRow, MetaRow, table
from syncd.store.values import Entry, Event
from tests.store.ground import ANN, START, entity, ref

FIRST = {"old": None, "verdict": "taken", "rule": "first filled", "from": None}
VALUES = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4) | st.lists(st.text(max_size=3), max_size=2)
)
TOLD = st.fixed_dictionaries(
    {},
    optional={
        "old": VALUES,
        "new": VALUES,
        "kept": VALUES,
        "rule": VALUES,
        "from": VALUES,
        "verdict": st.sampled_from(["taken", "lost", "agreed"]),
    },
)
FIELDS = st.dictionaries(st.text(max_size=5), TOLD, max_size=6)


@given(FIELDS)
def test_what_is_told_of_fields_comes_back_as_it_was(fields: dict[str, dict[str, Any]]) -> None:
    found = fields_from(fields_text(fields))
    assert dump(found) == dump(fields)
    assert fields_from(dump(fields)) == found


def test_what_is_so_of_many_fields_is_said_once() -> None:
    text = fields_text({"city": {**FIRST, "new": "Rome"}, "zip": {**FIRST, "new": "00100"}})
    assert text == '[[{"=first":"first filled"},"new",{"city":"Rome","zip":"00100"}]]'
    edited = {"verdict": "taken", "rule": "edited", "from": 7, "old": "Rome", "new": "Oslo"}
    assert fields_text({"city": edited}) == '[[{"=from":7,"=taken":"edited"},"old\\nnew",{"city":["Rome","Oslo"]}]]'
    agreed = {"verdict": "agreed", "rule": "agreed", "from": 7, "old": "Rome", "new": "Rome"}
    assert fields_text({"city": agreed}).count("Rome") == 1


@pytest.mark.parametrize("name", ["rule", "old", "new", "verdict"])
def test_a_field_that_is_called_like_what_is_told_is_found_only_where_it_is_told_of(store: Storage, name: str) -> None:
    with store.begin() as tx:
        tx.log.append(Entry(event=Event.MERGED, fields={"city": {**FIRST, "new": "Rome"}}))
        tx.log.append(Entry(event=Event.MERGED, fields={name: {**FIRST, "new": "Rome"}}))
        assert [entry.seq for entry in tx.log.find(field=name)] == [2]


def test_a_log_and_entities_that_an_older_syncd_wrote_are_read_found_and_fit(place: str) -> None:
    store = Store.open(place, lambda: START)
    phone: dict[str, dict[str, Any]] = {"phone": {**FIRST, "new": "1"}}
    with store.begin() as tx:
        row = chained(ChainEnd(), Entry(event=Event.MERGED, entity=ANN, ref=ref(), fields=phone), START)
        row["fields"] = dump(phone)
        row["hash"] = _digest("", row)
        tx.db.execute(insert(table(ChangeRow)), row)
        tx.db.execute(insert(table(MetaRow)), {"name": "log_end", "value": f"1 {row['hash']}"})
        held = '{"phone":["1",1,"crm",null,1],"tags":[["a"],2,"news",1800000000.5,1]}'
        tx.db.execute(insert(ENTITY), {"id": ANN, "sync": "people", "held": held, "deleted": False})
    with store.begin() as tx:
        assert tx.log.append(Entry(event=Event.MERGED, fields={"rule": {**FIRST, "new": "1"}})) == 2
        assert [entry.fields for entry in tx.log.find(field="phone")] == [phone]
        assert [entry.seq for entry in tx.log.find(field="rule")] == [2]
        known = tx.entities.get(ANN)
        assert (known.value("phone"), known.value("tags"), known.held["tags"].author) == ("1", ("a",), "news")
        tx.entities.put(known, [])
    with store.read() as tx:
        assert tx.entities.get(ANN) == known
    assert store.verify() == ""
    store.close()


def test_values_that_came_about_alike_are_kept_together() -> None:
    held = {name: Held(name, 1, "crm", None, 3) for name in ("zip", "city")} | {"left": Held(value=False, ver=2)}
    assert held_text(held) == '[[1,"crm",null,3,{"city":"city","zip":"zip"}],[2,"",null,0,{"left":false}]]'
    assert held_from(held_text(held)) == held
    assert list(held_from(held_text(held))) == ["city", "left", "zip"]
    assert held_from(held_text(entity().held)) == {}
