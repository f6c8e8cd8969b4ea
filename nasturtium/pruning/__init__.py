"""Pruning: zeros in single weights (magnitude), or whole units and filters (channels)."""
