"""Logs for people or for machines, on standard error: ids and names, never values, and no secret in any form."""

from __future__ import annotations

import logging
import sys
import threading

import structlog
from structlog.typing import EventDict, Processor

from syncd.sdk.redact import quiet_http_loggers, redact_event
from syncd.settings import Log
from syncd.terminal import disarmed

__all__ = ["configure"]


def configure(log: Log) -> None:
    """Set logging up for the whole process: structlog, the standard library's loggers, and threads that die."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
        _in_lines,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    shown: Processor = (
        structlog.processors.JSONRenderer()
        if log.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, shown]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    for chatty in ("apscheduler", "uvicorn", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    quiet_http_loggers()
    threading.excepthook = _thread_died


def _in_lines(_logger: object, _method: str, event: EventDict) -> EventDict:
    """What came from outside begins no line of its own, and no terminal obeys it. Values are quoted anyhow."""
    event["event"] = disarmed(str(event.get("event", "")), _written)
    for name in ("exception", "stack"):
        if isinstance(told := event.get(name), str):
            event[name] = disarmed(told, _written, but="\t\n")
    return event


def _written(one: str) -> str:
    return one.encode("unicode_escape").decode()


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """A thread that dies is told of like everything else: one line, without secrets."""
    name = died.thread.name if died.thread else "?"
    if died.exc_value is not None:
        error = (died.exc_type, died.exc_value, died.exc_traceback)
        structlog.get_logger().critical("thread died", thread=name, exc_info=error)
