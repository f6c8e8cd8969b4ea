"""A search, assembled: its trials, its oracle, and the tuner that brings them together."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nasturtium.compaction import fold_batch_normalization
from nasturtium.data.splits import TrainingData
from nasturtium.models.search_space import SearchSpace, build_net
from nasturtium.search.children import breed
from nasturtium.search.judge import Judge
from nasturtium.search.limits import check_measurable, with_size_limit
from nasturtium.search.measurer import Measurer
from nasturtium.search.objective import make_objective
from nasturtium.search.oracles import make_oracle
from nasturtium.search.promotion import promote
from nasturtium.search.state import SearchState
from nasturtium.search.trials import Trials
from nasturtium.search.tuner import TrialTuner
from nasturtium.settings.rungs import pruning_rungs, rung_epochs
from nasturtium.training.fit import steps_per_epoch


def make_trials(
    settings: Mapping,
    space: SearchSpace,
    data: TrainingData,
    recipe: Mapping,
    *,
    measurer: Measurer,
    reference: Mapping,
    reasons: Mapping[str, str],
    state: SearchState,
    seed: int,
    label: str,
    pruning: Mapping | None = None,
    worker: int | None = None,
    tuner: str = "",
    curve: Sequence[Mapping] = (),
) -> Trials:
    """The trials of a search by section ``search`` of the settings.

    Parameters
    ----------
    recipe
        How a net is trained to the end.
    reference, reasons
        The baseline's values by column, and why those are None that are.
    tuner
        Name of the tuner; ``hyperband`` has its own rungs.
    curve
        Rows of the baseline's epochs, with which partly trained nets are compared.

    Raises
    ------
    SearchError
        A term is limited that can't be measured here, or no term of the objective can.
    """
    rungs = 1 if tuner == "hyperband" else settings.get("rungs", 1)
    if pruning:
        steps = steps_per_epoch(data, recipe["batch_size"])
        rungs = pruning_rungs(recipe["epochs"], rungs, steps)
    else:
        rungs = rung_epochs(recipe["epochs"], rungs)
    smallest = build_net(space, space.corners()[1])
    constraints = with_size_limit(
        settings.get("constraints", {}),
        settings.get("size_limit"),
        reference["parameters"],
        fold_batch_normalization(smallest).model.count_params(),
    )
    check_measurable(constraints, reference, reasons)
    judge = Judge(
        make_objective(settings["objective"], reference, reasons),
        reference,
        curve,
        constraints,
        settings.get("tolerance_points", 100.0),
        settings.get("tolerance_mae", 100.0),
    )
    return Trials(
        space=space,
        data=data,
        recipe=recipe,
        pruning=pruning,
        measurer=measurer,
        judge=judge,
        total=settings["trials"],
        seed=seed,
        label=label,
        state=state,
        keep=settings.get("keep", 5),
        rungs=rungs,
        children_epochs=settings.get("children_epochs", 0) if pruning else 0,
        worker=worker,
        trial_minutes=settings.get("trial_minutes"),
        hours=settings.get("hours"),
    )


def make_pareto(settings: Mapping, trials: Trials, reasons: Mapping[str, str], storage=None):
    """The oracle ``pareto`` for ``trials``, alone or on a study that workers share.

    Parameters
    ----------
    storage
        For a worker: a function that opens the Optuna storage, and the study's name.
    """
    # Optuna takes half a second to import; only this oracle needs it.
    from nasturtium.search.study import oracle, shared_oracle

    aims = settings["pareto"].get("objectives", ["validation_loss", "parameters"])
    terms = oracle.measured_terms(aims, trials.reference, reasons)
    common = {
        "terms": terms,
        "constraints": trials.judge.constraints,
        "outcome": trials.row,
    }
    if trials.worker is None:
        return oracle.make_oracle(settings, trials.space, **common, seed=trials.seed)
    begun = len(trials.state.recorded())
    trials.sampler_seed = shared_oracle.sampler_seed(trials.seed, trials.worker, begun)
    opened, name = storage
    return shared_oracle.make_shared_oracle(
        settings,
        trials.space,
        **common,
        storage=opened,
        name=name,
        seed=trials.sampler_seed,
        state=trials.state,
        worker=trials.worker,
    )


def run_trials(
    trials: Trials, oracle, folder: Path, run_trial: Callable[..., float] | None = None
) -> None:
    """Run all trials: their first rung as the ``oracle`` proposes them, promotions, and children.

    Workers leave promotions and children to the job that collects their trials, since each would
    have to wait for the others.

    Parameters
    ----------
    folder
        For files of KerasTuner's.
    run_trial
        Replaces ``trials`` itself, for tests and benchmarks.
    """
    TrialTuner(oracle, trials.space, run_trial or trials, folder).search()
    if trials.worker is None:
        promote(trials)
        breed(trials)


def oracle_of(settings: Mapping, tuner: str, trials: Trials, reasons: Mapping, storage=None):
    """The oracle that proposes the nets of ``trials``."""
    if tuner == "pareto":
        return make_pareto(settings, trials, reasons, storage)
    return make_oracle(settings, tuner, trials.space, trials.seed)
