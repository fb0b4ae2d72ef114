"""The connectors that come with syncd, one folder each; others are found by their entry points."""
