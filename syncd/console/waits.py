"""What keeps an answer from going out at once, and what is not known when it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syncd.console.status import moment
from syncd.engine.setback import setback
from syncd.store.ports import Storage, Transaction

__all__ = ["held", "unread"]


def held(store: Storage) -> str:
    """That writes are held, where they are; else nothing."""
    with store.read() as tx:
        back = setback(tx)
    if back is None:
        return ""
    return f"writes are held, for the store was set back ({back.why}): this goes out once you agree; see: syncd status"


def unread(tx: Transaction, apps: Iterable[str]) -> Iterator[str]:
    """Which of these apps have not been read for a while, and since when."""
    for name in apps:
        state = tx.apps.get(name)
        how, since = ("is paused", state.paused_at) if state.paused else ("does not answer", state.failing_since)
        if state.paused or state.failing:
            at = f" since {known:%Y-%m-%d %H:%M:%SZ}" if (known := moment(since)) else ""
            yield f"{name} {how}{at}: what was typed there since is not known, and gives way to this"
