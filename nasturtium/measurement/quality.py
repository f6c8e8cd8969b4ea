"""Quality of a model on the splits: figures, their intervals, and predictions by sample."""

import math

import numpy as np
import tf_keras as keras

from nasturtium.statistics import classes as by_class
from nasturtium.statistics.intervals import (
    Interval,
    mean_error,
    proportion,
    root_mean_squared_error,
)

_BATCH = 1024


def predict(model: keras.Model, features: np.ndarray) -> np.ndarray:
    """The model's outputs in float64, shape (samples, outputs), for raw samples in batches."""
    dtype = model.inputs[0].dtype.as_numpy_dtype
    return np.concatenate(
        [
            model(np.asarray(features[i : i + _BATCH], dtype), training=False).numpy()
            for i in range(0, len(features), _BATCH)
        ]
    ).astype(np.float64)


def sample_columns(
    outputs: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, np.ndarray | list[None]]:
    """Target, prediction and probabilities by sample, in the columns of ``predictions.parquet``.

    Parameters
    ----------
    outputs
        As from :func:`predict`.
    """
    if classes is None:
        return {
            "target": np.asarray(targets, np.float64),
            "prediction": outputs[:, 0],
            "prediction_probability": [None] * len(targets),
            "target_probability": [None] * len(targets),
        }
    return {
        "target": np.asarray(targets, np.float64),
        "prediction": outputs.argmax(axis=1).astype(np.float64),
        "prediction_probability": outputs.max(axis=1),
        "target_probability": outputs[np.arange(len(targets)), targets],
    }


def measure_quality(
    outputs: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, float | int | None]:
    """Test figures, in the columns of ``metrics.parquet``.

    Parameters
    ----------
    outputs
        As from :func:`predict`.
    targets
        Labels, or values in the target's unit; shape (samples,).
    classes
        Number of classes, or None for a regression: MAE and RMSE are in the target's unit.
    """
    if classes is not None:
        likelihood = np.clip(outputs[np.arange(len(targets)), targets], 1e-7, 1.0)
        return {
            "test_samples": len(targets),
            "test_loss": float(-np.log(likelihood).mean()),
            "test_accuracy": float((outputs.argmax(axis=1) == targets).mean()),
        }
    error = outputs[:, 0] - targets
    # As in the original study: relative to the largest absolute target.
    largest = float(np.abs(targets).max())
    mae, rmse = float(np.abs(error).mean()), float(np.sqrt(np.square(error).mean()))
    return {
        "test_samples": len(targets),
        "test_loss": float(np.square(error).mean()),
        "test_mae": mae,
        "test_rmse": rmse,
        "test_mae_fraction": mae / largest if largest else None,
        "test_rmse_fraction": rmse / largest if largest else None,
    }


def split_quality(
    split: str,
    outputs: np.ndarray,
    targets: np.ndarray,
    classes: int | None,
    kept: tuple[str, ...] = ("samples", "accuracy", "mae", "rmse"),
) -> dict[str, float | int | None]:
    """The ``kept`` figures of :func:`measure_quality`, in columns that begin with ``split``."""
    figures = measure_quality(outputs, targets, classes)
    return {f"{split}_{n}": figures[f"test_{n}"] for n in kept if f"test_{n}" in figures}


def measure_uncertainty(
    outputs: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, object]:
    """Intervals of the test figures, and figures by class, in columns of ``metrics.parquet``.

    An interval that can't be computed, as for a single sample, is null.
    """
    if classes is None:
        errors = outputs[:, 0] - targets
        return {
            **_ends("test_mae", mean_error(np.abs(errors))),
            **_ends("test_rmse", root_mean_squared_error(errors)),
        }
    answers = outputs.argmax(axis=1)
    right = answers == targets
    confusion = by_class.confusion_matrix(targets, answers, classes)
    return {
        **_ends("test_accuracy", proportion(int(right.sum()), len(right))),
        "test_balanced_accuracy": by_class.balanced_accuracy(confusion),
        "test_recall": by_class.recalls(confusion),
        "test_confusion": confusion.reshape(-1).tolist(),
        "test_calibration_error": by_class.calibration_error(outputs.max(axis=1), right),
    }


def _ends(name: str, interval: Interval) -> dict[str, float | None]:
    ends = {"low": interval.low, "high": interval.high}
    return {f"{name}_{end}": v if math.isfinite(v) else None for end, v in ends.items()}


def training_quality(
    model: keras.Model, features: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, float | int | None]:
    """The same figures on the train split without augmentation, which show memorising.

    ``features`` are raw samples, shape (samples, \\*input_shape); columns begin with ``train_``.
    """
    return split_quality("train", predict(model, features), targets, classes)


def constant_prediction(
    train_targets: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, float]:
    """The figure of the best constant prediction from the train split, which a net has to beat."""
    if classes is not None:
        most_frequent = np.bincount(train_targets, minlength=classes).argmax()
        return {"constant_accuracy": float((targets == most_frequent).mean())}
    mean = np.mean(train_targets, dtype=np.float64)
    return {"constant_mae": float(np.abs(targets - mean).mean())}
