"""What stands beside the fields: ties between records, and the app's own memory of values."""

from __future__ import annotations

from itertools import pairwise

import pytest

from syncd.core.record import Ref
from syncd.sdk.contract import Associates, Dissociates, Remembers
from syncd.testing.conformance.bench import APP, Bench
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["TiesContract"]


class TiesContract(Ground):
    """`associated()`, `associate()` and `history()`, where the connector has them."""

    def ties(self, bench: Bench) -> tuple[Associates, str]:
        """The connector, if it can tie records, and the object to tie to."""
        if not isinstance(bench.connector, Associates):
            pytest.skip("not declared: Associates")
        others = [name for name in bench.twin.objects if name != bench.subject and bench.twin.records(name)]
        needs(others, "another object with records")
        return bench.connector, others[0]

    def memory(self, bench: Bench) -> Remembers:
        """The connector, if the app remembers values."""
        if not isinstance(bench.connector, Remembers):
            pytest.skip("not declared: Remembers")
        return bench.connector

    def test_records_that_were_tied_are_shown_as_tied(self, bench: Bench) -> None:
        # Not all apps know a primary for all pairs of objects, so which one comes first is not asked here.
        connector, to = self.ties(bench)
        one, other = (bench.ref(id_) for id_ in bench.some(2))
        targets = [Ref(APP, to, id_) for id_ in sorted(bench.twin.records(to))[:2]]
        before = set(connector.associated([other], to)[other])
        connector.associate([(one, target) for target in targets])
        assert set(targets) <= set(connector.associated([one], to)[one])
        assert set(connector.associated([other], to)[other]) == before

    def test_tying_twice_is_tying_once(self, bench: Bench) -> None:
        connector, to = self.ties(bench)
        one, target = bench.ref(bench.some()[0]), Ref(APP, to, min(bench.twin.records(to)))
        connector.associate([(one, target)])
        connector.associate([(one, target)])
        assert list(connector.associated([one], to)[one]).count(target) == 1

    def test_a_tie_that_is_taken_back_is_gone_and_the_others_stay(self, bench: Bench) -> None:
        connector, to = self.ties(bench)
        if not isinstance(connector, Dissociates):
            pytest.skip("not declared: Dissociates")
        one = bench.ref(bench.some()[0])
        gone, stays = (Ref(APP, to, id_) for id_ in sorted(bench.twin.records(to))[:2])
        connector.associate([(one, gone), (one, stays)])
        for _ in range(2):
            connector.dissociate([(one, gone)])
        left = connector.associated([one], to)[one]
        assert gone not in left
        assert stays in left

    def test_every_ref_whose_ties_are_asked_is_answered(self, bench: Bench) -> None:
        connector, to = self.ties(bench)
        refs = [bench.ref(id_) for id_ in bench.some(5)]
        assert set(connector.associated(refs, to)) == set(refs)

    def test_an_overwritten_value_is_remembered_newest_first(self, bench: Bench) -> None:
        connector, name, (id_,) = self.memory(bench), self.text(bench), bench.some()
        values = ["First", "Second", "Third"]
        for value in values:
            bench.person_edits(id_, name, value)
        past = connector.history(bench.ref(id_), [name])[name]
        remembered = [entry.value for entry in past]
        assert {"First", "Second"} <= set(remembered)
        assert [value for value in remembered if value in values] == [v for v in reversed(values) if v in remembered]
        assert all(newer.at >= older.at for newer, older in pairwise(past))
