"""Who does not want to be mailed: that it is seen, and never undone."""

from __future__ import annotations

from typing import Final

import pytest

from syncd.core.record import Raws, Refused, Stored, Update
from syncd.sdk.contract import FieldType
from syncd.testing.conformance.bench import Bench, ids
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["ConsentContract"]

_KINDS: Final = frozenset({FieldType.BOOLEAN, FieldType.CHOICE, FieldType.CHOICES})


class ConsentContract(Ground):
    """Opt-outs, as the people behind the records make them."""

    def test_an_opt_out_is_read_at_once_in_a_field_that_bears_consent(self, bench: Bench) -> None:
        id_, said = self.opted_out(bench)
        shown = bench.seen(id_).fields
        assert {name: shown[name] for name in said if name in shown} == {n: said[n] for n in said if n in shown}
        fields = [bench.object.fields[name] for name in said if name in shown]
        kept = [field for field in fields if field.writable and field.type in _KINDS]
        bearing = [field.name for field in kept if field.consent]
        if not bearing:
            pytest.skip(f"an opt-out shows in {', '.join(sorted(said))}, and none of these is said to bear consent")
        assert bearing == [field.name for field in kept]

    def test_an_opt_out_shows_in_the_next_listing(self, bench: Bench) -> None:
        cursor = self.moved_on(bench)
        bench.clock.turn(86_400.0)
        id_, _ = self.opted_out(bench)
        bench.settle()
        assert id_ in ids(bench.pages(cursor))

    def test_opt_outs_of_one_instant_that_fill_more_than_a_page_are_all_shown(self, crowd: Bench) -> None:
        cursor = self.moved_on(crowd)
        crowd.clock.turn(86_400.0)
        before = crowd.people()
        self.opted_out(crowd)
        for id_ in crowd.some(2 * crowd.can.page_size):
            crowd.twin.person_opt_out(crowd.subject, id_)
        crowd.settle()
        changed = {id_ for id_, raws in crowd.people().items() if raws != before[id_]}
        assert changed - ids(crowd.pages(cursor)) == set()

    def test_an_update_leaves_an_opt_out_as_it_is(self, bench: Bench) -> None:
        needs(bench.can.updates, "updates")
        id_, said = self._refused(bench)
        bench.store(Update(bench.ref(id_), {self.text(bench): "Changed"}, bench.key()))
        assert {name: bench.people()[id_][name] for name in said} == said

    def test_an_opt_out_is_written_as_an_opt_out(self, bench: Bench) -> None:
        needs(bench.can.updates, "updates")
        one, said = self._refused(bench)
        names = [name for name in said if bench.object.fields[name].writable]
        needs(names, "consent that can be written")
        for name in names:
            others = [id_ for id_, raws in bench.people().items() if id_ != one and raws.get(name) != said[name]]
            for other in others[:1]:
                write = Update(bench.ref(other), {name: said[name]}, bench.key())
                outcome = bench.write(write)[write.key]
                assert isinstance(outcome, Stored | Refused), outcome
                assert isinstance(outcome, Refused) or bench.people()[other][name] == said[name], name

    def _refused(self, bench: Bench) -> tuple[str, Raws]:
        """Somebody who opted out, and what the fields that bear consent say since."""
        id_, said = self.opted_out(bench)
        fields = bench.object.fields
        bearing = {name: raw for name, raw in said.items() if name in fields and fields[name].consent}
        needs(bearing, "fields that bear consent")
        return id_, bearing
