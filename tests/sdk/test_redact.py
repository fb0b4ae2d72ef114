"""A planted secret must not be found in anything that a person may read."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
from urllib.parse import quote, quote_plus

import httpx
import pytest
import structlog
from pydantic import SecretStr

from syncd.errors import ConnectorError
from syncd.sdk import Bearer, conceal
from syncd.sdk.http import open_client
from syncd.sdk.redact import MASK, RedactingFilter, Secrets, redact, redact_event
from tests.sdk.ground import BASE, Ground

CANARY = 'canary/+ "€7&='


@pytest.fixture
def secrets() -> Secrets:
    known = Secrets()
    known.conceal(SecretStr(CANARY), user="ada")
    return known


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        quote(CANARY),
        quote(CANARY, safe=""),
        quote_plus(CANARY),
        json.dumps(CANARY),
        base64.b64encode(CANARY.encode()).decode(),
        base64.b64encode(f"ada:{CANARY}".encode()).decode(),
        base64.b64encode(f"{CANARY}:".encode()).decode(),
        str(httpx.URL("https://crm.test/", params={"key": CANARY})),
    ],
)
def test_a_secret_is_found_in_every_form_in_which_it_travels(secrets: Secrets, form: str) -> None:
    clean = secrets.redact(f"before {form} after")
    assert form not in clean
    assert MASK in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")


def test_a_secret_that_begins_with_another_is_masked_whole() -> None:
    known = Secrets()
    known.conceal("token-of-crm")
    known.conceal("token-of-crm-and-more")
    assert known.redact("token-of-crm-and-more") == MASK


def test_short_words_and_unknown_text_stay(secrets: Secrets) -> None:
    secrets.conceal("on")
    assert secrets.redact("going on") == "going on"
    assert Secrets().redact("nothing known") == "nothing known"


def test_a_released_secret_is_forgotten(secrets: Secrets) -> None:
    secrets.release(CANARY)
    secrets.release("never known")
    assert secrets.redact(CANARY) == CANARY


def blunder() -> None:
    raise ValueError(CANARY)


class Odd:
    def __repr__(self) -> str:
        return f"Odd({CANARY})"


def test_no_log_event_holds_a_secret_at_any_depth() -> None:
    conceal(CANARY, user="ada")
    event = redact_event(
        None,
        "info",
        {
            "event": f"called with {CANARY}",
            "nested": {"list": [CANARY, {CANARY: (CANARY,)}]},
            "bytes": CANARY.encode(),
            "error": ValueError(CANARY),
            "odd": Odd(),
            "count": 3,
            "harmless": (plain := object()),
        },
    )
    assert "canary" not in repr(event)
    assert event["count"] == 3
    assert event["harmless"] is plain


def test_a_structlog_traceback_holds_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    conceal(CANARY)
    log = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[structlog.processors.format_exc_info, redact_event, structlog.processors.KeyValueRenderer()],
    )
    try:
        blunder()
    except ValueError:
        log.exception("failed")
    shown = capsys.readouterr().out
    assert "ValueError: ***" in shown
    assert "canary" not in shown


def test_the_standard_librarys_log_holds_no_secret() -> None:
    conceal(CANARY)
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    handler.addFilter(RedactingFilter())
    try:
        blunder()
    except ValueError:
        failure = {"msg": "failed with %s", "args": (CANARY,), "exc_info": sys.exc_info()}
    for record in (failure, {"msg": "plain %d", "args": (7,)}, {"msg": "where", "stack_info": f"line of {CANARY}"}):
        handler.handle(logging.makeLogRecord(record))
    assert "failed with ***" in shown.getvalue()
    assert "ValueError: ***" in shown.getvalue()
    assert "plain 7" in shown.getvalue()
    assert "line of ***" in shown.getvalue()
    assert "canary" not in shown.getvalue()


def test_the_http_library_logs_no_address_even_when_everything_is_debugged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with open_client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
        client.get("https://crm.test/", params={"key": "unregistered-canary"})
    assert "canary" not in caplog.text


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
def test_an_exchange_leaks_its_credentials_nowhere(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "canary-exchange-0123456789"
    ground = Ground()
    echo = {"message": f"you sent Bearer {secret}, also {quote(secret)}", "errors": [{"message": secret}]}
    ground.router.route().respond(status, json=echo)
    http = ground.http.at(BASE, auth=Bearer(SecretStr(secret)))
    shown = [repr(http)]
    try:
        shown.append(repr(http.call("POST", f"/hooks/{secret}", params={"key": secret})))
    except ConnectorError as failure:
        shown += [str(failure), repr(failure), failure.hint]
    shown += [repr(ground.notebook.lines), caplog.text]
    assert secret not in "".join(shown)
    assert ground.notebook.lines


def test_the_registry_is_one_for_all() -> None:
    conceal("one-secret-of-some-app")
    assert redact("about another app: one-secret-of-some-app") == "about another app: ***"
