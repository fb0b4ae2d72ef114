"""How much memory is in use, and giving it back to the machine.

Each thread that allocates gets an arena of its own from glibc, and what is freed there stays there: a daemon whose
lanes take turns grows for hours though it holds no more than before. One arena is enough where one thread runs at a
time (mallopt(3), malloc_trim(3)). Another C library does as it does.

Python looks for cycles once many objects have come to be that are still there (`syncd.__main__`). A daemon with little
to do would gather them for hours until then, so they are looked for now and then; what was there when it started is
not looked through again.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path
from typing import Any, Final

__all__ = ["one_arena", "settle", "trim", "used"]

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of glibc's malloc.h."""
_PAGES: Final = Path("/proc/self/statm")
"""Pages of this process; the second number is of those in memory (proc(5))."""


def one_arena() -> bool:
    """Let all threads allocate in one place. To be called before they do; False where there is no such thing."""
    mallopt = getattr(_library(), "mallopt", None)
    return mallopt is not None and bool(mallopt(_ARENA_MAX, 1))


def settle() -> None:
    """Whatever is there now will stay: it is not looked through for cycles any more."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def trim() -> None:
    """Free what is held by nothing but itself, and give back what is free, where a library does that."""
    gc.collect()
    malloc_trim = getattr(_library(), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def used() -> int:
    """Bytes of this process that are in memory; 0 where nobody tells."""
    try:
        return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _library() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
