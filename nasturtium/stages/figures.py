"""Stage ``figures``: all pictures of one data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nasturtium.pruning.methods import is_control
from nasturtium.records.parquet import read_columns, read_rows
from nasturtium.records.runs import Run
from nasturtium.report.answers import draw_answers, runs_to_show
from nasturtium.report.choice import draw_choice
from nasturtium.report.importance import draw_importance
from nasturtium.report.learning import draw_learning, draw_trial_learning
from nasturtium.report.power import draw_power
from nasturtium.report.pruning_curves import draw_pruning_curves
from nasturtium.report.searches import draw_progress, draw_trials
from nasturtium.report.tradeoff import draw_tradeoff

_STAGES = ("baseline", "pruned", "nas", "nas_pruned", "nas_with_pruning")


def run(dataset: str, summary: str | Path, folder: str | Path) -> None:
    """Draw every figure of ``dataset`` into ``folder``.

    Parameters
    ----------
    summary
        ``summary.parquet``; the tables of its runs are in folders beside it.
    """
    rows = [row for row in read_rows(summary) if row["dataset"] == dataset]
    results, folder = Path(summary).parent, Path(folder)
    draw_choice(rows, dataset, folder / "choice.svg")
    shown = [
        (row, read_columns(_of(results, row) / "predictions.parquet"))
        for row in runs_to_show(rows, dataset)
    ]
    draw_answers(shown, dataset, folder / "answers.svg")
    draw_tradeoff(rows, dataset, folder / "tradeoff.svg")
    draw_pruning_curves(rows, dataset, folder / "pruning.svg")
    training = _tables(results, rows, "training")
    for name, stages in (
        ("baseline", ("baseline", "baseline_longer", "scratch")),
        ("pruned", ("pruned",)),
        ("nas_pruned", ("nas_pruned",)),
    ):
        title = f"{dataset}: learning curves of {name}"
        draw_learning(training, stages, title, folder / f"learning-{name}.svg")
    searches = [row for row in rows if Run(dataset, row["seed"], row["run"]).is_search]
    trials = _tables(results, searches, "trials")
    best = {name: next(r["trial"] for r in seeds[0] if r["best"]) for name, seeds in trials.items()}
    draw_trial_learning(
        {name: training[name][:1] for name in trials},
        best,
        f"{dataset}: learning curves of the trials",
        folder / "learning-search.svg",
    )
    draw_progress(trials, f"{dataset}: the search", folder / "search.svg")
    draw_trials(
        trials, _baseline(rows), f"{dataset}: trials in error and size", folder / "trials.svg"
    )
    draw_importance(
        trials,
        {name: training[name] for name in trials},
        f"{dataset}: which hyperparameter matters",
        folder / "importance.svg",
    )
    jobs = {row["run"]: _of(results, row) for row in _some(rows)}
    power = {
        name: (read_rows(place / "power.parquet"), read_rows(place / "energy.parquet"))
        for name, place in jobs.items()
    }
    draw_power(power, f"{dataset}: power while training", folder / "power.svg")


def _of(results: Path, row: Mapping) -> Path:
    return results / row["dataset"] / f"seed{row['seed']}" / row["run"]


def _tables(results: Path, rows: Sequence[Mapping], name: str) -> dict[str, list[list[dict]]]:
    tables: dict[str, list[list[dict]]] = {}
    for row in rows:
        table = read_rows(_of(results, row) / f"{name}.parquet")
        tables.setdefault(row["run"], []).append(table)
    return tables


def _baseline(rows: Sequence[Mapping]) -> Mapping | None:
    return next((row for row in rows if row["run"] == "baseline"), None)


def _some(rows: Sequence[Mapping]) -> list[Mapping]:
    """One run of each stage, with the first seed; of pruned runs the one with the highest ratio."""
    first = [row for row in rows if row["seed"] == rows[0]["seed"]]
    chosen: dict[str, Mapping] = {}
    for row in sorted(first, key=lambda row: row["ratio"] or 0):
        if row["stage"] in _STAGES and not is_control(row["method"]):
            chosen[row["stage"]] = row
    return list(chosen.values())
