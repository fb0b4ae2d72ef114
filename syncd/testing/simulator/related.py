"""`python -m syncd.testing relations`: every seed told in every way of every relation, and what ended otherwise."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from syncd.testing.simulator.acts import Circumstances
from syncd.testing.simulator.relations import RELATIONS, Difference, compare

__all__ = ["HELP", "Count", "shape"]

HELP: Final = "tell stories again under other circumstances, and ask whether they end alike"
_SHOWN: Final = 5
_STOPPED: Final = 130
_Told: TypeAlias = tuple[str, int, list[dict[str, Any]]]
"""A relation, how many tellings it took, and what was wrong with them."""


@dataclass
class Count:
    """What came of one relation."""

    seeds: int = 0
    tellings: int = 0
    violations: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)


def shape(parser: argparse.ArgumentParser, seeds: Callable[[str], Sequence[int]], count: Callable[[str], int]) -> None:
    """Give the command its options. Its parsed arguments carry `act`, which runs it and gives the exit code."""
    parser.add_argument("--seeds", type=seeds, required=True, metavar="A..B", help="the first and the last seed")
    parser.add_argument(
        "--relation", action="append", type=_relation, metavar="NAME", help=f"only this one: {', '.join(RELATIONS)}"
    )
    parser.add_argument("--jobs", type=count, default=os.cpu_count() or 1, metavar="N", help="how many processes")
    parser.add_argument("--stories", type=Path, metavar="FOLDER", help="where tellings that differ are written")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.set_defaults(act=_act)


def _act(asked: argparse.Namespace) -> int:
    """0 where all stories ended alike, 1 where one did not, 130 after Ctrl-C."""
    folder = asked.stories or Path(tempfile.gettempdir()) / "syncd-stories"
    counts = {name: Count() for name in asked.relation or RELATIONS}
    began, code = time.monotonic(), 0
    try:
        for name, tellings, stories in _compared(list(counts), asked.seeds, asked.jobs):
            _add(counts[name], tellings, stories, folder)
    except KeyboardInterrupt:
        code = _STOPPED
    violations = sum(count.violations for count in counts.values())
    seconds = time.monotonic() - began
    if asked.json:
        told = {name: vars(count) for name, count in counts.items()}
        print(json.dumps({"relations": told, "violations": violations, "seconds": round(seconds, 1)}, indent=2))
    else:
        print("\n".join(_lines(counts, violations, seconds)))
    return code or (1 if violations else 0)


def _compared(names: Sequence[str], seeds: Sequence[int], jobs: int) -> Iterator[_Told]:
    if jobs == 1:
        for seed in seeds:
            yield from _one(names, seed)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(_one, names, seed) for seed in seeds]
        try:
            for done in as_completed(futures):
                yield from done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _one(names: Sequence[str], seed: int) -> list[_Told]:
    """One seed in every way; an engine that breaks has broken the relation too."""
    told: list[_Told] = []
    relations = [RELATIONS[name] for name in names]
    while len(told) < len(names):
        try:
            for relation, tellings, differences in compare(relations[len(told) :], seed):
                told.append((relation.name, tellings, [_plain(difference) for difference in differences]))
        except Exception:  # noqa: BLE001 - whatever breaks the engine is what is looked for; it is told with its seed
            broken = {"relation": names[len(told)], "seed": seed, "differences": traceback.format_exc().splitlines()}
            told.append((names[len(told)], 1, [broken]))
    return told


def _plain(difference: Difference) -> dict[str, Any]:
    usual = Circumstances()
    names = [
        name for name in Circumstances.__slots__ if getattr(difference.circumstances, name) != getattr(usual, name)
    ]
    changed = {name: getattr(difference.circumstances, name) for name in names}
    return {
        "relation": difference.relation,
        "seed": difference.seed,
        "told with": {name: sorted(it) if isinstance(it, frozenset) else it for name, it in changed.items()},
        "acts": [str(act) for act in difference.acts],
        "differences": list(difference.what),
        "first telling": list(difference.first),
        "second telling": list(difference.second),
    }


def _add(count: Count, tellings: int, stories: list[dict[str, Any]], folder: Path) -> None:
    count.seeds += 1
    count.tellings += tellings
    count.violations += len(stories)
    for story in stories[: _SHOWN - len(count.first)]:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{story['relation']}-{story['seed']}.txt"
        lines = [f"{part}:\n  " + "\n  ".join(story.get(part, ())) for part in ("first telling", "second telling")]
        file.write_text("\n".join([*_story(story), *lines, ""]), encoding="utf-8")
        count.first.append({**{k: v for k, v in story.items() if not k.endswith("telling")}, "story": str(file)})


def _lines(counts: dict[str, Count], violations: int, seconds: float) -> Iterator[str]:
    for count in counts.values():
        for story in count.first:
            yield from _story(story)
            yield f"  both tellings: {story['story']}"
            yield ""
    for name, count in counts.items():
        yield f"{name:26} {count.seeds:7,} seeds {count.tellings:8,} tellings {count.violations:6,} ended otherwise"
    yield f"{violations:,} violations in {seconds:.1f} s"


def _story(story: dict[str, Any]) -> Iterator[str]:
    name, seed = story["relation"], story["seed"]
    yield f"{name}, seed {seed}: {RELATIONS[name].why}"
    with_ = ", ".join(f"{what} {how}" for what, how in story.get("told with", {}).items())
    yield f"  told again with {with_ or 'nothing changed'}"
    yield from (f"    {place}. {act}" for place, act in enumerate(story.get("acts", ()), 1))
    yield from (f"  {line}" for line in story["differences"])
    yield f"  again: python -m syncd.testing relations --relation {name} --seeds {seed}..{seed}"


def _relation(name: str) -> str:
    if name not in RELATIONS:
        raise argparse.ArgumentTypeError(f"there is no relation {name!r}; there are: {', '.join(RELATIONS)}")
    return name
