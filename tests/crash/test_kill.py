"""A process that is killed leaves nothing that the next one cannot mend: a few places of the many there are.

All of them: `python -m syncd.testing crash --every`.
"""

from __future__ import annotations

import pytest

from tests.crash.rehearsal import Rehearsed

pytestmark = [pytest.mark.timeout(600), pytest.mark.unmeasured]  # many processes, one after the other


def test_every_kind_of_place_is_there(rehearsed: Rehearsed) -> None:
    assert [place.number for place in rehearsed.places] == list(range(1, len(rehearsed.places) + 1))
    assert {place.what.split()[0] for place in rehearsed.places} == {"commit", "before", "sent", "after"}
    assert len(rehearsed.places) > 200


@pytest.mark.parametrize("moment", ["sent", "after"])
def test_a_death_while_somebody_is_made_makes_nobody_twice(rehearsed: Rehearsed, moment: str) -> None:
    assert rehearsed.violations(rehearsed.first(1, f"{moment} crm POST /crm/v3/objects/contacts/batch/create")) == ()


def test_a_death_before_a_write_is_written_down_only_delays_it(rehearsed: Rehearsed) -> None:
    assert rehearsed.violations(rehearsed.commit_before(rehearsed.first(1, "before news PATCH"))) == ()


def test_a_write_that_lands_after_its_writer_is_dead_is_known_for_ours(rehearsed: Rehearsed) -> None:
    assert rehearsed.violations(rehearsed.first(1, "sent news PATCH")) == ()


def test_an_answer_that_was_never_stored_is_asked_for_again(rehearsed: Rehearsed) -> None:
    assert rehearsed.violations(rehearsed.commit_after(rehearsed.first(1, "after news PATCH"))) == ()


def test_a_death_while_somebody_is_deleted_deletes_nobody_else(rehearsed: Rehearsed) -> None:
    assert rehearsed.violations(rehearsed.first(2, "sent crm POST /crm/v3/objects/contacts/batch/archive")) == ()


def test_a_death_while_an_opt_out_travels_puts_nobody_back(rehearsed: Rehearsed) -> None:
    assert rehearsed.violations(rehearsed.first(2, "sent crm POST /communication-preferences")) == ()
