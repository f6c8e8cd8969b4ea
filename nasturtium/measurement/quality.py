"""Quality of a model on a split it was not chosen by."""

import numpy as np
import tf_keras as keras

_BATCH = 1024


def predict(model: keras.Model, features: np.ndarray) -> np.ndarray:
    """The model's outputs in float64, shape (samples, outputs), for raw samples in batches."""
    return np.concatenate(
        [
            model(np.asarray(features[i : i + _BATCH], np.float32), training=False).numpy()
            for i in range(0, len(features), _BATCH)
        ]
    ).astype(np.float64)


def sample_columns(
    outputs: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, np.ndarray | list[None]]:
    """Target, prediction and probability of the target by sample, as ``predictions.parquet`` has.

    Parameters
    ----------
    outputs
        As from :func:`predict`.
    """
    if classes is None:
        return {
            "target": np.asarray(targets, np.float64),
            "prediction": outputs[:, 0],
            "target_probability": [None] * len(targets),
        }
    return {
        "target": np.asarray(targets, np.float64),
        "prediction": outputs.argmax(axis=1).astype(np.float64),
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
    # As the original study reports it: against the largest target in absolute value.
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


def training_quality(
    model: keras.Model, features: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, float | int | None]:
    """The same figures on the train split, unaugmented: what memorising adds to them.

    ``features`` are raw samples, shape (samples, \\*input_shape); columns begin with ``train_``.
    """
    figures = measure_quality(predict(model, features), targets, classes)
    kept = ("samples", "accuracy", "mae", "rmse")
    return {f"train_{n}": figures[f"test_{n}"] for n in kept if f"test_{n}" in figures}


def constant_prediction(
    train_targets: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, float]:
    """The figure of the best constant prediction of the train split, which a net has to beat."""
    if classes is not None:
        most_frequent = np.bincount(train_targets, minlength=classes).argmax()
        return {"constant_accuracy": float((targets == most_frequent).mean())}
    mean = np.mean(train_targets, dtype=np.float64)
    return {"constant_mae": float(np.abs(targets - mean).mean())}
