"""Files of plans and undos that were worn, cut or written by somebody else: read as they were, or refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.console.undo import FORM, Order, keep_order, read_order
from syncd.core.record import EntityId
from syncd.engine.paper import FORM as PLAN
from syncd.engine.paper import lines, plan_of
from syncd.engine.plan import Plan
from syncd.engine.undo import Back, Chosen, Undo
from syncd.engine.writes import Planned, Writes
from syncd.errors import ConfigError
from tests.effort import effort
from tests.fuzz.mangle import Mangle, mangles


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    writes = Writes(tmp_path_factory.mktemp("plan"))
    writes.add(Planned("update", "crm", "contacts", "1", {"firstname": ["Ada", "Adele"]}))
    return b"".join(lines(Plan(writes, {"hold": 1}, 2, {"people": "digest"}, 1.0)))


@pytest.fixture(scope="module")
def undo(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    back = Back(
        sync="people", entity=EntityId("e1"), field="first_name", now="Ada", then=None, undoes=7, apps=("crm", "news")
    )
    file = tmp_path_factory.mktemp("undo") / "undo.json"
    keep_order(Order(chosen=Chosen(run=1), words="run 1", undo=Undo(back=(back,), kept=())), file)
    return file.read_bytes()


def worn(genuine: bytes, form: str) -> st.SearchStrategy[bytes]:
    """The file with something else in it somewhere, with a byte off, cut short, or another file of the same form."""
    off = st.tuples(st.integers(0, len(genuine) - 1), st.integers(0, 255)).map(
        lambda at: genuine[: at[0]] + bytes([at[1]]) + genuine[at[0] + 1 :]
    )
    named = b'{"form":"%s",' % form.encode()
    other = st.binary(max_size=60).map(lambda tail: named + tail)
    return off | mangles().map(lambda mangle: mangle.body(genuine)) | other | st.binary(max_size=60)


def read_or_refused(read: Callable[[bytes], Any], content: bytes) -> None:
    hint = "as it was"
    try:
        read(content)
    except ConfigError as refused:
        hint = refused.hint
    assert hint


def test_a_plan_is_read_as_it_was_or_refused(plan: bytes) -> None:
    def read(content: bytes) -> Plan:
        return plan_of(content.splitlines(keepends=True))

    assert b"".join(lines(read(plan))) == plan

    @given(content=worn(plan, PLAN))
    @example(Mangle("nested").body(plan))
    @example(json.dumps({"form": PLAN, "writes": [1]}).encode())
    @effort(150)
    def holds(content: bytes) -> None:
        read_or_refused(read, content)

    holds()


def test_an_undo_is_read_as_it_was_or_refused(undo: bytes, tmp_path: Path) -> None:
    file = tmp_path / "undo.json"

    def read(content: bytes) -> Order | None:
        file.write_bytes(content)
        return read_order(file)

    known = read(undo)
    assert known is not None
    assert orjson.loads(undo)["digest"] == known.undo.digest

    @given(content=worn(undo, FORM))
    @example(undo[:-3])
    @example(undo + b"\xff")
    @example(json.dumps({"form": FORM, "chosen": [], "back": 1}).encode())
    @effort(150)
    def holds(content: bytes) -> None:
        read_or_refused(read, content)

    holds()
