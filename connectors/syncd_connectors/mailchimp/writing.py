"""Writing members: what goes in one call for many, what goes by itself, and what each answer means.

New members without tags go 500 at a time by batch subscribe, which is asked never to touch a member that exists.
Changes go one by one by PATCH on the contact id. Batch subscribe could carry them too, but it knows members by address
and wants a status with each: an address that has just changed would make a second member, and a status that has just
changed would be put back. Consent is worth more than calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from syncd.sdk import (
    BrokenProtocol,
    ConnectorError,
    Create,
    Delete,
    Exists,
    Field,
    InDoubt,
    Outcome,
    Record,
    Ref,
    Refused,
    Rejected,
    Stale,
    Stored,
    Throttled,
    Transient,
    Unauthorised,
    Unavailable,
    Unknown,
    Unsent,
    Update,
    Write,
    each,
    in_chunks,
)
from syncd_connectors.mailchimp.account import LONG, Api, Audience, Problem
from syncd_connectors.mailchimp.answers import by_address, is_archived, problem_in, row_in, title_of, told
from syncd_connectors.mailchimp.batches import MOST, Batches, carries
from syncd_connectors.mailchimp.listing import list_rows
from syncd_connectors.mailchimp.members import OBJECT, Body, address_hash, body_of, email_key, is_id, record_of, tags_of
from syncd_connectors.mailchimp.schema import BATCH, PAGE

__all__ = ["Outcomes", "Writer", "all_tags"]

Outcomes: TypeAlias = dict[str, Outcome]
"""By the key of the write."""

_FEW: Final = 2
"""So many new members are made one by one: a batch needs a second call to learn the contact ids."""
_SKIP_REQUIRED: Final = {"skip_merge_validation": "true"}
"""Merge fields that sign-up forms require are not required of a sync: an opt-out must never fail for want of one."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes to one audience. `fields`: what its members have; `new_members`: the status of one made without."""

    api: Api
    audience: Audience
    app: str
    fields: Mapping[str, Field]
    new_members: str
    batches: Batches
    bulk_from: int = 0
    """From how many changes on asynchronous batches are used; 0: never."""

    def write(self, writes: Sequence[Write]) -> Outcomes:
        """One outcome per write. Raises only where nothing was applied."""
        refused: Outcomes = {}
        new: list[tuple[Create, Body]] = []
        waiting: list[tuple[Update, Body]] = []
        alone: list[Write] = []
        seen: set[str] = set()
        for write in writes:
            try:
                match write:
                    case Create() if (body := self.new_body(write)).tags is None and body.email not in seen:
                        seen.add(body.email)
                        new.append((write, body))
                    case Update() if is_id(write.ref.id) and write.ref.id not in seen:
                        seen.add(write.ref.id)
                        change = body_of(write.patch, self.fields)
                        if carries(change):
                            waiting.append((write, change))
                        else:
                            alone.append(write)
                    case _:
                        alone.append(write)
            except Rejected as misfit:
                refused[write.key] = Refused(write.key, misfit.message, misfit.field, misfit.code)
        if len(new) <= _FEW:
            alone, new = [*(create for create, _ in new), *alone], []
        if not self.bulk_from or len(waiting) < self.bulk_from:
            alone, waiting = [*(update for update, _ in waiting), *alone], []
        steps = [_Step([write for write, _ in some], partial(self._subscribe, some)) for some in in_chunks(new, BATCH)]
        steps += [_Step([write for write, _ in some], partial(self._batch, some)) for some in in_chunks(waiting, MOST)]
        if alone:
            steps.append(_Step(alone, partial(self._each, alone)))
        return refused | in_turn(steps)

    def _each(self, writes: Sequence[Write]) -> Outcomes:
        return {outcome.key: outcome for outcome in each(writes, self.one)}

    def _batch(self, changes: Sequence[tuple[Update, Body]]) -> Outcomes:
        return self.batches.run(changes, _SKIP_REQUIRED, self.one)

    def one(self, write: Write) -> Outcome:
        """One write by a call of its own. Raises like `each` wants it."""
        match write:
            case Create():
                return self._create(write)
            case Update() if is_id(write.ref.id):
                return self._update(write)
            case Delete() if is_id(write.ref.id):
                return self._archive(write)
            case _:
                return Stale(write.key)

    def new_body(self, write: Create) -> Body:
        """The body of a new member, its status made sure of. Raises Rejected."""
        body = body_of(write.fields, self.fields)
        if not body.email:
            raise Rejected("a member needs an e-mail address", field="email_address", code="no-address")
        body.json.setdefault("status", self.new_members)
        if body.json["status"] == "subscribed" and self.audience.double_optin:
            body.json["status"] = "pending"
        return body

    def path(self, ref: Ref) -> str:
        """A member's own address."""
        return f"{self.audience.members}/{ref.id}"

    # --- one by one --------------------------------------------------------------------------------------------

    def _create(self, write: Create) -> Outcome:
        body = self.new_body(write)
        json = body.json | ({"tags": list(body.tags)} if body.tags else {})
        answer = self.api.call("POST", self.audience.members, params=_SKIP_REQUIRED, json=json, expect={400, 404})
        if answer.status == 404:
            raise self.audience.unseen()
        if answer.status == 400:
            problem = problem_in(answer)
            if problem.title == "Member Exists":
                row = self._who_has(body.email)
                return self._revived(write, body) if is_archived(row) else self._exists(write, row)
            return self._refused(write, problem)
        return self._stored(write, told(answer))

    def _revived(self, write: Create, body: Body) -> Outcome:
        """Bring an archived member back by PUT, which sets the status that it is given."""
        path = f"{self.audience.members}/{address_hash(body.email)}"
        answer = self.api.call("PUT", path, params=_SKIP_REQUIRED, json=body.json, expect={400})
        if answer.status == 400:
            return self._refused(write, problem_in(answer))
        row = told(answer)
        return self._stored(write, row) if body.tags is None else self._tagged_too(write, row, body)

    def _update(self, write: Update) -> Outcome:
        body = body_of(write.patch, self.fields)
        self._mind_status(write.ref, body)
        row = self._patched(write, body) if body.json else self._shown(write.ref)
        if row is None:
            return Stale(write.key)
        if not isinstance(row, Mapping):
            return row
        return self._stored(write, row) if body.tags is None else self._tagged_too(write, row, body)

    def _tagged_too(self, write: Create | Update, row: Mapping[str, Any], body: Body) -> Outcome:
        """Give the tags of a body whose fields, if it has any, are written. InDoubt if only the fields were."""
        try:
            return self._tagged(write, row, body.tags or ())
        except (Rejected, Transient, Unavailable, Unauthorised, BrokenProtocol) as failure:
            if not body.json:
                raise
            raise InDoubt(f"the fields were written, the tags were not: {failure.message}") from failure

    def _mind_status(self, ref: Ref, body: Body) -> None:
        """Let a change of status through only as Mailchimp means it."""
        status = body.json.get("status")
        if status == "transactional":
            why = "Mailchimp makes a member transactional only when it is made"
            raise Rejected(why, field="status", code="status-not-settable")
        if status == "subscribed" and self.audience.double_optin:
            # `subscribed` would skip the confirmation that this audience asks for, and `pending` would take a member
            # who has confirmed off the list.
            row = self._shown(ref)
            if row is not None and row.get("status") == "subscribed":
                del body.json["status"]
            else:
                body.json["status"] = "pending"

    def _patched(self, write: Update, body: Body) -> Mapping[str, Any] | Refused | None:
        path = self.path(write.ref)
        answer = self.api.call("PATCH", path, params=_SKIP_REQUIRED, json=body.json, expect={400, 404, 405})
        if answer.status == 400:
            return self._refused(write, problem_in(answer))
        return None if answer.status in {404, 405} else told(answer)

    def _shown(self, ref: Ref) -> Mapping[str, Any] | None:
        answer = self.api.call("GET", self.path(ref), expect={404})
        return None if answer.status == 404 else row_in(answer)

    def _tagged(self, write: Create | Update, row: Mapping[str, Any], wanted: Sequence[str]) -> Outcome:
        """Give and take only what differs, and start no automation: a sync is no campaign (`is_syncing`)."""
        now = all_tags(self.api, self.audience, row)
        changes = [{"name": name, "status": "active"} for name in wanted if name not in now]
        changes += [{"name": name, "status": "inactive"} for name in now if name not in wanted]
        if not changes:
            return self._stored(write, row)
        path = f"{self.audience.members}/{row['id']}/tags"
        self.api.call("POST", path, json={"tags": changes, "is_syncing": True})
        ref = Ref(self.app, OBJECT, row["contact_id"])
        try:
            after = self._shown(ref)
        except ConnectorError:
            after = None  # written for certain; only the picture of it is missing
        return Stored(write.key, ref) if after is None else self._stored(write, after)

    def _archive(self, write: Delete) -> Outcome:
        answer = self.api.call("DELETE", self.path(write.ref), expect={404, 405})
        return Stale(write.key) if answer.status in {404, 405} else Stored(write.key, write.ref)

    # --- many at once ------------------------------------------------------------------------------------------

    def _subscribe(self, chunk: Sequence[tuple[Create, Body]]) -> Outcomes:
        """Batch subscribe: 200 even where single members are refused; matched by address."""
        json = {"members": [body.json for _, body in chunk], "update_existing": False}
        path = self.audience.path
        answer = self.api.call("POST", path, params=_SKIP_REQUIRED, json=json, expect={404}, timeout=LONG)
        if answer.status == 404:
            raise self.audience.unseen()
        made, errors = by_address(answer, "new_members"), by_address(answer, "errors")
        records = self._recognised(made)
        outcomes: Outcomes = {}
        for write, body in chunk:
            if body.email in records:
                record = records[body.email]
                outcomes[write.key] = Stored(write.key, record.ref, record)
            elif body.email in errors:
                outcomes[write.key] = self._error(write, body, errors[body.email])
            else:
                outcomes[write.key] = Unknown(write.key, "the member may have been made, but was not seen again")
        return outcomes

    def _again(self, write: Create) -> Outcome:
        """By itself: batch subscribe leaves archived members alone."""
        (outcome,) = self._each([write]).values()
        return outcome

    def _recognised(self, made: Mapping[str, Mapping[str, Any]]) -> dict[str, Record]:
        """The new members as records, by address.

        Batch subscribe shows no contact ids (OpenAPI description 3.0.55), so the newest members are listed. Who is not
        among them is looked up; who cannot be looked up is left out.
        """
        rows = {email: row for email, row in made.items() if row.get("contact_id")}
        missing = made.keys() - rows.keys()
        try:
            if missing:
                since = min(made[email].get("last_changed") or "" for email in missing)
                newest = list_rows(self.api, self.audience, since, count=PAGE)
                listed = {email_key(row["email_address"]): row for row in newest}
                # What the answer says of a member is what was stored; the listing may show an edit made since.
                rows |= {email: {**listed[email], **made[email]} for email in missing & listed.keys()}
            for email in made.keys() - rows.keys():
                row = self._who_has(email)
                if row is not None:
                    rows[email] = row
        except ConnectorError:
            pass  # they were made: nothing may be raised that says otherwise
        records = {email: record_of(self.app, row) for email, row in rows.items()}
        return {email: record for email, record in records.items() if isinstance(record, Record)}

    def _error(self, write: Create, body: Body, error: Mapping[str, Any]) -> Outcome:
        if error.get("error_code") == "ERROR_CONTACT_EXISTS":
            try:
                row = self._who_has(body.email)
            except ConnectorError:
                return Exists(write.key)
            return self._again(write) if is_archived(row) else self._exists(write, row)
        named = ((str(error["field"]), str(error.get("field_message", ""))),) if error.get("field") else ()
        words = str(error.get("error", "refused"))
        return self._refused(write, Problem(title_of(words), words, named))

    # --- what answers mean -------------------------------------------------------------------------------------

    def _who_has(self, email: str) -> Mapping[str, Any] | None:
        answer = self.api.call("GET", f"{self.audience.members}/{address_hash(email)}", expect={404})
        return None if answer.status == 404 else row_in(answer)

    def _exists(self, write: Create, row: Mapping[str, Any] | None) -> Exists:
        return Exists(write.key, None if row is None else record_of(self.app, row).ref)

    def _stored(self, write: Create | Update, row: Mapping[str, Any]) -> Outcome:
        try:
            record = record_of(self.app, row)
        except BrokenProtocol as odd:
            raise InDoubt(odd.message) from odd
        # Mailchimp keeps a change to an archived member without bringing it back: for us it stays gone.
        return Stored(write.key, record.ref, record) if isinstance(record, Record) else Stale(write.key)

    def _refused(self, write: Write, problem: Problem) -> Refused:
        """Field names in Mailchimp's errors are bare tags; ours are dotted."""
        named = problem.errors[0][0] if problem.errors else ""
        field = next((name for name in (named, f"merge_fields.{named}") if name in self.fields), None)
        if field is None:
            field = _BLAMED.get(problem.title)
        return Refused(write.key, problem.reason, field, problem.code)


_BLAMED: Final = {
    "Member In Compliance State": "status",
    "Forgotten Email Not Subscribed": "email_address",
    "Member Exists": "email_address",
}


@dataclass(frozen=True, slots=True)
class _Step:
    """Some writes, and the act that applies them all."""

    writes: Sequence[Write]
    act: Callable[[], Outcomes]


def in_turn(steps: Sequence[_Step]) -> Outcomes:
    """Take the steps in order. After a failure that stops all, the rest is Unsent.

    Raises what the first step raises, if nothing can have been applied.
    """
    outcomes: Outcomes = {}
    for place, step in enumerate(steps):
        try:
            outcomes |= step.act()
        except InDoubt as doubt:
            outcomes |= {write.key: Unknown(write.key, doubt.message) for write in step.writes}
        except ConnectorError as stop:
            if not outcomes:
                raise
            wait = stop.retry_after if isinstance(stop, Throttled) else None
            left = [write for later in steps[place:] for write in later.writes]
            return outcomes | {write.key: Unsent(write.key, stop.message, wait) for write in left}
    return outcomes


def all_tags(api: Api, audience: Audience, row: Mapping[str, Any]) -> Sequence[str]:
    """Every tag of a member, asked for where the row does not show them all."""
    shown = tags_of(row)
    if shown is not None:
        return shown
    answer = api.mapping("GET", f"{audience.members}/{row['id']}/tags", params={"count": PAGE})
    return sorted(tag["name"] for tag in answer.get("tags") or ())
