"""Destinations are told, tried again, and never told twice; the daemon goes on whatever becomes of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from syncd.alerts.kept import STANDING, standing_from
from syncd.alerts.news import Message, Trouble
from syncd.alerts.senders import NotTold
from syncd.daemon.crier import Crier
from syncd.daemon.meter import Meter
from syncd.destinations import Alerts, Email, LogLines, Severity, Webhook
from syncd.engine.remedies import Stopped, pause
from syncd.errors import StoreError
from tests.alerts.servers import post, receiver
from tests.daemon.company import Company, Lock
from tests.daemon.house import eventually, free_port
from tests.engine.world import Scene

NOW = timedelta(0)
SECRET = SecretStr(base64.b64encode(b"k" * 32).decode())


def trouble(group: str = "failing:crm") -> Trouble:
    app = group.partition(":")[2]
    return Trouble(
        group=group,
        severity=Severity.WARNING,
        since=1.0,
        text=f"{app} does not answer",
        good=f"{app} answers again",
    )


class Box:
    """A destination that can be away."""

    def __init__(self) -> None:
        self.away = False
        self.got: list[tuple[str, list[str]]] = []
        self.tries: list[float] = []

    def __call__(self, message: Message, id: str, at: float, /) -> str:
        self.tries.append(at)
        if self.away:
            raise NotTold("nobody listens")
        self.got.append((id, [item.text for item in message.items]))
        return "taken"

    @property
    def told(self) -> list[list[str]]:
        return [texts for _, texts in self.got]


class Street:
    """A crier before two destinations, a store, and what stands."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.boxes = {"ops": Box(), "team": Box()}
        self.stands: Sequence[Trouble] = ()
        self.blind = False
        self.begin()

    def begin(self) -> None:
        """A new process on the same store."""
        alerts = Alerts(gather=NOW, to={name: LogLines(kind="log") for name in self.boxes}, every=timedelta(minutes=15))
        self.meter = Meter()
        self.crier = Crier(self.scene.world, alerts, self.boxes, self._look, self.meter)

    def _look(self) -> Sequence[Trouble]:
        if self.blind:
            raise StoreError("disk I/O error")
        return self.stands

    def after(self, seconds: float, *stands: Trouble) -> Mapping[str, list[list[str]]]:
        self.stands = stands
        self.scene.wait(seconds=seconds)
        for box in self.boxes.values():
            box.got.clear()
        assert self.crier.step() > 0
        return {name: box.told for name, box in self.boxes.items() if box.told}


@pytest.fixture
def street() -> Street:
    return Street()


def test_each_destination_is_told_once(street: Street) -> None:
    assert street.after(0) == {}
    assert street.after(5, trouble()) == {"ops": [["crm does not answer"]], "team": [["crm does not answer"]]}
    assert street.after(5, trouble()) == {}
    assert street.after(5) == {"ops": [["crm answers again"]], "team": [["crm answers again"]]}


def test_a_restart_tells_nothing_again_and_still_tells_the_end(street: Street) -> None:
    street.after(0, trouble())
    street.begin()
    assert street.after(5, trouble()) == {}
    street.begin()
    assert street.after(5)["ops"] == [["crm answers again"]]


def test_a_destination_that_is_away_is_tried_ever_more_seldom_and_then_told_how_things_are(street: Street) -> None:
    ops = street.boxes["ops"]
    ops.away = True
    assert street.after(0, trouble()) == {"team": [["crm does not answer"]]}
    assert street.crier.failing == {"ops": True, "team": False}
    begun = street.scene.clock.now()
    for _ in range(1000):
        street.after(5, trouble("failing:crm"))
    waits = [round(at - begun) for at in ops.tries]
    assert waits == [0, 30, 90, 210, 450, 930, 1890, 3810]
    ops.away = False
    assert [street.after(5, trouble(), trouble("failing:news")) for _ in range(1200)].count(
        {"ops": [["crm does not answer", "news does not answer"]]}
    ) == 1
    assert street.crier.failing == {"ops": False, "team": False}
    assert b'syncd_alerts_total{outcome="failed",to="ops"} 8.0' in street.meter.shown(street.scene.world, "")


def test_what_is_over_before_a_destination_is_back_is_never_told_there(street: Street) -> None:
    street.boxes["ops"].away = True
    street.after(0, trouble())
    street.boxes["ops"].away = False
    assert street.after(5) == {"team": [["crm answers again"]]}
    assert street.after(60) == {}


def test_a_second_try_of_the_same_news_has_the_same_id_and_the_next_news_another(street: Street) -> None:
    ids: list[str] = []

    def once(message: Message, id: str, at: float, /) -> str:
        ids.append(id)
        if len(ids) == 1:
            raise NotTold("no answer came, though it may have been taken")
        return "taken"

    street.boxes = {"ops": once}  # type: ignore[dict-item]
    street.begin()
    for wait, stands in ((0, [trouble()]), (31, [trouble()]), (60, []), (2000, [trouble()])):
        street.stands = stands
        street.scene.wait(seconds=wait)
        street.crier.step()
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_while_the_store_is_down_that_is_told_and_nothing_is_taken_to_be_over(street: Street) -> None:
    street.after(0, trouble())
    street.blind = True
    (told,) = street.after(5)["ops"]
    assert told == ["the store cannot be used, and nothing is read or written: disk I/O error"]
    street.blind = False
    assert street.after(5, trouble())["ops"] == [["the store holds again"]]


def test_what_could_not_be_kept_is_kept_later(street: Street) -> None:
    street.after(0)

    def full() -> None:
        raise StoreError("disk is full")

    street.scene.store.on_commit = full
    street.after(5, trouble())
    street.begin()
    assert street.after(5, trouble())["ops"] == [["crm does not answer"]]
    street.scene.store.on_commit = lambda: None
    assert street.after(5, trouble()) == {}
    street.begin()
    assert street.after(5, trouble()) == {}


def test_when_nothing_changes_nothing_is_written(street: Street) -> None:
    street.after(0, trouble())
    written: list[int] = []
    street.scene.store.on_commit = lambda: written.append(1)
    for _ in range(20):
        street.after(5, trouble())
    assert written == []


def test_what_stands_can_be_read_from_the_store(street: Street) -> None:
    street.boxes["ops"].away = True
    street.after(0, trouble())
    with street.scene.store.read() as tx:
        known = standing_from(tx.meta.get(STANDING))
    assert known is not None
    assert [one.group for one in known.troubles] == ["failing:crm"]
    assert known.failing == {"ops": "nobody listens"}
    assert standing_from(None) is None


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with ExitStack() as closing:
        yield Company(tmp_path, closing)


def test_a_daemon_tells_of_an_app_that_was_stopped_without_a_word_of_whom(company: Company, tmp_path: Path) -> None:
    with receiver() as there, post(tmp_path, security="none", login=False) as box:
        company.alerts = Alerts(
            gather=NOW,
            to={
                "ops": Webhook(kind="webhook", url=there.url, secret=SECRET, least="urgent"),
                "team": Email.model_validate(
                    {
                        "kind": "email",
                        "host": "127.0.0.1",
                        "port": box.port,
                        "security": "none",
                        "from": "syncd@example.com",
                        "to": "ops@example.com",
                    }
                ),
            },
        )
        company.person("ada@example.com", "Ada")
        pause(company.world(), "news", "ada@example.com may not", kind=Stopped.LOGIN)
        with company.running() as service:
            eventually(lambda: bool(there.calls) and bool(box.mails), "both are told")
            assert httpx.get(f"{service.url}/healthz").json()["alerts"] == {"ops": "well", "team": "well"}
        assert service.code == 0
    assert "nobody is told any more" not in [line["event"] for line in company.said]
    said = json.loads(there.calls[0][2])
    assert said["text"] == "[syncd] urgent: news is paused: it refuses the credentials"
    assert "news is paused" in box.mails[0]["Subject"]
    assert "ada" not in str(said) + box.mails[0].as_string()


def test_a_daemon_goes_on_while_nobody_can_be_told_and_says_so(company: Company) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    company.alerts = Alerts(gather=NOW, to={"ops": Webhook(kind="webhook", url=url, secret=SECRET)})
    pause(company.world(), "news", "no such token", kind=Stopped.LOGIN)
    with company.running() as service:
        eventually(lambda: service.daemon.health().alerts == {"ops": "failing"}, "health says that nobody is told")
        assert service.daemon.health().status == "attention"
        company.person("ada@example.com", "Ada")
        calls = company.apps["crm"].calls
        eventually(lambda: company.apps["crm"].calls > calls, "the CRM is still polled")
    assert service.code == 0


def test_the_last_word_of_a_daemon_that_loses_its_store_is_said_at_once(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock()
    monkeypatch.setattr("syncd.daemon.daemon.BEAT", 0.1)
    with receiver() as there:
        company.alerts = Alerts(
            gather=timedelta(hours=1), to={"ops": Webhook(kind="webhook", url=there.url, secret=SECRET)}
        )
        with company.running(lost=lock.check) as service:
            lock.lost.set()
            service.thread.join(20)
            assert service.code == 1
    (call,) = there.calls
    words = "[syncd] urgent: syncd ends, for its store cannot be used: the connection that held the lock is lost"
    assert json.loads(call[2])["text"] == words
