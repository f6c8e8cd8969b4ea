"""Measurements of one saved model: quality, size, memory, latency; usable on any Keras model."""
