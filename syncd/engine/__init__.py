"""The engine: pull, push, resolve, and what a person decides."""
