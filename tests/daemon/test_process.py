"""The daemon as a process: it mirrors, stops when asked, outlives a power cut, and is alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from syncd.testing.twin import Twin
from tests.daemon.house import SECRETS, House, Running, eventually


def test_an_edit_in_one_app_reaches_the_other_and_a_stop_is_clean(home: House) -> None:
    daemon = home.start()
    email = home.emails()[0]
    eventually(lambda: daemon.health()["status"] == "quiet", "everything is linked")
    home.crm.person_edit("contacts", home.contact(email)[0], {"firstname": "Ada"})
    eventually(lambda: home.first_name(email) == ("Ada", "Ada"), "the newsletter tool hears of Ada")
    home.news.person_edit("members", home.member(email)[0], {"merge_fields.FNAME": "Adele"})
    eventually(lambda: home.first_name(email) == ("Adele", "Adele"), "the CRM hears of Adele")

    second = home.launch()
    assert second.process.wait(20) == 7
    assert f"process {daemon.process.pid}" in second.said()

    assert daemon.stop() == 0
    assert not [word for word in (email, "Adele", *SECRETS.values()) if word in daemon.said()]


def test_a_daemon_that_was_killed_in_the_middle_of_a_write_goes_on_and_does_not_repeat_it(home: House) -> None:
    email = home.emails()[0]
    daemon = home.start()
    eventually(lambda: daemon.health()["status"] == "quiet", "everything is linked")
    with stalled_writes(home.news) as begun:
        home.crm.person_edit("contacts", home.contact(email)[0], {"firstname": "Ada"})
        assert begun.wait(10)
        daemon.kill()
    eventually(lambda: home.first_name(email) == ("Ada", "Ada"), "the write lands after its writer is dead")
    again = home.start()
    assert again.health()["apps"]["news"]["unknown"] == 1
    eventually(lambda: again.health()["status"] == "quiet", "the write in doubt is settled by looking")
    written = [entry for entry in home.news.journal.entries if entry.author == "api"]
    assert [(entry.field, entry.value) for entry in written] == [("merge_fields.FNAME", "Ada")]
    assert again.stop() == 0


@contextmanager
def stalled_writes(twin: Twin) -> Iterator[threading.Event]:
    """Writes to members arrive and wait until the end of the block; the event says that one has arrived."""
    begun, go_on, handle = threading.Event(), threading.Event(), twin.handle

    def stalling(request: httpx.Request) -> httpx.Response:
        if request.method != "GET" and "/members" in request.url.path:
            begun.set()
            go_on.wait(20)
        return handle(request)

    twin.handle = stalling  # type: ignore[method-assign]
    yield begun
    go_on.set()
    twin.handle = handle  # type: ignore[method-assign]


def test_a_webhook_that_was_answered_survives_the_power_cut(home: House) -> None:
    daemon = home.start()
    eventually(lambda: daemon.health()["status"] == "quiet", "everything is linked")
    httpx.post(f"{home.crm_url}/_people/faults", json={"outage": True})
    id, _ = home.contact(home.emails()[0])
    assert signed_call(daemon, id).status_code == 200
    daemon.kill()
    store = home.store()
    with store.read() as tx:
        assert [ref.id for ref in tx.hints.due("crm", "contacts", tx.now, 10)] == [id]
    store.close()


def signed_call(daemon: Running, id: str) -> httpx.Response:
    """A call as HubSpot makes it."""
    body = json.dumps([{"subscriptionType": "contact.propertyChange", "objectId": int(id)}]).encode()
    url, stamp = f"{daemon.url}/hooks/crm", str(int(time.time() * 1000))
    said = f"POST{url}".encode() + body + stamp.encode()
    mark = base64.b64encode(hmac.new(SECRETS["CRM_SECRET"].encode(), said, hashlib.sha256).digest()).decode()
    headers = {"x-hubspot-signature-v3": mark, "x-hubspot-request-timestamp": stamp}
    return httpx.post(url, content=body, headers=headers)
