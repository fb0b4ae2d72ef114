"""The real engine, unchanged, over simulated apps, a turned clock and a seeded chance."""

from syncd.testing.simulator.run import Outcome, simulate

__all__ = ["Outcome", "simulate"]
