"""Data sets of the user's, described in the configuration under ``own_datasets``."""
