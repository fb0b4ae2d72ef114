"""Writing one record per call: what is known of the earlier ones is never lost to the failure of a later one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from syncd.core.record import Outcome, Refused, Unknown, Unsent, Write
from syncd.errors import (
    BrokenProtocol,
    ConnectorError,
    InDoubt,
    Rejected,
    Throttled,
    Transient,
    Unauthorised,
    Unavailable,
)

__all__ = ["each"]

_DOUBTS = 2


def each(writes: Sequence[Write], act: Callable[[Write], Outcome]) -> list[Outcome]:
    """Call `act` on each write in turn; one outcome per write, in the same order.

    - Rejected: this record is Refused, the rest go on.
    - InDoubt: this record is Unknown, and the rest go on. A second doubt in a row is the app's trouble, not the
      record's: what follows is Unsent rather than one doubt after the other.
    - Transient, Throttled, Unavailable, Unauthorised, BrokenProtocol: this write was not applied (the client raises
      InDoubt where it might have been); it and all that follow are Unsent. Raised as it is if no write before it was
      sent, so that the engine sees the remedy for the whole call.

    `act` may make several calls. If one that writes went through and a later one fails, `act` must say so itself: it
    returns Unknown, or turns the error into InDoubt.
    """
    outcomes: list[Outcome] = []
    doubts = 0
    for place, write in enumerate(writes):
        try:
            outcomes.append(act(write))
            doubts = 0
        except Rejected as refused:
            outcomes.append(Refused(write.key, refused.message, refused.field, refused.code))
            doubts = 0
        except InDoubt as doubt:
            outcomes.append(Unknown(write.key, doubt.message))
            doubts += 1
            if doubts == _DOUBTS:
                return outcomes + _unsent(writes[place + 1 :], doubt)
        except (Transient, Unavailable, Unauthorised, BrokenProtocol) as stop:
            if place == 0:
                raise
            return outcomes + _unsent(writes[place:], stop)
    return outcomes


def _unsent(writes: Sequence[Write], stop: ConnectorError) -> list[Outcome]:
    wait = stop.retry_after if isinstance(stop, Throttled) else None
    return [Unsent(write.key, stop.message, wait) for write in writes]
