"""Creates and updates: what was asked, no more, and an honest outcome for each."""

from __future__ import annotations

from syncd.core.record import Create, Exists, Raw, Refused, Stale, Stored, Update, Version
from syncd.testing.conformance.bench import APP, Bench, ids
from syncd.testing.conformance.ground import Ground, needs
from syncd.testing.conformance.read import ODD_TEXTS, UNICODE

__all__ = ["WriteContract"]


class WriteContract(Ground):
    """`write()` of creates and updates."""

    def update(self, bench: Bench, id: str, patch: dict[str, Raw], expect: Version | None = None) -> Update:
        """An update with a key of its own."""
        needs(bench.can.updates, "updates")
        return Update(bench.ref(id), patch, bench.key(), expect)

    def test_writing_nothing_asks_nothing(self, bench: Bench) -> None:
        calls = dict(bench.twin.calls)
        assert list(bench.connector.write([])) == []
        assert bench.twin.calls == calls

    # --- creates -----------------------------------------------------------------------------------------------

    def test_a_created_record_is_there_for_persons_and_for_reads(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        write = self.create(bench, 902)
        stored = bench.store(write)
        assert stored.ref.app == APP
        assert stored.ref.id in bench.people()
        shown = bench.seen(stored.ref.id).fields
        texts = [name for name in self.texts(bench) if name in write.fields]
        assert {name: shown[name] for name in texts} == {name: write.fields[name] for name in texts}

    def test_a_created_record_shows_in_the_next_listing(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        cursor = bench.cursor()
        bench.pass_time()
        stored = bench.store(self.create(bench, 903))
        bench.settle()
        assert stored.ref.id in ids(bench.pages(cursor))

    def test_a_create_returns_the_record_as_a_read_shows_it(self, bench: Bench) -> None:
        needs(bench.can.creates and bench.can.returns_record, "returns_record")
        self._agrees(bench, self.create(bench, 904))

    def test_one_key_sent_twice_makes_one_record(self, bench: Bench) -> None:
        needs(bench.can.creates and bench.can.idempotent_create, "idempotent_create")
        write = self.create(bench, 905)
        first = bench.store(write)
        before = set(bench.people())
        again = bench.write(write)[write.key]
        assert isinstance(again, Stored | Exists)
        assert again.ref == first.ref
        assert set(bench.people()) == before

    def test_a_create_that_is_sent_again_overwrites_nothing(self, bench: Bench) -> None:
        needs(bench.can.creates and bench.can.idempotent_create, "idempotent_create")
        name, write = self.text(bench), self.create(bench, 908)
        first = bench.store(write)
        bench.person_edits(first.ref.id, name, "Changed since")
        bench.write(write)
        assert bench.people()[first.ref.id][name] == "Changed since"

    def test_a_second_record_with_a_unique_value_is_met_by_the_first(self, bench: Bench) -> None:
        needs(bench.can.creates and bench.can.unique, "unique fields")
        first_write = self.create(bench, 906)
        first = bench.store(first_write)
        before = set(bench.people())
        for name in bench.can.unique:
            if name not in first_write.fields:
                continue
            second = self.create(bench, 907, **{name: first_write.fields[name]})
            met = bench.write(second)[second.key]
            if bench.can.idempotent_create:
                assert isinstance(met, Stored | Exists)
            else:
                assert isinstance(met, Exists)
            assert met.ref in (first.ref, None)
            assert set(bench.people()) == before

    def test_more_creates_than_one_call_takes_are_all_made(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        writes = [self.create(bench, 2000 + number) for number in range(bench.can.write_batch + 3)]
        outcomes = bench.write(*writes)
        assert {type(outcome) for outcome in outcomes.values()} == {Stored}
        made = {outcome.ref.id for outcome in outcomes.values() if isinstance(outcome, Stored)}
        assert len(made) == len(writes)
        assert made <= set(bench.people())

    def test_creates_in_a_batch_take_fewer_calls_than_there_are_records(self, bench: Bench) -> None:
        needs(bench.can.creates and bench.can.write_batch > 1, "write_batch")
        writes = [self.create(bench, 5000 + number) for number in range(min(bench.can.write_batch, 20))]
        with bench.watching() as seen:
            bench.write(*writes)
        assert len(seen) <= max(len(writes) // 2, 3)

    def test_each_outcome_of_a_batch_of_creates_names_its_own_record(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        unfit, taken = dict(self.unfit(bench)), self.create(bench, 6000)
        bench.store(taken)
        writes = [self.create(bench, 6001 + number) for number in range(6)]
        if bench.can.unique:
            writes.insert(1, Create(APP, bench.subject, taken.fields, bench.key()))
        if unfit:
            writes.insert(3, Create(APP, bench.subject, {**self.fields(bench, 6010), **unfit}, bench.key()))
        outcomes, (name,) = bench.write(*reversed(writes)), self.texts(bench)[:1]
        for write in writes:
            outcome = outcomes[write.key]
            if isinstance(outcome, Stored):
                assert bench.people()[outcome.ref.id][name] == write.fields[name]
                assert outcome.record is None or outcome.record.fields[name] == write.fields[name]

    def test_two_creates_of_one_batch_with_a_unique_value_make_one_record(self, bench: Bench) -> None:
        needs(bench.can.creates and bench.can.unique, "unique fields")
        one = self.create(bench, 6100)
        writes = [one, *(self.create(bench, 6101 + number) for number in range(4))]
        writes.insert(3, Create(APP, bench.subject, one.fields, bench.key()))
        before, outcomes = set(bench.people()), bench.write(*writes)
        assert len(set(bench.people()) - before) == len(writes) - 1
        twins = [outcomes[write.key] for write in (one, writes[3])]
        assert sorted(type(outcome).__name__ for outcome in twins) == ["Exists", "Stored"], twins

    def test_outcomes_of_a_batch_are_told_apart_by_key(self, bench: Bench) -> None:
        name, some = self.text(bench), bench.some(5)
        writes = [self.update(bench, id_, {name: f"For {id_}"}) for id_ in some]
        outcomes = bench.write(*writes)
        for write in writes:
            outcome = outcomes[write.key]
            assert isinstance(outcome, Stored)
            assert outcome.ref == write.ref
            assert bench.seen(write.ref.id).fields[name] == write.patch[name]

    # --- updates -----------------------------------------------------------------------------------------------

    def test_an_update_changes_only_what_it_names(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        writable = [field.name for field in bench.object.fields.values() if field.writable]
        before, others = bench.seen(id_).fields, {other: raws for other, raws in bench.people().items() if other != id_}
        filled = {field: raw for field, raw in bench.people()[id_].items() if field not in bench.object.fields}
        bench.store(self.update(bench, id_, {name: "Changed"}))
        after = bench.seen(id_).fields
        # Also what only persons see: a write of the whole record would blank what the connector never read.
        assert {field: bench.people()[id_].get(field) for field in filled} == filled
        assert [n for n in writable if before.get(n) != after.get(n)] == [name]
        assert {other: raws for other, raws in bench.people().items() if other != id_} == others

    def test_an_update_returns_the_record_as_a_read_shows_it(self, bench: Bench) -> None:
        needs(bench.can.returns_record, "returns_record")
        name, (id_,) = self.text(bench), bench.some()
        bench.pass_time()
        self._agrees(bench, self.update(bench, id_, {name: "Changed"}))

    def test_an_update_shows_in_the_next_listing(self, bench: Bench) -> None:
        name, (id_,), cursor = self.text(bench), bench.some(), bench.cursor()
        bench.pass_time()
        bench.store(self.update(bench, id_, {name: "Changed"}))
        bench.settle()
        assert id_ in ids(bench.pages(cursor))

    def test_the_same_update_twice_is_the_same_as_once(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        bench.store(self.update(bench, id_, {name: "Changed"}))
        bench.store(self.update(bench, id_, {name: "Changed"}))
        assert bench.seen(id_).fields[name] == "Changed"

    def test_a_blank_empties_a_field(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        field = bench.object.fields[name]
        needs(field.clearable, "a clearable text")
        bench.person_edits(id_, name, "Filled")
        bench.store(self.update(bench, id_, {name: field.blank}))
        assert bench.seen(id_).fields[name] in (None, "")

    def test_text_of_every_script_is_kept(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        bench.store(self.update(bench, id_, {name: UNICODE}))
        assert bench.people()[id_][name] == UNICODE

    def test_an_update_of_a_record_that_is_gone_is_stale(self, bench: Bench) -> None:
        name, (gone,) = self.text(bench), bench.some()
        bench.twin.person_delete(bench.subject, gone)
        for id_ in (gone, "no-such-id"):
            write = self.update(bench, id_, {name: "Changed"})
            assert isinstance(bench.write(write)[write.key], Stale)
        assert gone not in bench.people()

    def test_an_update_of_the_expected_version_is_stored(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        bench.store(self.update(bench, id_, {name: "Changed"}, expect=bench.seen(id_).version))

    def test_an_update_of_another_version_is_stale_where_declared(self, bench: Bench) -> None:
        needs(bench.can.conditional, "conditional")
        name, (id_,) = self.text(bench), bench.some()
        expected = bench.seen(id_).version
        bench.person_edits(id_, name, "A person was faster")
        write = self.update(bench, id_, {name: "Too late"}, expect=expected)
        assert isinstance(bench.write(write)[write.key], Stale)
        assert bench.people()[id_][name] == "A person was faster"

    def test_text_is_written_as_if_a_person_had_typed_it(self, bench: Bench) -> None:
        name, (ours, theirs) = self.text(bench), bench.some(2)
        for text in ODD_TEXTS:
            bench.person_edits(theirs, name, text)
            bench.store(self.update(bench, ours, {name: text}))
            assert bench.people()[ours][name] == bench.people()[theirs][name], ascii(text)

    def test_an_update_puts_back_nothing_that_a_person_changes_meanwhile(self, bench: Bench) -> None:
        ours, theirs, (id_,) = self.text(bench), self.text(bench, 1), bench.some()
        bench.seen(id_)
        bench.person_edits(id_, theirs, "Theirs before")
        bench.write(self.update(bench, id_, {ours: "Ours"}))
        assert bench.people()[id_][theirs] == "Theirs before"
        with bench.meddling(lambda: bench.person_edits(id_, theirs, "Theirs")):
            bench.write(self.update(bench, id_, {ours: "Ours again"}))
        assert bench.people()[id_][theirs] == "Theirs"

    def test_a_person_who_is_faster_by_a_moment_is_not_overwritten_where_declared(self, bench: Bench) -> None:
        needs(bench.can.conditional, "conditional")
        name, (id_,) = self.text(bench), bench.some()
        write = self.update(bench, id_, {name: "Too late"}, expect=bench.seen(id_).version)
        with bench.meddling(lambda: bench.person_edits(id_, name, "A person was faster")):
            bench.write(write)
        assert bench.people()[id_][name] == "A person was faster"

    def test_an_update_to_a_value_that_another_record_has_is_refused(self, bench: Bench) -> None:
        taken, (id_, other) = self.fields(bench, 962), bench.some(2)
        names = [n for n in bench.can.unique if n in taken and bench.object.fields[n].writable]
        needs(names, "unique fields that can be written")
        for name in names:
            bench.person_edits(other, name, taken[name])
            before = bench.people()
            write = self.update(bench, id_, {name: taken[name]})
            outcome = bench.write(write)[write.key]
            assert isinstance(outcome, Refused), f"{name}: {outcome}"
            assert bench.people() == before

    # --- refusals ----------------------------------------------------------------------------------------------

    def test_a_value_that_the_app_refuses_is_refused(self, bench: Bench) -> None:
        unfit, (id_,) = dict(self.unfit(bench)), bench.some()
        needs(unfit, "a value that the app refuses: override unfit()")
        before = bench.people()
        write = self.update(bench, id_, unfit)
        outcome = bench.write(write)[write.key]
        assert isinstance(outcome, Refused)
        assert outcome.reason
        assert outcome.field in (None, *unfit)
        assert bench.people() == before

    def test_one_refused_record_does_not_stop_the_others(self, bench: Bench) -> None:
        name, unfit = self.text(bench), dict(self.unfit(bench))
        needs(unfit, "a value that the app refuses: override unfit()")
        some = bench.some(5)
        writes = [self.update(bench, id_, unfit if id_ == some[2] else {name: f"For {id_}"}) for id_ in some]
        outcomes = bench.write(*writes)
        kinds = [type(outcomes[write.key]) for write in writes]
        assert kinds == [Stored, Stored, Refused, Stored, Stored]
        assert [bench.people()[id_].get(name) == f"For {id_}" for id_ in some] == [True, True, False, True, True]

    def test_one_refused_create_does_not_stop_the_others(self, bench: Bench) -> None:
        unfit = dict(self.unfit(bench))
        needs(unfit and bench.can.creates, "a value that the app refuses: override unfit()")
        good = [self.create(bench, 910 + number) for number in range(3)]
        bad = Create(APP, bench.subject, {**self.fields(bench, 920), **unfit}, bench.key())
        before = len(bench.people())
        outcomes = bench.write(good[0], bad, *good[1:])
        refused = outcomes[bad.key]
        assert isinstance(refused, Refused)
        assert refused.reason
        assert {type(outcomes[write.key]) for write in good} == {Stored}
        assert len(bench.people()) == before + 3

    def test_one_record_that_is_gone_does_not_stop_the_others(self, bench: Bench) -> None:
        name, some = self.text(bench), bench.some(5)
        bench.twin.person_delete(bench.subject, some[2])
        writes = [self.update(bench, id_, {name: f"For {id_}"}) for id_ in some]
        outcomes = bench.write(*writes)
        kinds = [type(outcomes[write.key]) for write in writes]
        assert kinds == [Stored, Stored, Stale, Stored, Stored]
        stay = [id_ for id_ in some if id_ != some[2]]
        assert [id_ for id_ in stay if bench.people()[id_].get(name) != f"For {id_}"] == []

    def test_creates_and_updates_may_share_a_batch(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        name, (id_,) = self.text(bench), bench.some()
        create, update = self.create(bench, 930), self.update(bench, id_, {name: "Changed"})
        outcomes = bench.write(create, update)
        assert {type(outcome) for outcome in outcomes.values()} == {Stored}
        assert bench.seen(id_).fields[name] == "Changed"

    def _agrees(self, bench: Bench, write: Create | Update) -> None:
        """The returned record may leave out what was not written; what it shows, a read shows too."""
        stored = bench.store(write)
        told, read = stored.record, bench.seen(stored.ref.id)
        assert told is not None
        assert (told.ref, told.version, told.created) == (read.ref, read.version, read.created)
        assert set(write.fields if isinstance(write, Create) else write.patch) <= set(told.fields)
        assert {
            name: (raw, read.fields.get(name)) for name, raw in told.fields.items() if raw != read.fields.get(name)
        } == {}
