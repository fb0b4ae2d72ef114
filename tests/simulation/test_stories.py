"""Random stories told to the real engine: people edit, apps fail, the process dies; then nothing is lost or doubled."""

from __future__ import annotations

import pytest

from syncd.testing.simulator import simulate
from syncd.testing.simulator.run import Simulation

pytestmark = pytest.mark.unmeasured


@pytest.mark.parametrize("first", range(1000, 1200, 50))
def test_every_promise_holds_in_random_stories(first: int) -> None:
    stories = [simulate(seed) for seed in range(first, first + 50)]
    assert {story.seed: story.violations for story in stories if story.violations} == {}
    assert sum(story.edits for story in stories) > 500
    assert sum(story.writes for story in stories) > 300
    assert sum(story.kills for story in stories) > 0


@pytest.mark.parametrize("first", [0, 10, 20])
def test_a_seed_tells_the_same_story_on_dicts_and_on_sqlite(first: int) -> None:
    for seed in range(first, first + 10):
        on_dicts, on_sqlite = Simulation(seed, "memory"), Simulation(seed, "sqlite")
        assert on_dicts.run() == on_sqlite.run()
        assert on_dicts.tape == on_sqlite.tape


def test_another_seed_tells_another_story() -> None:
    assert len({simulate(seed).trace for seed in range(10)}) == 10
