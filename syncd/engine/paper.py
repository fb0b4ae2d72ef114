"""A plan as JSON in a file: everything about it, then its writes, each in a line of its own.

So a plan of millions is written and read without being held in memory. A file that somebody has laid out in another
way is read whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from syncd.engine.plan import Plan
from syncd.engine.writes import Planned, Writes
from syncd.errors import ConfigError

__all__ = ["FORM", "lines", "plan_of"]

FORM: Final = "plan-2"
_WRITES: Final = b',"writes":[\n'
_HINT: Final = "make one with: syncd plan --out FILE"


def lines(plan: Plan) -> Iterator[bytes]:
    """The file's lines, each with its end."""
    head = {
        "form": FORM,
        "made": plan.made,
        "digest": plan.digest,
        "mappings": plan.mappings,
        "counts": plan.counts,
        "parked": plan.parked,
        "linked": plan.linked,
    }
    yield orjson.dumps(head)[:-1] + _WRITES
    left = len(plan.writes)
    for write in plan.writes:
        left -= 1
        yield orjson.dumps(write) + (b",\n" if left else b"\n")
    yield b"]}\n"


def plan_of(file: Iterable[bytes]) -> Plan:
    """A plan out of a file's lines. Raises ConfigError for what is none, and for one that was altered since."""
    rest = iter(file)
    first = next(rest, b"")
    try:
        if first.endswith(_WRITES):
            head = orjson.loads(first.removesuffix(_WRITES) + b"}")
            told: Iterator[Any] = (orjson.loads(line.rstrip(b",\n")) for line in rest if line != b"]}\n")
        else:
            head = orjson.loads(first + b"".join(rest))
            told = iter(head.get("writes", ()))
        if head["form"] != FORM:
            raise ConfigError(f"this plan has the form {head['form']!r}, and this syncd reads {FORM}", hint=_HINT)
        writes = _writes(told)
        plan = Plan(writes, head["parked"], head["linked"], head["mappings"], head["made"])
        same = head["digest"] == plan.digest
    except orjson.JSONDecodeError as error:
        raise ConfigError("is no plan: it is not even JSON", hint=_HINT) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError("this is no plan, or only a part of one", hint=_HINT) from error
    if not same:
        raise ConfigError("this plan was altered after it was made", hint=_HINT)
    return plan


def _writes(told: Iterable[Any]) -> Writes:
    with tempfile.TemporaryDirectory(prefix="syncd-plan-") as folder:
        writes = Writes(Path(folder))
        for one in told:
            writes.add(Planned(one["kind"], one["app"], one["object"], one["record"], one["fields"]))
        return writes
