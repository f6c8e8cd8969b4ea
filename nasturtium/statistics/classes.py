"""Figures by class, and the calibration of probabilities, which an accuracy does not show."""

import numpy as np


def confusion_matrix(targets: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Counts of shape (classes, classes): rows are true labels, columns are predicted ones."""
    places = np.asarray(targets, np.int64) * classes + np.asarray(predictions, np.int64)
    return np.bincount(places, minlength=classes**2).reshape(classes, classes)


def recalls(confusion: np.ndarray) -> list[float | None]:
    """Share of each class's samples with a correct prediction; None for a class without samples."""
    samples, right = confusion.sum(axis=1), np.diag(confusion)
    return [float(r / n) if n else None for r, n in zip(right, samples, strict=True)]


def balanced_accuracy(confusion: np.ndarray) -> float:
    """Mean recall of the classes that have samples: the accuracy if all classes matter equally."""
    return float(np.mean([recall for recall in recalls(confusion) if recall is not None]))


def calibration_error(probabilities: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: the distance of probabilities from shares of correct predictions.

    Weighted mean over bins of the distance between mean probability and accuracy (Naeini et al.
    2015, AAAI), in bins of equal counts (Nguyen and O'Connor 2015, EMNLP): with bins of equal
    width, nearly all samples of a good net would be in one bin. With few samples, a perfectly
    calibrated net has an error too, since a bin's accuracy is random.

    Parameters
    ----------
    probabilities
        Of each prediction; shape (samples,).
    right
        Whether each prediction was correct.
    """
    probabilities = np.asarray(probabilities, np.float64)
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    right = np.asarray(right, bool)
    distances = [abs(probabilities[part].mean() - right[part].mean()) for part in parts]
    return float(np.average(distances, weights=[len(part) for part in parts]))
