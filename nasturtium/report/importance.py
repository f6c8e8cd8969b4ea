"""Figure of hyperparameter importance for the error and the size of a search's nets."""

import json
import math
import os
from collections.abc import Mapping, Sequence

from nasturtium.report import style
from nasturtium.report.searches import Tables

# Shares of variance from fewer nets are noise.
LEAST_TRIALS = 16
_SHOWN = 12


def importances(
    trials: Sequence[Mapping], epochs: Sequence[Mapping]
) -> dict[str, dict[str, float]]:
    """Share of the variance that each hyperparameter explains, by ``error`` and ``size``.

    By functional ANOVA on a random forest (Hutter et al. 2014, ICML, section 3), with main effects
    and shares of interactions as computed by Optuna. The error is the logarithm of the lowest
    validation loss in the epochs that all nets had, since nets of later rungs had more; the size is
    the logarithm of the parameters. Empty with fewer than :data:`LEAST_TRIALS` nets.

    Parameters
    ----------
    trials, epochs
        Rows of ``trials.parquet`` and ``training.parquet`` of one search.
    """
    curves: dict[str, list[float]] = {}
    for epoch in epochs:
        if epoch["validation_loss"] is not None:
            curves.setdefault(epoch["trial"], []).append(epoch["validation_loss"])
    done = [
        row
        for row in trials
        # A child's size does not follow from its hyperparameters.
        if row["status"] == "completed" and row["trial"] in curves and not row.get("parent")
    ]
    if len(done) < LEAST_TRIALS:
        return {}
    common = min(len(curves[row["trial"]]) for row in done)
    errors = [math.log(max(min(curves[row["trial"]][:common]), 1e-12)) for row in done]
    sizes = [math.log(row["parameters"]) for row in done]
    values = [json.loads(row["hyperparameters"]) for row in done]
    names = [name for name in sorted(values[0]) if len({v.get(name) for v in values}) > 1]
    return {
        what: _fanova([{name: v[name] for name in names} for v in values], figures)
        for what, figures in (("error", errors), ("size", sizes))
    }


def _fanova(values: Sequence[Mapping], figures: Sequence[float]) -> dict[str, float]:
    # Optuna takes half a second to import; only this figure needs it here.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    choices = {name: sorted({v[name] for v in values}, key=_rank) for name in values[0]}
    distributions = {
        name: optuna.distributions.IntDistribution(0, len(known) - 1)
        if all(isinstance(c, int | float) and not isinstance(c, bool) for c in known)
        else optuna.distributions.CategoricalDistribution(range(len(known)))
        for name, known in choices.items()
    }
    study = optuna.create_study()
    for net, figure in zip(values, figures, strict=True):
        places = {name: choices[name].index(value) for name, value in net.items()}
        study.add_trial(
            optuna.trial.create_trial(params=places, distributions=distributions, value=figure)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _rank(choice: object) -> tuple[str, object]:
    # Numbers in ascending order; strings and booleans in any fixed order.
    is_number = isinstance(choice, int | float) and not isinstance(choice, bool)
    return ("", choice) if is_number else (type(choice).__name__, choice)


@style.house_style
def draw_importance(trials: Tables, training: Tables, title: str, path: str | os.PathLike) -> None:
    """Bars by hyperparameter, mean over the seeds; error left and size right."""
    found = {}
    for name, seeds in trials.items():
        of_seeds = [importances(t, e) for t, e in zip(seeds, training[name], strict=True)]
        if all(of_seeds):
            found[name] = of_seeds
    if not found:
        sentence = (
            f"The importance of hyperparameters needs a search of at least {LEAST_TRIALS} nets; "
            "increase search.trials."
        )
        style.save_sentence(sentence, path, title)
        return
    figure, axes = style.new_figure(len(found), 2, 9, 0.8 + 2.8 * len(found))
    for row, (name, of_seeds) in zip(axes, found.items(), strict=True):
        for panel, what in zip(row, ("error", "size"), strict=True):
            shares = _mean([seed[what] for seed in of_seeds])[:_SHOWN]
            labels = [label.rpartition("/")[2] for label, _ in shares]
            panel.barh(
                labels, [share for _, share in shares], color=style.colour(name.split("-")[0])
            )
            panel.invert_yaxis()
            panel.set_xlim(0, 1)
            panel.set_title(f"{name}: {what}")
    for panel in axes[-1]:
        panel.set_xlabel("share of the variance (functional ANOVA)")
    style.heading(figure, title)
    style.save(figure, path, title)


def _mean(of_seeds: Sequence[Mapping[str, float]]) -> list[tuple[str, float]]:
    names = {name for seed in of_seeds for name in seed}
    means = {name: sum(seed.get(name, 0.0) for seed in of_seeds) / len(of_seeds) for name in names}
    return sorted(means.items(), key=lambda item: (-item[1], item[0]))
