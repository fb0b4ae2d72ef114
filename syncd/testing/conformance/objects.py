"""What a connector says of the account before any record is moved."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import pytest
from pydantic import ValidationError

from syncd.core.record import Record, Update
from syncd.errors import ConnectorError, Transient, Unauthorised, Unavailable
from syncd.sdk.contract import FieldType, Finds
from syncd.testing.conformance.account import Account
from syncd.testing.conformance.bench import Bench, secrets
from syncd.testing.conformance.ground import Ground, needs
from syncd.testing.conformance.samples import suits

__all__ = ["ObjectsContract"]

_ODD: Final = (b"{}", b"[]", b"null", b'"ok"', b'{"error": "no"}')
"""What a changed API may answer, with status 200."""


class ObjectsContract(Ground):
    """The plugin, its settings, `objects()` and `check()`."""

    def test_the_plugin_is_whole(self) -> None:
        plugin = self.plugin
        assert plugin.name == plugin.name.lower()
        assert plugin.name.isidentifier()
        assert plugin.title
        assert plugin.concurrency >= 1
        assert all(quota.calls > 0 and quota.seconds > 0 for quota in plugin.quotas)

    def test_settings_refuse_a_key_they_do_not_know(self) -> None:
        with pytest.raises(ValidationError, match="extra_forbidden"):
            type(self.settings).model_validate({**self.settings.model_dump(), "no_such_key": 1})

    def test_settings_describe_every_key(self) -> None:
        fields = type(self.settings).model_fields
        assert [name for name, info in fields.items() if name != "base_url" and not info.description] == []

    def test_settings_never_show_a_secret(self) -> None:
        needs(secrets(self.settings), "settings with a secret")
        assert [secret for secret in secrets(self.settings) if secret in f"{self.settings!r} {self.settings}"] == []

    def test_opening_a_connector_makes_no_call_and_starts_no_thread(self, bench: Bench) -> None:
        calls, threads = dict(bench.twin.calls), threading.active_count()
        bench.open(self.settings)
        assert bench.twin.calls == calls
        assert threading.active_count() == threads

    def test_objects_are_told_the_same_twice(self, bench: Bench) -> None:
        first, second = bench.connector.objects(), bench.connector.objects()
        assert [found.name for found in first] == [found.name for found in second]
        assert bench.subject in [found.name for found in first]
        assert len({found.name for found in first}) == len(first)
        assert [dict(found.fields) for found in first] == [dict(found.fields) for found in second]

    def test_no_secret_is_told_of_an_answer_of_another_shape_or_of_a_refusal(self, bench: Bench) -> None:
        needs(secrets(self.settings), "settings with a secret")
        refs, unfit = [bench.ref(id_) for id_ in bench.some(2)], dict(self.unfit(bench))
        told = [f"{bench.write(Update(refs[0], unfit, bench.key()))}"] if unfit and bench.can.updates else []
        asks: tuple[Callable[[], object], ...] = (
            partial(bench.connector.read, refs),
            bench.pages,
            bench.connector.objects,
        )
        for ask in asks:
            for body in _ODD:
                try:
                    with bench.answering(body):
                        ask()
                except ConnectorError as error:
                    told.append(f"{error} {error!r} {error.hint} {error.__cause__} {error.__cause__!r}")
        told += [str(line) for line in bench.log.entries]
        assert [secret for secret in secrets(self.settings) if any(secret in text for text in told)] == []

    def test_a_connector_waits_by_its_clock_and_starts_nothing(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        needs(not isinstance(bench.twin, Account), "a clock that is turned")
        name, refs, done = self.text(bench), [bench.ref(id_) for id_ in bench.some(2)], list[str]()
        monkeypatch.setattr(time, "sleep", lambda _: done.append("time.sleep: wait with Tools.clock.sleep"))
        monkeypatch.setattr(threading.Thread, "start", lambda _: done.append("Thread.start: read one after the other"))
        monkeypatch.setattr(socket, "socket", lambda *_, **__: done.append("socket: call with Tools.http"))
        for act in (
            bench.connector.objects,
            bench.connector.check,
            lambda: bench.pages(bench.cursor()),
            lambda: bench.connector.read(refs),
            lambda: bench.connector.write([Update(refs[0], {name: "Changed"}, bench.key())]),
        ):
            with suppress(OSError, AttributeError, RuntimeError):  # what comes of a thread or a socket that is none
                act()
        assert sorted(set(done)) == []

    def test_fields_are_filed_under_their_names(self, bench: Bench) -> None:
        assert [name for name, field in bench.object.fields.items() if name != field.name] == []

    def test_a_field_with_options_names_each_once(self, bench: Bench) -> None:
        for field in bench.object.fields.values():
            values = [option.value for option in field.options]
            assert len(set(values)) == len(values), field.name

    def test_a_reference_says_to_what_it_points(self, bench: Bench) -> None:
        references = [field for field in bench.object.fields.values() if field.type is FieldType.REFERENCE]
        assert [field.name for field in references if not field.refers] == []

    def test_addresses_and_phone_numbers_are_declared_as_personal(self, bench: Bench) -> None:
        fields = bench.object.fields.values()
        needs(any(field.personal for field in fields), "personal data")
        reached = [field for field in fields if field.type in (FieldType.EMAIL, FieldType.PHONE)]
        assert [field.name for field in reached if not field.personal] == []

    def test_what_a_field_says_of_being_unique_the_capabilities_say_too(self, bench: Bench) -> None:
        assert {field.name for field in bench.object.fields.values() if field.unique} <= set(bench.can.unique)

    def test_a_required_field_can_be_given(self, bench: Bench) -> None:
        needs(bench.can.creates, "creates")
        assert [f.name for f in bench.object.fields.values() if f.required and not f.creatable] == []

    def test_capabilities_make_sense(self, bench: Bench) -> None:
        can = bench.can
        assert set(can.unique) <= set(bench.object.fields)
        assert min(can.read_batch, can.write_batch, can.page_size) >= 1
        assert min(can.list_lag, can.late_write).total_seconds() >= 0
        assert can.granularity.total_seconds() > 0

    def test_what_can_be_searched_is_a_field(self, bench: Bench) -> None:
        if not isinstance(bench.connector, Finds):
            pytest.skip("not declared: Finds")
        assert set(bench.connector.findable(bench.subject)) <= set(bench.object.fields)

    def test_records_hold_only_declared_fields(self, bench: Bench) -> None:
        shown = {name for record in self._records(bench) for name in record.fields}
        assert shown - set(bench.object.fields) == set()

    def test_records_hold_values_of_the_declared_types(self, bench: Bench) -> None:
        fields = bench.object.fields
        shown = [(fields[n], raw) for record in self._records(bench) for n, raw in record.fields.items() if n in fields]
        assert [(field.name, field.type, raw) for field, raw in shown if not suits(field, raw)] == []

    def test_records_hold_only_the_declared_options(self, bench: Bench) -> None:
        for field in bench.object.fields.values():
            if field.type is not FieldType.CHOICE or not field.options or field.open_options:
                continue
            known = {option.value for option in field.options} | {"", None}
            assert {record.fields.get(field.name) for record in self._records(bench)} <= known, field.name

    def test_check_is_content_with_a_good_account(self, bench: Bench) -> None:
        before = bench.people()
        bench.connector.check()
        assert bench.people() == before

    def test_check_tells_a_revoked_token(self, bench: Bench) -> None:
        bench.misbehave(revoked=True)
        with pytest.raises(Unauthorised):
            bench.connector.check()

    def test_check_tells_a_wrong_token(self, bench: Bench) -> None:
        if self.strangers is None:
            pytest.skip("no settings with a wrong token: set `strangers`")
        stranger = bench.open(self.strangers)
        with pytest.raises(Unauthorised) as refusal:
            stranger.check()
        assert [secret for secret in secrets(self.strangers) if secret in str(refusal.value)] == []

    def test_check_does_not_take_an_outage_for_a_bad_token(self, bench: Bench) -> None:
        bench.misbehave(outage=True)
        with pytest.raises(ConnectorError) as failure:
            bench.connector.check()
        assert isinstance(failure.value, Unavailable | Transient)

    def _records(self, bench: Bench) -> list[Record]:
        refs = [bench.ref(id_) for id_ in bench.some(12)]
        return [found for found in bench.connector.read(refs).values() if isinstance(found, Record)]
