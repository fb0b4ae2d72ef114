"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.testing.crash.points import theatre
from tests.crash.rehearsal import Rehearsed


@pytest.fixture(scope="package")
def rehearsed() -> Iterator[Rehearsed]:
    """A theatre in which the story has been told once without a death."""
    with theatre() as stage:
        yield Rehearsed(stage, stage.places())
