"""What all contracts stand on: which connector, on which twin, with which values."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import ClassVar

import pytest

from syncd.core.record import ABSENT, Create, Cursor, Raw, Raws
from syncd.sdk.contract import FieldType, Plugin, Settings, Subscribes, Vault
from syncd.testing.clock import TurnedClock
from syncd.testing.conformance.bench import APP, Bench, MemoryVault, Turned
from syncd.testing.conformance.samples import sample
from syncd.testing.twin import Setup, Twin

__all__ = ["Ground", "needs"]

_FEW = 12


def needs(declared: object, what: str) -> None:
    """Skip a check of what the connector does not declare, or the app does not have."""
    if not declared:
        pytest.skip(f"not declared: {what}")


class Ground:
    """A connector's test class says `plugin` and `settings`; the rest it may leave as it is."""

    plugin: ClassVar[Plugin]
    settings: ClassVar[Settings]
    """Settings that the twin lets in."""
    strangers: ClassVar[Settings | None] = None
    """Settings with a token that the twin does not know."""
    hook_url: str = "https://sync.example.com/hooks/app"
    impossible: ClassVar[Mapping[str, str]] = {}
    """Checks, without `test_`, that cannot be made where the suite runs, each with the reason."""
    skew: ClassVar[float] = 1.0
    """Seconds that the app's clock may differ from the suite's."""

    def twin(self, setup: Setup) -> Twin:
        """The simulated app; by default the one that the plugin names."""
        module, _, attribute = self.plugin.twin.partition(":")
        made: Twin = getattr(import_module(module), attribute)(setup)
        return made

    def clock(self) -> Turned:
        """The time by which everything on the bench goes."""
        return TurnedClock()

    def vault(self) -> Vault:
        """Where secrets that change are kept."""
        return MemoryVault()

    def subjects(self) -> tuple[str, ...]:
        """The objects to run the suite for; by default those that have a people's side."""
        return self.twin(Setup(clock=TurnedClock())).objects

    def editable(self, bench: Bench) -> tuple[str, ...]:
        """Text fields, best first, that persons and the connector may change to any short text."""
        shown = {name for raws in bench.twin.records(bench.subject).values() for name in raws}
        plain = [
            field.name
            for field in bench.object.fields.values()
            if field.type is FieldType.TEXT
            and field.writable
            and (field.name in shown or not shown)
            and not (field.unique or field.required or field.options or field.consent)
            and field.name not in bench.can.unique
            and (field.max_chars is None or field.max_chars >= 20)
        ]
        return tuple(sorted(plain, key=lambda name: ("first" not in name.lower(), "name" not in name.lower(), name)))

    def fields(self, bench: Bench, number: int) -> Raws:
        """What a new record is made of: all that is required or unique, and one text; another for each number."""
        wanted = {
            field.name
            for field in bench.object.fields.values()
            if field.creatable and (field.required or field.unique or field.name in bench.can.unique)
        } | set(self.texts(bench)[:1])
        samples = {name: sample(bench.object.fields[name], number) for name in sorted(wanted)}
        return {name: value for name, value in samples.items() if value is not ABSENT}

    def unfit(self, bench: Bench) -> Mapping[str, Raw]:
        """One field with a value that the app refuses; empty where the declared types name none."""
        for field in bench.object.fields.values():
            if not field.writable or field.consent:
                continue
            if field.type is FieldType.CHOICE and field.options and not field.open_options:
                return {field.name: "no such option"}
            if field.type is FieldType.EMAIL:
                return {field.name: "this is no address"}
        return {}

    def listen(self, bench: Bench) -> None:
        """Have the twin send its webhooks to `hook_url`."""
        if isinstance(bench.connector, Subscribes):
            bench.connector.subscribe(self.hook_url)
        elif hasattr(bench.twin, "hook_url"):
            bench.twin.hook_url = self.hook_url
        else:
            pytest.skip("the twin has no way to be told where webhooks go: override listen()")

    # --- for the checks ----------------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run every check that has a bench once for each object."""
        if "subject" in metafunc.fixturenames:
            metafunc.parametrize("subject", self._subjects())

    @pytest.fixture(autouse=True)
    def _possible(self, request: pytest.FixtureRequest) -> None:
        reason = self.impossible.get(request.function.__name__.removeprefix("test_"))
        if reason:
            pytest.skip(f"impossible here: {reason}")

    @pytest.fixture
    def bench(self, subject: str) -> Iterator[Bench]:
        """A few records, and the connector on them."""
        with self.stage(subject, _FEW) as bench:
            yield bench

    @pytest.fixture
    def crowd(self, subject: str) -> Iterator[Bench]:
        """More records than fit on two pages."""
        with self.stage(subject, 2 * self._page_size(subject) + 7) as bench:
            yield bench

    def create(self, bench: Bench, number: int, **more: Raw) -> Create:
        """A create that the app should take."""
        return Create(APP, bench.subject, {**self.fields(bench, number), **more}, bench.key())

    def merged(self, bench: Bench, keep: str, lose: str) -> str:
        """A person merges two records; the survivor's id. Skips where nobody can."""
        try:
            return bench.twin.person_merge(bench.subject, keep, lose)
        except (NotImplementedError, KeyError):
            pytest.skip("nobody can merge records in this app")

    def opted_out(self, bench: Bench) -> tuple[str, Raws]:
        """Somebody unsubscribes; whose record shows it, and what changed there. Skips where nobody can."""
        bench.pass_time()
        for id_, before in sorted(bench.people().items()):
            try:
                bench.twin.person_opt_out(bench.subject, id_)
            except (NotImplementedError, KeyError, ValueError):
                pytest.skip("nobody can opt out in this app")
            changed = {name: raw for name, raw in bench.people()[id_].items() if raw != before.get(name)}
            if changed:
                return id_, changed
        pytest.skip("no record shows an opt-out")

    def moved_on(self, bench: Bench, first: int = 980) -> Cursor:
        """A cursor that stands well behind the making of the first records, whatever feeds it is made of."""
        cursor, (id_,) = bench.cursor(), bench.some()
        for number in (first, first + 1):
            bench.clock.turn(86_400.0)
            bench.twin.person_edit(bench.subject, id_, {self.text(bench): f"Before {number}"})
            with suppress(NotImplementedError, KeyError, ValueError):
                bench.twin.person_opt_out(bench.subject, id_)
            bench.twin.person_create(bench.subject, self.fields(bench, number))
            bench.settle()
            cursor = bench.pages(cursor)[-1].cursor
        return cursor

    def text(self, bench: Bench, which: int = 0) -> str:
        """The name of a field for plain text; skips where the object has none."""
        names = self.texts(bench)
        needs(len(names) > which, f"{which + 1} plain text field(s)")
        return names[which]

    def texts(self, bench: Bench) -> tuple[str, ...]:
        """The names that `editable` gives, looked up once for a bench."""
        if bench.texts is None:
            bench.texts = self.editable(bench)
        return bench.texts

    @contextmanager
    def stage(self, subject: str, records: int) -> Iterator[Bench]:
        """A bench with at least so many records, made a day ago."""
        clock = self.clock()
        twin = self.twin(Setup(clock=clock, records=records))
        bench = Bench(self.plugin, self.settings, twin, clock, subject, self.vault())
        try:
            for number in range(len(bench.twin.records(subject)), records):
                bench.twin.person_create(subject, self.fields(bench, 50_000 + number))
            clock.turn(86_400.0)
            yield bench
        finally:
            bench.close()
            bench.twin.close()

    @classmethod
    @functools.cache
    def _subjects(cls) -> tuple[str, ...]:
        return cls().subjects()

    @classmethod
    @functools.cache
    def _page_size(cls, subject: str) -> int:
        with cls().stage(subject, 0) as bench:
            return bench.can.page_size
