"""Metering of a whole stage: its joules and its power trace beside its model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nasturtium import metering
from nasturtium.records.runs import Run


@contextmanager
def metered(run: Run, folder: str | Path, code: str) -> Iterator[metering.Meter]:
    """Meter the block; if it ends well, write ``energy.parquet`` and ``power.parquet`` there.

    Fits inside open their windows by themselves.
    """
    import tensorflow as tf

    with metering.session(synchronise=tf.test.experimental.sync_devices, key=run.name) as meter:
        yield meter
    meter.write(
        Path(folder) / "energy.parquet",
        Path(folder) / "power.parquet",
        identity=run.identity,
        code=code,
    )
