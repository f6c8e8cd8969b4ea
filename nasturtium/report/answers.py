"""Figure of nets' predictions: a confusion matrix, or predicted against true values."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.records.runs import BASELINE
from nasturtium.report import style
from nasturtium.statistics.verdict import verdict_of

Answers = Mapping[str, np.ndarray]
"""Columns of a ``predictions.parquet``."""

# With more classes than this, numbers in the cells are too small to read.
_MOST_CLASSES_WRITTEN = 12
_MOST_POINTS = 2000


def runs_to_show(rows: Sequence[Mapping], dataset: str) -> list[Mapping]:
    """Rows of the baseline and of the verdict's nets, for the first seed."""
    verdict = verdict_of(rows, dataset)
    if verdict is None:
        return []
    found = {BASELINE: verdict.baseline.rows[0]}
    for choice in verdict.choices:
        if choice.candidate is not None:
            found.setdefault(choice.candidate.name, choice.candidate.rows[0])
    return list(found.values())


@style.house_style
def draw_answers(
    shown: Sequence[tuple[Mapping, Answers]], dataset: str, path: str | os.PathLike
) -> None:
    """One panel per net with its predictions for the test samples of one seed.

    Parameters
    ----------
    shown
        Rows of the summary, as from :func:`runs_to_show`, with their predictions.
    """
    title = f"{dataset}: the answers to the test samples"
    if not shown:
        style.save_sentence("There is no baseline, so no net to show.", path, title)
        return
    figure, axes = style.new_figure(
        1, len(shown), max(7.0, 0.4 + 4.2 * len(shown)), 4.4, sharex=True, sharey=True
    )
    for panel, (row, answers) in zip(axes[0], shown, strict=True):
        test = {name: values[answers["split"] == "test"] for name, values in answers.items()}
        panel.set_title(row["run"])
        if row["task"] == "classification":
            image = _confusion(panel, row)
        else:
            image = None
            _predicted(panel, test, row["target_unit"])
    if image is not None:
        figure.colorbar(image, ax=axes[0].tolist(), label="share of the class (%)", aspect=30)
        axes[0, 0].set_ylabel("right label")
    else:
        axes[0, 0].set_ylabel(f"predicted ({shown[0][0]['target_unit'] or 'unit of the target'})")
    row = shown[0][0]
    style.heading(figure, f"{title}; {row['test_samples']:,} of them, seed {row['seed']}")
    style.save(figure, path, title)


def _confusion(panel, row: Mapping):
    """Shares of each true label's samples; the numbers are counts."""
    counts = np.array(row["test_confusion"])
    classes = round(len(counts) ** 0.5)
    counts = counts.reshape(classes, classes)
    samples = counts.sum(axis=1, keepdims=True)
    shares = 100 * counts / np.maximum(samples, 1)
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    panel.grid(visible=False)
    panel.set_xlabel("given label")
    style.whole_numbers(panel.xaxis)
    style.whole_numbers(panel.yaxis)
    if classes <= _MOST_CLASSES_WRITTEN:
        panel.set_xticks(range(classes))
        panel.set_yticks(range(classes))
        for (right, given), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[right, given] > 50 else "black"
                panel.text(
                    given, right, f"{count}", ha="center", va="center", color=colour, fontsize=7
                )
    return image


def _predicted(panel, test: Answers, unit: str | None) -> None:
    target, prediction = test["target"], test["prediction"]
    chosen = np.unique(np.linspace(0, len(target) - 1, _MOST_POINTS).astype(int))
    panel.plot(
        target[chosen], prediction[chosen], "o", ms=3, color="#0072B2", alpha=0.5, mec="none"
    )
    ends = [min(target.min(), prediction.min()), max(target.max(), prediction.max())]
    panel.plot(ends, ends, color=style.BLACK, ls=":", lw=1)
    panel.set_xlabel(f"true ({unit or 'unit of the target'})")
