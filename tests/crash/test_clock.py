"""The clock that processes share."""

from __future__ import annotations

from pathlib import Path

from syncd.testing.crash.clock import SharedClock


def test_a_turn_is_seen_by_everybody_who_reads_it(tmp_path: Path) -> None:
    mine = SharedClock(tmp_path / "clock", 100.0)
    yours = SharedClock(tmp_path / "clock")
    yours.sleep(5.5)
    assert mine.now() == yours.now() == 105.5
    mine.sleep(-1.0)
    assert yours.now() == 105.5
    mine.set(7.0)
    assert yours.now() == 7.0
