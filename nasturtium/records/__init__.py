"""Parquet schemas, the one writer, atomic files and the names inside a run directory."""
