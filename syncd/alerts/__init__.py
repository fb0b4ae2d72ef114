"""Telling people what needs one: what is news to whom, in which words, and by which way."""
