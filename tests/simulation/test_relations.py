"""The same tape told under other circumstances ends alike; and where it does not, the tester says so.

That each relation would see a defect is shown in `test_relations_see.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from syncd.engine import cycle
from syncd.engine.push import push
from syncd.engine.world import Tally
from syncd.testing.__main__ import main
from syncd.testing.simulator.relations import RELATIONS, Difference, compare
from syncd.testing.simulator.spaced import Telling

pytestmark = pytest.mark.unmeasured

ON_A_DATABASE = {"a-restored-backup", "dicts-or-a-database"}
"""These tell on a file, and take their time."""


def differences(*names: str, seeds: Sequence[int]) -> list[Difference]:
    relations = [RELATIONS[name] for name in names]
    return [one for seed in seeds for _, _, found in compare(relations, seed) for one in found]


@pytest.mark.parametrize("seed", range(2000, 2003))
def test_every_relation_holds_where_state_is_kept_in_dicts(seed: int) -> None:
    names = [name for name in RELATIONS if name not in ON_A_DATABASE]
    assert len(names) == 14
    assert differences(*names, seeds=[seed]) == []


@pytest.mark.parametrize("name", sorted(ON_A_DATABASE))
def test_every_relation_holds_where_state_is_kept_in_a_file(name: str) -> None:
    assert differences(name, seeds=[2000]) == []


@pytest.mark.parametrize("seed", [11, 12, 67, 68, 177])
def test_which_of_two_merged_records_was_heard_of_first_says_nothing(seed: int) -> None:
    """An app made a third record of two, and one of the two was followed first, by the name of its id."""
    assert differences("names-and-ids", seeds=[seed]) == []


def test_of_two_merged_records_the_newest_value_stands_whichever_app_is_asked_first() -> None:
    assert differences("order-of-apps", seeds=[361]) == []


def test_every_relation_says_why_it_must_hold() -> None:
    assert [name for name, relation in RELATIONS.items() if len(relation.why) < 60] == []


def test_people_do_everything_that_people_do() -> None:
    verbs: set[str] = set()
    for seed in range(12):
        telling = Telling(seed)
        telling.end()
        verbs |= {act.verb for act in telling.acts or ()}
    assert verbs == {"makes", "sets", "deletes", "merges", "moves"}


# --- what is told ---------------------------------------------------------------------------------------------------


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is ever written on the first of the names."""
    real = push
    monkeypatch.setattr(cycle, "push", lambda world, app: real(world, app) if app[0] != "z" else Tally())


@pytest.mark.usefixtures("forgetful")
def test_a_difference_is_told_with_its_shortest_tape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["relations", "--relation", "names-and-ids", "--seeds", "0", "--jobs", "1", "--stories", str(tmp_path)]
    assert main(words) == 1
    shown = capsys.readouterr().out
    assert "names-and-ids, seed " in shown
    assert "    1. " in shown
    assert "    2. " not in shown
    assert "only in the first telling" in shown
    (story, *_) = sorted(tmp_path.iterdir())
    assert "second telling:\n  1 " in story.read_text()


def test_the_summary_counts_seeds_tellings_and_what_ended_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["relations", "--relation", "order-of-rows", "--seeds", "3..4", "--jobs", "1", "--stories", str(tmp_path)]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == [
        *("order-of-rows", "2", "seeds", "4", "tellings", "0", "ended", "otherwise")
    ]
    assert main([*words, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["relations"] == {"order-of-rows": {"seeds": 2, "tellings": 4, "violations": 0, "first": []}}
    assert summary["violations"] == 0


def test_an_engine_that_breaks_is_told_with_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise KeyError("an entity")

    monkeypatch.setattr(cycle, "push", breaks)
    words = ["relations", "--relation", "another-chance", "--seeds", "7", "--jobs", "1", "--stories", str(tmp_path)]
    assert main([*words, "--json"]) == 1
    (story,) = json.loads(capsys.readouterr().out)["relations"]["another-chance"]["first"]
    assert story["seed"] == 7
    assert story["differences"][-1] == "KeyError: 'an entity'"


def test_a_relation_that_does_not_exist_is_answered_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["relations", "--seeds", "1", "--relation", "astrology"])
    assert stopped.value.code == 2
    assert "order-of-apps, names-and-ids" in capsys.readouterr().err
