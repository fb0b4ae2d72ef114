"""A TOML file, with the place of every key; what no person writes is refused before it costs anything."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import ConfigError
from syncd.toml import MAX_BYTES, parse, read
from tests.effort import effort


def told(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text.encode() if isinstance(text, str) else text, Path("syncd.toml"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("a",), 1),
        (("a", "b", "x y"), 2),
        (("a", "b", "q", "r"), 3),
        (("a", "b", "q", "r", "s"), 3),
        (("a", "b", "u", 1), 6),
        (("m", 0, "k"), 9),
        (("m", 1, "k"), 11),
        (("m", 1, "deep", "z"), 13),
        (("m", 1, "n", 0, "o"), 15),
        (("a", "b", "missing"), 1),
        (("m", 1, "missing"), 10),
        (("nowhere",), 1),
    ],
)
def test_every_key_has_its_line_and_a_missing_one_that_of_its_parent(key: tuple[str | int, ...], line: int) -> None:
    text = """[a.b] # a table
"x y" = 1
q.r = { s = "t", v = 1 }
u = [
  # a comment
  1, 2]

[[m]]
k = 1
[[m]]
k = 2
[m.deep]
z = 3
[[m.n]]
o = 4
"""
    document = parse(text.encode(), Path("/somewhere/syncd.toml"))
    assert document.data == tomllib.loads(text)
    assert document.places.at(key) == f"syncd.toml:{line}"


def test_a_problem_names_file_line_and_key() -> None:
    places = parse(b"[a]\nb = [1, 2]", Path("syncd.toml")).places
    assert str(places.problem(("a", "b", 1), "is odd", "even?")) == "syncd.toml:2:a.b[1]: is odd (even?)"


def test_what_is_not_toml_is_told_with_its_line() -> None:
    assert told("a = 1\nb = = 2\n") == "syncd.toml:2: is not TOML at column 5: invalid value"
    assert told("a = 1\na = 2\n") == "syncd.toml:2: is not TOML at column 6: cannot overwrite a value"
    assert told("a = '''x") == "syncd.toml:1: is not TOML, at the end of the file: expected \"'''\""
    assert told(b"a = 1\nb = '\xff'") == "syncd.toml:2: is not UTF-8"


def test_a_number_longer_than_python_reads_is_told_and_is_no_crash() -> None:
    assert told("a = " + "1" * 5000) == "syncd.toml:1: is not TOML: a number is too long"


def test_a_file_that_is_missing_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothere.toml: cannot be read: No such file or directory"):
        read(tmp_path / "nothere.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a." * 20_000 + "b = 1", "syncd.toml:1: a key has more parts than 32"),
        ("x = 1\na = " + "[" * 5_000 + "]" * 5_000, "syncd.toml:2: brackets nest deeper than 32"),
        ("a = " + "{b=" * 5_000 + "1" + "}" * 5_000, "syncd.toml:1: brackets nest deeper than 32"),
        ("[" + ".".join("a" * 33) + "]", "syncd.toml:1: a key has more parts than 32"),
        ('a = """x""""\n' + "b." * 40 + "c = 1", "syncd.toml:2: a key has more parts than 32"),
        ("#" * (MAX_BYTES + 1), "syncd.toml: is larger than 256 KiB"),
    ],
)
def test_a_bomb_is_refused_at_once(text: str, message: str) -> None:
    began = time.perf_counter()
    assert told(text) == message
    assert time.perf_counter() - began < 1


def test_dots_and_brackets_in_texts_and_comments_are_no_depth() -> None:
    dots = "." * 100 + "[" * 100
    text = f'a = \'{dots}\' # {dots}\nb = "{dots}\\"{dots}"\nc = \'\'\'\n{dots}\'\'\'\nd = """{dots}""{dots}"""\n'
    assert parse(text.encode(), Path("f.toml")).data["b"] == f'{dots}"{dots}'


@given(st.text(st.sampled_from("ab.=[]{}\"'\\#, \n1"), max_size=80))
@effort(400)
def test_any_text_is_either_read_as_tomllib_does_or_a_problem(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except ValueError:
        told(text)
    else:
        assert parse(text.encode(), Path("f.toml")).data == expected


@given(
    st.recursive(
        st.integers(0, 9),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b c", "ü"]), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
@effort(100)
def test_every_key_of_a_nested_value_has_a_place(value: object) -> None:
    def written(value: object) -> str:
        match value:
            case dict():
                return "{" + ", ".join(f'"{key}" = {written(inner)}' for key, inner in value.items()) + "}"
            case list():
                return "[" + ", ".join(map(written, value)) + "]"
            case _:
                return str(value)

    def keys(value: object, at: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [at, *(key for part, inner in pairs for key in keys(inner, (*at, part)))]

    places = parse(f"first = 0\nit = {written(value)}\n".encode(), Path("f.toml")).places
    assert all(places.lines[key] == "f.toml:2" for key in keys(value, ("it",)))
