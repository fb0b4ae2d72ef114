"""A disk that keeps only what was synced: made from what `record.c` wrote down, as of any moment."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

MARK: Final = "M"
"""The writer says: what has been committed so far is safe."""
_SECTOR: Final = 512


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing done to a file: W written, T cut, S synced, C made, U removed, M a mark."""

    what: str
    path: str
    offset: int
    data: bytes


def deeds(log: bytes) -> Iterator[Deed]:
    """What was done, in order."""
    at = 0
    while at < len(log):
        what = chr(log[at])
        (length,) = struct.unpack_from("=I", log, at + 1)
        path = log[at + 5 : at + 5 + length].decode()
        offset, size = struct.unpack_from("=QI", log, at + 5 + length)
        at += 17 + length
        yield Deed(what, path, offset, log[at : at + size])
        at += size


def entry(deed: Deed) -> bytes:
    """The same, as `record.c` writes it."""
    path = deed.path.encode()
    head = deed.what.encode() + struct.pack("=I", len(path)) + path
    return head + struct.pack("=QI", deed.offset, len(deed.data)) + deed.data


@dataclass
class File:
    """A file's content: as the process sees it, as it is on the disk, and what lies between the two."""

    live: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    pending: list[Deed] = field(default_factory=list)

    def do(self, deed: Deed) -> None:
        if deed.what == "S":
            self.safe, self.pending = bytes(self.live), []
        else:
            _done(self.live, deed)
            self.pending.append(deed)

    def torn(self, chance: random.Random) -> bytes:
        """What the disk may hold after a power cut: of what was not synced any sector, in any order."""
        content = bytearray(self.safe)
        for deed in self.pending:
            if deed.what == "T":
                if chance.random() < 0.5:
                    _done(content, deed)
                continue
            for start in range(0, len(deed.data), _SECTOR):
                if chance.random() < 0.5:
                    piece = deed.data[start : start + _SECTOR]
                    _done(content, Deed("W", deed.path, deed.offset + start, piece))
        return bytes(content)


@dataclass
class Disk:
    """Files by name. A name that was made or removed is certain only once its folder was synced."""

    live: dict[str, File] = field(default_factory=dict)
    safe: dict[str, File] = field(default_factory=dict)

    def do(self, deed: Deed) -> None:
        """Take one more deed."""
        match deed.what:
            case "C":
                self.live[deed.path] = File()
            case "U":
                self.live.pop(deed.path, None)
            case "S" if deed.path not in self.live:
                inside = {name: file for name, file in self.live.items() if str(PurePath(name).parent) == deed.path}
                self.safe = {n: f for n, f in self.safe.items() if str(PurePath(n).parent) != deed.path} | inside
            case "W" | "T" | "S":
                if deed.path in self.live:  # else a file that has no name any more
                    self.live[deed.path].do(deed)

    def seen(self) -> Mapping[str, bytes]:
        """What the process sees."""
        return {name: bytes(file.live) for name, file in self.live.items()}

    def dropped(self) -> Mapping[str, bytes]:
        """What is left if everything that was not synced is gone."""
        return {name: file.safe for name, file in self.safe.items()}

    def torn(self, chance: random.Random) -> Mapping[str, bytes]:
        """What may be left if some of it is."""
        names = {name for name in self.live.keys() | self.safe.keys() if _stands(name, self, chance)}
        files = {name: self.live.get(name, self.safe.get(name)) for name in sorted(names)}
        return {name: file.torn(chance) for name, file in files.items() if file is not None}


def _stands(name: str, disk: Disk, chance: random.Random) -> bool:
    certain = (name in disk.live) == (name in disk.safe) and disk.live.get(name) is disk.safe.get(name)
    return certain or chance.random() < 0.5


def _done(content: bytearray, deed: Deed) -> None:
    if deed.what == "T":
        del content[deed.offset :]
        content.extend(b"\0" * (deed.offset - len(content)))
    else:
        content.extend(b"\0" * (deed.offset - len(content)))
        content[deed.offset : deed.offset + len(deed.data)] = deed.data
