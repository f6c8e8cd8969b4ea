"""The quality of a linear model on the same split, as a lower limit for nets."""

import warnings

import numpy as np

from nasturtium.data.splits import Split

# Enough for a linear model; a whole large set of images would take longer than its nets.
_MOST_SAMPLES = 10_000
_MOST_ITERATIONS = 200


def linear_prediction(train: Split, test: Split, classes: int | None) -> dict[str, object]:
    """Test accuracy of a logistic, or test MAE of a linear regression on standardised features.

    Fitted to at most 10,000 samples, evenly spread over the train split. For features without
    numeric meaning, such as words, and for splits with one class, it is null with a reason.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    count = min(_MOST_SAMPLES, len(train))
    chosen = np.linspace(0, len(train) - 1, count).astype(int)
    targets = train.targets[chosen]
    if classes is not None and len(np.unique(targets)) < 2:
        return {"linear_reason": "all samples for the fit have the same class"}
    model = Ridge() if classes is None else LogisticRegression(max_iter=_MOST_ITERATIONS)
    pipeline = make_pipeline(StandardScaler(), model)
    with warnings.catch_warnings():
        # A nearly converged fit is good enough as a reference.
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(_flat(train.features[chosen]), targets)
    answers = pipeline.predict(_flat(test.features))
    if classes is not None:
        return {"linear_accuracy": float(np.mean(answers == test.targets))}
    return {"linear_mae": float(np.mean(np.abs(answers - test.targets)))}


def _flat(features: np.ndarray) -> np.ndarray:
    return np.asarray(features, np.float32).reshape(len(features), -1)
