"""The soak: the real daemon between two simulated apps, at many times the pace of an office, for hours.

Everything is a process of its own and talks HTTP, as in life. What is asked at the end is asked of the operating system
(memory, descriptors, files) and of the apps' own oracles, not of the daemon.
"""
