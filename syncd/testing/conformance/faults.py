"""Trouble on the way: what a connector may claim when it cannot know, and what it must never claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

import httpx
import pytest

from syncd.core.record import (
    Create,
    Exists,
    Gone,
    Outcome,
    Raws,
    Refused,
    Stale,
    Stored,
    Unknown,
    Unsent,
    Update,
    Write,
)
from syncd.errors import ConnectorError, InDoubt, Throttled, Transient, Unauthorised, Unavailable
from syncd.sdk.contract import Finds, Hears, Request, Subscribes
from syncd.sdk.verdicts import retry_after
from syncd.testing.conformance.bench import Bench, ids, secrets
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["FaultsContract"]

_REPEATS = 6
_MANY = 500
_TELLING = 6
"""Characters of a text that no log holds by chance."""
_NONSENSE = (b'{"results": [{"id": "1', b"<html><body>Welcome</body></html>", b"\xff\xfe\x00")
"""What proxies, captive portals and broken connections answer, with status 200."""


class FaultsContract(Ground):
    """What calls raise and return while the twin shows faults."""

    # --- reads -------------------------------------------------------------------------------------------------

    def test_an_outage_is_no_evidence_about_a_record(self, bench: Bench) -> None:
        refs = [bench.ref(id_) for id_ in (*bench.some(2), "no-such-id")]
        bench.misbehave(outage=True)
        with pytest.raises((Unavailable, Transient)):
            bench.connector.read(refs)
        with pytest.raises((Unavailable, Transient)):
            bench.pages()

    def test_a_revoked_token_is_told_by_every_call(self, bench: Bench) -> None:
        (id_,) = bench.some()
        ref, cursor = bench.ref(id_), bench.cursor()
        bench.misbehave(revoked=True)
        with pytest.raises(Unauthorised):
            bench.connector.read([ref])
        with pytest.raises(Unauthorised):
            bench.pages()
        with pytest.raises(Unauthorised):
            bench.pages(cursor)

    def test_a_lost_permission_never_looks_like_a_tombstone(self, bench: Bench) -> None:
        (id_,) = bench.some()
        cursor = bench.cursor()
        bench.misbehave(blind=True)
        try:
            fate = bench.fate(id_)
            rows = [row for page in bench.pages(cursor) for row in page.rows]
        except ConnectorError:
            return  # a connector may well see through it
        assert not (isinstance(fate, Gone) and fate.told)
        assert not any(isinstance(row, Gone) for row in rows)

    def test_reads_get_through_where_calls_fail_now_and_then(self, bench: Bench) -> None:
        (id_,) = bench.some()
        bench.misbehave(throttle=0.1, before=0.05, error=0.05)
        answered = 0
        for _ in range(20):
            try:
                answered += bench.seen(id_).ref.id == id_
            except (Transient, Unavailable):
                bench.clock.turn(60.0)
        assert answered >= 15

    def test_a_listing_that_breaks_off_can_be_resumed(self, crowd: Bench) -> None:
        listing = crowd.connector.changes(crowd.subject, None)
        first = next(listing)
        crowd.misbehave(outage=True)
        with pytest.raises((Unavailable, Transient)):
            list(listing)
        crowd.misbehave()
        assert set(crowd.people()) - ids([first, *crowd.pages(first.cursor)]) == set()

    def test_an_answer_that_breaks_off_is_no_evidence_about_a_record(self, bench: Bench) -> None:
        refs, cursor = [bench.ref(id_) for id_ in bench.some(2)], bench.cursor()
        for body in _NONSENSE:
            with bench.answering(body):
                with pytest.raises(ConnectorError):
                    bench.connector.read(refs)
                with pytest.raises(ConnectorError):
                    bench.pages()
                with pytest.raises(ConnectorError):
                    bench.pages(cursor)

    # --- the pace ----------------------------------------------------------------------------------------------

    def test_after_a_refusal_for_haste_nothing_is_asked_before_its_time(self, bench: Bench) -> None:
        (id_,) = bench.some()
        bench.misbehave(throttle=1.0)
        with bench.watching() as seen:
            for _ in range(3):
                with pytest.raises(Throttled) as refusal:
                    bench.seen(id_)
        told = [_plea(answer, now) for now, answer in seen]
        assert all(then - now >= wait for (now, _), (then, _), wait in zip(seen, seen[1:], told, strict=False))
        if "retry-after" in seen[-1][1].headers:
            assert refusal.value.retry_after == pytest.approx(told[-1])

    def test_the_declared_quota_is_one_that_the_app_keeps_to(self, bench: Bench) -> None:
        few = [quota for quota in self.plugin.quotas if not quota.bucket and quota.calls <= _MANY]
        needs(few, f"a quota of at most {_MANY} calls")
        (id_,) = bench.some()
        with bench.watching() as seen:
            for _ in range(2 * min(quota.calls for quota in few) + 5):
                try:
                    bench.seen(id_)
                except Throttled as held:  # by our own gate, where the window is longer than its patience
                    bench.clock.turn(held.retry_after or 1.0)
        assert [answer.status_code for _, answer in seen if answer.status_code == 429] == []

    # --- writes: nothing was applied ---------------------------------------------------------------------------

    def test_a_throttled_write_is_known_not_to_be_applied(self, bench: Bench) -> None:
        writes, before = self._writes(bench), bench.people()
        bench.misbehave(throttle=1.0)
        outcomes = self._attempt(bench, writes)
        assert isinstance(outcomes, Throttled) or _kinds(outcomes) == {Unsent}
        assert bench.people() == before

    def test_a_revoked_token_stops_writes_before_anything_is_applied(self, bench: Bench) -> None:
        writes, before = self._writes(bench), bench.people()
        bench.misbehave(revoked=True)
        assert isinstance(self._attempt(bench, writes), Unauthorised)
        assert bench.people() == before

    def test_a_write_into_an_outage_claims_nothing_about_the_records(self, bench: Bench) -> None:
        writes, before = self._writes(bench), bench.people()
        bench.misbehave(outage=True)
        self._honest(bench, writes, self._attempt(bench, writes), before)
        assert bench.people() == before

    # --- writes: nobody knows ----------------------------------------------------------------------------------

    def test_a_write_without_an_answer_is_in_doubt(self, bench: Bench) -> None:
        writes = self._writes(bench)
        for fault in ("before", "after", "error", "error_after"):
            before = bench.people()
            bench.misbehave(**{fault: 1.0})
            outcomes = self._attempt(bench, [self._again(bench, write) for write in writes])
            unread = isinstance(outcomes, Unavailable) and bench.people() == before  # it reads before it writes
            known = isinstance(outcomes, InDoubt) or _kinds(outcomes) <= {Unknown, Unsent}
            assert unread or known, (fault, outcomes)

    def test_a_write_that_was_applied_is_never_called_unsent(self, bench: Bench) -> None:
        for fault in ("after", "error_after"):
            write, before = self._writes(bench, f"Changed {fault}")[0], bench.people()
            bench.misbehave(**{fault: 1.0})
            outcomes = self._attempt(bench, [write])
            bench.misbehave()
            applied = bench.people() != before
            needs(applied or not isinstance(outcomes, Unavailable), "a write without a read before it")
            assert applied, "the twin should have applied the write"
            assert not isinstance(outcomes, Transient)
            assert isinstance(outcomes, ConnectorError) or isinstance(outcomes[write.key], Unknown)

    def test_a_create_whose_answer_was_lost_can_be_found_again(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        cursor, before = bench.cursor(), set(bench.people())
        bench.pass_time()
        bench.misbehave(after=1.0)
        self._attempt(bench, [self.create(bench, 950)])
        bench.misbehave()
        bench.settle()
        made = set(bench.people()) - before
        assert len(made) == 1
        assert made <= ids(bench.pages(cursor))

    def test_a_create_whose_answer_was_lost_is_found_by_its_fields(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        write = self.create(bench, 951)
        names = self.searched(bench, write)
        before = set(bench.people())
        bench.misbehave(after=1.0)
        self._attempt(bench, [write])
        bench.misbehave()
        bench.settle()
        (made,) = set(bench.people()) - before
        assert isinstance(bench.connector, Finds)
        for name in names:
            value = str(write.fields[name])
            assert list(bench.connector.find(bench.subject, name, [value])[value]) == [bench.ref(made)]

    def test_an_update_whose_answer_was_lost_shows_in_a_read(self, bench: Bench) -> None:
        name = self.text(bench)
        for fault in ("after", "error_after"):
            (write, *_) = self._writes(bench, f"Lost {fault}")
            assert isinstance(write, Update)
            assert bench.seen(write.ref.id).fields.get(name) != write.patch[name]
            bench.misbehave(**{fault: 1.0})
            self._attempt(bench, [write])
            bench.misbehave()
            assert bench.seen(write.ref.id).fields[name] == write.patch[name]

    def test_a_write_whose_answer_breaks_off_is_in_doubt(self, bench: Bench) -> None:
        for body in _NONSENSE:
            writes = self._writes(bench, "Cut off")
            with bench.answering(body):
                outcomes = self._attempt(bench, writes)
            assert isinstance(outcomes, InDoubt) or _kinds(outcomes) <= {Unknown, Unsent}, outcomes

    def test_the_outcomes_of_a_rough_day_are_all_true(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        for repeat in range(_REPEATS):
            before = bench.people()
            writes: list[Write] = [self.create(bench, 3000 + 100 * repeat + n) for n in range(5)]
            writes += self._writes(bench, f"Rough {repeat}")
            bench.misbehave(throttle=0.15, before=0.1, after=0.1, error=0.05, error_after=0.05)
            outcomes = self._attempt(bench, writes)
            bench.misbehave()
            self._honest(bench, writes, outcomes, before)
            bench.clock.turn(600.0)

    # --- secrets and persons -----------------------------------------------------------------------------------

    def test_no_secret_is_told_to_anybody(self, bench: Bench) -> None:
        needs(secrets(self.settings), "settings with a secret")
        told = [repr(bench.connector), str(bench.connector), repr(self.plugin)]
        bench.connector.objects()
        for faults in ({}, {"revoked": True}, {"outage": True}, {"throttle": 1.0}, {"after": 1.0}, {"error": 1.0}):
            bench.misbehave(**faults)
            outcomes = self._attempt(bench, self._writes(bench))
            told.append(f"{outcomes} {outcomes!r}")
            try:
                bench.connector.check()
            except ConnectorError as error:
                told.append(f"{error} {error!r} {error.hint} {error.__cause__} {error.__cause__!r}")
        told += [str(line) for line in bench.log.entries]
        assert [secret for secret in secrets(self.settings) if any(secret in text for text in told)] == []

    def test_the_log_does_not_tell_by_what_a_call_is_let_in(self, bench: Bench) -> None:
        with bench.watching() as seen:
            bench.connector.check()
            bench.pages()
            self._attempt(bench, self._writes(bench))
        sent = {answer.request.headers.get("authorization", "").rpartition(" ")[2] for _, answer in seen} - {""}
        needs(sent, "a token in the header of calls")
        lines = " ".join(str(line) for line in bench.log.entries)
        assert [len(token) for token in sent if token in lines] == []

    def test_the_log_tells_nobody_s_data(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        bench.person_edits(id_, name, "Confidential-Value")
        bench.pages()
        bench.seen(id_)
        needs(bench.can.updates, "updates")
        bench.store(Update(bench.ref(id_), {name: "Private-Value"}, bench.key()))
        lines = " ".join(str(line) for line in bench.log.entries)
        assert [value for value in ("Confidential-Value", "Private-Value") if value in lines] == []

    def test_no_secret_of_a_webhook_is_told_to_anybody(self, bench: Bench) -> None:
        needs(secrets(self.settings), "settings with a secret")
        needs(isinstance(bench.connector, Hears | Subscribes), "Hears")
        told, trouble = [], ("hooks_doubled", "revoked", "outage", "after")
        for number, fault in enumerate(trouble):
            bench.misbehave(**{fault: True})
            bench.person_edits(bench.some()[0], self.text(bench), f"Changed {number}")
            for act in self._webhooks(bench):
                try:
                    act()
                except ConnectorError as error:
                    told.append(f"{error} {error!r} {error.hint} {error.__cause__} {error.__cause__!r}")
        told += [str(line) for line in bench.log.entries]
        assert [secret for secret in secrets(self.settings) if any(secret in text for text in told)] == []

    def test_the_log_tells_nobody_s_data_of_creates_searches_and_webhooks(self, bench: Bench) -> None:
        values = [bench.seen(id_).fields.get(name) for id_ in bench.some(2) for name in self._personal(bench)]
        if bench.can.creates:
            write = self.create(bench, 952)
            bench.write(write, self.create(bench, 953, **dict(self.unfit(bench))))
            values += [write.fields[name] for name in self._personal(bench) if name in write.fields]
        if isinstance(bench.connector, Finds):
            for name in bench.connector.findable(bench.subject):
                bench.connector.find(bench.subject, name, [str(value) for value in values if value])
        if isinstance(bench.connector, Hears):
            self.listen(bench)
            bench.person_edits(bench.some()[0], self.text(bench), "Overheard-Value")
            for hook in bench.twin.outbox:
                headers = {name.lower(): value for name, value in hook.headers.items()}
                bench.connector.hear(Request(hook.method, hook.url, headers, hook.body))
        lines = " ".join(str(line) for line in bench.log.entries)
        known = {"Overheard-Value", *(value for value in values if isinstance(value, str) and len(value) >= _TELLING)}
        assert [value for value in known if value in lines] == []

    # --- how it is asked ---------------------------------------------------------------------------------------

    def searched(self, bench: Bench, write: Create) -> list[str]:
        """The fields by which a new record can be searched; skips where there is none."""
        if not isinstance(bench.connector, Finds):
            pytest.skip("not declared: Finds")
        names = [name for name in bench.connector.findable(bench.subject) if isinstance(write.fields.get(name), str)]
        needs(names, "a searchable field among those of a new record")
        return names

    def _personal(self, bench: Bench) -> list[str]:
        return [field.name for field in bench.object.fields.values() if field.personal]

    def _webhooks(self, bench: Bench) -> Iterator[Callable[[], object]]:
        """What is done about webhooks, that of a stranger among it."""
        if isinstance(bench.connector, Subscribes):
            yield partial(bench.connector.subscribe, self.hook_url)
            yield partial(bench.connector.unsubscribe, self.hook_url)
            yield partial(self.listen, bench)
        if isinstance(bench.connector, Hears):
            for hook in list(bench.twin.outbox):
                headers = {name.lower(): value for name, value in hook.headers.items()}
                yield partial(bench.connector.hear, Request(hook.method, hook.url, headers, b"changed"))

    def _writes(self, bench: Bench, value: str = "Changed in trouble") -> list[Write]:
        """Changes of a few records, which are read before, as syncd does with whatever it writes to."""
        needs(bench.can.updates, "updates")
        name, refs = self.text(bench), [bench.ref(id_) for id_ in bench.some(3)]
        with suppress(ConnectorError):
            bench.connector.read(refs)
        return [Update(ref, {name: f"{value} {ref.id}"[:60]}, bench.key()) for ref in refs]

    def _again(self, bench: Bench, write: Write) -> Write:
        return Update(write.ref, write.patch, bench.key()) if isinstance(write, Update) else write

    def _attempt(self, bench: Bench, writes: Sequence[Write]) -> Mapping[str, Outcome] | ConnectorError:
        try:
            return bench.write(*writes)
        except ConnectorError as error:
            return error

    def _honest(
        self,
        bench: Bench,
        writes: Sequence[Write],
        outcomes: Mapping[str, Outcome] | ConnectorError,
        before: Mapping[str, Raws],
    ) -> None:
        """Hold every outcome against what persons see."""
        after = bench.people()
        if isinstance(outcomes, ConnectorError):
            # "Raises only if nothing at all was applied", or if nobody can know.
            assert isinstance(outcomes, InDoubt) or after == before, repr(outcomes)
            return
        stored = {o.ref.id for o in outcomes.values() if isinstance(o, Stored)}
        assert stored <= set(after)
        for write in writes:
            outcome = outcomes[write.key]
            assert not isinstance(outcome, Refused | Stale | Exists), f"{outcome}: nothing was wrong with {write}"
            if isinstance(write, Update):
                shows = all(after[write.ref.id].get(n) == value for n, value in write.patch.items())
                assert shows or not isinstance(outcome, Stored), f"{outcome}: not applied"
                assert not shows or not isinstance(outcome, Unsent), f"{outcome}: applied"
        unknown = sum(isinstance(outcome, Unknown) for outcome in outcomes.values())
        made = set(after) - set(before)
        assert len(made - stored) <= unknown, "records were made that no outcome owns up to"


def _plea(answer: httpx.Response, now: float) -> float:
    """How long the app asks to wait, in seconds or by a date; a moment where it does not say."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    told = retry_after(headers, now)
    return 0.2 if told is None else told


def _kinds(outcomes: Mapping[str, Outcome] | ConnectorError) -> set[type]:
    """The kinds of outcome there are, or the kind of error that was raised instead."""
    return {type(outcomes)} if isinstance(outcomes, ConnectorError) else {type(o) for o in outcomes.values()}
