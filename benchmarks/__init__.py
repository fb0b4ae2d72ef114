"""How fast syncd is, each figure beside its limit, measured in the same run: `python -m benchmarks --help`."""
