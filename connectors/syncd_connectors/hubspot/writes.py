"""Writes, a hundred at a time, each with an outcome of its own.

Every input carries the write's key as `objectWriteTraceId`, so that one bad record does not spoil the batch and each
answer names whom it is about (HubSpot docs, error-handling, multi-status errors). Should HubSpot refuse a batch as a
whole all the same, it is halved until the culprit stands alone: a refused batch was not applied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from syncd.core.record import Create, Delete, Outcome, Record, Ref, Stored, Unknown, Unsent, Update, Write
from syncd.errors import BrokenProtocol, ConnectorError, InDoubt, Throttled, Transient, Unauthorised, Unavailable
from syncd.sdk.http import Answer
from syncd.sdk.shapes import in_chunks
from syncd_connectors.hubspot.api import BATCH, Api
from syncd_connectors.hubspot.wire import Trouble, outcome, record, rows, text, trouble

__all__ = ["batches", "unsent", "write_all"]

_DOUBTS: Final = 2
_STOPS: Final = (Transient, Unavailable, Unauthorised, BrokenProtocol)


def write_all(api: Api, writes: Sequence[Write]) -> dict[str, Outcome]:
    """Apply writes; key to outcome, for every write.

    A doubt about one batch leaves the outcomes of the others alone; after two in a row the rest is Unsent. Raises what
    a call raises only if nothing was sent before it.
    """
    outcomes: dict[str, Outcome] = {}
    waiting = deque(batches(writes))
    doubts = 0
    while waiting:
        batch = waiting.popleft()
        try:
            answer = api.batch(*_addressed(batch), [_input(write) for write in batch])
        except InDoubt as doubt:
            outcomes |= {write.key: Unknown(write.key, doubt.message) for write in batch}
            doubts += 1
            if doubts < _DOUBTS:
                continue
            return outcomes | unsent((write for rest in waiting for write in rest), doubt)
        except _STOPS as stop:
            if not outcomes:
                raise
            return outcomes | unsent((write for rest in (batch, *waiting) for write in rest), stop)
        doubts = 0
        if answer.status < 300:
            outcomes |= _applied(batch, answer)
        elif len(batch) == 1:
            outcomes[batch[0].key] = outcome(trouble(answer.json), batch[0])
        else:
            middle = len(batch) // 2
            waiting.extendleft((batch[middle:], batch[:middle]))
    return outcomes


def batches(writes: Sequence[Write]) -> list[Sequence[Write]]:
    """Writes in batches of one object and kind, in order; a record that is written twice goes into two rounds."""
    rounds: list[dict[tuple[str, str], list[Write]]] = []
    depth: dict[Ref, int] = {}
    for write in writes:
        turn = 0
        if not isinstance(write, Create):
            turn = depth.get(write.ref, 0)
            depth[write.ref] = turn + 1
        while len(rounds) <= turn:
            rounds.append({})
        rounds[turn].setdefault(_addressed((write,)), []).append(write)
    return [chunk for groups in rounds for group in groups.values() for chunk in in_chunks(group, BATCH)]


def unsent(writes: Iterable[Write], stop: ConnectorError) -> dict[str, Outcome]:
    """What follows for writes that were never sent."""
    wait = stop.retry_after if isinstance(stop, Throttled) else None
    return {write.key: Unsent(write.key, stop.message, wait) for write in writes}


def _addressed(batch: Sequence[Write]) -> tuple[str, str]:
    match batch[0]:
        case Create() as create:
            return create.object, "create"
        case Update() as update:
            return update.ref.object, "update"
        case Delete() as delete:
            return delete.ref.object, "archive"


def _input(write: Write) -> Mapping[str, Any]:
    match write:
        case Create():
            return {"properties": _strings(write.fields), "associations": [], "objectWriteTraceId": write.key}
        case Update():
            return {"id": write.ref.id, "properties": _strings(write.patch), "objectWriteTraceId": write.key}
        case Delete():
            return {"id": write.ref.id}


def _strings(raws: Mapping[str, Any]) -> dict[str, str]:
    return {name: text(raw) for name, raw in raws.items()}


def _applied(batch: Sequence[Write], answer: Answer) -> dict[str, Outcome]:
    """Outcomes from the answer to a batch that was taken, wholly or in part. The order of its rows means nothing."""
    if isinstance(batch[0], Delete):
        return {write.key: Stored(write.key, write.ref) for write in batch if isinstance(write, Delete)}
    outcomes: dict[str, Outcome] = {}
    open_: dict[str, Write] = {write.key: write for write in batch}
    for wrong in _troubles(answer.json):
        for write in _about(wrong, open_.values()):
            outcomes[write.key] = outcome(wrong, write)
            del open_[write.key]
    try:
        results = rows(answer.json)
    except BrokenProtocol as broken:  # it was a 2xx: what was not refused may well stand
        return outcomes | {key: Unknown(key, broken.message) for key in open_}
    for row in results:
        author = _author(row, open_)
        if author is not None:
            outcomes[author.key] = _stored(author, row)
            del open_[author.key]
    return outcomes | {key: Unknown(key, "HubSpot's answer does not mention this record") for key in open_}


def _troubles(body: Any) -> list[Trouble]:
    match body:
        case {"errors": list() as errors}:
            return [trouble(entry) for entry in errors]
    return []


def _about(wrong: Trouble, writes: Iterable[Write]) -> list[Write]:
    by_trace = [write for write in writes if write.key in wrong.traces]
    return by_trace or [write for write in writes if isinstance(write, Update) and write.ref.id in wrong.ids]


def _author(row: Mapping[str, Any], open_: Mapping[str, Write]) -> Write | None:
    """Whose result this is: by trace id, else by record id, else, for a create, by all that was sent."""
    trace = row.get("objectWriteTraceId")
    if trace in open_:
        return open_[str(trace)]
    for write in open_.values():
        if isinstance(write, Update) and write.ref.id == row.get("id"):
            return write
    alike = [write for write in open_.values() if isinstance(write, Create) and _alike(write, row)]
    return alike[0] if len(alike) == 1 else None


def _alike(write: Create, row: Mapping[str, Any]) -> bool:
    shown = row.get("properties") or {}
    sent = {name: text(raw).strip().lower() for name, raw in write.fields.items()}
    return all(str(shown.get(name) or "").strip().lower() == value for name, value in sent.items() if value)


def _stored(write: Write, row: Mapping[str, Any]) -> Outcome:
    match write:
        case Update():
            if row.get("id") != write.ref.id:
                return Unknown(write.key, "the record was merged into another; read it again")
            return _told(write.key, write.ref.app, write.ref.object, row)
        case Create():
            return _told(write.key, write.app, write.object, row)
        case Delete():
            return Stored(write.key, write.ref)


def _told(key: str, app: str, object: str, row: Mapping[str, Any]) -> Outcome:
    try:
        stored: Record = record(app, object, row)
    except BrokenProtocol as broken:
        return Unknown(key, broken.message)
    return Stored(key, stored.ref, stored)
