"""When the store gives way."""

from __future__ import annotations

import threading

from syncd.daemon.footing import Footing
from syncd.errors import StoreError


def test_nothing_begins_while_the_store_is_in_trouble() -> None:
    told: list[str] = []
    footing = Footing(lambda: told.append("failed"))
    footing.fails("disk full")
    footing.fails("disk full still")
    with footing.working() as firm:
        assert not firm
    assert footing.trouble == "disk full still"
    assert told == ["failed"]


def test_it_is_mended_only_when_nothing_runs_any_more() -> None:
    footing = Footing(lambda: None)
    probed: list[bool] = []
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with footing.working() as firm:
            assert firm
            begun.set()
            go_on.wait(5)

    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(5)
    footing.fails("disk full")
    assert not footing.mend(lambda: probed.append(True), patience=0.05)
    assert probed == []
    go_on.set()
    assert footing.mend(lambda: probed.append(True), patience=5)
    assert (probed, footing.trouble) == ([True], "")
    worker.join()
    with footing.working() as firm:
        assert firm


def test_a_store_that_still_fails_keeps_everything_waiting() -> None:
    def still() -> None:
        raise StoreError("no room yet")

    footing = Footing(lambda: None)
    footing.fails("disk full")
    assert not footing.mend(still, patience=1)
    assert footing.trouble == "no room yet"
