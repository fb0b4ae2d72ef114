"""The ways a message goes: a line of the log, a signed call, an e-mail. Each either tells, or says why it could not."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import structlog

from syncd.alerts.news import Message
from syncd.alerts.words import as_data, body, line, subject
from syncd.destinations import Email, LogLines, Severity, To, Webhook
from syncd.errors import ConnectorError, SyncdError
from syncd.sdk.contract import Clock
from syncd.sdk.http import Http, Limits, open_client
from syncd.sdk.pace import Gate
from syncd.sdk.redact import conceal, redact
from syncd.sdk.signatures import signed
from syncd.sdk.trust import trusted

__all__ = ["NotTold", "Sender", "opened"]

_TIMEOUT: Final = 10.0
_LIMITS: Final = Limits(timeout=_TIMEOUT, connect=5.0, body=64 * 1024, tries=2, patience=5.0)
_WIDE: Final = SMTP.clone(max_line_length=998)
"""As long as a line of a mail may be: Python folds a long subject so that it begins with a blank."""
_TOKEN: Final = 20
"""The path of an address that is longer than this may be a secret: many services have no other."""


class NotTold(SyncdError):
    """A destination could not be reached, or did not take the message."""

    exit_code = 4


class Sender(Protocol):
    """A way to one destination."""

    def __call__(self, message: Message, id: str, at: float, /) -> str:
        """Tell it, and say what came of it. `id`: the same when the same is tried again. Raises NotTold."""
        ...


def opened(to: Mapping[str, To], clock: Clock, closing: ExitStack) -> dict[str, Sender]:
    """A sender for each destination; `closing` lets go of them. No network yet."""
    return {name: _opened(name, one, clock, closing) for name, one in to.items()}


def _opened(name: str, to: To, clock: Clock, closing: ExitStack) -> Sender:
    match to:
        case Webhook():
            client = open_client(connections=1, authorities=to.authorities)
            closing.callback(client.close)
            return _calls(name, to, clock, client)
        case Email():
            return _mails(to)
        case LogLines():
            return _lines()


def _lines() -> Sender:
    log = structlog.get_logger()
    says: Mapping[Severity, Callable[..., Any]] = {
        Severity.NOTICE: log.info,
        Severity.WARNING: log.warning,
        Severity.URGENT: log.error,
    }

    def tell(message: Message, _id: str, _at: float, /) -> str:
        for item in message.items:
            says[item.severity]("alert", news=item.news.value, about=item.group, told=line(item))
        return "written to the log"

    return tell


def _calls(name: str, to: Webhook, clock: Clock, client: Any) -> Sender:
    parts = urlsplit(to.url)
    path = parts._replace(scheme="", netloc="").geturl()
    conceal(to.secret)
    if len(path) > _TOKEN:
        conceal(path)
    http = Http(
        client,
        app=name,
        clock=clock,
        gate=Gate((), clock=clock, concurrency=1),
        log=structlog.get_logger(),
        base_url=f"{parts.scheme}://{parts.netloc}",
        limits=_LIMITS,
    )

    def tell(message: Message, id: str, at: float) -> str:
        import orjson

        content = orjson.dumps(as_data(message, socket.gethostname(), at))
        headers = signed(content, id, clock.now(), to.secret) | {"Content-Type": "application/json"}
        try:
            answer = http.call("POST", path, content=content.decode(), text=True, headers=headers)
        except ConnectorError as failed:
            raise NotTold(redact(failed.message), hint="see that the address is right and takes such calls") from failed
        return f"{parts.netloc} answered {answer.status}"

    return tell


def _mails(to: Email) -> Sender:
    if to.password is not None:
        conceal(to.password, user=to.user or to.sender)
    place = f"{to.host}:{to.port}"

    def tell(message: Message, id: str, at: float) -> str:
        mail = EmailMessage(_WIDE)
        mail["Subject"] = subject(message)
        mail["From"] = to.sender
        mail["To"] = ", ".join(to.to)
        mail["Date"] = formatdate(at)
        mail["Message-ID"] = f"<{id}@{to.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # so that no out-of-office answer comes back (RFC 3834)
        mail.set_content(body(message, socket.gethostname()))
        try:
            with _session(to) as session:
                refused = session.send_message(mail)
        except (OSError, UnicodeError) as failed:  # what smtplib raises of its own is an OSError too
            raise NotTold(
                redact(f"{place}: {_said(failed)}"), hint="see that host, port, security and password are right"
            ) from failed
        some = f", but refused it for {len(refused)} of {len(to.to)}" if refused else ""
        return f"{place} took it{some}"

    return tell


def _session(to: Email) -> smtplib.SMTP:
    """Connected, encrypted and logged in, as far as asked for."""
    name, context = socket.gethostname(), trusted(to.authorities)
    session: smtplib.SMTP
    if to.security == "tls":
        session = smtplib.SMTP_SSL(to.host, to.port, local_hostname=name, timeout=_TIMEOUT, context=context)
    else:
        session = smtplib.SMTP(to.host, to.port, local_hostname=name, timeout=_TIMEOUT)
    try:
        if to.security == "starttls":
            session.starttls(context=context)
        if to.password is not None:
            session.login(to.user or to.sender, to.password.get_secret_value())
    except BaseException:
        session.close()
        raise
    return session


def _said(failed: Exception) -> str:
    """In a line. A mail server's answer comes as bytes, and may name whom it refuses."""
    match failed:
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({code for code, _ in failed.recipients.values()})
            return f"refused every address ({', '.join(map(str, codes))})"
        case smtplib.SMTPResponseException():
            answer = failed.smtp_error
            text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
            return f"answered {failed.smtp_code} {text}".partition("\n")[0]
        case UnicodeError():
            return "the user or the password has letters that SMTP does not know"
        case OSError() if failed.strerror:
            return failed.strerror
        case _:
            return str(failed) or type(failed).__name__
