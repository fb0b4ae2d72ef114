"""Secrets that sing when they get out: everything is done at the loudest, and all that came of it is searched."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from syncd.access import hashed
from syncd.console.cli import main
from syncd.sdk.clock import WallClock
from syncd.testing.serve import serve
from syncd.testing.twin import Faults, Setup
from syncd_connectors.hubspot.twin import HubSpotTwin
from syncd_connectors.mailchimp.twin import MailchimpTwin
from syncd_connectors.mailchimp.twin import app as mailchimp
from tests.daemon.house import CONFIG, ROOT, House, Running, eventually

PASSWORD = "canary password of ada"
SECRETS = {
    "CRM_TOKEN": "pat-canary-token-of-the-crm",
    "CRM_SECRET": "canary-app-secret-of-the-crm",
    "NEWS_KEY": "canarykeyofthenewslettertool-us1",
    "NEWS_SECRET": "canary-path-of-the-webhook",
    "OPS_SECRET": base64.b64encode(b"canary secret of the alerts").decode(),
}
MORE = """
[alerts.to.ops]
kind = "webhook"
url = {{ env = "OPS_URL" }}
secret = {{ env = "OPS_SECRET" }}

[console.people.ada]
role = "owner"
password = {{ env = "ADA" }}
"""


PAGES = [
    *("/", "/changes", "/changes.csv", "/changes.jsonl", "/inbox", "/mappings?try=1", "/mappings/edit", "/health"),
    *("/undo", "/find?q=nobody", "/nothing"),
]
FIRST = ["check --settings", "check --json", "schema crm", "plan --out plan.json", "apply --yes", "alerts test"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Two apps whose secrets are canaries, a console with an owner, and every logger at its loudest."""
    for name, value in {**SECRETS, "ADA": hashed(PASSWORD), "SYNCD_LOG_LEVEL": "debug"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(mailchimp, "API_KEY", SECRETS["NEWS_KEY"])
    setup = Setup(clock=WallClock(), records=3, limits=False)
    crm = HubSpotTwin(setup, token=SECRETS["CRM_TOKEN"], app_secret=SECRETS["CRM_SECRET"])
    news = MailchimpTwin(Setup(clock=WallClock(), records=3, limits=False))
    with ExitStack() as closing:
        crm_url, news_url = (closing.enter_context(serve(twin)).url for twin in (crm, news))
        monkeypatch.setenv("OPS_URL", f"{crm_url}/canary-path-of-the-alerts")
        made = House(tmp_path, crm, news, crm_url, news_url, closing)
        text = CONFIG.replace("[daemon]\n", '[daemon]\npublic_url = "http://127.0.0.1:{port}"\n') + MORE
        made.config_file.write_text(text.format(port=made.port, crm=crm_url, news=news_url))
        yield made


def runs(home: House) -> Running:
    """The whole program, as an operator starts it."""
    output = home.folder / "log.txt"
    with output.open("w") as out:
        words = [sys.executable, "-m", "syncd", "run", "--config", str(home.config_file)]
        process = subprocess.Popen(words, cwd=ROOT, env=dict(os.environ), stdout=out, stderr=out, text=True)
    home.closing.callback(process.wait)
    home.closing.callback(process.kill)
    running = Running(process, f"http://127.0.0.1:{home.port}", output)
    eventually(lambda: process.poll() is not None or running.answers(), "the door opens", 60)
    return running


def pages(running: Running, entity: str) -> Iterator[str]:
    """Every page of the console, as its owner sees them, and what the door says to anybody."""
    with httpx.Client(base_url=running.url, headers={"origin": running.url}, timeout=30) as browser:
        signed = browser.post("/login", data={"name": "ada", "password": PASSWORD})
        assert signed.status_code == 303
        for path in (*PAGES, f"/record/{entity}"):
            answer = browser.get(path)
            assert answer.status_code in {200, 404}, path
            yield answer.text
        yield browser.post("/hooks/crm", content=b"[]", headers={"x-hubspot-signature-v3": "canary"}).text
        yield browser.post("/hooks/news/canary-path", content=b"{").text
        for path in ("/healthz", "/metrics"):
            yield browser.get(path).text


def test_no_secret_gets_out_anywhere(home: House, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []

    def say(*words: str) -> int:
        code = main([*words, "--config", str(home.config_file)])
        captured = capsys.readouterr()
        told.extend((captured.out, captured.err))
        return code

    for words in FIRST:
        say(*[str(home.folder / word) if word.endswith(".json") else word for word in words.split()])
    running = runs(home)
    email = home.emails()[0]
    home.crm.person_edit("contacts", home.contact(email)[0], {"firstname": "Ada"})
    eventually(lambda: home.first_name(email) == ("Ada", "Ada"), "the newsletter tool hears of Ada", 60)
    assert isinstance(home.news, MailchimpTwin)
    signing = next(iter(home.news.secrets.values()))
    with home.store().read() as tx:
        kept = tx.apps.secret("news", "webhook_signing_secret")
        entity = tx.log.find(limit=1)[0].entity
    assert kept is not None
    assert kept.startswith("sealed-1:")
    told.extend(pages(running, str(entity)))
    home.crm.faults = Faults(revoked=True)
    eventually(lambda: "refuse" in running.said() or "paused" in running.said(), "the CRM refuses the token", 60)
    for words in ("status --json", "log --json", "check", "plan", f"why {email} first_name", "quarantine", "alerts"):
        say(*words.split())
    assert say("backup", str(home.folder / "backup.db")) == 0
    assert running.stop() == 0
    for words in ("key rotate", "undo --run last --yes", "run --once", "verify", "history nobody"):
        say(*words.split())
    home.config_file.write_text(home.config_file.read_text() + "\n[apps.crm.odd]\ntoken = 1\n")
    assert say("check") == 3

    canaries = {*SECRETS.values(), PASSWORD, "canary-path-of-the-alerts", signing}
    forms = {form for plain in canaries for form in (plain, base64.b64encode(plain.encode()).decode())}
    files = {file.name: file.read_bytes() for file in home.folder.iterdir() if file.is_file()}
    del files["syncd.toml"], files["syncd.db.key"]
    assert {"syncd.db", "backup.db", "plan.json", "log.txt"} <= files.keys()
    assert b'"level": "debug"' in files["log.txt"]
    found = [name for name, content in files.items() for form in forms if form.encode() in content]
    assert found == []
    assert [form for form in forms if form in "\n".join(told)] == []
    assert os.environ["ADA"] not in "\n".join(told)
