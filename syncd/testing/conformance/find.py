"""Searches by the value of a field."""

from __future__ import annotations

from typing import Final

import pytest

from syncd.core.record import Exists, Record, Ref
from syncd.errors import ConnectorError
from syncd.sdk.contract import Finds
from syncd.testing.conformance.bench import Bench
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["FindContract"]

# Each would find more than it says if it reached a query language unquoted.
CUNNING: Final = (
    "*",
    "%",
    "_",
    "a' OR '1'='1",
    'x" OR 1=1',
    "a,b",
    "a+b:c",
    "(a)",
    "\\",
    "[null]",
    "ü@example.com",
    "{}",
)


_MANY: Final = 60


class FindContract(Ground):
    """`find()`, where the connector has it."""

    def finder(self, bench: Bench) -> Finds:
        """The connector, if it can find."""
        if not isinstance(bench.connector, Finds) or not bench.connector.findable(bench.subject):
            pytest.skip("not declared: Finds")
        return bench.connector

    def test_a_record_is_found_by_each_field_that_can_be_searched(self, bench: Bench) -> None:
        finder, tried = self.finder(bench), 0
        for id_ in bench.some(3):
            record = bench.seen(id_)
            for name in finder.findable(bench.subject):
                value = record.fields.get(name)
                if isinstance(value, str) and value:
                    assert bench.ref(id_) in finder.find(bench.subject, name, [value])[value], name
                    tried += 1
        needs(tried, "a value that can be searched")

    def test_every_value_that_is_asked_is_answered(self, crowd: Bench) -> None:
        finder = self.finder(crowd)
        name = finder.findable(crowd.subject)[0]
        wanted = self._values(crowd, name)
        found = finder.find(crowd.subject, name, [*wanted, "nobody@example.com"])
        assert set(found) == {*wanted, "nobody@example.com"}
        assert list(found["nobody@example.com"]) == []
        assert [value for value, ref in wanted.items() if ref not in found[value]] == []

    def test_searching_for_nothing_asks_nothing(self, bench: Bench) -> None:
        finder = self.finder(bench)
        calls = dict(bench.twin.calls)
        assert dict(finder.find(bench.subject, finder.findable(bench.subject)[0], [])) == {}
        assert bench.twin.calls == calls

    def test_a_created_record_is_found(self, bench: Bench) -> None:
        finder = self.finder(bench)
        needs(bench.can.creates, "creates")
        write = self.create(bench, 940)
        names = [name for name in finder.findable(bench.subject) if isinstance(write.fields.get(name), str)]
        needs(names, "a searchable field among those of a new record")
        stored = bench.store(write)
        bench.settle()
        for name in names:
            value = write.fields[name]
            assert list(finder.find(bench.subject, name, [value])[value]) == [stored.ref]

    def test_a_deleted_record_is_not_found(self, bench: Bench) -> None:
        finder, (id_,) = self.finder(bench), bench.some()
        name = finder.findable(bench.subject)[0]
        value = bench.seen(id_).fields[name]
        bench.twin.person_delete(bench.subject, id_)
        bench.settle()
        assert bench.ref(id_) not in finder.find(bench.subject, name, [value])[value]

    def test_a_cunning_value_finds_nobody(self, bench: Bench) -> None:
        finder = self.finder(bench)
        for name in finder.findable(bench.subject):
            found = finder.find(bench.subject, name, list(CUNNING))
            assert {value: list(refs) for value, refs in found.items()} == {value: [] for value in CUNNING}, name

    def test_a_near_match_is_no_match(self, bench: Bench) -> None:
        finder, tried = self.finder(bench), 0
        for id_ in bench.some(3):
            record = bench.seen(id_)
            for name in finder.findable(bench.subject):
                value = record.fields.get(name)
                if isinstance(value, str) and len(value) > 1:
                    near = [value[1:], value[:-1], f"x{value}", f"{value}x", value.partition("@")[0] + "@"]
                    found = finder.find(bench.subject, name, near)
                    assert [text for text in near if bench.ref(id_) in found[text]] == [], name
                    tried += 1
        needs(tried, "a value that can be searched")

    def test_whoever_stands_in_the_way_of_a_create_is_found_whatever_the_case(self, bench: Bench) -> None:
        finder = self.finder(bench)
        needs(bench.can.creates and bench.can.unique, "unique fields")
        write = self.create(bench, 941)
        first = bench.store(write)
        bench.settle()
        for name in set(bench.can.unique) & set(finder.findable(bench.subject)):
            loud = str(write.fields[name]).upper()
            second = self.create(bench, 942, **{name: loud})
            if isinstance(bench.write(second)[second.key], Exists):
                assert first.ref in finder.find(bench.subject, name, [loud])[loud], name

    def test_a_search_that_failed_is_not_an_empty_one(self, bench: Bench) -> None:
        finder, (id_,) = self.finder(bench), bench.some()
        name = finder.findable(bench.subject)[0]
        value = bench.seen(id_).fields[name]
        for fault in ("outage", "revoked"):
            bench.misbehave(**{fault: True})
            with pytest.raises(ConnectorError):
                finder.find(bench.subject, name, [value])

    def _values(self, bench: Bench, name: str) -> dict[str, Ref]:
        records = bench.connector.read([bench.ref(id_) for id_ in bench.some(_MANY)]).values()
        found = {record.fields.get(name): record.ref for record in records if isinstance(record, Record)}
        return {value: ref for value, ref in found.items() if isinstance(value, str) and value}
