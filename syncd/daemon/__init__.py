"""The daemon: lock, migrate, recover, serve, drain, release."""
