"""Training with and without pruning: what is kept, what is zero, what stays unchanged."""

import gc

import numpy as np
import pytest
import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.errors import PruningError, TrainingError
from nasturtium.jobs import runtime
from nasturtium.models.reference_nets import build_reference
from nasturtium.models.weights import count_weights, prunable_kernels, with_new_weights
from nasturtium.pruning.global_magnitude import GlobalMagnitudePruning
from nasturtium.pruning.schedule import CubicSchedule
from nasturtium.training.fit import evaluate, fit, steps_per_epoch
from nasturtium.training.frame_statistics import frame_of
from nasturtium.training.pruned_fit import pruned_fit
from tests.digits_data import digits_data

RECIPE = {
    "epochs": 4,
    "batch_size": 64,
    "optimizer": "adamw",
    "learning_rate": 0.003,
    "schedule": "cosine",
    "weight_decay": 0.004,
}
PRUNING = {"warm_up": 0.1, "recovery": 0.3, "importance": "l2", "round_to": 1}


@pytest.fixture(scope="module")
def digits() -> TrainingData:
    return digits_data(train=600, validation=200)


@pytest.fixture
def net(digits):
    runtime.seed_everything(0)
    return build_reference("digits", frame_of(digits))


def test_the_best_epoch_by_validation_loss_is_kept(net, digits):
    trained = fit(net, digits, RECIPE, seed=0, label="test")
    losses = [row["validation_loss"] for row in trained.epochs]
    assert trained.best_epoch == int(np.argmin(losses))
    assert trained.validation_loss == min(losses)
    assert [row["selected"] for row in trained.epochs].count(True) == 1
    kept = evaluate(net, digits.description, digits.validation)
    assert kept["loss"] == pytest.approx(trained.validation_loss, rel=1e-5)
    assert kept["accuracy"] == pytest.approx(trained.best["validation_accuracy"])


def test_epochs_that_are_not_admissible_are_not_kept(net, digits):
    # At this rate every later epoch is worse than the first.
    recipe = {**RECIPE, "learning_rate": 0.3, "schedule": "constant", "optimizer": "sgd"}
    trained = fit(net, digits, recipe, seed=0, label="test", first_admissible_epoch=2)
    assert trained.best_epoch >= 2
    assert [row["admissible"] for row in trained.epochs] == [False, False, True, True]


def test_the_learning_rate_decays_as_a_cosine_to_zero(net, digits):
    # The rate of each epoch's last step, of 40 steps that are counted from 0.
    trained = fit(net, digits, RECIPE, seed=0, label="test")
    rates = [row["learning_rate"] for row in trained.epochs]
    expected = [
        0.003 * (1 + np.cos(np.pi * share)) / 2 for share in (9 / 40, 19 / 40, 29 / 40, 39 / 40)
    ]
    np.testing.assert_allclose(rates, expected, atol=1e-8)


def test_the_same_seed_gives_the_same_weights(digits):
    weights = []
    for seed in (0, 0, 1):
        runtime.seed_everything(seed)
        model = build_reference("digits", frame_of(digits))
        fit(model, digits, {**RECIPE, "epochs": 1}, seed=seed, label="test")
        weights.append(model.get_weights())
    first, again, other = weights
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_a_training_that_diverges_is_an_error_that_names_the_key(net, digits):
    recipe = {**RECIPE, "learning_rate": 1e12, "optimizer": "sgd", "schedule": "constant"}
    with pytest.raises(TrainingError, match="learning_rate"):
        fit(net, digits, recipe, seed=0, label="test")


def test_magnitude_pruning_reaches_the_ratio_in_every_layer_and_spares_its_source(net, digits):
    before = [weight.copy() for weight in net.get_weights()]
    trained, pruned = pruned_fit(
        net,
        digits,
        RECIPE,
        method="magnitude",
        ratio=0.8,
        pruning=PRUNING,
        seed=0,
        label="test",
    )
    assert all((a == b).all() for a, b in zip(before, net.get_weights(), strict=True))
    assert pruned.facts["reached_ratio"] == pytest.approx(0.8, abs=0.01)
    assert pruned.facts["compaction_max_rel_error"] <= 1e-5
    counts = count_weights(pruned.model)
    assert counts.nonzero_prunable <= 0.21 * count_weights(net).prunable
    assert set(prunable_kernels(pruned.model)) == set(prunable_kernels(net))
    # The kept epoch is one that was as sparse as asked for.
    assert trained.best["sparsity"] == pytest.approx(0.8, abs=0.01)
    assert trained.best["admissible"]
    sparsities = [row["sparsity"] for row in trained.epochs]
    assert sparsities == sorted(sparsities)
    assert sparsities[0] < 0.7
    kinds = {type(layer).__module__.partition(".")[0] for layer in pruned.model.layers}
    assert kinds == {"tf_keras"}


@pytest.mark.parametrize("method", ["channels", "random"])
def test_channel_pruning_removes_the_ratio_s_share_of_parameters(net, digits, method):
    before = count_weights(net).prunable
    _, pruned = pruned_fit(
        net, digits, RECIPE, method=method, ratio=0.5, pruning=PRUNING, seed=0, label="test"
    )
    after = count_weights(pruned.model)
    assert 0.5 <= 1 - after.prunable / before < 0.56
    assert after.sparsity == 0.0
    assert pruned.facts["parameters_before_compaction"] == 11_034
    assert pruned.facts["removed_channels"] > 0


def test_the_kept_model_of_a_pruned_training_has_the_loss_of_its_row(net, digits):
    trained, pruned = pruned_fit(
        net, digits, RECIPE, method="channels", ratio=0.5, pruning=PRUNING, seed=0, label="test"
    )
    loss = evaluate(pruned.model, digits.description, digits.validation)["loss"]
    assert loss == pytest.approx(trained.validation_loss, rel=1e-4)


@pytest.mark.parametrize("method", ["magnitude", "channels"])
@pytest.mark.parametrize("change", [{"epochs": 1}, {"epochs": 2, "batch_size": 600}])
def test_a_retraining_too_short_to_prune_in_is_refused(net, digits, method, change):
    with pytest.raises(PruningError, match="epochs"):
        pruned_fit(
            net,
            digits,
            {**RECIPE, **change},
            method=method,
            ratio=0.5,
            pruning=PRUNING,
            seed=0,
            label="test",
        )


def test_a_model_with_nothing_to_prune_is_refused(digits):
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Softmax()(keras.layers.Flatten()(inputs))
    empty = keras.Model(inputs, x)
    for method in ("magnitude", "channels"):
        with pytest.raises(PruningError):
            pruned_fit(
                empty,
                digits,
                RECIPE,
                method=method,
                ratio=0.5,
                pruning=PRUNING,
                seed=0,
                label="test",
            )


def test_an_unknown_method_is_refused(net, digits):
    with pytest.raises(PruningError, match="choose one of magnitude, channels, random"):
        pruned_fit(
            net, digits, RECIPE, method="magic", ratio=0.5, pruning=PRUNING, seed=0, label="test"
        )


def test_an_epoch_has_its_last_partial_batch(digits):
    assert steps_per_epoch(digits, 64) == 10
    assert steps_per_epoch(digits, 600) == 1


def prune_by_magnitude(net, digits, ratio=0.8, **options):
    pruning = {**PRUNING, "magnitude": options}
    return pruned_fit(
        net, digits, RECIPE, method="magnitude", ratio=ratio, pruning=pruning, seed=0, label="x"
    )[1].model


def sparsities(model) -> dict[str, float]:
    return {name: 1 - np.count_nonzero(k) / k.size for name, k in prunable_kernels(model).items()}


def test_the_head_can_stay_dense_and_a_layer_have_its_own_ratio(net, digits):
    model = prune_by_magnitude(net, digits, keep_head_dense=True, layer_ratios={"conv_1": 0.3})
    reached = sparsities(model)
    assert reached.pop("output") == 0
    assert reached.pop("conv_1") == pytest.approx(0.3, abs=0.02)
    assert list(reached.values()) == pytest.approx([0.8] * len(reached), abs=0.02)


def test_blocks_go_together_where_they_divide_the_kernel(net, digits):
    # A ratio at which no whole unit dies, so that compaction leaves the blocks where they were.
    model = prune_by_magnitude(net, digits, ratio=0.3, block_size=[1, 4])
    kernels = prunable_kernels(model)
    blocks = kernels["dense_0"].reshape(len(kernels["dense_0"]), -1, 4) == 0
    assert (blocks.all(axis=2) == blocks.any(axis=2)).all()
    assert kernels["dense_0"].shape == (256, 32)
    assert sparsities(model)["dense_0"] == pytest.approx(0.3, abs=0.02)
    # Four don't divide the ten classes: there single weights go.
    assert sparsities(model)["output"] == pytest.approx(0.3, abs=0.02)


def test_a_ratio_for_a_layer_that_is_not_there_is_refused(net, digits):
    with pytest.raises(PruningError, match=r"layer_ratios\.dens_0.*choose from conv_0"):
        prune_by_magnitude(net, digits, layer_ratios={"dens_0": 0.5})


def test_one_threshold_over_all_layers_takes_the_smallest_weights_of_the_net(net, digits):
    before = [value.copy() for value in net.get_weights()]
    model = prune_by_magnitude(net, digits, threshold="global")
    counts = count_weights(model)
    # Compaction takes units that died with all their weights.
    gone = count_weights(net).prunable - counts.nonzero_prunable
    assert gone == pytest.approx(0.8 * count_weights(net).prunable, abs=1)
    kernels = {name: np.abs(k[k != 0]) for name, k in prunable_kernels(model).items()}
    reached = sparsities(model)
    assert max(reached.values()) - min(reached.values()) > 0.2, "layers lose different shares"
    assert reached["dense_0"] > reached["conv_0"]
    assert len(kernels) == 4
    assert all((a == b).all() for a, b in zip(before, net.get_weights(), strict=True))


def test_weights_below_the_threshold_are_zero_after_every_batch_and_stay_so(net):
    schedule = CubicSchedule(0.6, 0, 20, 5)
    pruning = GlobalMagnitudePruning(net, schedule)
    random = np.random.default_rng(0)
    pruning.on_epoch_begin(0)
    gone = {name: np.zeros(k.shape, bool) for name, k in prunable_kernels(net).items()}
    for batch in range(24):
        for weight in pruning.model.trainable_weights:  # as an optimizer moves them all
            weight.assign_add(random.normal(0, 0.05, weight.shape))
        pruning.on_train_batch_end(batch)
        zeros = {name: k == 0 for name, k in prunable_kernels(pruning.model).items()}
        count, total = sum(z.sum() for z in zeros.values()), sum(z.size for z in zeros.values())
        due = schedule.ratio_at(schedule.last_update(batch + 1) or 0)
        assert count == round(due * total)
        assert all((zeros[name] >= gone[name]).all() for name in gone)
        gone = zeros
    assert pruning.ratio == pytest.approx(0.6, abs=1e-4)


def test_one_threshold_spares_the_head_and_empties_no_layer(net, digits):
    model = prune_by_magnitude(net, digits, threshold="global", keep_head_dense=True)
    assert sparsities(model)["output"] == 0
    weights = [w * 1e-6 if w.shape == (3, 3, 16, 16) else w for w in net.get_weights()]
    tiny = keras.models.clone_model(net)
    tiny.set_weights(weights)
    with pytest.raises(PruningError, match=r"'conv_1' would lose all its weights.*threshold"):
        prune_by_magnitude(tiny, digits, threshold="global")


@pytest.mark.parametrize(("rows", "columns"), [(4, 1), (1, 10), (4, 10), (16, 16)])
def test_blocks_that_make_a_grid_of_one_column_or_row_are_left(digits, rows, columns):
    """A head of one unit, or as wide as a block; tfmot would raise because of its shapes."""
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Dense(16, activation="relu", name="hidden")(keras.layers.Flatten()(inputs))
    x = keras.layers.Dense(1, name="one")(x)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax", name="head")(x))
    pruned = prune_by_magnitude(model, digits, ratio=0.3, block_size=[rows, columns])
    assert sparsities(pruned)["hidden"] == pytest.approx(0.3, abs=0.05)


def test_few_blocks_reach_a_ratio_as_nearly_as_they_can(digits):
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Dense(16, activation="relu", name="hidden")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax", name="head")(x))
    pruned = prune_by_magnitude(model, digits, ratio=0.3, block_size=[16, 8])
    assert sparsities(pruned)["hidden"] == 2 / 8


@pytest.mark.parametrize("again", ["channels", "magnitude"])
def test_a_pruned_model_can_be_pruned_again(net, digits, again):
    model = net
    for ratio, method in ((0.5, "channels"), (0.4, again)):
        before = count_weights(model).nonzero_prunable
        _, pruned = pruned_fit(
            model, digits, RECIPE, method=method, ratio=ratio, pruning=PRUNING, seed=0, label="x"
        )
        model = pruned.model
        left = count_weights(model).nonzero_prunable / before
        assert left == pytest.approx(1 - ratio, abs=0.07)


def test_a_ratio_that_would_empty_a_layer_is_refused_with_the_largest_possible(net, digits):
    with pytest.raises(PruningError, match=r"0\.9"):
        pruned_fit(
            net, digits, RECIPE, method="channels", ratio=0.999, pruning=PRUNING, seed=0, label="x"
        )


def test_new_weights_are_new_and_the_statistics_of_the_data_stay(digits):
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Normalization(name="n")(inputs)
    x = keras.layers.BatchNormalization(name="b")(keras.layers.Conv2D(4, 3, name="c")(x))
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(x)))
    model.get_layer("n").adapt(digits.train.features.astype("float32"))
    model.get_layer("b").set_weights([np.full(4, value) for value in (2.0, 3.0, 4.0, 5.0)])
    fresh = with_new_weights(model)
    assert [w.shape for w in fresh.get_weights()] == [w.shape for w in model.get_weights()]
    for kept, there in zip(
        fresh.get_layer("n").get_weights(), model.get_layer("n").get_weights(), strict=True
    ):
        assert (kept == there).all()
    assert (fresh.get_layer("b").get_weights()[0] == 1).all()
    assert (fresh.get_layer("c").get_weights()[0] != model.get_layer("c").get_weights()[0]).all()


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_a_training_leaves_nothing_of_its_graph_behind(digits, optimizer):
    def left() -> int:
        keras.backend.clear_session()
        net = build_reference("digits", frame_of(digits))
        fit(net, digits, {**RECIPE, "epochs": 1, "optimizer": optimizer}, seed=0, label="test")
        del net
        gc.collect()
        return sum(type(found).__name__ == "FuncGraph" for found in gc.get_objects())

    first = left()
    assert left() <= first
