"""The plots: every size that was measured, in order, and nothing that was not."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.plots import drawn, main, series

ROWS = [
    {"name": "peak_rss_100k", "value": 190.0, "limit": 250.0},
    {"name": "peak_rss_10k", "value": 160.0, "limit": 250.0},
    {"name": "peak_rss_500", "value": 130.0, "limit": 250.0},
    {"name": "first_sync_10k_vs_copy_cpu", "value": 12.0, "limit": 0.4},
    {"name": "first_sync_10k_vs_copy", "value": 99.0, "limit": 0.4},
]


def test_sizes_are_read_from_the_names_of_rows_the_fewest_people_first() -> None:
    assert series(ROWS, r"peak_rss_(\d+)([km]?)") == [(500.0, 130.0), (10_000.0, 160.0), (100_000.0, 190.0)]
    assert series(ROWS, r"first_sync_(\d+)([km]?)_vs_copy_cpu") == [(10_000.0, 12.0)]


@pytest.mark.parametrize("points", [[], [(1000.0, 5.0)], [(1000.0, 5.0), (1_000_000.0, 5000.0)]])
def test_a_plot_has_a_point_for_each_measurement(points: list[tuple[float, float]]) -> None:
    tree = ET.fromstring(drawn("memory, <MB>", {"syncd": points}))  # noqa: S314 - it is our own
    circles = tree.findall("{http://www.w3.org/2000/svg}circle")
    assert len(circles) == len(points)
    assert all(60 <= float(one.attrib["cx"]) <= 640 and 0 <= float(one.attrib["cy"]) <= 320 for one in circles)


def test_both_plots_are_drawn_from_the_rows_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps({"rows": ROWS}))
    assert main(["--rows", str(tmp_path / "rows.json"), "--out", str(tmp_path / "out")]) == 0
    assert "goal: twice the copy: 0.8" in (tmp_path / "out" / "first-sync-cpu.svg").read_text()
    assert "syncd: 190" in (tmp_path / "out" / "first-sync-memory.svg").read_text()
