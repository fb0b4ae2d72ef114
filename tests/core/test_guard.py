"""Brakes: each trips beyond both its bounds, and not a record sooner."""

from __future__ import annotations

import pytest

from syncd.core.guard import (
    Guard,
    Limits,
    creating,
    deleting,
    emptying,
    expecting,
    listing,
    mass,
    rewriting,
    spared,
    vanishing,
)
from tests.core.ground import a_sync, hub

LIMITS = Limits()
DELETES = [(10_000, 25, False), (10_000, 26, True), (100, 5, False), (100, 6, True), (3, 1, False), (3, 2, True)]


@pytest.mark.parametrize(
    ("linked", "missing", "trips"), [(40, 20, False), (40, 21, True), (42, 21, False), (9, 9, False)]
)
def test_a_listing_that_lacks_many_and_most_trips(linked: int, missing: int, trips: bool) -> None:
    trip = listing(linked, missing, linked - missing or 1, LIMITS)
    assert (trip is not None) is trips
    if trip is not None:
        assert (trip.guard, trip.reason) == ("shrunk", f"the listing lacks {missing} of the {linked} linked records")


@pytest.mark.parametrize(("linked", "trips"), [(0, False), (1, True), (1000, True)])
def test_an_empty_listing_trips_if_anything_is_linked(linked: int, trips: bool) -> None:
    trip = listing(linked, linked, 0, LIMITS)
    assert (trip is not None) is trips
    assert trip is None or trip.guard == "empty"


@pytest.mark.parametrize(("linked", "changed", "trips"), [(1000, 500, False), (1001, 501, True), (1002, 501, False)])
def test_many_and_most_changed_records_trip(linked: int, changed: int, trips: bool) -> None:
    trip = rewriting(linked, changed, LIMITS)
    assert (trip is not None) is trips
    assert trip is None or (trip.guard, str(changed) in trip.reason) == ("mass change", True)


@pytest.mark.parametrize(("linked", "blanked", "trips"), [(250, 50, False), (254, 51, True), (255, 51, False)])
def test_many_emptied_records_that_are_a_large_share_trip(linked: int, blanked: int, trips: bool) -> None:
    trip = emptying(linked, blanked, LIMITS)
    assert (trip is not None) is trips
    assert trip is None or (trip.guard, str(blanked) in trip.reason) == ("mass blanking", True)


@pytest.mark.parametrize(("linked", "deleted", "trips"), [*DELETES, (0, 1, False)])
def test_deletes_trip_beyond_the_smaller_bound_and_one_is_always_let_through(
    linked: int, deleted: int, trips: bool
) -> None:
    trip = deleting(linked, deleted, LIMITS)
    assert (trip is not None) is trips
    assert trip is None or (trip.guard, str(deleted) in trip.reason) == ("mass delete", True)


@pytest.mark.parametrize(("linked", "gone", "trips"), [(40, 20, False), (42, 21, False), (41, 21, True)])
def test_many_and_most_deleted_records_trip(linked: int, gone: int, trips: bool) -> None:
    trip = vanishing(linked, gone, LIMITS)
    assert (trip is not None) is trips
    assert trip is None or (trip.guard, str(gone) in trip.reason) == ("mass delete", True)


@pytest.mark.parametrize(
    ("linked", "new", "trips"), [(0, 500, False), (0, 501, True), (1001, 501, True), (1002, 501, False)]
)
def test_many_new_records_beside_few_trip(linked: int, new: int, trips: bool) -> None:
    trip = creating(linked, new, LIMITS)
    assert (trip is not None) is trips
    assert trip is None or (trip.guard, str(new) in trip.reason) == ("mass create", True)


@pytest.mark.parametrize(
    ("guard", "linked", "share"),
    [(Guard.CHANGES, 600, 1.0), (Guard.BLANKS, 600, 1.0), (Guard.CREATES, 1200, 1.0), (Guard.DELETES, 0, 1.0)],
)
def test_each_guard_has_its_own_rule_and_tells_the_share(guard: Guard, linked: int, share: float) -> None:
    trip = mass(guard, linked, 600, LIMITS)
    assert trip is not None
    assert (trip.guard, trip.count, trip.share) == (guard, 600, share)


def test_what_a_person_sees_in_a_plan_trips_nothing_but_what_is_missing_does() -> None:
    seen = expecting(LIMITS)
    assert all(mass(guard, 10_000, 10_000, seen) is None for guard in (Guard.CHANGES, Guard.BLANKS, Guard.CREATES))
    assert listing(100, 100, 0, seen) is not None
    assert deleting(100, 100, seen) is not None


def test_a_merge_of_which_nothing_was_refused_is_as_it_was() -> None:
    made = hub(a_sync(), {"phone": "1"})
    made.edit("crm", phone="2")
    before, result = made.entity, made.pull("crm")
    assert spared(before, result, made.sync, [Guard.BLANKS]) is result
    assert spared(before, result, made.sync, [Guard.CHANGES]).entity.fields == {"phone": "1"}
