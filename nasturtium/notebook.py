"""Results in one line, for notebooks: tables as pandas data frames, models as Keras models."""

import os
from pathlib import Path

import pandas as pd

from nasturtium.errors import RecordError
from nasturtium.records.parquet import read_table


def load_summary(results: str | os.PathLike = "results") -> pd.DataFrame:
    """Every run of the study: one row per run, with all figures and their ratios to the baseline.

    Parameters
    ----------
    results
        Folder of the results.

    Returns
    -------
    Units are in the columns' names: ``_bytes``, ``_ms``, ``_s``, ``_j`` (joules), ``_w`` (watts);
    ``test_accuracy`` is a share from 0 to 1, ``test_mae`` is in ``target_unit``, and a ``_ratio``
    is relative to the baseline of the same data set and seed. What was not measured is missing, and
    the ``_reason`` column says why.

    Raises
    ------
    RecordError
        The study has not been run there.
    """
    path = Path(results) / "summary.parquet"
    if not path.is_file():
        raise RecordError(
            f"{path}: there is no such file; run `make study`, or give the folder of its results."
        )
    return read_table(path).to_pandas()


def load_trials(results: str | os.PathLike = "results") -> pd.DataFrame:
    """Every trial of every search below ``results``, failed ones with their reason.

    Returns
    -------
    One row per trial, with its ``dataset``, ``seed`` and ``run``. ``score`` has no unit, lower is
    better, and the baseline has 0; ``validation_loss`` is cross-entropy in nats or squared error;
    ``hyperparameters`` is a JSON object. Other units are in the columns' names.

    Raises
    ------
    RecordError
        There is no search.
    """
    paths = sorted(Path(results).glob("*/seed*/*/trials.parquet"))
    if not paths:
        raise RecordError(
            f"{results}: has no trials.parquet; run `make study`, or give the folder of its "
            "results."
        )
    return pd.concat([read_table(path).to_pandas() for path in paths], ignore_index=True)


def load_model(run: str, results: str | os.PathLike = "results"):
    """The model of a run, ready for inference: ``load_model("digits/seed0/pruned/channels-0.50")``.

    Parameters
    ----------
    run
        Folder of the run below ``results``: data set, seed and name.

    Returns
    -------
    A ``tf_keras.Model``. It takes raw features of shape (samples, ...) in the units of the source
    files and returns probabilities of shape (samples, classes), or a regression's target in its
    unit, of shape (samples, 1).

    Raises
    ------
    RecordError
        The run has no model.
    """
    path = Path(results) / run / "model.keras"
    if not path.is_file():
        raise RecordError(
            f"{path}: there is no such model; choose a name from the column 'run' of the summary."
        )
    from nasturtium.models import files

    return files.load_model(path)
