"""The real engine, unchanged, over simulated apps, a turned clock and a seeded chance.

A seed tells one story: apps with capabilities drawn at random, a mapping, people who type, faults, deaths of the
process. Then all faults stop, and whoever stands in the apps asks what became of every value. The same seed tells the
same story, whatever the store is kept in:

    from syncd.testing.simulator import simulate

    assert not simulate(42).violations

`Simulation` is one story in the making, with its tape; `Tape` names a story and a part of it, `shrunk` finds the
shortest part that still breaks the same promise, and `written` is what a person reads. Many seeds, in many processes:
`python -m syncd.testing simulate --seeds 0..999`.
"""

from syncd.testing.simulator.profile import PROFILES, Profile
from syncd.testing.simulator.run import Outcome, Simulation, StoreKind, simulate
from syncd.testing.simulator.shrink import shrunk
from syncd.testing.simulator.story import written
from syncd.testing.simulator.tape import Tape, again

__all__ = [
    "PROFILES",
    "Outcome",
    "Profile",
    "Simulation",
    "StoreKind",
    "Tape",
    "again",
    "shrunk",
    "simulate",
    "written",
]
