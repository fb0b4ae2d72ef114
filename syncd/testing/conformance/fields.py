"""Fields: what is written into one comes back as what it was, whatever its type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from syncd.core.record import ABSENT, Raw, Record, Refused, Stored, Update
from syncd.sdk.contract import Field, FieldType
from syncd.testing.conformance.bench import Bench
from syncd.testing.conformance.ground import Ground, needs
from syncd.testing.conformance.samples import days, is_blank, moments, same, sample, spoken, twice

__all__ = ["FieldsContract"]

_LONG = 70_000
"""Longer fields are not filled to the brim."""
_LENGTHY = 500
"""Times four characters: more than a line of text that an app cuts off."""
_SEVERAL = 60
_DISGUISED = ("null", "0", "true", "1e5", "2026-01-01", "[]", "{}", '"quoted"', "007")


class FieldsContract(Ground):
    """Round trips: `write()`, then `read()`."""

    def test_a_value_of_every_type_comes_back_as_it_was_sent(self, bench: Bench) -> None:
        taken: dict[FieldType, list[bool]] = defaultdict(list)
        for field in self._fields(bench):
            value = sample(field, 7)
            if value is not ABSENT:
                taken[field.type].append(self._keeps(bench, field, value))
        needs(taken, "fields that can be written")
        assert [type_.value for type_, stored in taken.items() if not any(stored)] == [], "no value of these is taken"

    def test_every_option_can_be_chosen(self, bench: Bench) -> None:
        fields = [field for field in self._fields(bench, FieldType.CHOICE) if field.options]
        needs(fields, "fields with options")
        for field in fields:
            for option in field.options:
                assert self._keeps(bench, field, option.value), f"{field.name} does not take {option.value}"

    def test_several_options_are_kept_together(self, bench: Bench) -> None:
        fields = [field for field in self._fields(bench, FieldType.CHOICES) if len(field.options) > 1]
        needs(fields, "fields that take several options")
        for field in fields:
            values = [option.value for option in field.options]
            assert self._keeps(bench, field, spoken(field, values)), field.name

    def test_very_many_options_are_kept_together_and_listed_so(self, bench: Bench) -> None:
        fields = [field for field in self._fields(bench, FieldType.CHOICES) if field.open_options and not field.codec]
        needs(fields, "fields that take options of any name")
        values, ref = [f"Sample {number}" for number in range(_SEVERAL)], bench.ref(self._one(bench))
        for field in fields:
            if self._keeps(bench, field, list(values)):
                bench.settle()
                rows = [row for page in bench.pages() if page.facts for row in page.rows if row.ref == ref]
                shown = [row.fields[field.name] for row in rows if isinstance(row, Record) and field.name in row.fields]
                assert [kept for kept in shown if not same(field, values, kept)] == [], field.name

    def test_a_yes_and_a_no_are_kept_apart(self, bench: Bench) -> None:
        fields = self._fields(bench, FieldType.BOOLEAN)
        needs(fields, "boolean fields")
        for field in fields:
            for value in (True, False, True):
                assert self._keeps(bench, field, str(value).lower() if field.codec else value), field.name

    def test_zero_and_fractions_are_numbers_like_others(self, bench: Bench) -> None:
        fields = self._fields(bench, FieldType.INTEGER, FieldType.DECIMAL)
        needs(fields, "fields for numbers")
        for field in fields:
            numbers: Sequence[float] = (5, 0) if field.type is FieldType.INTEGER else (5, 0, 0.1, 12345.67)
            for number in numbers:
                self._keeps(bench, field, str(number) if field.codec == "string" else number)

    def test_an_instant_is_the_same_moment_in_every_zone(self, bench: Bench) -> None:
        fields = self._fields(bench, FieldType.INSTANT)
        needs(fields, "fields for instants")
        for field in fields:
            for value in moments(field):
                taken = self._keeps(bench, field, value)
                assert taken or value in twice(field), f"{field.name} does not take {value}"

    def test_a_date_is_the_same_day_all_year(self, bench: Bench) -> None:
        fields = self._fields(bench, FieldType.DATE)
        needs(fields, "fields for dates")
        for field in fields:
            for value in days(field):
                assert self._keeps(bench, field, value), f"{field.name} does not take {value}"

    def test_every_field_that_can_be_cleared_can_be_filled_and_cleared(self, bench: Bench) -> None:
        fields = [field for field in self._fields(bench) if field.clearable and sample(field, 8) is not ABSENT]
        needs(fields, "fields that can be cleared")
        for field in fields:
            value = sample(field, 8)
            assert value is not ABSENT
            if self._keeps(bench, field, value):
                self._set(bench, field, field.blank)
                kept = bench.seen(self._one(bench)).fields.get(field.name, "absent")
                assert is_blank(kept) or kept == field.blank, field.name

    def test_text_that_looks_like_something_else_stays_text(self, bench: Bench) -> None:
        field = bench.object.fields[self.text(bench)]
        for value in _DISGUISED:
            assert self._keeps(bench, field, value), value

    def test_text_of_the_full_length_is_kept(self, bench: Bench) -> None:
        for field in self._limited(bench):
            for value in _filled(field):
                assert self._keeps(bench, field, value), field.name

    def test_text_that_is_too_long_is_refused_or_told_as_it_was_kept(self, bench: Bench) -> None:
        for field in self._limited(bench):
            for value in _filled(field):
                write = Update(bench.ref(self._one(bench)), {field.name: f"{value}!"}, bench.key())
                outcome = bench.write(write)[write.key]
                assert isinstance(outcome, Stored | Refused), outcome
                if isinstance(outcome, Stored) and outcome.record is not None:
                    kept = bench.seen(self._one(bench)).fields
                    assert outcome.record.fields[field.name] == kept[field.name], field.name

    def test_text_of_no_declared_length_is_kept_whole_or_refused(self, bench: Bench) -> None:
        fields = [bench.object.fields[name] for name in self.texts(bench)]
        endless = [field for field in fields if not (field.max_chars or field.max_bytes)][:3]
        needs(endless, "text of no declared length")
        for field in endless:
            self._keeps(bench, field, "ab ü" * _LENGTHY + "x")

    # --- how it is asked ---------------------------------------------------------------------------------------

    def _fields(self, bench: Bench, *types: FieldType) -> list[Field]:
        needs(bench.can.updates, "updates")
        return [
            field
            for field in bench.object.fields.values()
            if field.writable
            and (not types or field.type in types)
            and not (field.unique or field.consent or field.name in bench.can.unique or field.name in bench.twin.wilful)
        ]

    def _limited(self, bench: Bench) -> Iterable[Field]:
        names = self.texts(bench)
        fields = [bench.object.fields[name] for name in names]
        limited = [field for field in fields if (field.max_chars or field.max_bytes or _LONG) < _LONG]
        needs(limited, "text of limited length")
        return limited[:3]

    def _one(self, bench: Bench) -> str:
        bench.one = bench.one or bench.some()[0]
        return bench.one

    def _keeps(self, bench: Bench, field: Field, value: Raw) -> bool:
        """Whether the app took the value; if it did, it must show it."""
        if not self._set(bench, field, value):
            return False
        kept = bench.seen(self._one(bench)).fields.get(field.name, ABSENT)
        assert kept is not ABSENT, f"{field.name} was set to {value!r}, and is not shown"
        assert same(field, value, kept), f"{field.name} was set to {value!r}, and shows {kept!r}"
        # A mistake that is made on the way there and again on the way back shows only to persons.
        theirs = bench.people()[self._one(bench)].get(field.name, value)
        assert same(field, value, theirs), f"{field.name} was set to {value!r}, and persons see {theirs!r}"
        return True

    def _set(self, bench: Bench, field: Field, value: Raw) -> bool:
        write = Update(bench.ref(self._one(bench)), {field.name: value}, bench.key())
        outcome = bench.write(write)[write.key]
        assert isinstance(outcome, Stored | Refused), f"{field.name} = {value!r}: {outcome}"
        return isinstance(outcome, Stored)


def _filled(field: Field) -> list[str]:
    """Text that fills the field to the last character, or to the last byte."""
    if field.max_chars:
        return ["x" * field.max_chars, ("ab ü" * field.max_chars)[: field.max_chars - 1] + "x"]
    most = field.max_bytes or 0
    return ["x" * most, "ü" * (most // 2 - 1) + "x" * (most - 2 * (most // 2 - 1))]
