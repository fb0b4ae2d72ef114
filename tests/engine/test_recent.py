"""Whom guards have counted is kept from page to page, and is whom the change log would make them count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from syncd.core.entity import Link
from syncd.core.guard import Guard, Limits
from syncd.core.record import EntityId, Ref
from syncd.engine.cycle import once, pull_app
from syncd.engine.recent import Recent
from syncd.engine.world import Safety
from syncd.store.log import Log
from syncd.store.memory import MemoryStore
from syncd.store.records import Links
from syncd.store.values import Entry, Event, ParkedKind
from syncd.testing.clock import TurnedClock
from tests.effort import effort
from tests.engine.world import Scene, people

_HOUR = 3600.0
_EVENTS = (Event.MERGED, Event.GONE)


class _RolledBack(Exception):
    """Nothing of this transaction is kept."""


def _commits() -> None:
    """All of it is kept."""


def _rolls_back() -> None:
    raise _RolledBack


def _counting(entries: Sequence[Entry]) -> Iterable[tuple[Guard, Entry]]:
    return [(Guard(entry.note), entry) for entry in entries if entry.note]


class KeptAndCounted(RuleBasedStateMachine):
    """Entries come, pages are rolled back, time goes on and back; what is kept is what is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = TurnedClock(1_800_000_000.0)
        self.store = MemoryStore(self.clock.now)
        self.recent = Recent()
        self.after = 0
        self.turned_back = False

    @rule(
        told=st.lists(
            st.tuples(
                st.sampled_from(["1", "2", "3", "4"]),
                st.sampled_from(["", Guard.CHANGES.value, Guard.BLANKS.value]),
                st.sampled_from([*_EVENTS, Event.SENT]),
                st.sampled_from(["crm", "news"]),
            ),
            max_size=6,
        ),
        kept=st.booleans(),
        looked_at=st.booleans(),
    )
    def a_page(self, told: list[tuple[str, str, Event, str]], kept: bool, looked_at: bool) -> None:
        """Some entries, after which guards may be asked, and which may be rolled back."""
        self.store.on_commit = _commits if kept else _rolls_back
        with suppress(_RolledBack), self.store.begin() as tx:
            for record, note, event, app in told:
                tx.log.append(Entry(event=event, sync="people", ref=Ref(app, "people", record), note=note))
            if looked_at:
                self._look(tx)

    @rule(minutes=st.integers(0, 70))
    def time_goes_on(self, minutes: int) -> None:
        """For a while nothing happens."""
        self.clock.turn(minutes * 60)

    @rule(minutes=st.integers(1, 70))
    def the_clock_is_set_back(self, minutes: int) -> None:
        """And who is told of later has an earlier time."""
        self.clock.turn(-minutes * 60)
        self.turned_back = True

    @rule()
    def all_is_expected(self) -> None:
        """As after a first listing."""
        with self.store.read() as tx:
            self.after = tx.log.last()

    @invariant()
    def whom_is_kept_is_whom_the_log_tells_of(self) -> None:
        """And where the clock was set back, nobody is missing."""
        with self.store.read() as tx:
            self._look(tx)

    def _look(self, tx: Any) -> None:
        since = tx.now - _HOUR
        counted = self.recent.counted(tx, "people", "crm", _EVENTS, _counting, since=since, after=self.after)
        told = tx.log.find(app="crm", sync="people", events=_EVENTS, since=since, after=self.after, limit=10_000)
        for guard in Guard:
            wanted = {str(entry.ref) for entry in told if entry.note == guard.value}
            found = set(counted.get(guard, ()))
            assert found >= wanted if self.turned_back else found == wanted


KeptAndCounted.TestCase.settings = effort(80, stateful_step_count=20)
TestKeptAndCounted = KeptAndCounted.TestCase


def _office(people_there: int, limits: Limits) -> Scene:
    scene = Scene(sync=people(("crm", "news")), safety=Safety(limits=limits))
    for n in range(people_there):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", phone="1")
    scene.run()
    scene.wait(hours=2)
    scene.run()
    return scene


def _run(scene: Scene) -> None:
    """In the process that runs already, unlike `Scene.run`."""
    scene.clock.sleep(1)
    once(scene.world)


def _edits(scene: Scene, rounds: int, at_once: int) -> None:
    for n in range(rounds):
        for id in [f"crm-{one}" for one in range(1, at_once + 1)]:
            scene.fake("crm").person_edits(id, first=f"{id} {n}")
        _run(scene)
        scene.wait(minutes=1)


def test_what_an_hour_has_told_is_read_once_and_not_once_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _office(60, Limits(changes=5, change_share=0.9, blanks=5, blank_share=0.1, creates=5))
    read: list[Entry] = []
    follow, find = Log.follow, Log.find

    def followed(log: Log, **asked: Any) -> Iterator[Entry]:
        for entry in follow(log, **asked):
            read.append(entry)
            yield entry

    def found(log: Log, **asked: Any) -> Sequence[Entry]:
        assert asked.get("limit", 0) <= 10_000, "no guard has tripped, so nothing need be looked through"
        return find(log, **asked)

    monkeypatch.setattr(Log, "follow", followed)
    monkeypatch.setattr(Log, "find", found)
    _edits(scene, rounds=20, at_once=10)
    assert not scene.parked()
    merged = [entry for entry in scene.log() if entry.event is Event.MERGED and entry.app == "crm"]
    assert len(merged) >= 200
    assert len([entry for entry in read if entry.event is Event.MERGED]) <= len(merged)
    assert len(read) == len({entry.seq for entry in read})


def test_records_are_not_counted_anew_for_each_page(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _office(600, Limits(changes=5, change_share=0.9, blanks=5, creates=5))
    counted: list[int] = []
    linked = Links.linked

    def noted(links: Links, sync: str, app: str) -> int:
        counted.append(linked(links, sync, app))
        return counted[-1]

    monkeypatch.setattr(Links, "linked", noted)
    _edits(scene, rounds=10, at_once=3)
    assert 1 <= len(counted) <= 12, "two apps, and each tenth of them anew"


def test_a_guard_that_has_kept_count_trips_with_the_page_that_is_too_much() -> None:
    scene = _office(60, Limits(changes=5, change_share=0.5, blanks=5, creates=5))
    _edits(scene, rounds=4, at_once=30)
    assert not scene.parked(), "thirty of sixty, however often, are no more than half"
    scene.fake("crm").person_edits("crm-31", first="X")
    _run(scene)
    (work,) = scene.parked()
    assert work.kind is ParkedKind.GUARD
    assert work.reason.startswith("mass change: 31 of 60 linked records changed within an hour")


def test_what_was_rolled_back_does_not_count() -> None:
    scene = _office(60, Limits(changes=5, change_share=0.5, blanks=5, creates=5))
    _edits(scene, rounds=2, at_once=29)

    for n in (40, 41, 42):
        scene.fake("crm").person_edits(f"crm-{n}", first="X")
    kept = scene.store.on_commit
    scene.store.on_commit = _rolls_back
    with pytest.raises(_RolledBack):
        pull_app(scene.world, "crm")
    scene.store.on_commit = kept
    for n in (40, 41, 42):
        scene.fake("crm").person_edits(f"crm-{n}", first=f"P{n - 1}")
    _run(scene)
    assert [work for work in scene.parked() if work.kind is ParkedKind.GUARD] == []


def test_whose_values_were_erased_trips_nothing() -> None:
    scene = _office(60, Limits(changes=5, change_share=0.5, blanks=5, creates=5))
    _edits(scene, rounds=2, at_once=30)
    (someone,) = {entry.entity for entry in scene.log() if entry.ref == Ref("crm", "people", "crm-1")}
    erased = [entry.seq for entry in scene.log() if entry.entity == someone]
    with scene.store.begin() as tx:
        tx.log.erase(erased, ("record",), Entry(event=Event.FORGOTTEN, note="a person was forgotten"))
    scene.fake("crm").person_edits("crm-31", first="X")
    _run(scene)
    assert scene.parked() == []


def test_a_person_who_counts_twice_is_one() -> None:
    recent, clock = Recent(), TurnedClock(1_800_000_000.0)
    store = MemoryStore(clock.now)
    entry = Entry(event=Event.MERGED, sync="people", ref=Ref("crm", "people", "1"), note=Guard.CHANGES.value)
    with store.begin() as tx:
        for one in (entry, entry, replace(entry, ref=None)):
            tx.log.append(one)
        counted = recent.counted(tx, "people", "crm", _EVENTS, _counting, since=tx.now - _HOUR, after=0)
        assert {guard: list(refs) for guard, refs in counted.items()} == {Guard.CHANGES: ["crm/people/1"]}


def test_links_of_a_page_that_was_rolled_back_are_not_counted() -> None:
    store, recent = MemoryStore(TurnedClock(1_800_000_000.0).now), Recent()

    def page(tx: Any, first: int) -> None:
        for n in range(first, first + 100):
            ref = Ref("crm", "people", str(n))
            tx.links.put("people", Link(EntityId(f"e{n}"), ref))
            tx.log.append(Entry(event=Event.LINKED, sync="people", ref=ref))

    with store.begin() as tx:
        page(tx, 0)
    with suppress(_RolledBack), store.begin() as tx:
        page(tx, 100)
        assert recent.linked(tx, "people", "crm") == 200
        _rolls_back()
    with store.begin() as tx:
        for _ in range(100):
            tx.log.append(Entry(event=Event.SENT, sync="people"))
        assert recent.linked(tx, "people", "crm") <= 100


def test_who_counted_before_the_clock_was_set_back_and_again_since_counts_for_the_later_time() -> None:
    clock = TurnedClock(1_800_000_000.0)
    store, recent = MemoryStore(clock.now), Recent()
    for _ in range(2):
        with store.begin() as tx:
            tx.log.append(
                Entry(event=Event.MERGED, sync="people", ref=Ref("crm", "people", "1"), note=Guard.CHANGES.value)
            )
        clock.turn(-1800)
    clock.turn(1800 + _HOUR + 60 - 1800 + 1800)
    since = clock.now() - _HOUR
    with store.read() as tx:
        recent.counted(tx, "people", "crm", (Event.MERGED,), _counting, since=since - _HOUR, after=0)
        found = recent.counted(tx, "people", "crm", (Event.MERGED,), _counting, since=since, after=0)
        told = tx.log.find(app="crm", sync="people", events=(Event.MERGED,), since=since)
        assert len(told) == len(found[Guard.CHANGES]) == 1
