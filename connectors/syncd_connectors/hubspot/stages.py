"""Moving a lifecycle stage back: HubSpot takes `lifecyclestage` forwards only, unless it is cleared first.

A write that would move it back is taken, and the stage alone stays as it is (HubSpot docs, contacts, "update
contacts"). So where the admin asks for it, an update that shows another stage than was sent is followed by two more:
one clears the stage, one sets it. Between the two the record has no stage; if the second goes wrong, the outcome is
Unknown and the engine looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from syncd.core.record import Outcome, Stored, Unknown, Update, Write
from syncd.errors import ConnectorError
from syncd_connectors.hubspot.api import Api
from syncd_connectors.hubspot.wire import text
from syncd_connectors.hubspot.writes import write_all

__all__ = ["move_back"]

_STAGE: Final = "lifecyclestage"


def move_back(api: Api, writes: Sequence[Write], done: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Move the stages that HubSpot left as they were; key to outcome, for those writes alone. Raises nothing."""
    left = [write for write in writes if isinstance(write, Update) and _left_as_it_was(write, done.get(write.key))]
    if not left:
        return {}
    try:
        cleared = write_all(api, [replace(write, patch={_STAGE: ""}) for write in left])
    except ConnectorError:
        return {}  # the stage stands as it was, and the outcome shows it
    ready = [write for write in left if isinstance(cleared[write.key], Stored)]
    doubts: dict[str, Outcome] = {key: outcome for key, outcome in cleared.items() if isinstance(outcome, Unknown)}
    try:
        moved = write_all(api, [replace(write, patch={_STAGE: write.patch[_STAGE]}) for write in ready])
    except ConnectorError as stop:
        return doubts | {write.key: _between(write.key, stop.message) for write in ready}
    return doubts | {write.key: _after(done[write.key], moved[write.key]) for write in ready}


def _left_as_it_was(write: Update, outcome: Outcome | None) -> bool:
    if not isinstance(outcome, Stored) or outcome.record is None:
        return False
    sent, kept = text(write.patch.get(_STAGE)), outcome.record.fields.get(_STAGE, "")
    return bool(sent) and bool(kept) and sent != kept


def _after(first: Outcome, last: Outcome) -> Outcome:
    """The record as the last write left it, with what only the first one showed."""
    if not isinstance(last, Stored):
        return _between(last.key, getattr(last, "reason", ""))
    if isinstance(first, Stored) and first.record is not None and last.record is not None:
        return replace(last, record=replace(last.record, fields={**first.record.fields, **last.record.fields}))
    return last


def _between(key: str, why: str) -> Unknown:
    return Unknown(key, f"{_STAGE} was cleared to move it back, and may not be set again: {why}")
