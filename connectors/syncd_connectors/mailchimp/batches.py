"""Asynchronous batches: many PATCHes handed in at once, worked off by Mailchimp when it finds time.

Mailchimp docs, batch-operations: POST /batches with operations whose body is a string; the status goes through
`pending`, `preprocessing`, `started` and `finalizing` to `finished`, which says nothing of success. What became of each
operation is not taken from the archive of results but from the members themselves: that is the truth, and it needs
no download from another host.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncd.sdk import (
    BrokenProtocol,
    Clock,
    ConnectorError,
    Gone,
    Outcome,
    Stale,
    Stored,
    Unknown,
    Update,
    Write,
    each,
)
from syncd_connectors.mailchimp.account import LONG, Api, Audience
from syncd_connectors.mailchimp.listing import list_rows
from syncd_connectors.mailchimp.members import Body, record_of
from syncd_connectors.mailchimp.schema import PAGE

__all__ = ["MOST", "Batches", "carries"]

MOST: Final = PAGE
"""Operations in one batch: as many as one page of the listing can show afterwards."""

_PATIENCE: Final = 600.0
_PAUSES: Final = (1.0, 2.0, 5.0, 10.0)
_SINGLE: Final = frozenset({"status", "email_address"})


def carries(body: Body) -> bool:
    """Whether a change may wait in a batch. Consent may not, nor an address; tags have a call of their own."""
    return body.tags is None and bool(body.json) and not _SINGLE & body.json.keys()


@dataclass(frozen=True, slots=True)
class Batches:
    """Runs batches for one audience."""

    api: Api
    audience: Audience
    app: str
    clock: Clock

    def run(
        self,
        changes: Sequence[tuple[Update, Body]],
        params: Mapping[str, str],
        alone: Callable[[Write], Outcome],
    ) -> dict[str, Outcome]:
        """Hand in, wait, look. `alone` repeats one change by itself, to hear why it was refused.

        Raises only what handing in raises: InDoubt, or an error that means that nothing was handed in.
        """
        operations = [
            {
                "method": "PATCH",
                "path": f"{self.audience.members}/{write.ref.id}",
                "operation_id": write.key,
                "params": dict(params),
                "body": json.dumps(body.json),
            }
            for write, body in changes
        ]
        job = self.api.mapping("POST", "/batches", json={"operations": operations}, timeout=LONG)
        try:
            job = self._finished(job)
            rows = self._rows([write for write, _ in changes], job["submitted_at"])
        except ConnectorError as failure:
            return {write.key: Unknown(write.key, f"in a batch: {failure.message}") for write, _ in changes}
        outcomes: dict[str, Outcome] = {}
        repeat: list[Update] = []
        for write, body in changes:
            row = rows.get(write.ref.id)
            record = None if row is None else record_of(self.app, row)
            if isinstance(record, Gone):
                outcomes[write.key] = Stale(write.key)
            elif row is not None and _shows(row, body):
                outcomes[write.key] = Stored(write.key, write.ref, record)
            elif not job["errored_operations"]:
                outcomes[write.key] = Stored(write.key, write.ref)  # and changed since, by whomever: to be read again
            elif row is not None and row["last_changed"] >= job["submitted_at"]:
                outcomes[write.key] = Unknown(write.key, "in a batch with errors, and changed since")
            else:
                repeat.append(write)
        try:
            return outcomes | {outcome.key: outcome for outcome in each(repeat, alone)}
        except ConnectorError as failure:
            return outcomes | {write.key: Unknown(write.key, failure.message) for write in repeat}

    def _finished(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask until the batch is done. One that takes too long is stopped; what it did by then is not known."""
        deadline, asked = self.clock.now() + _PATIENCE, 0
        while job.get("status") != "finished":
            if self.clock.now() >= deadline:
                self.api.call("DELETE", f"/batches/{job['id']}", expect={404})
                raise BrokenProtocol(f"the batch {job['id']} did not end within {_PATIENCE:g} seconds")
            self.clock.sleep(_PAUSES[min(asked, len(_PAUSES) - 1)])
            asked += 1
            job = self.api.mapping("GET", f"/batches/{job['id']}")
        return job

    def _rows(self, writes: Sequence[Update], since: str) -> dict[str, Mapping[str, Any]]:
        """The members as they stand: from the newest in the listing, the others one by one."""
        rows = {row["contact_id"]: row for row in list_rows(self.api, self.audience, since, count=PAGE)}
        for write in writes:
            if write.ref.id not in rows:
                answer = self.api.call("GET", f"{self.audience.members}/{write.ref.id}", expect={404})
                if answer.status != 404:
                    rows[write.ref.id] = answer.json
        return rows


def _shows(row: Mapping[str, Any], body: Body) -> bool:
    """Whether a member holds all that a body says."""
    return all(
        all(row.get(name, {}).get(key) == part for key, part in value.items())
        if name in {"merge_fields", "interests"}
        else row.get(name) == value
        for name, value in body.json.items()
    )
