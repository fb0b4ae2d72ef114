"""What developers of connectors and of syncd test with: twins, a turned clock, the conformance suite, a simulator."""
