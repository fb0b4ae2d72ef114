"""Stories in which the operator says what few operators say: forget them, undo that, it is not theirs."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from syncd.testing.simulator import Outcome, Profile, Simulation, simulate
from syncd.testing.simulator import words as rare
from syncd.testing.simulator.coverage import ROWS
from syncd.testing.simulator.mutants import MUTANTS
from syncd.testing.simulator.sensitivity import check
from syncd.testing.simulator.twists import PLAIN, drawn_twist
from syncd.testing.simulator.words import drawn_words

pytestmark = pytest.mark.unmeasured

QUICK = ("forgotten made again", "forgotten brought back", "forgotten opt-out", "apart forgotten")
SAID = ROWS[ROWS.index("forgetting") :]
"""What is to be met where they are said."""


def without_measure(outcome: Outcome) -> Outcome:
    return replace(outcome, seen={})


def test_they_are_said_in_few_stories_of_all_faults_in_all_of_their_own_and_in_no_others() -> None:
    spoken = [drawn_words(seed, "swarm").spoken for seed in range(2000)]
    assert 0.04 < sum(spoken) / len(spoken) < 0.08
    assert all(drawn_words(seed, "words").spoken for seed in range(100))
    assert not any(drawn_words(seed, profile).spoken for seed in range(100) for profile in ("people", "kills"))


def test_a_story_in_which_none_is_said_is_what_it_would_be_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = [s for s in range(100) if drawn_twist(s) is PLAIN and not drawn_words(s, "swarm").spoken][:5]
    plain = [without_measure(simulate(seed)) for seed in seeds]
    spoken = [simulate(seed, profile="words").trace for seed in seeds]
    monkeypatch.setattr(rare, "_OFTEN", 0.0)
    assert [without_measure(simulate(seed, profile="words")) for seed in seeds] == plain
    assert [story.trace for story in plain] != spoken


def test_stories_come_to_each_of_them_and_every_promise_holds() -> None:
    stories = [simulate(seed, profile="words") for seed in range(2000, 2120)]
    assert {story.seed: story.violations for story in stories if story.violations} == {}
    seldom = {"decided: said whose it is", "returned: its delete was taken back"}
    assert {row for row in SAID if not any(story.seen.get(row) for story in stories)} <= seldom


def test_the_process_may_die_of_a_word() -> None:
    def deaths(seed: int) -> list[str]:
        story = Simulation(seed, profile="words")
        story.run()
        lines = [line.partition(" ")[2] for line in story.tape]
        return [word for word, after in pairwise(lines) if after.startswith("killed: ")]

    words = {word.split()[0] for seed in range(150) for word in deaths(seed)}
    assert words & {"forget", "undo", "apart:", "belongs:", "lift"}


def test_a_word_is_left_out_of_a_shorter_story_like_any_step() -> None:
    story = Simulation(3, profile="words", steps=(), without=Profile.__slots__)
    story.run()
    assert {line.partition(" ")[2] for line in story.tape} == {"wait 700", "settling: 0 written, 0 doubtful, 0 owed"}


def test_the_log_is_asked_as_it_was_before_anything_was_erased() -> None:
    story = Simulation(0, profile="words")
    story.run()
    assert story.words.forgot, "nobody was forgotten"
    with story.store.read() as tx:
        whole, left = story.words.log(tx), list(reversed(tx.log.find(limit=100_000)))
    assert [entry.seq for entry in whole] == [entry.seq for entry in left]
    erased = [now.seq for was, now in zip(whole, left, strict=True) if was.fields and not now.fields]
    assert erased
    assert [entry.hash for entry in whole] == [entry.hash for entry in left]


@pytest.mark.parametrize(
    "name", ["forgotten made again", "forgotten brought back", "forgotten opt-out", "apart forgotten"]
)
def test_a_defect_in_what_becomes_of_a_word_is_found(name: str) -> None:
    (found,) = check([name])
    assert found.seed is not None
    assert any(violation.startswith(MUTANTS[name].finds) for violation in found.violations)
