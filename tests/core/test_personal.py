"""Which fields say something of a person."""

from __future__ import annotations

from syncd.core.fieldmap import Computed
from tests.core.ground import a_rule, a_sync


def test_a_field_is_personal_as_the_mapping_says() -> None:
    sync = a_sync(a_rule("email", personal=True), a_rule("stage"))
    assert sync.is_personal("email")
    assert not sync.is_personal("stage")
    assert sync.names_people
    assert not a_sync(a_rule("stage")).names_people


def test_what_is_computed_of_a_personal_field_is_personal() -> None:
    computed = Computed(("first", "stage"), lambda fields: fields["first"])
    plain = Computed(("stage",), lambda fields: fields["stage"])
    rules = (a_rule("first", personal=True), a_rule("stage"), a_rule("hello", computed=computed))
    sync = a_sync(*rules, a_rule("where", computed=plain))
    assert sync.is_personal("hello")
    assert not sync.is_personal("where")


def test_what_the_mapping_has_no_more_is_taken_for_personal() -> None:
    assert a_sync(a_rule("stage")).is_personal("nickname")
