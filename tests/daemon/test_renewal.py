"""Another mapping is saved in the console and taken up by the daemon that runs, in the same process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import httpx
import pytest

from syncd.app import Assembly
from syncd.core.fieldmap import Sync
from syncd.daemon.renewal import Renewal, renewed
from syncd.engine.plan import unapplied
from syncd.settings import Config
from syncd.store.values import Event
from tests.daemon.company import Company, Service
from tests.daemon.house import ROOT, SECRETS, House, eventually, house


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with house(tmp_path, monkeypatch) as made:
        yield made


OTHER = ('news = "merge_fields.FNAME"', 'news = "merge_fields.LNAME"')


def changed(home: House) -> Config:
    """The configuration with another mapping in its file."""
    home.config_file.write_text(home.config_file.read_text().replace(*OTHER))
    return home.config()


def digests(syncs: Mapping[str, Sync]) -> Mapping[str, str]:
    return {name: sync.digest for name, sync in syncs.items()}


def test_what_was_seen_is_in_force_once_it_is_taken_up(home: House) -> None:
    before, after = home.config(), changed(home)
    with renewed(after, None) as seen:
        mappings = digests(seen.world.syncs)
        assert unapplied(seen.world) == ("people",)
    with renewed(before, Renewal(config=after, mappings=mappings, by="ada")) as made:
        assert made.config is after
        assert unapplied(made.world) == ()
        assert applied(made) == ["test", "ada"]


def applied(made: Assembly) -> list[str]:
    """Who put mappings in force, in order."""
    with made.world.store.read() as tx:
        return [entry.by for entry in reversed(tx.log.find(events=(Event.APPLIED,)))]


def test_what_is_another_than_was_seen_is_not_in_force(home: House) -> None:
    before, after = home.config(), changed(home)
    with renewed(before, Renewal(config=after, mappings={"people": "another"}, by="ada")) as made:
        assert unapplied(made.world) == ("people",)
        assert applied(made) == ["test"]


def test_what_does_not_fit_the_apps_is_not_taken_up_and_all_goes_on(home: House) -> None:
    before = home.config()
    syncs = dict(before.syncs)
    syncs["people"] = replace(syncs["people"], data={**syncs["people"].data, "match": ["nothing"]})
    with renewed(before, Renewal(config=replace(before, syncs=syncs), mappings={}, by="ada")) as made:
        assert made.config is before
        assert unapplied(made.world) == ()


def wanted(service: Service) -> Renewal | None:
    """What a daemon is to take up once it has come to rest."""
    return service.daemon.renewal


def test_a_daemon_that_is_renewed_waits_for_what_hangs_without_an_end_and_a_stop_cuts_that_short(
    tmp_path: Path,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hangs(_: object) -> None:
        begun.set()
        go_on.wait(20)

    with ExitStack() as closing:
        company = Company(tmp_path, closing)
        company.person("ada@example.com", "Ada")
        renewal = Renewal(config=company.config, mappings={}, by="ada")
        company.apps["news"].during_write = hangs
        with company.running(grace=0.1) as service:
            assert begun.wait(10)
            service.daemon.renew(renewal)
            time.sleep(1.2)
            assert wanted(service) is renewal
            assert service.thread.is_alive(), "longer than the grace that a stop would have"
            assert service.stops() == 0
            assert wanted(service) is None
            go_on.set()
            for thread in threading.enumerate():
                if thread.name == "news":
                    thread.join(5)


@dataclass
class Page:
    """A browser before the daemon, without JavaScript."""

    client: httpx.Client
    text: str = ""

    def get(self, path: str) -> str:
        self.text = self.client.get(path).raise_for_status().text
        return self.text

    def send(self, path: str, **form: str) -> httpx.Response:
        proof = dict(re.findall(r'name="(token|once)" value="([^"]+)"', self.text)[-2:])
        answer = self.client.post(path, data={**proof, **form}, headers={"origin": str(self.client.base_url)})
        self.text = answer.text
        return answer


@pytest.fixture
def daemon(home: House) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-m", "syncd", "run", "--config", str(home.config_file)]
    with (home.folder / "said.txt").open("wb") as said:
        running = subprocess.Popen(words, cwd=ROOT, env={**os.environ, **SECRETS}, stdout=said, stderr=said)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_a_mapping_that_was_tried_is_saved_and_taken_up_by_the_daemon_that_runs(
    home: House, daemon: subprocess.Popen[bytes]
) -> None:
    url = f"http://127.0.0.1:{home.port}"
    with httpx.Client(base_url=url, timeout=10, follow_redirects=True) as client:
        page = Page(client)
        eventually(lambda: answers(client), "the door opens")
        text = home.config_file.read_text().replace(*OTHER)
        page.get("/mappings/edit")
        page.send("/mappings/try", text=text)
        eventually(lambda: "With this change a run would write" in page.get("/mappings/trial/1"), "it was tried")
        found = re.search(r'name="digest" value="([^"]+)"', page.text)
        assert found is not None
        answer = page.send("/mappings/trial/1/take", digest=found[1])
        run = re.search(r'data-taken="([^"]+)"', answer.text)
        assert run is not None, unescape(answer.text)
        eventually(lambda: taken(client, run[1]), "another daemon answers")
        assert home.config_file.read_text() == text
        assert daemon.poll() is None, "it is the same process"
        page.get("/mappings")
        assert "in force" in page.text
        assert "holds another configuration" not in page.text
        eventually(lambda: last_names(home) == first_names(home), "everything is compared, and the other field written")
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def taken(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).url.path == "/mappings"
    except httpx.TransportError:
        return False


def first_names(home: House) -> list[str]:
    with home.crm.lock:
        return sorted(str(record["firstname"]) for record in home.crm.records("contacts").values())


def last_names(home: House) -> list[str]:
    with home.news.lock:
        return sorted(str(record.get("merge_fields.LNAME")) for record in home.news.records("members").values())
