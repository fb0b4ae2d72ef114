"""Room for more: disk beside the store, memory for the process."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

import pytest

from syncd.daemon import daemon as daemons
from syncd.daemon import memory, space
from syncd.daemon.space import Space
from syncd.errors import StoreError
from tests.daemon.company import Company
from tests.daemon.house import eventually


def test_a_disk_that_is_nearly_full_is_noticed_before_the_store_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Space(tmp_path).require()
    monkeypatch.setattr(space, "_NEEDED", 2**62)
    Space().require()
    with pytest.raises(StoreError, match="nearly full"):
        Space(tmp_path).require()


def test_a_process_knows_how_much_memory_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 10 * 1024 * 1024 < memory.used() < 1 << 40
    monkeypatch.setattr(memory, "_PAGES", Path("nowhere"))
    assert memory.used() == 0


@pytest.mark.parametrize(("used", "crowded", "bursts"), [(750, False, False), (751, True, False), (1001, True, True)])
def test_memory_is_nearly_used_up_before_it_is(
    monkeypatch: pytest.MonkeyPatch, used: int, crowded: bool, bursts: bool
) -> None:
    monkeypatch.setattr(memory, "used", lambda: used)
    there = Space(most=1000)
    assert (there.crowded, there.bursts()) == (crowded, bursts)
    assert there.lacks == ("memory is nearly used up" if crowded else "")
    assert not Space().crowded


def test_whoever_asks_again_and_again_is_told_what_was_found_a_moment_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, now = count(), [50.0]
    monkeypatch.setattr(memory, "used", lambda: next(looks))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    there = Space(most=1000)
    for passes in (0.0, space.LOOKED / 2, space.LOOKED / 3, space.LOOKED / 2):
        now[0] += passes
        assert there.lacks == ""
    assert next(looks) == 2


def test_what_is_free_is_given_back_first(monkeypatch: pytest.MonkeyPatch) -> None:
    used = [2000]
    monkeypatch.setattr(memory, "used", lambda: used[0])
    monkeypatch.setattr(memory, "trim", lambda: used.__setitem__(0, 500))
    assert not Space(most=1000).bursts()


def test_a_daemon_that_uses_more_memory_than_it_may_stops_cleanly_to_be_started_anew(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "BEAT", 0.05)
    company.person("ada@example.com", "Ada")
    with company.running() as service:
        eventually(lambda: len(company.called("ada@example.com")) == 2, "both know Ada")
        monkeypatch.setattr(memory, "used", lambda: 1 << 60)
        service.thread.join(10)
        assert service.code == 1
    assert [line["part"] for line in company.said if line["event"] == "part died, stopping"] == ["memory"]
