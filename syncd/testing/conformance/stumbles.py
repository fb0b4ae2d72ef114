"""Trouble in the middle of things: the first calls go well, and one of the later ones does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from syncd.errors import ConnectorError
from syncd.sdk.contract import Finds, Page
from syncd.testing.conformance.bench import Bench, ids
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["StumblesContract"]

_TROUBLE: Final[tuple[Mapping[str, Any], ...]] = (
    {"throttle": 1.0},
    {"outage": True},
    {"before": 1.0},
    {"error": 1.0},
    {"revoked": True},
)
_CALLS: Final = 5
"""Calls that go well, at most, before one does not."""


class StumblesContract(Ground):
    """`read()`, `changes()` and `find()`, each tried with trouble from every one of their calls on."""

    def test_trouble_at_any_call_is_no_evidence_about_a_record(self, bench: Bench) -> None:
        stays, gone = (bench.ref(id_) for id_ in bench.some(2))
        bench.twin.person_delete(bench.subject, gone.id)
        bench.settle()
        truth = bench.connector.read([stays, gone])
        for well, trouble in self._troubles():
            with self._tried(bench, well, trouble):
                assert bench.connector.read([stays, gone]) == truth, f"{trouble} after {well} calls"

    def test_trouble_at_any_call_never_looks_like_the_end_of_a_listing(self, bench: Bench) -> None:
        for well, trouble in self._troubles():
            pages: list[Page] = []
            with self._tried(bench, well, trouble):
                pages.extend(bench.connector.changes(bench.subject, None))
                assert ids(pages) == set(bench.people()), f"{trouble} after {well} calls"

    def test_trouble_at_any_call_does_not_move_a_cursor_past_a_change(self, bench: Bench) -> None:
        name, changed, cursor = self.text(bench), set(bench.some(4)[1:]), self.moved_on(bench)
        for id_ in sorted(changed):
            bench.clock.turn(3600.0)
            bench.person_edits(id_, name, "Changed")
        bench.settle()
        for well, trouble in self._troubles():
            pages: list[Page] = []
            with self._tried(bench, well, trouble):
                for page in bench.connector.changes(bench.subject, cursor):
                    pages.append(page)  # noqa: PERF402 - what was read before the trouble counts
            reached = pages[-1].cursor if pages else cursor
            assert changed - ids([*pages, *bench.pages(reached)]) == set(), f"{trouble} after {well} calls"

    def test_trouble_at_any_call_is_no_empty_search(self, bench: Bench) -> None:
        needs(isinstance(bench.connector, Finds), "Finds")
        assert isinstance(bench.connector, Finds)
        record = bench.seen(bench.some()[0])
        names = [name for name in bench.connector.findable(bench.subject) if isinstance(record.fields.get(name), str)]
        needs(names, "a value that can be searched")
        value = str(record.fields[names[0]])
        for well, trouble in self._troubles():
            with self._tried(bench, well, trouble):
                found = bench.connector.find(bench.subject, names[0], [value])
                assert record.ref in found[value], f"{trouble} after {well} calls"

    # --- how it is asked ---------------------------------------------------------------------------------------

    def _troubles(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        return ((well, trouble) for trouble in _TROUBLE for well in range(_CALLS))

    @contextmanager
    def _tried(self, bench: Bench, well: int, trouble: Mapping[str, Any]) -> Iterator[None]:
        """Whoever raises has claimed nothing."""
        try:
            with bench.stumbling(well, **trouble):
                yield
        except ConnectorError:
            pass
        bench.clock.turn(600.0)
