"""The values of the core: records, lenses' windows, a sync's view of its fields."""

from __future__ import annotations

import dataclasses

import pytest

from syncd.core.lens import view, window
from syncd.core.record import ABSENT, Absent, Ref, Version
from syncd.testing.simulator.lens import Plain
from tests.core.ground import Word, a_rule, a_sync, fact


def test_a_ref_reads_as_a_path_and_sorts_by_app_object_and_id() -> None:
    refs = [Ref("news", "members", "1"), Ref("crm", "contacts", "2"), Ref("crm", "contacts", "10")]
    assert [str(ref) for ref in sorted(refs)] == ["crm/contacts/10", "crm/contacts/2", "news/members/1"]


def test_absent_says_what_it_is_and_is_not_blank() -> None:
    assert repr(ABSENT) == "ABSENT"
    assert isinstance(ABSENT, Absent)


def test_records_are_never_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        fact(phone="1").version = Version("2")  # type: ignore[misc]


def test_a_lens_is_shown_nothing_but_its_window() -> None:
    assert window(Plain("phone"), {"phone": "1", "email": "a"}) == {"phone": "1"}
    assert window(Plain("phone"), {"email": "a"}) == {}


def test_a_view_is_absent_where_the_app_showed_nothing_of_the_window() -> None:
    assert view(Plain("phone"), {"email": "a"}, {}) is ABSENT
    assert view(Plain("phone"), {"phone": None}, {}) is None
    assert view(Plain("phone"), {"phone": "1"}, {}) == "1"


def test_a_sync_names_the_rules_and_the_raw_fields_of_an_app_each_once() -> None:
    shared = [
        a_rule(name, apps=("crm",), lenses={"crm": Word("name", first=name == "first")}) for name in ("first", "rest")
    ]
    sync = a_sync(*shared, a_rule("email"))
    assert [rule.name for rule in sync.mapped("crm")] == ["first", "rest", "email"]
    assert [rule.name for rule in sync.mapped("news")] == ["email"]
    assert sync.window("crm") == ("name", "email")
