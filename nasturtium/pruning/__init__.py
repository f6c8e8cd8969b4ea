"""Pruning while a model is retrained."""
