"""A real browser before a real door: `make browser`. Needs Chromium, and axe-core from npm (see the Makefile)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, sync_playwright

from syncd.core.record import Ref
from syncd.daemon.door import Door
from syncd.engine.deletes import believe
from syncd.settings import Daemon
from syncd.store.values import Event, ParkedKind
from tests.daemon.company import Company
from tests.web.office import Office, office, refusal

HOSTILE = '<img src=x onerror="document.title=\'stolen\'"> \u202eevil & "quoted"'
SCREENS = Path(os.environ.get("SYNCD_SCREENS", "build/screens"))


@dataclass
class Served:
    """An office that somebody looks at."""

    place: Office
    url: str
    chromium: Chromium

    @contextmanager
    def again(self) -> Iterator[str]:
        """The console as it has been opened anew, at an address of its own."""
        door = Door(self.place.app, Daemon(listen="127.0.0.1:0"), lambda _: None)
        door.open()
        try:
            yield f"http://127.0.0.1:{door.port}"
        finally:
            door.close()

    def page(self, *, scheme: str = "light", width: int = 1280, javascript: bool = True, url: str = "") -> Page:
        """A window. What it logs as an error fails the test that looks at `errors`."""
        context = self.chromium.new_context(
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": 900},
            java_script_enabled=javascript,
            base_url=url or self.url,
        )
        page = context.new_page()
        page.set_default_timeout(10_000)
        return page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    return Path(os.environ["AXE"]).read_text()


@pytest.fixture
def served(tmp_path: Path, chromium: Chromium) -> Iterator[Served]:
    """Everything that can wait for a person waits for one."""
    with ExitStack() as closing:
        place = office(Company(tmp_path, closing))
        fill(place)
        door = Door(place.app, Daemon(listen="127.0.0.1:0"), lambda _: None)
        door.open()
        closing.callback(door.close)
        yield Served(place, f"http://127.0.0.1:{door.port}", chromium)


def fill(place: Office) -> None:
    """Three conflicts, one of them with hostile values; a held delete, a refusal, a double; some history."""
    place.conflict("ada@example.com")
    place.conflict("ben@example.com", ("", "a phone number that is quite long, as people type them, with words"))
    place.conflict("eve@example.com", (HOSTILE, "333"))
    dora = place.person("dora@example.com", "Dora")
    with place.world.store.begin() as tx:
        link = tx.links.at(dora, "crm")
        assert link is not None
        place.company.apps["crm"].person_deletes(link.ref.id)
        believe(place.world, tx, place.world.syncs["people"], link)
    with place.world.store.begin() as tx:
        for number in range(60):
            tx.parked.park(refusal(number))
    ada, ben = place.who("ada@example.com"), place.who("ben@example.com")
    whose = {"app": "news", "ref": Ref("news", "people", "news-77"), "detail": {"entities": [ada, ben]}}
    place.park(ParkedKind.AMBIGUOUS, **whose, reason="2 entities have the same phone")
    place.log(Event.REFUSED, sync="people", entity=ada, app="news", note="429")
    place.log(Event.SUSPECTED, sync="people", entity=ada, app="crm", note=HOSTILE)
    place.company.config.path.write_text(
        "# the configuration of a company that lives in memory\n[daemon]\npoll = '1m'\n"
    )
