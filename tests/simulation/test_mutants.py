"""The simulator is worth what it finds: defects are planted in the engine, each is found, and nothing stays behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from types import FunctionType

import pytest

from syncd.testing.__main__ import main
from syncd.testing.simulator import sensitivity
from syncd.testing.simulator.mutants import MUTANTS, planted, unheld
from syncd.testing.simulator.sensitivity import RECORDS, Found, Record, check, search

pytestmark = pytest.mark.unmeasured

QUICK = ("blind write", "blank wins", "guessed coercion", "kill forgets", "webhook payload trusted")


def functions() -> dict[str, object]:
    """Every function of the engine, and of what it is made of, by the places where it is looked up."""
    places = {place.partition(":")[0] for mutant in MUTANTS.values() for place in mutant.swaps}
    modules = [import_module(place) for place in sorted({*places, "syncd.engine.remedies", "syncd.engine.promises"})]
    return {
        f"{module.__name__}:{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, FunctionType)
    }


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    before = functions()
    yield
    assert functions() == before


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_another_engine_while_it_is_planted_and_the_same_engine_after(name: str) -> None:
    before = functions()
    with planted(name):
        during = functions()
    changed = {place for place, function in before.items() if during.get(place) is not function}
    assert changed == set(MUTANTS[name].swaps)
    assert functions() == before


def test_a_mutant_is_gone_however_its_story_ends() -> None:
    before = functions()
    with pytest.raises(RuntimeError), planted("blind write"):
        raise RuntimeError
    assert functions() == before


def test_the_engine_may_be_kept_from_looking_at_its_promises() -> None:
    before = functions()
    with unheld():
        assert functions()["syncd.engine.promises:composed"] is not before["syncd.engine.promises:composed"]
    assert functions() == before


def test_an_unknown_mutant_is_told_which_there_are() -> None:
    with pytest.raises(KeyError, match=r"no mutant 'typo'; there are: blind write, .*cap ignored"), planted("typo"):
        pass


def test_there_are_enough_of_them_and_each_has_a_record() -> None:
    assert len(MUTANTS) >= 22
    assert RECORDS.keys() == MUTANTS.keys()
    for name, record in RECORDS.items():
        assert set(record.broken) <= set(MUTANTS[name].finds), name


@pytest.mark.parametrize("name", QUICK)
def test_a_mutant_is_found_within_five_times_its_record(name: str) -> None:
    (found,) = check([name])
    assert found.seed is not None, f"{name} is not found in {found.bound} seeds: has the simulator become blind?"


def test_a_violation_that_the_mutant_is_not_expected_to_cause_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "told", lambda seed, profile, name="", held=True: ("S9: by chance",) * bool(name))
    assert search("blind write", "swarm", 3, held=False) == Found("blind write", 3, None, (), 3)


def test_a_seed_that_fails_without_the_mutant_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "told", lambda seed, profile, name="", held=True: ("S1: lost",))
    assert search("blind write", "swarm", 3, held=False).seed is None


def test_the_list_tells_of_each_what_it_does_and_how_it_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutants", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)["mutants"]}
    assert listed.keys() == MUTANTS.keys()
    assert listed["blind write"]["about"] == "nothing is read, nor merged, before it is written over"
    assert {"profile", "seeds", "bound", "broken", "held", "expected"} <= listed["blind write"].keys()
    assert main(["mutants", "blank wins"]) == 0
    assert "on first contact a blank takes the place of a value" in capsys.readouterr().out


def test_a_mutant_that_is_no_longer_found_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sensitivity, "RECORDS", {"cap ignored": Record("calm", 1, ("S6",), held=False)})
    monkeypatch.setattr(sensitivity, "_LUCK", 1)
    assert main(["mutants", "--check", "cap ignored"]) == 1
    said = capsys.readouterr().out
    assert "cap ignored: not found in 5 seeds of calm" in said
    assert "0 of 1 mutants were found" in said


def test_a_name_that_is_no_mutant_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["mutants", "--check", "typo"])
    assert stopped.value.code == 2
    assert "there is no mutant 'typo'; there are: blind write" in capsys.readouterr().err
