"""The units of a table's target and columns do not change what a net learns."""

import numpy as np
import pytest

from nasturtium.data import diabetes
from nasturtium.data.catalog import Description
from nasturtium.data.splits import Split, TrainingData
from nasturtium.deployment.bare_net import without_frame
from nasturtium.errors import DataError
from nasturtium.jobs import runtime
from nasturtium.models.reference_nets import build_reference
from nasturtium.training.fit import evaluate, fit
from nasturtium.training.frame_statistics import frame_of, target_std
from nasturtium.training.pruned_fit import pruned_fit
from tests.unit.test_training import PRUNING

UNITS = (1e-6, 0.001, 1.0, 1e6, 1e25)
OPTIMIZERS = ("adamw", "adam", "sgd")


def in_unit(unit, features=None) -> TrainingData:
    samples = diabetes.read()
    x = samples.features if features is None else features
    y = (samples.targets.astype(np.float64) * unit).astype(np.float32)
    return TrainingData(
        Description("diabetes", "regression", x.shape[1:]),
        Split(x[:300], y[:300]),
        Split(x[300:], y[300:]),
    )


def recipe(optimizer="adamw", loss="mse", epochs=12) -> dict:
    return {
        "epochs": epochs,
        "batch_size": 32,
        "optimizer": optimizer,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "weight_decay": 0.05,
        "regression_loss": loss,
    }


def trained(data, **how):
    runtime.seed_everything(0)
    net = build_reference("diabetes", frame_of(data))
    return net, fit(net, data, recipe(**how), seed=0, label="test")


@pytest.mark.parametrize(
    ("units", "optimizers"),
    [
        ((1e-6, 1e6), ("adamw", "sgd")),
        pytest.param(UNITS, OPTIMIZERS, marks=pytest.mark.long),
    ],
)
def test_the_relative_error_is_the_same_in_every_unit_and_with_every_optimizer(units, optimizers):
    errors = []
    for optimizer in optimizers:
        for unit in units:
            data = in_unit(unit)
            net, done = trained(data, optimizer=optimizer)
            errors.append(done.best["validation_mae"] / target_std(data.train.targets))
            # In the unit itself, float64's range and not float32's.
            root = np.sqrt(done.validation_loss) / unit
            assert root == pytest.approx(53.5, rel=0.02)
            kept = evaluate(net, data.description, data.validation)
            assert kept["loss"] == pytest.approx(done.validation_loss, rel=1e-4)
            assert kept["mae"] == pytest.approx(done.best["validation_mae"], rel=1e-4)
    assert max(errors) < 1.02 * min(errors)
    assert max(errors) < 0.6  # of a standard deviation: something was learnt


def test_huber_s_loss_is_the_same_in_every_unit():
    (_, first), (_, second) = (trained(in_unit(unit), loss="huber") for unit in (1.0, 1e-6))
    assert second.validation_loss == pytest.approx(1e-12 * first.validation_loss, rel=0.02)
    assert second.best["loss"] == pytest.approx(1e-12 * first.best["loss"], rel=0.02)


@pytest.mark.parametrize("importance", [pytest.param("l2", marks=pytest.mark.long), "taylor"])
def test_a_pruning_is_the_same_in_every_unit(importance):
    results = []
    for unit in (1.0, 1e-6):
        data = in_unit(unit)
        net, _ = trained(data, epochs=3)
        done, pruned = pruned_fit(
            net,
            data,
            recipe(epochs=6),
            method="channels",
            ratio=0.5,
            pruning={**PRUNING, "importance": importance},
            seed=0,
            label="test",
        )
        results.append((done.validation_loss / unit**2, pruned.model.count_params()))
        # Outputs are in the unit, with and without the frame.
        outputs = pruned.model.predict(data.validation.features, verbose=0)
        bare = without_frame(pruned.model)
        standardised = bare.net.predict(bare.standardise(data.validation.features), verbose=0)
        np.testing.assert_allclose(bare.restore(standardised), outputs, rtol=1e-4)
        assert np.abs(outputs[:, 0] - data.validation.targets).mean() < 70 * unit
    (loss, parameters), *others = results
    for other_loss, other_parameters in others:
        assert other_parameters == parameters
        assert other_loss == pytest.approx(loss, rel=0.02)


def test_columns_may_have_any_unit_that_can_be_standardised():
    x = diabetes.read().features
    _, done = trained(in_unit(1.0))
    _, small = trained(in_unit(1.0, features=x * np.float32(1e-4)))
    assert small.validation_loss == pytest.approx(done.validation_loss, rel=0.02)
    tiny = in_unit(1.0, features=x * np.float32(1e-9))
    with pytest.raises(DataError, match="column '1' has a standard deviation of 1"):
        frame_of(tiny)


def test_what_is_constant_is_not_divided_by_what_rounding_leaves():
    # In float64, the deviation of 300 times float32's 0.1 is not 0.
    constant = np.full((442, 2), 0.1, np.float32)
    constant[:, 1] = np.arange(442)
    data = in_unit(1.0, features=constant)
    assert frame_of(data).feature_variance[0] == 1
    assert target_std(constant[:300, 0]) == 1
