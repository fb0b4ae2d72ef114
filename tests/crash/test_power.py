"""The power is cut: what was acknowledged is there when it comes back, and the test would see it if it were not."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest

from tests.crash.disk import Deed, Disk, deeds, entry
from tests.crash.power import Recording, cuts, record

pytestmark = pytest.mark.unmeasured

needs_a_compiler = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None, reason="the recorder is C, for Linux"
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("power"))


@needs_a_compiler
def test_the_recording_is_whole(recording: Recording) -> None:
    seen = recording.disk().seen()
    assert {Path(name).name: content for name, content in seen.items()} == {
        file.name: file.read_bytes() for file in recording.folder.glob("syncd.db*") if file.suffix != ".lock"
    }
    assert recording.commits > 50


@needs_a_compiler
def test_what_was_acknowledged_outlives_the_power(recording: Recording, tmp_path: Path) -> None:
    found = list(cuts(recording, tmp_path / "disk", every=61))
    assert len(found) > 30
    assert [cut for cut in found if cut.lost or cut.broken] == []


@needs_a_compiler
def test_a_store_that_syncs_less_is_seen_to_lose(tmp_path: Path) -> None:
    weaker = record(tmp_path, "NORMAL")
    assert any(cut.lost for cut in cuts(weaker, tmp_path / "disk", every=151))


def test_a_disk_keeps_what_was_synced_and_no_more() -> None:
    disk = Disk()
    for deed in (
        Deed("C", "/d/f", 0, b""),
        Deed("W", "/d/f", 0, b"safe"),
        Deed("S", "/d/f", 0, b""),
        Deed("S", "/d", 0, b""),
        Deed("W", "/d/f", 0, b"gone"),
        Deed("C", "/d/g", 0, b""),
    ):
        disk.do(deed)
    assert disk.seen() == {"/d/f": b"gone", "/d/g": b""}
    assert disk.dropped() == {"/d/f": b"safe"}
    disk.do(Deed("U", "/d/f", 0, b""))
    assert disk.dropped() == {"/d/f": b"safe"}
    disk.do(Deed("S", "/d", 0, b""))
    assert disk.dropped() == {"/d/g": b""}


def test_a_power_cut_tears_what_was_not_synced_into_sectors() -> None:
    disk = Disk()
    disk.do(Deed("C", "/d/f", 0, b""))
    disk.do(Deed("S", "/d", 0, b""))
    disk.do(Deed("W", "/d/f", 0, b"a" * 512 + b"b" * 512))
    left = {disk.torn(random.Random(seed))["/d/f"] for seed in range(40)}
    assert left == {b"", b"a" * 512, bytes(512) + b"b" * 512, b"a" * 512 + b"b" * 512}


def test_what_is_recorded_is_read_as_it_was_written() -> None:
    done = [Deed("W", "/d/ü", 7, b"\0x"), Deed("T", "/d/f", 1 << 40, b"")]
    assert list(deeds(b"".join(entry(deed) for deed in done))) == done
