"""Traces: what goes on within what, with names and counts and no value of anybody; nothing where nobody asks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from syncd import app as root
from syncd.app import assemble
from syncd.engine.cycle import once
from syncd.errors import ConfigError
from syncd.sdk.spans import SILENT
from syncd.testing.twin import Faults
from syncd.tracing import Tracing, traced
from tests.alerts.servers import receiver
from tests.daemon.company import Company
from tests.daemon.house import SECRETS, House, house
from tests.daemon.test_intake import SIGNED, Door


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with house(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Where the spans of every assembly go."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(root, "traced", lambda closing: Tracing(SimpleSpanProcessor(exporter), closing))
    return exporter


def of(spans: Sequence[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def told(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_a_cycle_holds_pages_and_batches_and_these_the_calls_to_the_vendor(
    home: House, collected: InMemorySpanExporter
) -> None:
    with assemble(home.config()) as assembly:
        once(assembly.world, whole=True)
        id, _ = home.contact(home.emails()[0])
        home.crm.person_edit("contacts", id, {"firstname": "Canary"})
        once(assembly.world, whole=True)
    spans = collected.get_finished_spans()
    by_id = {span.context.span_id: span for span in spans if span.context}

    def within(span: ReadableSpan) -> str:
        return by_id[span.parent.span_id].name if span.parent else ""

    assert {told(span)["syncd.app"] for span in of(spans, "cycle")} == {"crm", "news"}
    assert {told(span)["syncd.stage"] for span in of(spans, "cycle")} == {"sweep", "tend"}
    assert {within(span) for span in of(spans, "pull page")} == {"cycle"}
    assert sum(int(str(told(span).get("syncd.rows", 0))) for span in of(spans, "pull page")) >= 6
    (batch,) = of(spans, "push batch")
    assert told(batch) == {"syncd.app": "news", "syncd.sync": "people", "syncd.writes": 1}
    calls = [span for span in spans if span.kind is SpanKind.CLIENT]
    assert {within(span) for span in calls} >= {"pull page", "push batch", "cycle"}
    for span in calls:
        assert told(span)["server.address"] == "127.0.0.1"
        assert told(span)["http.response.status_code"] in {200, 201, 207}
        assert set(told(span)) <= {
            "syncd.app", "http.request.method", "server.address", "http.response.status_code",
        }  # fmt: skip


def test_no_span_has_a_value_of_a_person_or_a_secret(home: House, collected: InMemorySpanExporter) -> None:
    with assemble(home.config()) as assembly:
        once(assembly.world, whole=True)
        home.news.faults = Faults(revoked=True)
        id, _ = home.contact(home.emails()[0])
        home.crm.person_edit("contacts", id, {"firstname": "Canary"})
        once(assembly.world, whole=True)
    spans = collected.get_finished_spans()
    said = " ".join(f"{span.name} {told(span)}" for span in spans)
    for secret in (*home.emails(), *SECRETS.values(), "Canary", id):
        assert secret not in said
    failed = [span for span in spans if span.status.status_code is StatusCode.ERROR]
    assert {told(span)["error.type"] for span in failed} == {"Unauthorised"}
    assert {span.status.description for span in failed} == {None}
    assert not any(span.events for span in spans)


def test_a_webhook_is_a_span_of_a_server(company: Company) -> None:
    exporter = InMemorySpanExporter()
    with ExitStack() as closing:
        door = Door(company, spans=Tracing(SimpleSpanProcessor(exporter), closing))
        door.post("1", **SIGNED)
        door.post("1")
    statuses = [told(span) for span in exporter.get_finished_spans()]
    about = {"syncd.app": "crm", "http.request.method": "POST"}
    assert statuses == [about | {"http.response.status_code": status} for status in (200, 401)]
    assert {span.kind for span in exporter.get_finished_spans()} == {SpanKind.SERVER}


def test_a_collector_that_is_named_in_the_environment_gets_the_spans(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as there:
        there.status = 200
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", there.url)
        with assemble(home.config()) as assembly:
            once(assembly.world, whole=True)
        calls = list(there.calls)
    assert {(path, headers["content-type"]) for path, headers, _ in calls} == {("/v1/traces", "application/x-protobuf")}
    told = [ExportTraceServiceRequest.FromString(body) for _, _, body in calls]
    resources = [spans for request in told for spans in request.resource_spans]
    about = {pair.key: pair.value.string_value for spans in resources for pair in spans.resource.attributes}
    assert about["service.name"] == "syncd"
    names = {span.name for one in resources for scope in one.scope_spans for span in scope.spans}
    assert {"cycle", "pull page", "GET"} <= names


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_SERVICE_NAME": "sync"},
    ],
)
def test_where_nobody_asks_nothing_is_imported(variables: dict[str, str]) -> None:
    asks = (
        "import sys, syncd.daemon.daemon, syncd.console.cli, syncd.web.site; from contextlib import ExitStack;"
        "from syncd.tracing import traced; from syncd.sdk.spans import SILENT;"
        "assert traced(ExitStack()) is SILENT;"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry', 'google', 'requests'))]"
    )
    subprocess.run([sys.executable, "-c", asks], env={**os.environ, **variables}, check=True)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", 'OTEL_TRACES_EXPORTER: is "zipkin", and syncd can do otlp or none'),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 'OTEL_EXPORTER_OTLP_PROTOCOL: is "grpc", and syncd can do http/prot'),
    ],
)
def test_what_cannot_be_done_is_told(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, value)
    with ExitStack() as closing, pytest.raises(ConfigError) as caught:
        traced(closing)
    assert message in str(caught.value)


def test_without_the_package_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with ExitStack() as closing, pytest.raises(ConfigError, match=r"pip install 'syncd\[otel\]'"):
        traced(closing)


def test_a_name_for_the_service_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "sync of the north")
    exporter = InMemorySpanExporter()
    with ExitStack() as closing, Tracing(SimpleSpanProcessor(exporter), closing).span("cycle"):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == "sync of the north"


def test_a_span_that_nobody_collects_is_nothing() -> None:
    with SILENT.span("cycle", app="crm") as span:
        span.note(rows=1)
