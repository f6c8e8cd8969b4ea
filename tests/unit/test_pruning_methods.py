"""The list of pruning methods, and everything that is derived from it."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
import yaml

from nasturtium.digest import imported_modules
from nasturtium.errors import ConfigError, PruningError
from nasturtium.pruning.methods import METHODS, control_runs
from nasturtium.pruning.pruner import Pruner
from nasturtium.pruning.start import start_pruning
from nasturtium.records.runs import Run, pruned_run
from nasturtium.report import style
from nasturtium.settings import configuration

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
SETTINGS = {"warm_up": 0.1, "recovery": 0.3, "importance": "l2", "round_to": 1}


def net() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((8,)), *layers])
    model.compile("sgd", "mse")
    return model


def samples() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, 8)).astype("float32")


@pytest.mark.parametrize("name", METHODS)
def test_each_method_prunes_a_net_to_the_ratio(name):
    model, inputs = net(), samples()
    targets = inputs[:, :3]
    pruner = start_pruning(
        name, model, 0.5, SETTINGS, epochs=6, steps_per_epoch=8, seed=0, batches=[(inputs, targets)]
    )
    assert isinstance(pruner, Pruner)
    assert 0 < pruner.first_admissible_epoch <= 4
    pruner.model.compile("sgd", "mse")
    pruner.model.fit(
        inputs, targets, batch_size=8, epochs=6, callbacks=list(pruner.callbacks), verbose=0
    )
    assert pruner.ratio == pytest.approx(0.5, abs=0.06)
    pruned = pruner.finish(inputs)
    assert pruned.facts["reached_ratio"] == pytest.approx(0.5, abs=0.06)
    assert pruned.max_rel_error < 1e-4


def test_the_order_of_random_channels_is_drawn_from_the_seed():
    given = {"epochs": 6, "steps_per_epoch": 8, "batches": []}
    scores = [
        start_pruning("random", net(), 0.5, SETTINGS, seed=seed, **given)._scores()
        for seed in (0, 0, 1)
    ]
    assert (scores[0] == scores[1]).all()
    assert (scores[0] != scores[2]).any()


def test_ratio_zero_prunes_nothing():
    pruner = start_pruning(
        "channels", net(), 0, SETTINGS, epochs=1, steps_per_epoch=1, seed=0, batches=[]
    )
    assert pruner.finish(samples()).facts["removed_channels"] == 0


def test_a_method_that_is_not_known_is_refused():
    with pytest.raises(PruningError, match="'nm24' is not known; choose one of magnitude"):
        start_pruning("nm24", net(), 0.5, SETTINGS, epochs=6, steps_per_epoch=8, seed=0, batches=[])


@pytest.mark.parametrize("name", METHODS)
def test_the_code_of_a_method_is_part_of_what_prunes(name):
    module, _, kind = METHODS[name].pruner.rpartition(".")
    assert issubclass(getattr(import_module(module), kind), Pruner)
    assert module in imported_modules("nasturtium.stages.pruned")


def test_configuration_and_figures_know_each_method_by_the_list():
    for name, method in METHODS.items():
        given = {"pruning": {"methods": [name], "search_method": name, "controls": control_runs()}}
        configuration.validated(given, SCHEMA)
        assert style.is_control("pruned", name) == method.is_control
    markers = [style.marker("pruned", name) for name in METHODS]
    assert len(set(markers)) == len(METHODS)
    with pytest.raises(ConfigError, match="must be one of baseline_longer, scratch/magnitude"):
        configuration.validated({"pruning": {"controls": ["pruned/channels"]}}, SCHEMA)


@pytest.mark.parametrize("name", ["channels", "nm24", "block_4x1"])
def test_the_method_is_read_from_the_name_of_a_run(name):
    run = Run("digits", 0, pruned_run("nas_pruned", name, 0.5))
    assert (run.method, run.ratio) == (name, 0.5)
