"""Whatever stands in the file, loading it gives syncs or problems with places, and never another exception."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.fieldmap import Sync
from syncd.errors import ConfigError, Problem
from syncd.mapping import describe, load_syncs
from syncd.settings import load
from tests.effort import effort
from tests.mapping.ground import SCHEMAS, plugin

EXAMPLE = (Path(__file__).parents[2] / "config.example.toml").read_text()
LINES = [line for line in re.sub(r"(?m)#.*$", "", EXAMPLE).splitlines() if line.strip()]
VALUES = (
    '"text" "email" "crm" "news" "prefer crm" "max" "hold" "" "x" "Ü" "\\u0000" 0 -1 1.5 true [] {} [1] ["email"] '
    '[["email"]] {a=1} {field="email"} {field=1} {env="HUBSPOT_TOKEN"} {join=["email","phone"]} 2024-01-01 '
    '{field="status",values={true="cleaned"}} {field="hs_email_optout",part="first"} inf "1 +" 99999999999999999999'
).split(" ")
WORDS = st.sampled_from(sorted(set(re.findall(r"[a-z_]+", "\n".join(LINES)))))


@st.composite
def mangled(draw: st.DrawFn) -> str:
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["drop", "value", "key", "move", "add"])):
            case "drop":
                lines[at] = ""
            case "value":
                lines[at] = lines[at].partition("=")[0] + "= " + draw(st.sampled_from(VALUES))
            case "key":
                lines[at] = re.sub(r"[a-z_]+", draw(WORDS), lines[at], count=1)
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines[at])
            case _:
                lines.insert(at, f"{draw(WORDS)} = {draw(st.sampled_from(VALUES))}")
    return "\n".join(lines)


@given(text=mangled())
@effort(150)
def test_a_mangled_configuration_is_syncs_or_problems(tmp_path: Path, text: str) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text(text)
    syncs: Mapping[str, Sync] = {}
    problems: Sequence[Problem] = ()
    try:
        syncs = load_syncs(load(path, plugin), SCHEMAS)
    except ConfigError as error:
        problems = error.problems
    assert syncs or problems or "[syncs" not in text
    for problem in problems:
        assert re.match(r"syncd\.toml(:\d+)?(:.+)?$", problem.where)
        assert "\n" not in problem.message
        assert "canary" not in str(problem)
    for sync in syncs.values():
        assert describe(sync)
