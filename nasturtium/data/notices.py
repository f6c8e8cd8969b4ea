"""Collects warnings about data: they go into the cards and the report, not only into the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_READING = logging.getLogger("nasturtium.data")


@contextmanager
def collected() -> Iterator[list[str]]:
    """Warnings that reading and splitting log in the block, in order and without repetitions."""
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if (said := record.getMessage()) not in found:
                found.append(said)

    handler = Collector(logging.WARNING)
    _READING.addHandler(handler)
    try:
        yield found
    finally:
        _READING.removeHandler(handler)
