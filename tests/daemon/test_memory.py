"""Memory is given back, where the C library can."""

from __future__ import annotations

import gc
import platform
import weakref
from types import SimpleNamespace

import pytest

from syncd.daemon import memory


def test_the_library_is_asked_for_one_arena_and_for_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def noted(*what: int) -> int:
        asked.append(what)
        return 1

    monkeypatch.setattr(memory, "_library", lambda: SimpleNamespace(mallopt=noted, malloc_trim=noted))
    assert memory.one_arena()
    memory.trim()
    assert asked == [(-8, 1), (0,)]


class Ring:
    """Held by nothing but itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_held_by_nothing_but_itself_is_freed() -> None:
    ring = weakref.ref(Ring())
    memory.trim()
    assert ring() is None


def test_what_is_there_once_a_daemon_starts_is_not_looked_through_again() -> None:
    kept = Ring()
    ring = weakref.ref(kept)
    try:
        memory.settle()
        del kept
        memory.trim()
        assert ring() is not None
        memory.settle()  # for the daemon that takes the place of the first
        assert ring() is None
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("library", [None, SimpleNamespace()])
def test_another_library_does_as_it_does(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_library", lambda: library)
    assert not memory.one_arena()
    memory.trim()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_glibc_takes_it() -> None:
    holes = [bytes(200_000) for _ in range(500)]
    del holes[::2]
    assert memory.one_arena()
    memory.trim()
