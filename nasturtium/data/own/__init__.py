"""Data sets of users, described in the configuration under ``own_datasets``."""
