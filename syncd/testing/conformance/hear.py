"""Webhooks: who should be read again, from nobody but the app."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, get_args

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from syncd.core.record import Ref
from syncd.errors import Unauthorised
from syncd.sdk.contract import Hears, Request, Subscribes
from syncd.testing.conformance.bench import Bench
from syncd.testing.conformance.ground import Ground, needs

__all__ = ["HearContract"]

_NUMBER: Final = re.compile(r"[0-9]{10,13}")
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_HARMLESS: Final = frozenset({"content-type", "content-length", "host", "user-agent", "accept", "date"})


class HearContract(Ground):
    """`hear()` and `subscribe()`, where the connector has them."""

    def ear(self, bench: Bench) -> Hears:
        """The connector, if it can hear; the twin sends from now on."""
        if not isinstance(bench.connector, Hears):
            pytest.skip("not declared: Hears")
        self.listen(bench)
        bench.twin.outbox.clear()
        return bench.connector

    def test_a_persons_edit_is_heard(self, bench: Bench) -> None:
        ear, name, (id_,) = self.ear(bench), self.text(bench), bench.some()
        bench.person_edits(id_, name, "Changed")
        assert bench.ref(id_) in self._heard(ear, self._hooks(bench))

    def test_a_new_record_is_heard(self, bench: Bench) -> None:
        ear = self.ear(bench)
        id_ = bench.twin.person_create(bench.subject, self.fields(bench, 960))
        assert bench.ref(id_) in self._heard(ear, self._hooks(bench))

    def test_a_delete_is_heard(self, bench: Bench) -> None:
        ear, (id_,) = self.ear(bench), bench.some()
        bench.twin.person_delete(bench.subject, id_)
        assert bench.ref(id_) in self._heard(ear, self._hooks(bench))

    def test_a_webhook_that_comes_twice_says_the_same_twice(self, bench: Bench) -> None:
        ear, hooks = self.ear(bench), self._some_hooks(bench)
        assert self._heard(ear, hooks) == self._heard(ear, hooks)

    def test_hearing_changes_nothing_at_the_app(self, bench: Bench) -> None:
        ear, hooks = self.ear(bench), self._some_hooks(bench)
        before = bench.people()
        asked = {call: count for call, count in bench.twin.calls.items() if not call.startswith("GET")}
        self._heard(ear, hooks)
        assert {call: count for call, count in bench.twin.calls.items() if not call.startswith("GET")} == asked
        assert bench.people() == before

    def test_a_webhook_without_its_signature_is_refused(self, bench: Bench) -> None:
        ear = self.ear(bench)
        for hook in self._some_hooks(bench):
            bare = {name: value for name, value in hook.headers.items() if name in _HARMLESS}
            url = hook.url.partition("?")[0] if bare == dict(hook.headers) else hook.url
            forged = replace(hook, headers=bare, url=url)
            needs(forged != hook, "a secret in the headers or the query of a webhook")
            with pytest.raises(Unauthorised):
                ear.hear(forged)

    def test_a_webhook_with_a_forged_signature_is_refused(self, bench: Bench) -> None:
        ear = self.ear(bench)
        for hook in self._some_hooks(bench):
            signed = {name: value for name, value in hook.headers.items() if name not in _HARMLESS}
            needs(signed, "a signature in the headers")
            forged = {name: value[:-4] + ("AAAA" if value[-4:] != "AAAA" else "BBBB") for name, value in signed.items()}
            with pytest.raises(Unauthorised):
                ear.hear(replace(hook, headers={**hook.headers, **forged}))

    def test_a_webhook_whose_body_was_changed_is_refused(self, bench: Bench) -> None:
        ear = self.ear(bench)
        for hook in self._some_hooks(bench):
            needs(set(hook.headers) - _HARMLESS, "a signature in the headers")
            with pytest.raises(Unauthorised):
                ear.hear(replace(hook, body=hook.body + b" "))

    def test_a_webhook_with_one_byte_changed_is_refused(self, bench: Bench) -> None:
        ear = self.ear(bench)
        for hook in self._some_hooks(bench):
            signed = [name for name in hook.headers if name not in _HARMLESS and self._needed(ear, hook, name)]
            texts = [(name, text) for name in signed for text in _forgeries(hook.headers[name])]
            forged = [replace(hook, headers={**hook.headers, name: text}) for name, text in texts]
            if signed:
                middle = len(hook.body) // 2
                changed = bytes([hook.body[middle] ^ 1])
                forged += [replace(hook, body=hook.body[:middle] + changed + hook.body[middle + 1 :])]
            else:
                base, mark, query = hook.url.partition("?")
                needs(query, "a secret in the headers or the query of a webhook")
                forged += [replace(hook, url=f"{base}{mark}{_bent(query)}")]
            for one in forged:
                with pytest.raises(Unauthorised):
                    ear.hear(one)

    def test_a_webhook_that_lacks_only_its_signature_is_refused(self, bench: Bench) -> None:
        ear = self.ear(bench)
        for hook in self._some_hooks(bench):
            signatures = {n for n, value in hook.headers.items() if n not in _HARMLESS and _SIGNATURE.search(value)}
            needs(signatures, "a signature in the headers")
            bare = {name: value for name, value in hook.headers.items() if name not in signatures}
            for headers in (bare, bare | dict.fromkeys(signatures, "")):
                with pytest.raises(Unauthorised):
                    ear.hear(replace(hook, headers=headers))

    def test_without_its_secret_a_connector_believes_no_forged_webhook(self, bench: Bench) -> None:
        self.ear(bench)
        hooks = self._some_hooks(bench)
        keys = type(self.settings).model_fields
        unset = {name: None for name in bench.twin.also if _is_spare(keys[name])}
        needs(unset, "a secret of webhooks that may be left out")
        ear = bench.open(self.settings.model_copy(update=unset))
        assert isinstance(ear, Hears)
        for hook in hooks:
            needs(set(hook.headers) - _HARMLESS, "a signature in the headers")
            with pytest.raises(Unauthorised):
                ear.hear(replace(hook, body=hook.body + b" "))

    def test_an_old_webhook_is_refused_where_its_time_is_signed(self, bench: Bench) -> None:
        ear, hooks = self.ear(bench), self._some_hooks(bench)
        dated = [hook for hook in hooks if any(_is_now(value, bench.clock.now()) for value in hook.headers.values())]
        needs(dated, "a time in the headers of a webhook")
        bench.clock.turn(86_400.0)
        for hook in dated:
            with pytest.raises(Unauthorised):
                ear.hear(hook)

    def test_nonsense_from_a_stranger_is_refused(self, bench: Bench) -> None:
        ear = self.ear(bench)
        for body in (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"id": 1}' * 1000):
            with pytest.raises(Unauthorised):
                ear.hear(Request("POST", self.hook_url, {"content-type": "application/json"}, body))

    def test_subscribing_twice_is_subscribing_once(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        subscriber = self._subscriber(bench)
        subscriber.subscribe(self.hook_url)
        bench.twin.outbox.clear()
        bench.person_edits(id_, name, "Changed once")
        once = len(self._hooks(bench))
        subscriber.subscribe(self.hook_url)
        bench.twin.outbox.clear()
        bench.person_edits(id_, name, "Changed twice")
        assert len(self._hooks(bench)) == once > 0

    def test_a_webhook_is_understood_by_a_connector_that_did_not_subscribe(self, bench: Bench) -> None:
        ear, hooks, anew = self.ear(bench), self._some_hooks(bench), bench.open(self.settings)
        assert isinstance(anew, Hears)
        assert self._heard(anew, hooks) == self._heard(ear, hooks)
        for hook in hooks:
            needs(set(hook.headers) - _HARMLESS, "a signature in the headers")
            with pytest.raises(Unauthorised):
                anew.hear(replace(hook, body=hook.body + b" "))

    def test_what_one_connector_subscribed_another_takes_back(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        self._subscriber(bench).subscribe(self.hook_url)
        anew = bench.open(self.settings)
        assert isinstance(anew, Subscribes)
        anew.unsubscribe(self.hook_url)
        bench.twin.outbox.clear()
        bench.person_edits(id_, name, "Changed")
        assert self._hooks(bench) == []

    def test_unsubscribing_leaves_other_addresses_alone(self, bench: Bench) -> None:
        name, (id_,), other = self.text(bench), bench.some(), f"{self.hook_url}-of-another"
        subscriber = self._subscriber(bench)
        for url in (other, self.hook_url):
            subscriber.subscribe(url)
        subscriber.unsubscribe(self.hook_url)
        bench.twin.outbox.clear()
        bench.person_edits(id_, name, "Changed")
        heard = [hook for hook in self._hooks(bench) if hook.url.startswith(other)]
        subscriber.unsubscribe(other)
        assert heard

    def test_an_opt_out_is_heard(self, bench: Bench) -> None:
        ear = self.ear(bench)
        id_, _ = self.opted_out(bench)
        assert bench.ref(id_) in self._heard(ear, self._hooks(bench))

    def test_an_edit_of_a_unique_value_is_heard(self, bench: Bench) -> None:
        ear, (id_,) = self.ear(bench), bench.some()
        fields = self.fields(bench, 961)
        names = [name for name in bench.can.unique if name in fields]
        needs(names, "unique fields")
        bench.person_edits(id_, names[0], fields[names[0]])
        assert bench.ref(id_) in self._heard(ear, self._hooks(bench))

    def test_nothing_comes_after_unsubscribing(self, bench: Bench) -> None:
        name, (id_,) = self.text(bench), bench.some()
        subscriber = self._subscriber(bench)
        subscriber.subscribe(self.hook_url)
        subscriber.unsubscribe(self.hook_url)
        bench.twin.outbox.clear()
        bench.person_edits(id_, name, "Changed")
        assert self._hooks(bench) == []
        subscriber.unsubscribe(self.hook_url)

    # --- how it is asked ---------------------------------------------------------------------------------------

    def _subscriber(self, bench: Bench) -> Subscribes:
        if not isinstance(bench.connector, Subscribes):
            pytest.skip("not declared: Subscribes")
        return bench.connector

    def _some_hooks(self, bench: Bench) -> list[Request]:
        name, (id_,) = self.text(bench), bench.some()
        bench.person_edits(id_, name, "Changed")
        hooks = self._hooks(bench)
        assert hooks, "a person's edit should owe a webhook"
        return hooks

    def _hooks(self, bench: Bench) -> list[Request]:
        owed = list(bench.twin.outbox)
        bench.twin.outbox.clear()
        return [
            Request(hook.method, hook.url, {name.lower(): value for name, value in hook.headers.items()}, hook.body)
            for hook in owed
        ]

    def _needed(self, ear: Hears, hook: Request, header: str) -> bool:
        """Whether a call is refused without this header; others, such as an older signature, prove nothing."""
        bare = {name: value for name, value in hook.headers.items() if name != header}
        try:
            ear.hear(replace(hook, headers=bare))
        except Unauthorised:
            return True
        return False

    def _heard(self, ear: Hears, hooks: Sequence[Request]) -> set[Ref]:
        return {ref for hook in hooks for ref in ear.hear(hook)}


def _is_spare(key: FieldInfo) -> bool:
    """Whether a setting is a secret that an admin may leave out."""
    return key.default is None and SecretStr in get_args(key.annotation)


def _bent(text: str) -> str:
    """The same with one character changed, at a place where no padding hides it."""
    return _bent_at(text, len(text) // 2)


def _forgeries(text: str) -> list[str]:
    """The same with one character changed, at each place of what may be a signature, and with less and less of one.

    Where there are several signatures, any of which will do, all of them are changed alike. What stands before a
    signature names its kind, and in its last character idle bits may hide.
    """
    spans = []
    for run in _SIGNATURE.finditer(text):
        body = run[0].rstrip("=")
        spans.append((run.start() + body.rfind("=") + 1, run.start() + len(body)))
    least = min((end - start for start, end in spans), default=0)
    bent = [_changed(text, spans, partial(_bent_at, place=place)) for place in range(least - 1)]
    cut = [_changed(text, spans, partial(_cut_at, place=place)) for place in range(0, least, 8)]
    return [*bent, *cut] if spans else [_bent(text)]


def _changed(text: str, spans: Sequence[tuple[int, int]], change: Callable[[str], str]) -> str:
    for start, end in reversed(spans):
        text = text[:start] + change(text[start:end]) + text[end:]
    return text


def _bent_at(text: str, place: int) -> str:
    return text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]


def _cut_at(text: str, place: int) -> str:
    return text[:place]


def _is_now(text: str, now: float) -> bool:
    """Whether a header holds the time, in seconds or milliseconds since the epoch."""
    return any(
        int(now) // 100 == int(number) // 100 or int(now) // 100 == int(number) // 100_000
        for number in _NUMBER.findall(text)
    )
