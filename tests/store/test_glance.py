"""A glance at a store: counts, at once, of a store that somebody else has open."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from syncd.core.entity import LinkState
from syncd.errors import StoreError
from syncd.store import connect
from syncd.store.glance import AppGlance, SyncGlance, glance
from syncd.store.store import Store
from syncd.store.values import Entry, Event, IntentState, OptOut
from tests.store.ground import BEN, START, debt, entity, link, question, ref, write


def test_a_glance_counts_what_stands_in_the_store(place: str) -> None:
    if place == "sqlite://":
        pytest.skip("memory is one process's own")
    store = Store.open(place, lambda: START)
    with store.begin() as tx:
        tx.entities.put(entity(), [])
        tx.links.put("people", link())
        tx.links.put("people", link(BEN, ref("2"), state=LinkState.GONE))
        tx.deliveries.owe(debt(due=START + 5))
        tx.deliveries.owe(debt(BEN, START + 9))
        tx.hints.add([ref()], START)
        tx.intents.put([write(), write("w2", BEN, state=IntentState.UNKNOWN)])
        tx.parked.park(question())
        tx.parked.close(tx.parked.park(question(BEN)), "crm", "op")
        tx.optouts.add(OptOut("mail", "ann@example.com", START, "news", 1))
        tx.apps.pause("crm", "by hand")
        tx.apps.failing("crm", "timeout")
        tx.meta.put("applied:people", "digest")
        tx.log.append(Entry(event=Event.PAUSED, app="crm"))
        tx.flush()
    seen = glance(place, ["crm", "news"], ["people", "firms"])
    assert seen is not None
    assert seen.apps == {
        "crm": AppGlance(
            paused="by hand",
            paused_at=START,
            failing="timeout",
            failing_since=START,
            owed=2,
            owed_since=START + 5,
            hints=1,
            doubtful=1,
        ),
        "news": AppGlance(),
    }
    assert seen.syncs == {
        "people": SyncGlance(entities=1, linked={"crm": 1}, in_force=True, owed=2, owed_since=START + 5),
        "firms": SyncGlance(linked={}),
    }
    assert (seen.waiting, seen.opted_out, seen.changes) == ({"conflict": 1}, 1, 1)
    store.close()


def test_where_there_is_no_store_there_is_nothing_to_see_and_none_is_made(tmp_path: Path) -> None:
    assert glance(f"sqlite:///{tmp_path / 'syncd.db'}", [], []) is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store_is_told_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "syncd.db").write_text("a letter to Ann" * 100)
    with pytest.raises(StoreError) as caught:
        glance(f"sqlite:///{tmp_path / 'syncd.db'}", [], [])
    assert "of this version" in caught.value.hint


def test_a_server_that_does_not_answer_is_told_without_its_password() -> None:
    with pytest.raises(StoreError) as caught:
        glance("postgresql://ann:secret@localhost:1/syncd?password=secret", [], [])
    assert "secret" not in str(caught.value)
    assert "lets this user in" in caught.value.hint


def test_a_server_that_says_nothing_is_not_waited_for_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "_SERVER", {**connect._SERVER, "connect_timeout": 2})
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        with pytest.raises(StoreError, match="can be reached from here"):
            glance(f"postgresql://ann@127.0.0.1:{mute.getsockname()[1]}/syncd", [], [])
        assert time.monotonic() - began < 8
