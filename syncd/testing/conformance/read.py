"""Reads by id: facts, for every ref that was asked, and never about another record."""

from __future__ import annotations

from typing import Final

from syncd.core.record import ABSENT, Gone, Merged, Record
from syncd.sdk.contract import FieldType
from syncd.testing.conformance.bench import ZONES, Bench, elsewhere
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["ReadContract"]

_FEW_REFS: Final = 4
ODD_IDS: Final = ("no-such-id", "0", "..", "a/b", "a?b=c", "%2e%2e", "x y", "ü", "-1", "null", "1,2")
ODD_TEXTS: Final = ("Zoe\u0308", "\ufb01ne \u00bd", " two  spaces ", "\u00a0wide\u00a0")
"""Each is another text once it is normalised, folded or trimmed."""
UNICODE: Final = "Zoë 李 O'Brien <b>&\"\\ 🌍"


class ReadContract(Ground):
    """`read()`."""

    def test_every_ref_that_is_asked_is_answered(self, crowd: Bench) -> None:
        some = crowd.some(2 * crowd.can.read_batch + 1)
        refs = [crowd.ref(id_) for id_ in (*some[::2], *reversed(some[1::2]))]  # as no app would sort them
        found = crowd.connector.read(refs)
        assert set(found) == set(refs)
        assert [ref for ref in refs if not isinstance(found[ref], Record) or found[ref].ref != ref] == []

    def test_reading_nobody_asks_nothing(self, bench: Bench) -> None:
        calls = dict(bench.twin.calls)
        assert bench.connector.read([]) == {}
        assert bench.twin.calls == calls

    def test_a_ref_that_is_asked_twice_is_answered_once(self, bench: Bench) -> None:
        (id_,) = bench.some()
        assert set(bench.connector.read([bench.ref(id_)] * 2)) == {bench.ref(id_)}

    def test_a_read_shows_what_persons_see(self, bench: Bench) -> None:
        for id_ in bench.some(12):
            seen, shown = bench.people()[id_], bench.seen(id_).fields
            assert set(seen) & set(shown)
            assert {n: shown[n] for n in seen if n in shown} == {n: seen[n] for n in seen if n in shown}

    def test_two_reads_of_a_quiet_record_are_equal(self, bench: Bench) -> None:
        (id_,) = bench.some()
        first = bench.seen(id_)
        bench.clock.turn(3600.0)
        assert bench.seen(id_) == first

    def test_a_persons_edit_is_read_at_once(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        bench.person_edits(id_, name, "Changed")
        assert bench.seen(id_).fields[name] == "Changed"

    def test_an_edit_makes_a_new_version(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        before = bench.seen(id_)
        needs(before.version.token or before.version.at, "versions")
        bench.person_edits(id_, name, "Changed")
        after = bench.seen(id_)
        assert after.version != before.version
        if before.version.at and after.version.at:
            assert after.version.at > before.version.at

    def test_the_time_of_birth_stays(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        born = bench.seen(id_).created
        needs(born, "times of birth")
        bench.person_edits(id_, name, "Changed")
        assert bench.seen(id_).created == born

    def test_times_are_aware_of_their_zone(self, bench: Bench) -> None:
        (id_,) = bench.some()
        record = bench.seen(id_)
        assert [at for at in (record.created, record.version.at) if at is not None and at.utcoffset() is None] == []

    def test_a_change_bears_the_time_at_which_it_happened_in_summer_and_winter(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        needs(bench.seen(id_).version.at, "times of change")
        for half_year in range(3):
            bench.clock.turn(182 * 86_400.0)
            bench.twin.person_edit(bench.subject, id_, {name: f"Changed {half_year}"})
            at = bench.seen(id_).version.at
            assert at is not None
            assert abs(at.timestamp() - bench.clock.now()) <= self.skew + bench.can.granularity.total_seconds()

    def test_text_of_every_script_is_read_as_it_stands(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        bench.person_edits(id_, name, UNICODE)
        assert bench.seen(id_).fields[name] == bench.people()[id_][name] == UNICODE

    def test_text_is_read_to_the_letter_spaces_and_accents_too(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        for text in ODD_TEXTS:
            bench.person_edits(id_, name, text)
            assert bench.seen(id_).fields[name] == bench.people()[id_][name], ascii(text)

    def test_an_address_is_read_as_the_app_shows_it(self, bench: Bench) -> None:
        fields = [field for field in bench.object.fields.values() if field.type is FieldType.EMAIL and field.writable]
        needs(fields, "a field for an address")
        (id_,) = bench.some()
        for number, field in enumerate(fields):
            bench.person_edits(id_, field.name, f"Ada.Lovelace.{number}@Example.com")
            assert bench.seen(id_).fields[field.name] == bench.people()[id_][field.name], field.name

    def test_times_do_not_depend_on_the_zone_of_the_machine(self, bench: Bench) -> None:
        (id_,) = bench.some()
        at_home = bench.seen(id_)
        for zone in ZONES:
            with elsewhere(zone):
                away = bench.seen(id_)
            assert (away.version, away.created, away.fields) == (at_home.version, at_home.created, at_home.fields), zone

    def test_changes_one_step_of_the_app_s_time_apart_bear_different_versions(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        bench.person_edits(id_, name, "Changed first")
        before = bench.seen(id_)
        needs(before.version.token or before.version.at, "versions")
        bench.clock.turn(2 * bench.can.granularity.total_seconds())
        bench.twin.person_edit(bench.subject, id_, {name: "Changed next"})
        after = bench.seen(id_)
        assert after.version != before.version
        if before.version.at and after.version.at:
            assert after.version.at > before.version.at

    def test_a_batch_is_read_in_fewer_calls_than_it_has_records(self, crowd: Bench) -> None:
        refs = [crowd.ref(id_) for id_ in crowd.some(crowd.can.read_batch)]
        needs(len(refs) > _FEW_REFS, "read_batch")
        crowd.connector.read(refs[:1])
        with crowd.watching() as seen:
            crowd.connector.read(refs)
        assert len(seen) <= len(refs) // 2

    def test_a_field_that_was_emptied_is_blank_and_not_absent(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        field = bench.object.fields[name]
        needs(field.clearable, "a clearable text")
        bench.person_edits(id_, name, "Filled")
        bench.person_edits(id_, name, field.blank)
        shown = bench.seen(id_).fields.get(name, ABSENT)
        assert shown is not ABSENT
        assert shown in (None, "")

    def test_an_id_that_nobody_has_is_gone_and_stops_nobody_else(self, bench: Bench) -> None:
        (id_,) = bench.some()
        odd = [bench.ref(odd_id) for odd_id in ODD_IDS]
        found = bench.connector.read([*odd, bench.ref(id_)])
        assert isinstance(found[bench.ref(id_)], Record)
        assert [ref.id for ref in odd if not isinstance(found[ref], Gone)] == []

    def test_a_record_that_a_person_deleted_is_gone(self, bench: Bench) -> None:
        gone, stays = bench.some(2)
        bench.twin.person_delete(bench.subject, gone)
        found = bench.connector.read([bench.ref(gone), bench.ref(stays)])
        assert isinstance(found[bench.ref(gone)], Gone)
        assert isinstance(found[bench.ref(stays)], Record)

    def test_a_merged_record_points_to_the_survivor_or_is_gone(self, bench: Bench) -> None:
        keep, lose = bench.some(2)
        survivor = self.merged(bench, keep, lose)
        with bench.watching() as seen:
            fate = bench.fate(lose)
        assert isinstance(fate, Gone | Merged)
        told = any(f'"{survivor}"' in answer.text for _, answer in seen)
        assert isinstance(fate, Merged) or not told, "the app names the survivor, and the connector does not"
        if isinstance(fate, Merged):
            assert fate.into == bench.ref(survivor)
        assert bench.seen(survivor)
