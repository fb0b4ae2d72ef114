"""A TOML file together with the place of every key, so that an error can name file, line and key.

`tomllib` reads the values. It tells no positions, and some small files keep it busy for half a minute, so two things
stand around it: a linear scan beforehand refuses what no person writes, and a tree-sitter tree of the same text gives
each key its line.
"""

from __future__ import annotations

import re
import tomllib
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from syncd.errors import ConfigError, Problem

__all__ = ["Document", "Key", "Places", "parse", "read"]

Key: TypeAlias = tuple[str | int, ...]
"""The way to a value: table names and array indices."""

MAX_BYTES: Final = 256 * 1024
MAX_PARTS: Final = 32
MAX_DEPTH: Final = 32
_LONG_NUMBER: Final = re.compile(r"[0-9_]{4301,}")
"""Longer than Python reads."""

# A text that is never closed runs to the end: looked for from every quote in it, its end would cost minutes.
_TOKEN = re.compile(
    r"""
      (?P<skip> \#[^\n]*
        | \"{3}(?:\\.|[^\\])*?(?:\"{3,5}|\Z) | '{3}.*?(?:'{3,5}|\Z)
        | "(?:\\.|[^"\\\n])*"? | '[^'\n]*'? )
    | (?P<open> [\[{] )
    | (?P<close> [\]}] )
    | (?P<end> [\n,=] )
    | (?P<dot> \. )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where keys stand: each key's `file:line`. A key that stands nowhere is at its nearest ancestor's place."""

    file: str
    lines: Mapping[Key, str]

    def at(self, key: Key) -> str:
        """`file:line` of a key, or of the table in which it would stand."""
        for length in range(len(key), 0, -1):
            if (place := self.lines.get(key[:length])) is not None:
                return place
        return f"{self.file}:1"

    def problem(self, key: Key, message: str, hint: str = "") -> Problem:
        """Something wrong with the value of a key."""
        return Problem(f"{self.at(key)}:{dotted(key)}", message, hint)


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML file, read: its values and where they stand."""

    path: Path
    data: Mapping[str, Any]
    places: Places


def dotted(key: Key) -> str:
    """`('syncs', 'people', 'match', 0)` as `syncs.people.match[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


def read(path: Path) -> Document:
    """Read a file. Raises ConfigError if it is missing, too large, too deep, or no TOML."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    return parse(content, path)


def parse(content: bytes, path: Path) -> Document:
    """Parse the bytes of a file. Raises ConfigError with the line of what is wrong."""
    file = path.name
    if len(content) > MAX_BYTES:
        raise ConfigError([Problem(file, f"is larger than {MAX_BYTES // 1024} KiB")])
    if content.startswith(BOM_UTF8):
        hint = "save it as UTF-8 without a mark"
        raise ConfigError([Problem(f"{file}:1", "begins with a byte order mark, which TOML does not know", hint)])
    try:
        text = content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(f"{file}:{line}", "is not UTF-8")]) from error
    _scan(text, file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_undecodable(error, text, file)]) from error
    except (RecursionError, ValueError) as error:
        long = _LONG_NUMBER.search(text)
        where = f"{file}:{text.count(chr(10), 0, long.start()) + 1}" if long else file
        raise ConfigError(
            [Problem(where, "is not TOML: " + ("a number is too long" if long else str(error)))]
        ) from error
    lines = {key: f"{file}:{line}" for key, line in _lines(text)}
    return Document(path, data, Places(file, lines))


def _scan(text: str, file: str) -> None:
    """Refuse, in linear time, keys and brackets of a depth that makes tomllib slow."""
    depth, parts = 0, 1
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "open":
                depth, parts = depth + 1, 1
            case "close":
                depth, parts = max(0, depth - 1), 1
            case "end":
                parts = 1
            case "dot":
                parts += 1
        if depth > MAX_DEPTH or parts > MAX_PARTS:
            line = text.count("\n", 0, token.start()) + 1
            found = "brackets nest" if depth > MAX_DEPTH else "a key has more parts than"
            limit = f"deeper than {MAX_DEPTH}" if depth > MAX_DEPTH else f"{MAX_PARTS}"
            raise ConfigError([Problem(f"{file}:{line}", f"{found} {limit}")])


def _undecodable(error: tomllib.TOMLDecodeError, text: str, file: str) -> Problem:
    said = str(error)
    found = re.search(r"\(at line (\d+), column (\d+)\)$", said)
    line = int(found[1]) if found else text.count("\n") + 1
    column = f" at column {found[2]}" if found else ", at the end of the file"
    message = re.sub(r" \(at [^)]*\)$", "", said)
    return Problem(f"{file}:{line}", f"is not TOML{column}: {message[:1].lower()}{message[1:]}")


def _lines(text: str) -> Iterator[tuple[Key, int]]:
    """Each key path and its line. The text is known to be valid TOML."""
    tree = Parser(Language(tree_sitter_toml.language())).parse(text.encode())
    rows: dict[Key, int] = {}
    counts: dict[Key, int] = {}

    def note(key: Key, node: Node) -> None:
        for length in range(1, len(key) + 1):
            rows.setdefault(key[:length], node.start_point[0] + 1)

    def value(key: Key, node: Node) -> None:
        if node.type == "inline_table":
            for child in node.named_children:
                if child.type == "pair":
                    pair(key, child)
        elif node.type == "array":
            items = [child for child in node.named_children if child.type != "comment"]
            for index, child in enumerate(items):
                note((*key, index), child)
                value((*key, index), child)

    def pair(table: Key, node: Node) -> None:
        name, *_, last = node.named_children
        key = (*table, *_parts(name))
        note(key, name)
        value(key, last)

    for node in tree.root_node.named_children:
        if node.type == "pair":
            pair((), node)
            continue
        if node.type not in {"table", "table_array_element"}:
            continue
        name, *pairs = (child for child in node.named_children if child.type != "comment")
        *parents, last = _parts(name)
        table: Key = ()
        for part in parents:
            table = (*table, part)
            if table in counts:
                table = (*table, counts[table])
        table = (*table, last)
        if node.type == "table_array_element":
            counts[table] = counts.get(table, -1) + 1
            table = (*table, counts[table])
        note(table, name)
        for child in pairs:
            if child.type == "pair":
                pair(table, child)
    yield from rows.items()


def _parts(node: Node) -> Key:
    """The parts of a bare, quoted or dotted key."""
    if node.type == "dotted_key":
        return tuple(part for child in node.named_children for part in _parts(child))
    text = (node.text or b"").decode()
    return (text if node.type == "bare_key" else next(iter(tomllib.loads(f"{text} = 0"))),)
