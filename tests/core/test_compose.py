"""From what is owed to what is written: patches, new records, and what is settled afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.compose import Composed, composed, first_fields, settled
from syncd.core.entity import Held
from syncd.core.fieldmap import Computed, FieldRule, Way
from syncd.core.lens import Misfit
from syncd.core.record import Raw
from syncd.testing.simulator.lens import Plain
from tests.core.ground import Day, Hub, Word, a_rule, a_sync, hub, linked

APPS = ("crm",)
FIRST = a_rule("first", apps=APPS, lenses={"crm": Word("name", first=True)})
REST = a_rule("rest", apps=APPS, lenses={"crm": Word("name", first=False)})


def holding(made: Hub, **values: str | bool | None) -> Hub:
    for name, value in values.items():
        made.entity = made.entity.holding(name, Held(value))
    return made


class TestANewRecord:
    def test_is_given_what_is_agreed_and_not_blank(self) -> None:
        sync = a_sync(a_rule("phone"), a_rule("email"), a_rule("city", apps=("news",)))
        made = holding(hub(sync), phone="1", email=None, city="Rome")
        assert first_fields(made.entity, sync, "crm") == {"phone": "1"}

    def test_is_given_a_default_where_nothing_is_agreed(self) -> None:
        sync = a_sync(a_rule("stage", default="lead"), a_rule("phone", default="0"))
        assert first_fields(holding(hub(sync), phone="1").entity, sync, "crm") == {"stage": "lead", "phone": "1"}

    def test_is_given_computed_values_that_make_sense(self) -> None:
        sync = a_sync(
            a_rule("shout", computed=Computed(("phone",), lambda fields: f"{fields['phone']}!")),
            a_rule("odd", computed=Computed(("phone",), lambda _: Misfit("no"))),
            a_rule("phone"),
        )
        assert first_fields(holding(hub(sync), phone="1").entity, sync, "crm") == {"shout": "1!", "phone": "1"}

    def test_is_not_given_what_is_only_read(self) -> None:
        sync = a_sync(a_rule(ways={"crm": Way.READ, "news": Way.BOTH, "shop": Way.BOTH}))
        assert first_fields(holding(hub(sync), phone="1").entity, sync, "crm") == {}

    def test_is_written_whole(self) -> None:
        sync = a_sync(a_rule("phone"), a_rule("email"))
        made = holding(hub(sync), phone="1", email="a")
        done = composed(made.entity, sync, "crm", {}, {"phone": "1", "email": "a"})
        assert done == Composed({"phone": "1", "email": "a"}, {"phone": "1", "email": "a"}, {})


class TestAPatch:
    def test_holds_only_what_changes(self) -> None:
        sync = a_sync(a_rule("phone"), a_rule("email"))
        made = holding(hub(sync), phone="2", email="a")
        done = composed(made.entity, sync, "crm", {"phone": "1", "email": "a", "other": 5}, {"phone": "2"})
        assert (done.patch, done.goal) == ({"phone": "2"}, {"phone": "2"})

    def test_is_empty_where_the_app_has_it_already_but_the_goal_is_reached(self) -> None:
        sync = a_sync()
        done = composed(holding(hub(sync), phone="2").entity, sync, "crm", {"phone": "2"}, {"phone": "2"})
        assert (done.patch, done.goal) == ({}, {"phone": "2"})

    @pytest.mark.parametrize(("stands", "value"), [(1, True), (0, False), (1.0, 1)])
    def test_tells_true_from_one(self, stands: Raw, value: bool | int) -> None:
        sync = a_sync()
        assert composed(hub(sync).entity, sync, "crm", {"phone": stands}, {"phone": value}).patch == {"phone": value}

    def test_leaves_out_what_cannot_be_carried_and_carries_the_rest(self) -> None:
        sync = a_sync(a_rule("stage", lenses={"crm": Plain("stage", frozenset({"a"}))}, apps=APPS), a_rule("phone"))
        made = holding(hub(sync), stage="b", phone="1")
        done = composed(made.entity, sync, "crm", {}, {"stage": "b", "phone": "1"})
        assert (done.patch, done.goal) == ({"phone": "1"}, {"phone": "1"})
        assert done.misfits == {"stage": Misfit("b is not an option of stage")}


class TestFieldsThatShareARawField:
    SYNC = a_sync(FIRST, REST, apps=APPS)

    def test_are_written_together(self) -> None:
        made = holding(hub(self.SYNC), first="Ann", rest="Lee")
        assert composed(made.entity, self.SYNC, "crm", {}, {"first": "Ann", "rest": "Lee"}).patch == {"name": "Ann Lee"}

    def test_keep_what_is_agreed_when_only_one_is_owed(self) -> None:
        made = holding(hub(self.SYNC), first="Ann", rest="van der Berg")
        done = composed(made.entity, self.SYNC, "crm", {"name": "Bea"}, {"first": "Ann"})
        assert (done.patch, done.goal) == ({"name": "Ann van der Berg"}, {"first": "Ann"})

    def test_keep_what_stands_in_the_app_where_nothing_was_agreed(self) -> None:
        made = holding(hub(self.SYNC), first="Ann")
        assert composed(made.entity, self.SYNC, "crm", {"name": "Bea Lee"}, {"first": "Ann"}).patch == {
            "name": "Ann Lee"
        }

    def test_a_partner_that_cannot_be_carried_is_no_misfit_of_this_write(self) -> None:
        made = holding(hub(self.SYNC), first="Ann Marie", rest="Lee")
        done = composed(made.entity, self.SYNC, "crm", {"name": "Bea Poe"}, {"rest": "Lee"})
        assert (done.patch, done.misfits) == ({"name": "Bea Lee"}, {})

    @pytest.mark.parametrize(
        "partner",
        [
            replace(REST, ways={"crm": Way.READ}),
            replace(REST, consent=True),
            replace(REST, computed=Computed((), lambda _: "x")),
        ],
    )
    def test_a_partner_that_is_not_ours_to_write_is_left(self, partner: FieldRule) -> None:
        sync = replace(self.SYNC, rules={"first": FIRST, "rest": partner})
        made = holding(hub(sync), first="Ann", rest="Lee")
        assert composed(made.entity, sync, "crm", {"name": "Bea Poe"}, {"first": "Ann"}).patch == {"name": "Ann Poe"}


class TestWhatIsSettled:
    def test_needs_no_note_where_the_app_keeps_what_was_meant(self) -> None:
        made = holding(hub(a_sync()), phone="1")
        link = linked(seen={"phone": "1"}, sent={"phone": "old"})
        assert settled(made.entity, link, made.sync, {"phone": "1"}) == ({}, {})

    @pytest.mark.parametrize(("kept", "told"), [("01234", "01234"), ("", None), (["a"], ("a",))])
    def test_is_noted_where_the_app_keeps_something_else(self, kept: Raw, told: object) -> None:
        made = holding(hub(a_sync()), phone="0123456789")
        sent, coerced = settled(made.entity, linked(seen={"phone": kept}), made.sync, {"phone": "0123456789"})
        assert (sent, coerced) == ({"phone": "0123456789"}, {"phone": told})

    def test_is_noted_where_the_app_keeps_what_makes_no_sense_or_shows_nothing(self) -> None:
        sync = a_sync(a_rule(apps=APPS, lenses={"crm": Plain("phone", frozenset({"1"}))}), a_rule("email"), apps=APPS)
        made = holding(hub(sync), phone="1", email="a")
        sent, coerced = settled(made.entity, linked(seen={"phone": "9"}), sync, {"phone": "1", "email": "a"})
        assert (sent, coerced) == ({"phone": "1", "email": "a"}, {"phone": None, "email": None})

    def test_needs_no_note_where_the_app_keeps_as_much_of_it_as_it_can(self) -> None:
        sync = a_sync(a_rule("met", apps=APPS, lenses={"crm": Day()}), apps=APPS)
        link, goal = linked(seen={"day": "2026-03-01"}), {"met": "2026-03-01T12:00"}
        assert settled(hub(sync).entity, link, sync, goal) == ({}, {})

    def test_leaves_the_notes_of_other_fields(self) -> None:
        made = holding(hub(a_sync()), phone="1")
        link = linked(seen={"phone": "1"}, sent={"email": "a"})
        assert settled(made.entity, link, made.sync, {"phone": "1"}) == ({"email": "a"}, {})
