"""Traces by OpenTelemetry, for whoever asks for them in the usual variables of the environment; else nothing.

    OTEL_EXPORTER_OTLP_ENDPOINT     where to: http://localhost:4318
    OTEL_SERVICE_NAME               as what: syncd
    OTEL_TRACES_EXPORTER            otlp, or none
    OTEL_SDK_DISABLED               true turns it off

and all others that OpenTelemetry's own SDK and exporter know. The packages are those of `syncd[otel]`; they are not
even imported where nobody asks. A span has names out of the configuration, counts, a method, a host and a status. It
has no path and no query, for these may name a person, and an error is told by its class, for its words may quote one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from syncd import __version__
from syncd.errors import ConfigError, Problem
from syncd.sdk.spans import SILENT, Attribute, Kind, Span, Spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span as Traced
    from opentelemetry.trace import Tracer

__all__ = ["Tracing", "asked_for", "traced"]

_WHERE: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL: Final = "http/protobuf"
_NAMES: Final[Mapping[str, str]] = {
    "method": "http.request.method",
    "host": "server.address",
    "status": "http.response.status_code",
    "error": "error.type",
}
"""What OpenTelemetry's semantic conventions have a name for; all else is `syncd.…`."""


def asked_for() -> bool:
    """Whether the environment asks for traces. Raises ConfigError for what syncd cannot do."""
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none":
        return False
    if exporter not in {"", "otlp"}:
        raise _unable("OTEL_TRACES_EXPORTER", exporter, "otlp or none")
    if exporter != "otlp" and not any(map(os.environ.get, _WHERE)):
        return False
    for variable in _PROTOCOLS:
        if (protocol := os.environ.get(variable, _PROTOCOL)) != _PROTOCOL:
            raise _unable(variable, protocol, _PROTOCOL)
    return True


def traced(closing: ExitStack) -> Spans:
    """Who is told what goes on; `closing` sends what was not sent yet, within a few seconds. Raises ConfigError."""
    if not asked_for():
        return SILENT
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        hint = "pip install 'syncd[otel]', or set OTEL_SDK_DISABLED=true"
        raise ConfigError("the environment asks for traces, and OpenTelemetry is not installed", hint=hint) from error
    return Tracing(BatchSpanProcessor(OTLPSpanExporter()), closing)


class Tracing:
    """Spans that OpenTelemetry collects."""

    def __init__(self, processor: SpanProcessor, closing: ExitStack) -> None:
        """`processor` gets each span that has ended; `closing` ends it."""
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        about = {"service.version": __version__}
        if "OTEL_SERVICE_NAME" not in os.environ:
            about["service.name"] = "syncd"
        provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        provider.add_span_processor(processor)
        closing.callback(provider.shutdown)
        self._tracer: Tracer = provider.get_tracer("syncd", __version__)

    @contextmanager
    def span(self, name: str, kind: Kind = "internal", **attributes: Attribute) -> Iterator[Span]:
        """Something goes on, within what goes on in this thread already."""
        from opentelemetry.trace import SpanKind, StatusCode

        begun = self._tracer.start_as_current_span(
            name,
            kind=SpanKind[kind.upper()],
            attributes=_named(attributes),
            record_exception=False,  # its message may quote a value
            set_status_on_exception=False,
        )
        with begun as one:
            try:
                yield _Noted(one)
            except BaseException as error:
                one.set_attributes(_named({"error": type(error).__name__}))
                one.set_status(StatusCode.ERROR)
                raise


class _Noted:
    """A span of OpenTelemetry's."""

    def __init__(self, span: Traced) -> None:
        self._span = span

    def note(self, **attributes: Attribute) -> None:
        """Say something of it."""
        self._span.set_attributes(_named(attributes))


def _named(attributes: Mapping[str, Attribute]) -> dict[str, Any]:
    return {_NAMES.get(name, f"syncd.{name}"): value for name, value in attributes.items()}


def _unable(variable: str, found: str, expected: str) -> ConfigError:
    return ConfigError([Problem(variable, f'is "{found}", and syncd can do {expected}', "or OTEL_SDK_DISABLED=true")])
