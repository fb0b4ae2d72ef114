"""The dashboard for Grafana: each expression is PromQL over what a daemon really shows, in the unit it is in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import promql_parser as promql
import pytest

from syncd.destinations import Alerts, LogLines
from tests.daemon.company import Company
from tests.daemon.house import eventually

DASHBOARD = json.loads((Path(__file__).parents[2] / "contrib" / "grafana-dashboard.json").read_text())
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ROWS = [panel for panel in DASHBOARD["panels"] if panel["type"] == "row"]
VARIABLES = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
INTERVAL = "$__rate_interval"
"""What Grafana puts in place of itself, beside the variables of the dashboard."""


def asked() -> list[tuple[str, str]]:
    return [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]


def parsed(expr: str) -> Any:
    """The expression as Prometheus would take it: its syntax and the types of all its parts. Raises ValueError."""
    return promql.parse(expr.replace(INTERVAL, "5m"))


def selectors(node: Any) -> Iterator[Any]:
    match node:
        case promql.VectorSelector():
            yield node
        case promql.MatrixSelector():
            yield node.vector_selector
        case promql.Call():
            for argument in node.args:
                yield from selectors(argument)
        case promql.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)
        case promql.AggregateExpr():
            yield from selectors(node.expr)
        case _:
            assert isinstance(node, promql.NumberLiteral), type(node)


def rated(node: Any) -> Iterator[str]:
    """Whatever is looked at over a time."""
    match node:
        case promql.Call():
            for argument in node.args:
                yield from (
                    [str(argument.vector_selector.name)]
                    if isinstance(argument, promql.MatrixSelector)
                    else rated(argument)
                )
        case promql.BinaryExpr():
            yield from (*rated(node.lhs), *rated(node.rhs))
        case promql.AggregateExpr():
            yield from rated(node.expr)


def test_a_running_daemon_shows_every_figure_that_is_asked_for(company: Company) -> None:
    company.person("ada@example.com", "Ada")
    with company.running() as service:
        eventually(lambda: len(company.called("ada@example.com")) == 2, "both know Ada")
        httpx.post(f"{service.url}/hooks/crm", content="1", headers={"x-signature": "ours"})
        text = httpx.get(f"{service.url}/metrics").text
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))
    names = set(kinds)
    for name, kind in kinds.items():
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else set()
    for title, expr in asked():
        tree = parsed(expr)
        for selector in selectors(tree):
            assert selector.name in names, f"{title}: {selector.name}"
        for name in rated(tree):
            kind = kinds.get(re.sub(r"_bucket$", "", name), "")
            assert kind in {"counter", "histogram"}, f"{title}: {name} is a {kind}, and has no rate"
        steady = {selector.name for selector in selectors(tree)} - set(rated(tree))
        if title != "Promises broken":  # of which one since the start is one too many
            assert {kinds[name] for name in steady} <= {"gauge"}, f"{title}: a counter only ever grows"


def test_what_is_counted_begins_at_nothing_so_that_the_first_of_it_shows_as_growth(company: Company) -> None:
    company.alerts = Alerts(to={"here": LogLines(kind="log")})
    with company.running() as service:
        text = httpx.get(f"{service.url}/metrics").text
    for series in (
        'syncd_toctou_suspected_total{app="crm"} 0.0',
        'syncd_writes_refused_total{app="news"} 0.0',
        'syncd_alerts_total{outcome="failed",to="here"} 0.0',
    ):
        assert series in text


@pytest.mark.parametrize(("title", "expr"), asked())
def test_every_expression_is_promql_and_heeds_what_one_chooses(title: str, expr: str) -> None:
    for selector in selectors(parsed(expr)):
        matched = {one.name: one.value for one in selector.matchers.matchers}
        assert matched["job"] == "$job"
        assert matched["instance"] == "$instance"
        assert matched.get("app", "$app") == "$app"
    used = set(re.findall(r"\$(?!__)\{?(\w+)", json.dumps(DASHBOARD)))
    assert used == set(VARIABLES)


@pytest.mark.parametrize("expr", ["sum by (app (x)", "rate(x)", "histogram_quantile(x)", 'x{app=~"("}', "rates(x[5m])"])
def test_what_is_no_promql_would_be_noticed(expr: str) -> None:
    with pytest.raises(ValueError, match=r"parenthesis|expected|unknown|regex"):
        parsed(expr)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_shows_a_figure_in_the_unit_it_is_in(panel: dict[str, Any]) -> None:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        for name in {selector.name for selector in selectors(parsed(target["expr"]))}:
            base = re.sub(r"_bucket$", "", name)
            if base == "process_cpu_seconds_total":  # seconds a second
                assert unit == "percentunit"
            elif base.endswith("_seconds"):
                assert unit == "s"
            elif base.endswith("_bytes"):
                assert unit == "bytes"
            elif base.endswith("_ratio"):
                assert unit == "percentunit"
            else:
                assert unit in {"none", "short"}
    if any(expr["expr"].endswith("* 60") for expr in panel["targets"]):
        assert "a minute" in panel["description"].lower()


def test_it_has_what_grafana_needs_to_load_it() -> None:
    assert DASHBOARD["schemaVersion"] >= 36  # data sources by type and uid, as from Grafana 9 on
    assert re.fullmatch(r"[\w-]{1,40}", DASHBOARD["uid"])
    assert "id" not in DASHBOARD  # else an import would take the place of whatever has that number
    assert isinstance(DASHBOARD["title"], str)
    assert set(DASHBOARD["time"]) == {"from", "to"}
    first, *_ = DASHBOARD["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    for one in DASHBOARD["templating"]["list"][1:]:
        assert (one["type"], one["datasource"]) == ("query", SOURCE)
        assert re.fullmatch(r"label_values\(syncd_\w+, \w+\)", one["query"]["query"])
        assert one["definition"] == one["query"]["query"]
        assert (one["includeAll"], one["multi"], one["allValue"]) == (True, True, ".*")


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_has_what_grafana_needs_to_draw_it(panel: dict[str, Any]) -> None:
    assert isinstance(panel["id"], int)
    assert panel["title"]
    assert set(panel["gridPos"]) == {"x", "y", "w", "h"}
    assert all(isinstance(at, int) and at >= 0 for at in panel["gridPos"].values())
    if panel in ROWS:
        assert (panel["collapsed"], panel["panels"]) == (False, [])
        return
    assert panel["type"] in {"stat", "timeseries"}
    assert panel["datasource"] == SOURCE
    assert [target["refId"] for target in panel["targets"]] == list("ABCDE"[: len(panel["targets"])])
    assert all(target["datasource"] == SOURCE for target in panel["targets"])
    assert set(panel["fieldConfig"]) == {"defaults", "overrides"}
    for target in panel["targets"]:
        spoken = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        tree = parsed(target["expr"])
        while isinstance(tree, promql.BinaryExpr | promql.Call):
            tree = tree.args[-1] if isinstance(tree, promql.Call) else tree.rhs if _number(tree.lhs) else tree.lhs
        if isinstance(tree, promql.AggregateExpr):
            kept = set(tree.modifier.labels) if tree.modifier else set()
            assert spoken == kept - {"le"}


def _number(node: Any) -> bool:
    return isinstance(node, promql.NumberLiteral) or (isinstance(node, promql.Call) and node.func.name == "time")
