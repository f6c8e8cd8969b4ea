"""Quality of a model on a split it was not chosen by."""

import numpy as np
import tf_keras as keras

_BATCH = 1024


def measure_quality(
    model: keras.Model, features: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, float | int | None]:
    """Test figures, in the columns of ``metrics.parquet``.

    Parameters
    ----------
    features
        Raw samples, shape (samples, \\*input_shape).
    targets
        Labels, or values in the target's unit; shape (samples,).
    classes
        Number of classes, or None for a regression: MAE and RMSE are in the target's unit.
    """
    outputs = np.concatenate(
        [
            model(np.asarray(features[i : i + _BATCH], np.float32), training=False).numpy()
            for i in range(0, len(targets), _BATCH)
        ]
    ).astype(np.float64)
    if classes is not None:
        likelihood = np.clip(outputs[np.arange(len(targets)), targets], 1e-7, 1.0)
        return {
            "test_samples": len(targets),
            "test_loss": float(-np.log(likelihood).mean()),
            "test_accuracy": float((outputs.argmax(axis=1) == targets).mean()),
        }
    error = outputs[:, 0] - targets
    return {
        "test_samples": len(targets),
        "test_loss": float(np.square(error).mean()),
        "test_mae": float(np.abs(error).mean()),
        "test_rmse": float(np.sqrt(np.square(error).mean())),
        "test_mae_of_largest_target": float(np.abs(error).mean() / np.abs(targets).max()),
    }


def constant_prediction(
    train_targets: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, float]:
    """The figure of the best constant prediction of the train split, which a net has to beat."""
    if classes is not None:
        most_frequent = np.bincount(train_targets, minlength=classes).argmax()
        return {"constant_accuracy": float((targets == most_frequent).mean())}
    mean = np.mean(train_targets, dtype=np.float64)
    return {"constant_mae": float(np.abs(targets - mean).mean())}
