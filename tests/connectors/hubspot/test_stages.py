"""Lifecycle stages: forwards as they come, backwards only where the admin asks for it."""

from __future__ import annotations

from syncd.core.record import Outcome, Raw, Stored, Unknown
from tests.connectors.hubspot.portal import Portal, ref, update

STAGE = "lifecyclestage"


def stage(outcome: Outcome) -> Raw:
    assert isinstance(outcome, Stored)
    assert outcome.record is not None
    return outcome.record.fields[STAGE]


def free() -> Portal:
    return Portal(settings={"lifecycle": "free"})


def test_a_stage_moves_forward() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", lifecyclestage="lead")

    assert stage(portal.write(update(id_, "w", lifecyclestage="customer"))["w"]) == "customer"


def test_a_stage_that_does_not_move_back_shows_what_the_portal_kept() -> None:
    portal = Portal()
    id_ = portal.contact(email="ada@example.com", lifecyclestage="customer")

    outcome = portal.write(update(id_, "w", lifecyclestage="lead", city="Bergen"))["w"]

    assert stage(outcome) == "customer"
    assert portal.stored(ref(id_))["city"] == "Bergen"


def test_a_stage_moves_back_where_the_admin_asks_for_it() -> None:
    portal = free()
    back = portal.contact(email="ada@example.com", lifecyclestage="customer")
    forward = portal.contact(email="bob@example.com", lifecyclestage="lead")

    outcomes = portal.write(
        update(back, "back", lifecyclestage="lead", city="Bergen"),
        update(forward, "forward", lifecyclestage="customer"),
    )

    assert stage(outcomes["back"]) == "lead"
    assert outcomes["back"].record.fields["city"] == "Bergen"  # type: ignore[union-attr]
    assert portal.stored(ref(back))[STAGE] == "lead"
    assert stage(outcomes["forward"]) == "customer"
    assert portal.twin.calls["POST /crm/v3/objects/{kind}/batch/update"] == 3


def test_a_stage_that_was_cleared_and_not_set_again_must_be_looked_at() -> None:
    portal = free()
    id_ = portal.contact(email="ada@example.com", lifecyclestage="customer")
    draws = iter([0.9, 0.9, 0.1])  # the update and the clearing go well, the setting is throttled
    portal.misbehave(throttle=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    outcome = portal.write(update(id_, "w", lifecyclestage="lead"))["w"]

    assert isinstance(outcome, Unknown)
    assert STAGE not in portal.stored(ref(id_))


def test_a_stage_that_could_not_be_cleared_stays_and_is_shown() -> None:
    portal = free()
    id_ = portal.contact(email="ada@example.com", lifecyclestage="customer")
    draws = iter([0.9, 0.1])  # the update goes well, the clearing is throttled
    portal.misbehave(throttle=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    assert stage(portal.write(update(id_, "w", lifecyclestage="lead"))["w"]) == "customer"


def test_a_clearing_whose_answer_was_lost_is_a_doubt() -> None:
    portal = free()
    id_ = portal.contact(email="ada@example.com", lifecyclestage="customer")
    draws = iter([0.9, 0.1])
    portal.misbehave(after=0.5)
    portal.twin.random.random = lambda: next(draws)  # type: ignore[method-assign]

    assert isinstance(portal.write(update(id_, "w", lifecyclestage="lead"))["w"], Unknown)
