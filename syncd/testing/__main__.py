"""`python -m syncd.testing`: random stories told to the engine, a soak of the daemon, and its death at every point."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from syncd.testing.crash import command as crash
from syncd.testing.simulator import command as simulator
from syncd.testing.simulator import related, sensitivity
from syncd.testing.simulator.many import Tell
from syncd.testing.soak import command as soak

__all__ = ["main"]


def main(words: Sequence[str] | None = None, tell: Tell | None = None) -> int:
    """Run the command line; its exit code. `tell` runs one seed, where that is not the simulator itself."""
    parser = argparse.ArgumentParser(prog="python -m syncd.testing", description="What developers test syncd with.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    simulator.shape_simulate(commands, tell)
    simulator.shape_replay(commands)
    sensitivity.add_to(commands)
    related.shape(commands.add_parser("relations", help=related.HELP), simulator.seeds_of, simulator.count_of)
    crash.add_to(commands)
    soak.shape(commands.add_parser("soak", help=soak.HELP))
    asked = parser.parse_args(words)
    os.umask(0o077)  # as the command has it
    return int(asked.act(asked))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever is ended ends what it has started, too
    sys.exit(main())
