"""The web console over a long log: how soon a page is there, in a real browser and to a bare caller."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
from starlette.applications import Starlette

from benchmarks.table import Row, median, row, spread
from syncd.core.entity import Entity, Held, Link
from syncd.core.fieldmap import FieldRule, Policy, Sync, Way
from syncd.core.record import EntityId, Ref
from syncd.daemon.door import Door
from syncd.engine.world import App, World
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Plugin, Settings
from syncd.settings import AppConfig, Config, Daemon, Log, Safety
from syncd.settings import Store as StoreSettings
from syncd.store.store import Store
from syncd.store.values import Entry, Event, Parked, ParkedKind
from syncd.testing.fake import Fake, text_fields
from syncd.testing.simulator.lens import Plain
from syncd.web.site import desk_of, routes

__all__ = ["console"]

_APPS: Final = ("crm", "news")
_FIELDS: Final = ("email", "first", "last", "phone", "street", "city", "country", "company", "title", "note")
_BATCH: Final = 20_000
_OPEN: Final = 1000
_DAY: Final = 86400.0


def console(folder: Path, repeat: int, changes: int = 1_000_000, people: int = 100_000) -> Iterator[Row]:
    """Pages over a log of so many changes, the last tenth of them of today, and a thousand open questions."""
    folder.mkdir(parents=True)
    clock = WallClock()
    store = Store.open(f"sqlite:///{folder / 'syncd.db'}", clock.now)
    try:
        _fill(store, clock.now(), changes, people)
        with _served(folder, store, clock) as url:
            about = {"changes": changes, "people": people, "open": _OPEN}
            yield from _asked(url, repeat, about)
            yield from _painted(url, repeat, about)
    finally:
        store.close()


def _asked(url: str, repeat: int, about: Mapping[str, int]) -> Iterator[Row]:
    """From the question to the last byte, for a caller on this machine."""
    one = EntityId(_id(7))
    paths = {
        "overview_cold": "/",
        "overview": "/",
        "record": f"/record/{one}",
        "inbox": "/inbox?kind=refused&from=500",
        "changes": "/changes",
        "changes_by_field": "/changes?field=phone&app=news",
        "changes_by_record": "/changes?record=p7@example.com",
        "changes_since": "/changes?since=12h&field=first",
        "changes_never": "/changes?text=nobody+ever+wrote+this",
        "health": "/health",
    }
    with httpx.Client(base_url=url, timeout=60) as client:
        for name, path in paths.items():
            times = [_time(lambda path=path: client.get(path).raise_for_status()) for _ in range(_times(name, repeat))]  # type: ignore[misc]
            yield row(f"console_{name}", 1000 * median(times), "ms", "", None, runs=spread(times), **about)


def _times(name: str, repeat: int) -> int:
    return 1 if name.endswith("_cold") else max(5, repeat)


def _painted(url: str, repeat: int, about: Mapping[str, int]) -> Iterator[Row]:
    """First contentful paint in Chromium, each time in a new window."""
    from playwright.sync_api import sync_playwright

    goals = {"overview": ("/", 300), "record": (f"/record/{_id(7)}", 200)}
    with sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, (path, goal) in goals.items():
            times = []
            for _ in range(max(7, repeat)):
                page = browser.new_context().new_page()
                page.goto(url + path)
                page.wait_for_timeout(1200)  # the figures of a moment ago must not be the ones that are shown
                page.reload()
                page.wait_for_timeout(500)  # the browser notes a paint a little after it
                times.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
                page.context.close()
            paint = median(times)
            yield row(
                f"console_{name}_paint", paint, "ms", f"under {goal} ms", paint < goal, runs=spread(times), **about
            )
        browser.close()


def _time(act: Callable[[], object]) -> float:
    time.sleep(1.1)  # nothing is remembered from the time before
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _id(number: int) -> str:
    return f"e{number:020x}"


def _fill(store: Store, now: float, changes: int, people: int) -> None:
    """People who are known to both apps, and what happened to them: an edit and the write that follows, in turn."""
    chance = random.Random(1)
    for start in range(0, people, _BATCH):
        with store.begin() as tx:
            for number in range(start, min(people, start + _BATCH)):
                values = {name: f"{name} {number}" for name in _FIELDS} | {"email": f"p{number}@example.com"}
                held = {name: Held(value, 1, "crm", None, 1) for name, value in values.items()}
                id = EntityId(_id(number))
                tx.entities.put(Entity(id, "people", held), [("email", values["email"])])
                for app in _APPS:
                    tx.links.put("people", Link(id, Ref(app, "people", f"{app}-{number}"), values))
    for start in range(0, changes, _BATCH):
        share = start / changes
        age = 365 * _DAY * (0.9 - share) if share < 0.9 else _DAY * (1 - share) * 10 * 0.9
        with _written_at(store, now - max(0.0, age)) as append:
            for number in range(start, min(changes, start + _BATCH), 2):
                who = chance.randrange(people)
                field, app = chance.choice(_FIELDS[1:]), _APPS[number // 2 % 2]
                other = _APPS[1 - number // 2 % 2]
                what = {
                    field: {"old": f"{field} {who}", "new": f"{field} {number}", "verdict": "taken", "rule": "edited"}
                }
                cause = append(Event.MERGED, who, app, what, None)
                append(Event.SENT, who, other, {field: {"new": f"{field} {number}"}}, cause)
    with store.begin() as tx:
        for number in range(_OPEN):
            ref = Ref("news", "people", f"news-{number}")
            reason = "422: the phone is none"
            tx.parked.park(
                Parked(
                    kind=ParkedKind.QUARANTINE,
                    sync="people",
                    app="news",
                    ref=ref,
                    entity=EntityId(_id(number)),
                    field="phone",
                    reason=reason,
                )
            )


@contextmanager
def _written_at(store: Store, at: float) -> Iterator[Callable[..., int]]:
    """Append to the log as of a time."""
    then, store._clock = store._clock, lambda: at  # noqa: SLF001 - years pass in a minute
    try:
        with store.begin() as tx:

            def append(event: Event, who: int, app: str, what: Mapping[str, Any], cause: int | None) -> int:
                ref = Ref(app, "people", f"{app}-{who}")
                return tx.log.append(
                    Entry(
                        event=event,
                        sync="people",
                        entity=EntityId(_id(who)),
                        ref=ref,
                        app=app,
                        fields=what,
                        cause=cause,
                        note="update" if event is Event.SENT else "",
                    )
                )

            yield append
    finally:
        store._clock = then  # noqa: SLF001


@contextmanager
def _served(folder: Path, store: Store, clock: WallClock) -> Iterator[str]:
    fields = text_fields(*_FIELDS, unique=("email",))
    fakes = {name: Fake(name, clock, fields) for name in _APPS}
    world = World(
        store=store,
        apps={
            name: App(name, fake, {object.name: object for object in fake.objects()}) for name, fake in fakes.items()
        },
        syncs={"people": _sync()},
        clock=clock,
        chance=random.Random(1),
        log=structlog.wrap_logger(None, processors=[_unsaid]),
    )
    plugin = Plugin(name="fake", title="Fake", settings=Settings, open=lambda *_: fakes["crm"])
    day = timedelta(days=1)
    config = Config(
        path=folder / "syncd.toml",
        apps={
            name: AppConfig(name=name, connector="fake", plugin=plugin, settings=Settings(), poll=day, sweep=day)
            for name in _APPS
        },
        syncs={},
        daemon=Daemon(listen="127.0.0.1:0"),
        store=StoreSettings(url=f"sqlite:///{folder / 'syncd.db'}"),
        safety=Safety(),
        log=Log(),
    )
    door = Door(Starlette(routes=routes(desk_of(config, world))), config.daemon, lambda _: None)
    door.open()
    try:
        yield f"http://127.0.0.1:{door.port}"
    finally:
        door.close()


def _sync() -> Sync:
    rules = {
        name: FieldRule(
            name=name,
            type="text",
            lenses={app: Plain(name) for app in _APPS},
            ways=dict.fromkeys(_APPS, Way.BOTH),
            policy=Policy.PREFER,
            order=_APPS,
        )
        for name in _FIELDS
    }
    return Sync(name="people", entity="person", apps=dict.fromkeys(_APPS, "people"), rules=rules, match=(("email",),))


def _unsaid(_logger: object, _method: str, _event: structlog.typing.EventDict) -> str:
    raise structlog.DropEvent
