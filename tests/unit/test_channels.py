"""Channel pruning on the digits: ratios are reached, channels are removed, misuse is refused."""

import itertools

import numpy as np
import pytest
import tf_keras as keras
from small_nets import cnn, compile_for_digits, digits, mlp, trained

from nasturtium.compaction import compact, dependency_groups, prunable_parameters
from nasturtium.errors import PruningError
from nasturtium.pruning.channels import ChannelPruning
from nasturtium.pruning.schedule import CubicSchedule
from nasturtium.pruning.selection import ChannelSelection

layers = keras.layers
EPOCHS, BATCH, EXAMPLES = 3, 32, 640
STEPS = EPOCHS * EXAMPLES // BATCH


@pytest.fixture(scope="module")
def baselines():
    nets = {"mlp": (mlp, trained(mlp)), "cnn": (cnn, trained(cnn))}
    return {name: (make, net.get_weights()) for name, (make, net) in nets.items()}


@pytest.fixture
def load(baselines):
    def fresh(name):
        make, weights = baselines[name]
        model = make()
        model.set_weights(weights)
        compile_for_digits(model)
        return model

    return fresh


def fit(model, *callbacks, epochs=EPOCHS):
    images, classes = digits()
    return model.fit(
        images[:EXAMPLES],
        classes[:EXAMPLES],
        epochs=epochs,
        batch_size=BATCH,
        verbose=0,
        callbacks=list(callbacks),
    )


def schedule(ratio):
    return CubicSchedule.from_training(STEPS, ratio)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.8])
def test_the_ratio_is_hit_and_compaction_removes_it(load, name, ratio):
    model = load(name)
    pruning = ChannelPruning(model, schedule(ratio))
    fit(model, pruning)
    pruned = pruning.finish(inputs=digits()[0][EXAMPLES:700])

    small = pruned.compaction.model
    assert ratio <= pruned.ratio < ratio + pruning.selection.largest_step()
    assert pruned.ratio == pytest.approx(pruning.ratio, abs=1e-12)
    before = prunable_parameters(model)
    assert prunable_parameters(small) == round(before * (1 - pruned.ratio))
    assert pruned.compaction.params_after < (1 - 0.9 * ratio) * model.count_params()
    assert pruned.max_rel_error <= 1e-5
    widths = [w.shape[-1] for layer in small.layers for w in layer.weights]
    assert min(widths) >= 2


@pytest.mark.parametrize("importance", ["l1", "taylor", "random"])
def test_other_importances(load, importance):
    model = load("cnn")
    images, classes = digits()
    pruning = ChannelPruning(
        model, schedule(0.5), importance, batches=[(images[:64], classes[:64])]
    )
    fit(model, pruning)
    pruned = pruning.finish()
    assert 0.5 <= pruned.ratio < 0.5 + pruning.selection.largest_step()


def test_importance_is_better_than_chance(load):
    """The control: with random channels the net loses more."""
    images, classes = digits()
    losses = {}
    for importance in ("l2", "random"):
        losses[importance] = []
        for seed in range(3):
            model = load("cnn")
            pruning = ChannelPruning(model, CubicSchedule(0.5, 0, 1, 1), importance, seed=seed)
            pruning.set_model(model)
            pruning.on_train_batch_end(0)
            losses[importance].append(model.evaluate(images, classes, verbose=0)[0])
    assert np.mean(losses["l2"]) < np.mean(losses["random"])


def test_masks_hold_after_every_batch_and_only_grow(load):
    model = load("cnn")
    pruning = ChannelPruning(model, schedule(0.7))
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            for variable, mask in zip(pruning._variables, pruning._masks, strict=True):
                assert np.all(variable.numpy()[mask.numpy() == 0] == 0)
            seen.append(pruning.selection.pruned.copy())

    fit(model, pruning, Watch())
    assert all(np.all(later[earlier]) for earlier, later in itertools.pairwise(seen))
    assert not seen[0].any()
    ratios = [pruned.sum() for pruned in seen]
    assert len(set(ratios)) > 5, "the channels go gradually"


def test_round_to_keeps_multiples(load):
    model = load("cnn")
    pruning = ChannelPruning(model, schedule(0.5), round_to=4)
    fit(model, pruning)
    small = pruning.finish().compaction.model
    widths = {
        layer.name: layer.kernel.shape[-1] for layer in small.layers if hasattr(layer, "kernel")
    }
    *hidden, head = widths.values()
    assert head == 10
    assert all(width % 4 == 0 for width in hidden), widths


def test_a_pruned_model_can_be_pruned_again(load):
    model = load("mlp")
    pruning = ChannelPruning(model, schedule(0.5))
    fit(model, pruning)
    once = pruning.finish().compaction.model
    compile_for_digits(once)
    again = ChannelPruning(once, schedule(0.4))
    fit(once, again)
    twice = again.finish()
    assert 0.4 <= twice.ratio < 0.4 + again.selection.largest_step()
    assert twice.compaction.params_after < once.count_params()


def test_a_masked_model_can_be_pruned_again_without_compaction(load):
    model = load("mlp")
    pruning = ChannelPruning(model, schedule(0.5))
    fit(model, pruning)
    again = ChannelPruning(model, schedule(0.8))
    fit(model, again)
    assert 0.8 <= again.finish().ratio < 0.8 + again.selection.largest_step()


def test_a_ratio_that_would_empty_a_layer_is_refused(load):
    with pytest.raises(PruningError, match=r"a ratio of at most 0\.9"):
        ChannelPruning(load("cnn"), schedule(0.99))


def test_two_channels_stay_in_every_layer_at_the_largest_ratio(load):
    model = load("cnn")
    selection = ChannelSelection(model)
    scores = np.random.default_rng(0).random(len(selection.groups))
    largest = selection.reachable(scores)
    assert selection.choose(largest, scores) == pytest.approx(largest)
    left = len(selection.groups) - selection.pruned.sum()
    assert left == 2 * 3, "the two summed layers, the third convolution and the dense layer"


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.Sequential([keras.Input((4,)), layers.Dense(3)]),
        lambda: keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.Dense(3)]),
        lambda: keras.Sequential([keras.Input((4,)), layers.Dense(9, "softmax"), layers.Dense(3)]),
        lambda: keras.Sequential([keras.Input((4,)), layers.Flatten()]),
    ],
)
def test_nothing_to_prune_is_refused(make):
    with pytest.raises(PruningError, match="no channels to prune"):
        ChannelPruning(make(), schedule(0.5))


def test_a_schedule_longer_than_the_training_is_refused_before_it(load):
    model = load("mlp")
    before = model.get_weights()
    pruning = ChannelPruning(model, CubicSchedule.from_training(10 * STEPS, 0.5))
    with pytest.raises(PruningError, match="has only"):
        fit(model, pruning)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_training_that_stops_early_is_not_taken_for_pruned(load):
    model = load("mlp")
    pruning = ChannelPruning(model, schedule(0.5))

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    with pytest.raises(PruningError, match="stopped after 20 steps"):
        fit(model, pruning, Stop())
    with pytest.raises(PruningError, match="stopped after 20 steps"):
        pruning.finish()


def test_restored_weights_of_an_early_epoch_are_noticed(load):
    model = load("mlp")
    early = model.get_weights()
    pruning = ChannelPruning(model, schedule(0.5))
    fit(model, pruning)
    model.set_weights(early)
    with pytest.raises(PruningError, match="restored"):
        pruning.finish()


def test_wrong_use_is_refused(load):
    model = load("mlp")
    with pytest.raises(PruningError, match="not known"):
        ChannelPruning(model, schedule(0.5), "l3")
    with pytest.raises(PruningError, match="batches"):
        ChannelPruning(model, schedule(0.5), "taylor")
    with pytest.raises(PruningError, match="round_to"):
        ChannelPruning(model, schedule(0.5), round_to=0)
    with pytest.raises(PruningError, match="another model"):
        fit(load("mlp"), ChannelPruning(model, schedule(0.5)))


def test_groups_that_zeros_do_not_make_removable_are_left_out():
    """sigmoid(0) is 0.5: a padded convolution can't do without it, a dense layer can."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(5, 3, activation="sigmoid"),
            layers.Conv2D(4, 3, padding="same", activation="sigmoid"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    made_by = {m.layer for g in dependency_groups(model) for m in g.members if m.produces}
    assert made_by == {model.layers[1].name}
    selection = ChannelSelection(model)
    selection.choose(0.3, np.arange(4.0))
    for group in np.array(selection.groups)[selection.pruned]:
        for member in group.members:
            if member.produces:
                variable = getattr(model.get_layer(member.layer), member.weight)
                value = variable.numpy()
                np.moveaxis(value, member.axis, 0)[list(member.indices)] = 0
                variable.assign(value)
    removed = compact(model).removed_channels
    assert removed == {model.layers[1].name: int(selection.pruned.sum())}


def test_steps_per_execution(load):
    model = load("mlp")
    model.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=7)
    pruning = ChannelPruning(model, schedule(0.5))
    fit(model, pruning)
    assert pruning.step == STEPS
    assert 0.5 <= pruning.finish().ratio < 0.55
