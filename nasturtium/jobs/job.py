"""A script's work on one run: its data and settings, and the files that it writes."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasturtium import metering
from nasturtium.data import prepared
from nasturtium.data.splits import TrainingData, training_data
from nasturtium.jobs import runtime
from nasturtium.models.files import save_model
from nasturtium.records.atomic import atomic_path
from nasturtium.records.compaction import COMPACTION
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING

if TYPE_CHECKING:
    import tf_keras as keras


@dataclass(frozen=True)
class Job:
    """One job of the study, in its own process.

    Attributes
    ----------
    run
        The run that it makes or measures.
    data_folder
        Folder of the prepared data set.
    split
        File with the indices of training, validation and test.
    folder
        The run's directory.
    settings
        Exactly the sections of the configuration that the stage depends on.
    code
        Digest of the modules that the stage runs; every table carries it.
    """

    run: Run
    data_folder: Path
    split: Path
    folder: Path
    settings: Mapping[str, Any]
    code: str

    def set_up(self, threads: int) -> None:
        """Configure and seed TensorFlow, before its first operation.

        Measuring needs the seed too: deterministic TensorFlow cannot convert Dropout without one.
        """
        runtime.configure(threads)
        runtime.seed_everything(self.run.seed)

    def data(self) -> TrainingData:
        """Training and validation samples."""
        return training_data(prepared.read(self.data_folder), self.split)

    @contextmanager
    def metered(self, folder: str | Path | None = None) -> Iterator[metering.Meter]:
        """Meter the block; if it succeeds, write ``energy.parquet`` and ``power.parquet``.

        Calls of ``fit`` in the block open their windows by themselves.

        Parameters
        ----------
        folder
            Where to write; the run's directory by default.
        """
        import tensorflow as tf

        folder = Path(folder or self.folder)
        synchronise = tf.test.experimental.sync_devices
        with metering.session(synchronise=synchronise, key=self.run.name) as meter:
            yield meter
        meter.write(
            folder / "energy.parquet",
            folder / "power.parquet",
            identity=self.run.identity,
            code=self.code,
        )

    def write(
        self,
        model: "keras.Model | Path",
        epochs: Iterable[Mapping[str, Any]],
        compaction: Mapping[str, Any] | None = None,
    ) -> None:
        """Write ``training.parquet``, ``compaction.parquet`` and, last, ``model.keras``.

        Parameters
        ----------
        model
            The model, or its file, which is copied byte for byte.
        epochs
            Rows of the training, without the run's identity.
        compaction
            What pruning and compaction did, as a row; None where nothing was pruned.
        """
        self.write_table("training.parquet", TRAINING, epochs)
        if compaction is not None:
            self.write_table("compaction.parquet", COMPACTION, [compaction])
        path = self.folder / "model.keras"
        if isinstance(model, Path):
            with atomic_path(path) as temporary:
                shutil.copyfile(model, temporary)
        else:
            save_model(model, path)

    def write_table(self, name: str, schema: Any, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write ``rows`` to ``name`` in the run's directory, each with the run's identity."""
        identified = [{**self.run.identity, **row} for row in rows]
        write_table(self.folder / name, schema, identified, code=self.code)
