"""Whatever is in the configuration file, it is read in a moment or refused in words: no crash, and no minutes of work.

Nothing here looks at a clock: what would keep the parser busy for minutes runs into the time that any test is given.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.errors import ConfigError, Problem
from syncd.mapping import load_syncs
from syncd.settings import load
from syncd.toml import MAX_BYTES, MAX_DEPTH, MAX_PARTS, parse
from tests.effort import effort
from tests.mapping.ground import SCHEMAS, plugin

FILE = Path("syncd.toml")
EXAMPLE = (Path(__file__).parents[2] / "config.example.toml").read_bytes()
PIECES = [
    *'abZ_-019.=[]{}"\',#+\\ \n\t\r',
    '"""', "'''", "[[", "]]", "\\u0041", "\\U0010ffff", "é", "\x00", "\x7f", "true", "inf", "1e9", "0x", "2024-01-01",
    "[apps.a]\n", "[syncs.people]\n", "a.b.c", " = ", '"""\\"', "# x\n",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "canary-token")
    monkeypatch.setenv("MAILCHIMP_API_KEY", "canary-key")


def told(content: bytes) -> str:
    """What is wrong with a file; "" if nothing is."""
    problems: Sequence[Problem] = ()
    try:
        data = parse(content, FILE).data
    except ConfigError as error:
        problems = error.problems
    else:
        assert data == tomllib.loads(content.decode().replace("\r\n", "\n"))
    assert all(problem.where.startswith("syncd.toml") for problem in problems)
    return "; ".join(map(str, problems))


@given(content=st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=40).map("".join).map(str.encode))
@effort(150)
def test_any_bytes_are_read_or_refused_with_their_place(content: bytes) -> None:
    told(content)


@given(
    head=st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    unit=st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join),
    tail=st.lists(st.sampled_from(PIECES), max_size=2).map("".join),
)
@example(head='"""', unit='\\"""\n', tail="")  # a text that is never closed, looked for from each of its lines
@example(head='a = "', unit='\\"', tail="")
@example(head="a = ", unit="[", tail="")
@example(head="", unit="a.", tail="b = 1")
@example(head="a = ", unit="9", tail="")
@effort(12)
def test_a_file_of_the_greatest_size_is_dealt_with_in_a_moment(head: str, unit: str, tail: str) -> None:
    room = MAX_BYTES - len((head + tail).encode())
    told((head + unit * (room // len(unit.encode())) + tail).encode())


@given(size=st.integers(MAX_BYTES - 2, MAX_BYTES + 2))
@effort(5)
def test_the_size_is_bounded_to_the_byte(size: int) -> None:
    assert ("is larger than" in told(b"#" * size)) is (size > MAX_BYTES)


@given(parts=st.integers(1, 2 * MAX_PARTS), depth=st.integers(1, 2 * MAX_DEPTH), table=st.booleans())
@effort(60)
def test_the_depth_of_keys_and_of_brackets_is_bounded(parts: int, depth: int, table: bool) -> None:
    key = ".".join(f"k{n}" for n in range(parts))
    said = told((f"[{key}]\n" if table else f"{key} = 1\n").encode())
    assert bool(said) is (parts > MAX_PARTS)
    said = told(f"a = {'[' * depth}{']' * depth}\n".encode())
    assert bool(said) is (depth > MAX_DEPTH)


@st.composite
def worn(draw: st.DrawFn) -> bytes:
    """The example file after some accidents with an editor."""
    content = EXAMPLE
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content) - 1))
        end = min(len(content), start + draw(st.integers(0, 60)))
        piece = draw(st.sampled_from(PIECES).map(str.encode) | st.binary(max_size=3) | st.just(content[start:end] * 2))
        content = content[:start] + piece + content[end:]
    return content


@given(content=worn())
@effort(60)
def test_a_worn_example_is_a_configuration_or_problems_that_tell_no_secret(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "syncd.toml"
    path.write_bytes(content)
    problems: Sequence[Problem] | None = None
    try:
        load_syncs(load(path, plugin), SCHEMAS)
    except ConfigError as error:
        problems = error.problems
    assert problems is None or problems
    assert "canary" not in str(problems)
