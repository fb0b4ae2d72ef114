"""What the documents say of the repository is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.checkout import ROOT, text, tracked

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _headings(document: str) -> set[str]:
    """The anchors that a document's headings get."""
    titles = re.findall(r"^#+ +(.+?)\s*$", _FENCE.sub("", document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_within_the_repository_leads_somewhere() -> None:
    broken = []
    for path in tracked("*.md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", text(path))):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            found = (ROOT / path).parent / file if file else ROOT / path
            if not found.exists() or (anchor and anchor not in _headings(found.read_text(encoding="utf-8"))):
                broken.append(f"{path}: {target}")
    assert broken == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_that_is_shown_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / name).read_text(), re.MULTILINE))
    assert shown
    assert shown <= targets


def test_every_path_that_is_named_in_code_marks_exists() -> None:
    missing = []
    for path in (Path("README.md"), Path("CONTRIBUTING.md")):
        named = re.findall(r"`((?:syncd|connectors|mappings|tests|docs|contrib|\.ci)/[\w./-]+)`", text(path))
        missing += [f"{path}: {name}" for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_decisions_are_numbered_and_say_context_decision_and_consequence() -> None:
    decisions = sorted(path for path in tracked("docs/decisions/*.md") if path.stem[:4].isdigit())
    assert [int(path.stem[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        assert text(path).startswith(f"# {int(path.stem[:4])}. ")
        assert {"context", "decision", "consequence"} <= _headings(text(path)), path
