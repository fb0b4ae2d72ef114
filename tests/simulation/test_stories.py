"""Random stories told to the real engine: people edit, apps fail, the process dies; then nothing is lost or doubled."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import Any

import pytest

from syncd.store.chain import ChainEnd, chained
from syncd.store.values import Entry
from syncd.testing.simulator import PROFILES, Profile, Simulation, simulate
from syncd.testing.simulator.coverage import impossible
from syncd.testing.simulator.profile import drawn
from syncd.testing.simulator.twists import PLAIN, TWISTS, drawn_twist

pytestmark = pytest.mark.unmeasured


@pytest.mark.parametrize("profile", PROFILES)
def test_every_promise_holds_in_random_stories(profile: str) -> None:
    stories = [simulate(seed, profile=profile) for seed in range(1000, 1025)]
    assert {story.seed: story.violations for story in stories if story.violations} == {}
    assert sum(story.edits for story in stories) > 250
    assert sum(story.writes for story in stories) > 150
    assert {story.seed: cells for story in stories if (cells := impossible(story.seen))} == {}
    assert (sum(story.kills for story in stories) > 0) == ("kill" in PROFILES[profile])


@pytest.mark.parametrize(
    ("profile", "seeds"), [("swarm", (7, 10, 23)), ("kills", (20, 27)), ("deletes", (3, 20)), ("words", (3, 33, 41))]
)
def test_a_seed_tells_the_same_story_on_dicts_and_on_sqlite(profile: str, seeds: tuple[int, ...]) -> None:
    kills = 0
    for seed in seeds:
        on_dicts, on_sqlite = Simulation(seed, "memory", profile), Simulation(seed, "sqlite", profile)
        told = on_dicts.run()
        assert told == on_sqlite.run()
        assert on_dicts.tape == on_sqlite.tape
        kills += told.kills
    assert kills > 1


def test_another_seed_tells_another_story() -> None:
    assert len({simulate(seed).trace for seed in range(10)}) == 10


def test_a_story_with_another_change_log_or_other_links_is_another_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though every line that is told of it is the same."""

    def told(seed: int) -> tuple[str, list[str]]:
        story = Simulation(seed)
        return story.run().trace, story.tape

    seed, real = 7, chained
    trace, tape = told(seed)

    def signed(end: ChainEnd, entry: Entry, now: float) -> dict[str, Any]:
        return real(end, replace(entry, by=entry.by or "somebody"), now)

    with monkeypatch.context() as patch:
        patch.setattr("syncd.store.memory._log.chained", signed)
        other, same = told(seed)
        assert (other != trace, same) == (True, tape)
    with monkeypatch.context() as patch:
        patch.setattr(Simulation, "_settle", lambda story: [*settled(story), *forgets(story)])
        assert told(seed)[0] != trace
    assert told(seed) == (trace, tape)


settled = Simulation._settle


def forgets(story: Simulation) -> list[str]:
    """The store lacks a link in the end."""
    with story.store.begin() as tx:
        tx.links.drop("people", next(iter(tx.links.all("people"))).ref)
    return []


def test_a_profile_draws_some_of_its_faults_and_no_others() -> None:
    for name, allowed in PROFILES.items():
        runs = [drawn(random.Random(seed), name) for seed in range(200)]
        on = [{fault.name for fault in fields(Profile) if getattr(run, fault.name)} for run in runs]
        assert set().union(*on) == allowed
        assert set() in on, "faults that are always on hide bugs"


def test_steps_that_are_left_out_leave_the_others_as_they_are() -> None:
    """So that a story can be made shorter: what a step draws does not depend on the steps before it."""

    def first(*steps: int) -> str:
        story = Simulation(11, steps=steps)
        story.run()
        return next(line for line in story.tape if "a person makes" in line)

    assert first(0) == first(0, 7) == first(0, 3, 5)
    silent = Simulation(11, steps=(), without=Profile.__slots__)
    silent.run()
    assert silent.fates.profile == Profile()
    assert {line.partition(" ")[2] for line in silent.tape} == {"wait 700", "settling: 0 written, 0 doubtful, 0 owed"}


def test_few_stories_have_a_twist_and_each_kind_is_drawn() -> None:
    twists = [drawn_twist(seed) for seed in range(2000)]
    assert {twist.name for twist in twists if twist is not PLAIN} == {twist.name for twist in TWISTS}
    assert 0.9 < twists.count(PLAIN) / len(twists) < 0.97
    seed = next(seed for seed, twist in enumerate(twists) if twist.name == "quarrel")
    assert Simulation(seed, profile="people").twist is PLAIN


@pytest.mark.parametrize(
    ("name", "met"),
    [
        ("quarrel", ["parked: loop"]),
        ("interference", ["missing / no write / same", "gone / no write / same"]),
        ("opt-outs beyond a filter", ["out_of_scope / no write / edited"]),
        ("a clearing out", ["doubted: delete"]),
        ("meddling", ["live / inflight / tombstone", "live / inflight / merged", "live / inflight / gone"]),
    ],
)
def test_a_story_with_a_twist_comes_to_what_it_is_there_for(name: str, met: list[str]) -> None:
    seeds = [seed for seed in range(4000) if drawn_twist(seed).name == name]
    stories = [simulate(seed) for seed in seeds[:25]]
    assert {story.seed: story.violations for story in stories if story.violations} == {}
    assert any(story.seen.get(one) for story in stories for one in met)


def test_a_twist_is_left_out_of_a_shorter_story_like_any_step() -> None:
    seed = next(seed for seed in range(2000) if drawn_twist(seed).name == "quarrel")
    story = Simulation(seed, steps=(), without=Profile.__slots__)
    story.run()
    assert {line.partition(" ")[2] for line in story.tape} == {"wait 700", "settling: 0 written, 0 doubtful, 0 owed"}
