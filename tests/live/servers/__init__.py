"""Real third-party servers on loopback, set up from the package registries."""
